"""A search that goes on from any of its pauses ends as if it had never stopped."""

from __future__ import annotations

import json

import pytest

from autogan_tf.config import strategy_settings
from autogan_tf.config.semantics import Semantics

OF_THE_MACHINE = ("seconds", "images_per_second", "memory_mb")


def rows(search) -> list:
    return [
        (step, phase, {name: value for name, value in numbers.items() if name not in OF_THE_MACHINE})
        for step, phase, numbers in search.told.rows
    ]


def resumed(fake_search, pause, **options):
    """A new search from what a pause saw: plain state, the controller's weights, and the shared GAN (its phase)."""
    _, state, weights, phase = pause
    search = fake_search(state=json.loads(json.dumps(state)), drifting=True, **options)
    variables = [variable for part in search.searcher.strategy.trackables().values() for variable in part.variables]
    for variable, value in zip(variables, weights, strict=True):
        variable.assign(value)
    if phase >= 0:
        search.searcher.estimator.gan.phase = phase
    return search.run()


PLANS = {
    "plain": {},
    "resets": {"collapse": (1, 3)},  # a reset before a ranking, and the phase of training that follows it
    "repeats": {"score_repeats": 2},
    "published": {"semantics": Semantics.published(), "ctrl_sample_batch": 1},
}
OTHERS = [name for name in strategy_settings.STRATEGIES if name != "reinforce"]


def weights(strategy) -> dict[str, list[bytes]]:
    trackables = strategy.trackables().items()
    return {name: [variable.numpy().tobytes() for variable in part.variables] for name, part in trackables}


def resumed_from_pauses(fake_search, options, *, every: int) -> None:
    whole = fake_search(drifting=True, **options).run()
    expected = rows(whole)
    assert len(whole.pauses) > 25
    parts = {pause[1]["part"]["name"] for pause in whole.pauses}
    assert parts >= {"shared", "round"}
    for pause in whole.pauses[::every]:
        again = resumed(fake_search, pause, **options)
        assert again.ranked == whole.ranked
        found = rows(again)
        assert found == expected[len(expected) - len(found) :]
        ours, theirs = (search.searcher.strategy for search in (again, whole))
        assert json.dumps(ours.state()) == json.dumps(theirs.state())
        assert weights(ours) == weights(theirs)


@pytest.mark.parametrize("plan", PLANS)
def test_from_pauses(fake_search, plan):
    resumed_from_pauses(fake_search, PLANS[plan], every=13)


@pytest.mark.slow
def test_from_pauses_of_a_search_of_whole_generators(fake_search):
    at_once = {"first_cells": 3, "grow_steps": (), "max_search_iter": 4}
    whole = fake_search(drifting=True, **at_once).run()
    assert {numbers["stage"] for _, numbers in whole.told.of("search")} == {2} and not whole.told.of("growth")
    assert {len(name.split()) for _, numbers in whole.told.of("strategy") for name in numbers["rewards"]} == {14}
    assert {entry[1] for entry in whole.entries("train")} == {2} and len(whole.ranked[0].genotype.cells) == 3
    resumed_from_pauses(fake_search, at_once, every=11)


@pytest.mark.parametrize("strategy", OTHERS)
def test_from_every_pause_of_other_strategies(fake_search, strategy):
    resumed_from_pauses(fake_search, {"strategy": strategy, "collapse": (1, 3), "max_search_iter": 5}, every=1)


def in_final(state: dict) -> bool:
    """Whether some of the final scores are there."""
    scorer = state["estimator"]["scorer"]
    return scorer["phase"][0] == "final" and scorer["scored"] > 0 and bool(state["ranking"])


