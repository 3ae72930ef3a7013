"""Searches that go on from states of an earlier version, with a larger plan, or when they are done."""

from __future__ import annotations

import json

OF_THE_MACHINE = ("seconds", "images_per_second", "memory_mb")


def rows(search, *but: str) -> list:
    return [
        (step, phase, {name: value for name, value in numbers.items() if name not in (*OF_THE_MACHINE, *but)})
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


def in_final(state: dict) -> bool:
    """Whether some of the final scores are there."""
    scorer = state["estimator"]["scorer"]
    return scorer["phase"][0] == "final" and scorer["scored"] > 0 and bool(state["ranking"])


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
    """Which did not count what the search costs."""
    costs = ("trained_images", "scored_images")
    whole = fake_search(drifting=True).run()
    expected = rows(whole, *costs)
    scored = next(pause for pause in whole.pauses if in_final(pause[1]))
    for steps, state, weights, phase in [*whole.pauses[::9], scored, whole.pauses[-1]]:
        again = resumed(fake_search, (steps, as_it_was_written_before(state), weights, phase))
        assert again.ranked == whole.ranked
        found = rows(again, *costs)
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
