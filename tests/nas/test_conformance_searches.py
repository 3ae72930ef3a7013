"""Whole searches of every strategy with every estimator, killed at each pause: all of them end the same.

At a pause the searcher's state is all that a search needs to go on; it is where a checkpoint may be written, and where a
search that was asked to stop ends. Here a search lives many short lives. Each takes up what the one before has saved: the
state as JSON text, the values of the variables, and what candidates have written to their folders. It goes on to its
first pause at which none has saved yet, saves there, and is killed: at once, or, as by a kill that nobody asked for,
after some more pauses whose work is lost. In the end every pause has been saved at and gone on from once, and each life
had to come to the same state as the search that nobody disturbed.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from autogan_tf.config import plugins, strategy_settings
from autogan_tf.config.semantics import Semantics
from autogan_tf.nas.estimation import shared_weights
from tests.nas.conftest import constraints
from tests.plugged import restored

ANNEALING = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "annealing.py"
OF_THE_MACHINE = ("seconds", "images_per_second", "memory_mb")

STRATEGIES = [*strategy_settings.STRATEGIES, "annealing"]  # the guide's example of a plugin
SMALL: dict[str, Any] = {
    "max_search_iter": 3, "grow_steps": (1, 2), "shared_steps": 2, "ctrl_step": 2, "ctrl_sample_batch": 2,
    "round_trials": 6, "num_candidate": 3, "topk": 2,
}  # fmt: skip
AT_ONCE = {"first_cells": 3, "grow_steps": (), "max_search_iter": 2}  # --single_level
BOUNDED = {"max_parameters": 774, "max_multiply_adds": 350_000}
SHARED: dict[str, dict[str, Any]] = {
    "plain": {},
    "resets": {"collapse": (0, 2)},  # before a ranking, which a phase of training more comes before
    "repeats": {"score_repeats": 2},
    "at_once": AT_ONCE,
    "bounded": BOUNDED,
    "uniform": {"shared_sampling": "uniform"},
    "uniform, bounded": {"shared_sampling": "uniform"} | BOUNDED,
    "fair": {"shared_sampling": "fair"},
}
FROM_SCRATCH: dict[str, dict[str, Any]] = {
    "plain": {"fidelities": (4,)},
    "halving": {"fidelities": (2, 4, 8), "score_repeats": 2},
    "at_once": {"fidelities": (2, 4)} | AT_ONCE,
    "bounded": {"fidelities": (2, 4)} | BOUNDED,
    "bounded at_once": {"fidelities": (2, 4)} | AT_ONCE | BOUNDED,
}


@pytest.fixture(autouse=True)
def prepared(monkeypatch) -> Iterator[None]:
    """With the guide's strategy; shared training has a pause after each step, however quick it is."""
    monkeypatch.setattr(shared_weights, "SECONDS_BETWEEN_REPORTS", 0.0)
    with restored():
        plugins.load([str(ANNEALING)])
        yield


class Killed(BaseException):
    """As by a signal: nothing in the search catches it."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a life leaves to the next; text: all of it that must be the same, as text."""

    text: str
    state: dict[str, Any]
    weights: list
    phase: int
    disk: dict[str, int]
    rows: int  # that had been told before


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(entry) for name, entry in value.items() if name not in OF_THE_MACHINE}
    return [without_times(entry) for entry in value] if isinstance(value, list) else value


def taken_up(fake_search, saved: Saved | None, options: dict[str, Any]):
    """A new search, as another process makes it; from the beginning where nothing has been saved."""
    if saved is None:
        return fake_search(**options)
    search = fake_search(state=saved.state, **options)
    variables = [variable for part in search.searcher.strategy.trackables().values() for variable in part.variables]
    for variable, value in zip(variables, saved.weights, strict=True):
        variable.assign(value)
    if saved.phase >= 0:
        search.searcher.estimator.gan.phase = saved.phase
    return search


def listening(search, told) -> None:
    """`told` hears of every pause of the search, with what is saved there."""
    note = search._pause

    def pause(steps: int, *, save: bool = False) -> None:
        note(steps, save=save)
        _, state, weights, phase = search.pauses[-1]
        text = json.dumps([without_times(state), [value.tolist() for value in weights], phase])
        told(Saved(text, state, weights, phase, dict(search.disk), len(search.told.rows)))

    search.searcher._call_pause = pause


def killed_at_each_pause(fake_search, options: dict[str, Any], *, later: int = 0):
    """The last life, and by life what was saved and what had been told.

    later: pauses after the one with the checkpoint, whose work is lost but for the candidates' folders.
    """
    saved: dict[str, Saved] = {}
    rows: list = []
    for life in itertools.count():
        assert life < 300
        newest = next(reversed(saved.values()), None)
        search = taken_up(fake_search, newest, options)
        left: list[Saved] = []

        def at_pause(found: Saved, left: list[Saved] = left) -> None:
            if found.text not in saved or left:
                left.append(found)
            if len(left) > later:
                raise Killed

        listening(search, at_pause)
        try:
            search.run()
        except Killed:
            pass
        if not left:
            return search, list(saved.values()), rows + told(search)
        saved[left[0].text] = left[0]
        rows += told(search)[: left[0].rows]
        if "disk" in options:  # of the life that ends now
            assert options["disk"] is search.disk


def told(search) -> list:
    return [(step, phase, without_times(numbers)) for step, phase, numbers in search.told.rows]


def ends_the_same(fake_search, options: dict[str, Any], *, later: int = 0, disks=lambda: None, **of_killed) -> None:
    pauses: dict[str, None] = {}
    whole = taken_up(fake_search, None, options | {"disk": {}})
    listening(whole, lambda found: pauses.setdefault(found.text))
    whole.run()
    disk: dict[str, int] = {}
    killed, saved, rows = killed_at_each_pause(fake_search, options | {"disk": disk} | of_killed, later=later)
    assert [found.text for found in saved] == list(pauses) and len(saved) >= 15
    assert killed.ranked == whole.ranked and rows == told(whole)
    assert killed.searcher.state()["strategy"] == whole.searcher.state()["strategy"]
    assert dict(killed.disk) == dict(whole.disk)


@pytest.mark.parametrize("option", SHARED)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_by_shared_weights(fake_search, strategy, option):
    ends_the_same(fake_search, SMALL | {"strategy": strategy, "drifting": True} | SHARED[option])


@pytest.mark.parametrize("later", [0, 3])
@pytest.mark.parametrize("option", FROM_SCRATCH)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_from_scratch(fake_search, strategy, option, later):
    ends_the_same(fake_search, SMALL | {"strategy": strategy} | FROM_SCRATCH[option], later=later)


def test_published(fake_search):
    published = {"semantics": Semantics.published(), "ctrl_sample_batch": 1}
    ends_the_same(fake_search, SMALL | {"drifting": True} | published)