@pytest.mark.parametrize("strategy", strategy_settings.STRATEGIES)
def test_from_pauses_where_candidates_are_trained_from_scratch(fake_search, strategy):
    """Killed with and without what the candidates had trained since; each makes no step twice."""
    options = {"strategy": strategy, "fidelities": (2, 4, 8), "score_repeats": 2, "max_search_iter": 3}
    options |= {"grow_steps": (1, 2), "ctrl_step": 2}
    whole = fake_search(**options).run()
    expected = rows(whole)
    assert {kind for kind, *_ in whole.log} == {"candidate", "save"} and len(whole.pauses) > 40
    resumes = 4 if strategy == "reinforce" else 16  # new controllers and their optimizers take their time
    for number, place in enumerate(range(3, len(whole.pauses), len(whole.pauses) // resumes)):
        state = whole.pauses[place][1]
        # the folders as they were when the state was saved, or as they are at the end
        done = {f"{n:06d}": max(s for s, _ in c[2]) for n, c in enumerate(state["estimator"]["candidates"], 1) if c[2]}
        again = resumed(fake_search, whole.pauses[place], disk=dict(whole.disk) if number % 2 else done, **options)
        assert again.ranked == whole.ranked
        found = rows(again)
        assert found == expected[len(expected) - len(found) :]
        assert again.disk == whole.disk
        for part in ("strategy", "estimator"):
            assert json.dumps(again.searcher.state()[part]) == json.dumps(whole.searcher.state()[part])


def as_it_was_written_before(state: dict) -> dict:
    """The state of a search in the form that it had when the controller was a part of the searcher."""
    old = {name: value for name, value in state.items() if name not in ("strategy", "estimator")} | state["estimator"]
    strategy = state["strategy"]
    old |= {name: strategy[name] for name in ("prefixes", "prefix_states", "baseline")}
    part = dict(state["part"])
    in_round = part["name"] == "round" and part["step"] > 0
    part["name"] = "controller" if part["name"] == "round" else part["name"]
    del part["begun"]
    old["ranking"] = dict(state["ranking"])
    if in_final(state):
        old["ranking"]["scores"] = [score for _, score in old["scorer"]["found"]]
    old["ranked"] = [row[:4] for row in state["ranked"]]
    return old | {"part": part | {"entropies": strategy["entropies"] if in_round else []}}


def test_from_states_of_an_earlier_version(fake_search):
    whole = fake_search(drifting=True).run()
    expected = rows(whole)
    scored = next(pause for pause in whole.pauses if in_final(pause[1]))
    for steps, state, weights, phase in [*whole.pauses[::9], scored, whole.pauses[-1]]:
        again = resumed(fake_search, (steps, as_it_was_written_before(state), weights, phase))
        assert again.ranked == whole.ranked
        found = rows(again)
        assert found == expected[len(expected) - len(found) :]


def test_what_the_scorer_remembers_comes_back(fake_search):
    """From the middle of a controller phase and of the last scoring, where earlier scores of the phase count."""
    plan = {"max_search_iter": 1, "grow_steps": (), "shared_steps": 1}
    whole = fake_search(drifting=True, **plan).run()
    in_controller = [pause for pause in whole.pauses if pause[1]["part"]["name"] == "round"]
    in_ranking = [pause for pause in whole.pauses if in_final(pause[1])]
    for pause in (in_controller[-2], in_ranking[0]):
        assert pause[1]["estimator"]["scorer"]["scored"] > 0
        again = resumed(fake_search, pause, **plan)
        assert again.ranked == whole.ranked
        found = rows(again)
        assert found == rows(whole)[len(rows(whole)) - len(found) :]


@pytest.mark.slow
@pytest.mark.parametrize("plan", PLANS)
def test_from_every_pause(fake_search, plan):
    resumed_from_pauses(fake_search, PLANS[plan], every=1 if plan == "plain" else 3)


def test_a_finished_search_only_tells_its_result(fake_search):
    whole = fake_search(drifting=True).run()
    again = resumed(fake_search, whole.pauses[-1])
    assert again.ranked == whole.ranked and again.told.rows == [] and again.entries("train") == []


def test_a_longer_search_goes_on_where_the_shorter_one_was(fake_search):
    short, long = (fake_search(drifting=True, max_search_iter=number).run() for number in (4, 5))
    end = next(pause for pause in short.pauses if pause[1]["iteration"] == 4)
    again = resumed(fake_search, end, max_search_iter=5)
    assert again.ranked == long.ranked and [step for step, _ in again.told.of("search")] == [4]


def test_a_longer_search_ranks_anew(fake_search):
    """Also where the shorter one was ranking, or had ranked and was scoring the best."""
    plan = {"max_search_iter": 2, "grow_steps": ()}
    short = fake_search(drifting=True, **plan).run()
    long = fake_search(drifting=True, **(plan | {"max_search_iter": 3})).run()
    ends = [pause for pause in short.pauses if pause[1]["iteration"] == 2 and pause[1]["ranking"]]
    assert {"best", "sums"} & {name for pause in ends for name in pause[1]["ranking"]}
    for pause in ends[:: len(ends) - 1]:
        assert resumed(fake_search, pause, **(plan | {"max_search_iter": 3})).ranked == long.ranked
