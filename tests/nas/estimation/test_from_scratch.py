"""Candidates trained from scratch, among fakes: a score is the sum of the tokens and a hundredth more for each step."""

from __future__ import annotations

import pytest

from autogan_tf.nas.trial import Scoring
from tests.nas.conftest import Told

ROUND = Scoring("round", 0, 20)
# of one cell, sums 0 to 6
A, B, C, D, E, F, G = (0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1), (1, 2, 1, 1), (1, 2, 2, 1)


@pytest.fixture
def asked(fake_search):
    """A function: what is asked for at once -> the trials; with what was trained, as .log, and the observer, .told."""
    search = fake_search(fidelities=(2, 4, 8), strategy="random", diverging=[G])
    told = Told([])

    def ask(*architectures, scoring: Scoring = ROUND) -> list:
        told.phase("before", 1, "steps")
        estimator = search.searcher.estimator
        return estimator.evaluate(architectures, scoring, observer=told, pause=lambda: None)

    ask.log, ask.told, ask.search = search.log, told, search
    return ask


def test_the_best_third_goes_on_and_no_step_is_made_twice(asked):
    """Of six candidates two go on to step 4, of two one, the better, to step 8."""
    trials = asked(A, B, C, D, E, F)
    assert [(trial.tokens, trial.steps) for trial in trials] == [(A, 2), (B, 2), (C, 2), (D, 2), (E, 4), (F, 8)]
    rewards = [0.0201, 1.0201, 2.0201, 3.0201, 4.0401, 5.0801]
    assert [trial.reward for trial in trials] == pytest.approx(rewards)
    assert [trial.scores for trial in trials] == [{"is": trial.reward} for trial in trials]
    earlier = [{}] * 4 + [{2: pytest.approx(4.0201)}, {2: pytest.approx(5.0201), 4: pytest.approx(5.0401)}]
    assert [trial.earlier for trial in trials] == earlier
    names = [f"{number:06d}" for number in range(1, 7)]
    expected = [(name, 0, 2) for name in names] + [("000005", 2, 4), ("000006", 2, 4), ("000006", 4, 8)]
    assert [(name, begin, end) for _, name, _, begin, end in asked.log] == expected
    assert [(text, total) for text, total, _ in asked.told.phases[1:]] == [
        ("training 6 candidates to step 2", 6),
        ("training 2 candidates to step 4", 2),
        ("training 1 candidate to step 8", 1),
    ]


def test_one_at_a_time_each_is_compared_with_those_that_came_before(asked):
    """The first is the best of one; of up to five candidates one goes on, of six two."""
    steps = {tokens: asked(tokens)[0].steps for tokens in (C, A, D, B, E)}
    assert steps == {C: 8, A: 2, D: 8, B: 2, E: 8}
    assert asked((0, 1, 1, 0))[0].steps == 2  # as good as C: third of six, and equals the first stays first
    assert asked((0, 1, 1, 1))[0].steps == 2  # as good as D, the second best
    assert asked(F)[0].steps == 8


def test_what_was_trained_is_not_trained_again(asked):
    first = asked(A, F, A)
    assert [trial.tokens for trial in first] == [A, F, A] and first[0] == first[2]
    before = len(asked.log)
    assert asked(F, A) == [first[1], first[0]] and len(asked.log) == before


def test_another_number_of_cells_is_another_competition(asked):
    asked(E, F)
    small = (0, 0, 0, 0, 0, 0, 0, 0, 0)
    assert asked(small)[0].steps == 8


def test_rankings_train_all_to_the_end_and_their_repeats_anew_with_other_seeds(asked):
    asked(A, B, C)
    first = asked(A, C, scoring=Scoring("ranking", 1, 20, repeat=0))
    assert [trial.steps for trial in first] == [8, 8]
    assert asked.log[-2:] == [("candidate", "000001", A, 2, 4), ("candidate", "000001", A, 4, 8)]
    second = asked(A, C, scoring=Scoring("ranking", 1, 20, repeat=1))
    anew = [(name, tokens) for name, tokens in (("000004", A), ("000005", C))]
    expected = [(*which, begin, end) for begin, end in ((0, 2), (2, 4), (4, 8)) for which in anew]
    assert [entry[1:] for entry in asked.log[-6:]] == expected
    noise = {round(two.reward - one.reward, 6) for one, two in zip(first, second, strict=True)}
    assert len(noise) == 1 and 0.0 not in noise  # the fake's score depends on the seed, which is that of the repeat


def test_seeds_of_their_own_follow_from_the_search_and_the_choices_alone(fake_search):
    """The fake's score says which seed a training had, whatever came before it."""

    def parts(architectures, *, repeat: int = 0, seed: int = 0) -> dict:
        search = fake_search(fidelities=(2,), strategy="random", own_seeds=True, seed=seed)
        estimator, scoring = search.searcher.estimator, Scoring("ranking", 1, 20, repeat=repeat)
        trials = estimator.evaluate(architectures, scoring, observer=Told([]), pause=lambda: None)
        return {trial.tokens: round(trial.reward - sum(trial.tokens) - 0.02, 6) for trial in trials}

    found = parts([A, B, C])
    assert len(set(found.values())) == 3 and parts([C, B]) == {C: found[C], B: found[B]}
    assert all(parts([A, B, C], **other)[one] != found[one] for other in ({"repeat": 1}, {"seed": 1}) for one in found)


def test_final_scores_are_of_what_was_trained_on_more_images(asked):
    asked(A, F, scoring=Scoring("ranking", 1, 20))
    before = list(asked.log)
    trials = asked(F, A, scoring=Scoring("final", 0, 50))
    assert [trial.reward for trial in trials] == pytest.approx([1.1 * 5.0801, 1.1 * 0.0801])
    assert asked.log == before and asked.told.furthest["before"] == 2


def test_a_candidate_that_diverges_keeps_its_last_scores_and_goes_no_further(asked):
    trials = asked(A, G)  # G is the better one
    assert [(trial.tokens, trial.steps) for trial in trials] == [(A, 2), (G, 3)]
    assert trials[1].reward == pytest.approx(6.0301)
    assert asked.told.events == [
        "candidate 000002 [1 2 2 1] goes no further than step 3: d_loss became nan at discriminator step 4"
    ]
    before = len(asked.log)
    ranked = asked(G, scoring=Scoring("ranking", 0, 20))
    assert ranked == [trials[1]] and len(asked.log) == before
    estimator = asked.search.searcher.estimator
    assert estimator.trained_in(G) is None and str(estimator.trained_in(A)) == "trials/000001"


def test_a_whole_search_tells_of_candidates_and_their_steps(fake_search):
    search = fake_search(fidelities=(2, 4, 8), strategy="random", max_search_iter=3, grow_steps=(1, 2)).run()
    for step, numbers in search.told.of("search"):
        assert numbers["candidates"] >= 7 and "d_loss" not in numbers and "resets" not in numbers, step
    rows = [numbers for _, numbers in search.told.of("strategy")]
    assert all(numbers["trained_steps"].keys() == numbers["rewards"].keys() for numbers in rows)
    assert {steps for numbers in rows for steps in numbers["trained_steps"].values()} == {2, 4, 8}
    trained = sum(end - begin for _, _, _, begin, end in search.entries("candidate"))
    assert search.pauses[-1][0] == trained  # what `save_steps` counts
    assert {entry.steps for entry in search.ranked} == {8}
    assert not {"shared GAN"} & {text.split(": ")[-1] for text, *_ in search.told.phases}
