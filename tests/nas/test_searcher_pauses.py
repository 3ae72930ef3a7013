"""When a search pauses, and what its numbers say of time, by a clock that only training and scoring move."""

from __future__ import annotations

import functools

import pytest

from autogan_tf.nas.estimation import shared_weights


class Clock:
    """A step of training takes half a second and a scoring a quarter; otherwise time stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def slow(self, search):
        estimator = search.searcher.estimator
        gan, scorer = estimator.gan, estimator.scorer
        stage_loop, score = gan.stage_loop, scorer.score

        def slow_run(run, begin: int, end: int, **rest):
            self.now += 0.5 * (end - begin)
            return run(begin=begin, end=end, **rest)

        def slow_loop(**options):
            loop = stage_loop(**options)
            loop.run = functools.partial(slow_run, loop.run)
            return loop

        def slow_score(*arguments, **options):
            self.now += 0.25
            return score(*arguments, **options)

        first = estimator.loop
        first.run = functools.partial(slow_run, first.run)
        gan.stage_loop, scorer.score = slow_loop, slow_score
        return search


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("autogan_tf.nas.searcher.time", made)
    monkeypatch.setattr(shared_weights, "time", made)
    return made


def test_it_pauses_in_every_phase_of_training_and_not_in_the_first_alone(fake_search, clock):
    """A second between two looks; the first step of a stage, which traces its graph, is looked at by itself."""
    search = clock.slow(fake_search(shared_steps=8, max_search_iter=3, grow_steps=(2,), ctrl_step=1)).run()
    parts = [(state["stage"], state["iteration"], state["part"]) for _, state, _, _ in search.pauses]
    steps = {
        (stage, i): [part["step"] for *at, part in parts if at == [stage, i] and part["name"] == "shared"]
        for stage, i in ((0, 0), (0, 1), (1, 2))
    }
    assert steps[0, 0] == [0, 1, 2, 4, 6] and steps[0, 1] == [0, 2, 4, 6] and steps[1, 2] == [0, 1, 2, 4, 6]


def test_times_and_rates_are_an_iterations_own_and_an_interruption_changes_nothing(fake_search, clock):
    """8 steps of 4 images in 4 seconds, and 4 scorings; the ranking between two stages counts by itself."""
    options = {"shared_steps": 8, "max_search_iter": 2, "grow_steps": (1,), "ctrl_step": 1}
    whole = clock.slow(fake_search(**options)).run()
    middle = next(state for _, state, *_ in whole.pauses if state["part"]["step"] == 4)
    again = clock.slow(fake_search(state=middle, **options))
    again.searcher.estimator.gan.phase = 0
    for search in (whole, again.run()):
        found = [(numbers["seconds"], numbers["images_per_second"]) for _, numbers in search.told.of("search")]
        assert found == [(5.0, 8.0)] * 2


def test_it_pauses_at_each_multiple_of_the_steps_of_all_phases_and_that_changes_nothing(fake_search, monkeypatch):
    monkeypatch.setattr(shared_weights, "SECONDS_BETWEEN_REPORTS", 1e9)  # a phase is one stretch
    options = {"shared_steps": 9, "max_search_iter": 2, "grow_steps": (), "ctrl_step": 1}
    plain, often = fake_search(**options).run(), fake_search(**options, pause_every=3).run()
    assert often.ranked == plain.ranked
    found = {steps for steps, *_ in often.pauses}
    assert found >= {3, 6, 9, 12, 15, 18} and max(found) == 18  # 9 and 18 end a phase
    assert not {3, 6, 12, 15} & {steps for steps, *_ in plain.pauses}
    # what is saved at a phase's end is before the controller's first step
    first = next(state["part"] for steps, state, *_ in often.pauses if steps == 9)
    assert (first["name"], first["step"]) == ("round", 0)
