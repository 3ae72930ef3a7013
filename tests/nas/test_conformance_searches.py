"""Whole searches of every strategy with every estimator, killed at each pause: all of them end the same.

At a pause the searcher's state is all that a search needs to go on; it is where a checkpoint may be written, and where
a search that was asked to stop ends. Here a search lives many short lives. Each takes up what the one before has saved:
the state as JSON text, the values of the variables, and what candidates have written to their folders. It goes on to
its first pause at which none has saved yet, saves there, and is killed: at once, or, as by a kill that nobody asked
for, after some more pauses, of whose work only the candidates' folders stay. In the end every pause has been saved at
and gone on from once, and each life had to come to the same state as the search that nobody disturbed.

Networks are pretended here (conftest.py), all else is what a search is made of. What is saved stays in memory, but for
`test_with_real_checkpoints`, which writes a run's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import itertools
import json
import multiprocessing
import pathlib
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config import plugins, strategy_settings
from autogan_tf.config.semantics import Semantics
from autogan_tf.nas import search_run
from autogan_tf.nas.estimation import objectives, shared_weights, workers
from autogan_tf.nas.strategies.random_search import RandomSearch
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.progress import Terminal
from autogan_tf.training.distribution import Distribution
from tests.nas.conftest import admits, cost_of
from tests.nas.estimation import pretended_candidates
from tests.plugged import restored

ANNEALING = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "annealing.py"
OF_THE_MACHINE = ("seconds", "images_per_second", "memory_mb")
COSTS = ("generated", "spent", "trained_images", "scored_images", "idle")

STRATEGIES = [*strategy_settings.STRATEGIES, "annealing"]  # the guide's example of a plugin
SMALL: dict[str, Any] = {
    "max_search_iter": 3, "grow_steps": (1, 2), "shared_steps": 2, "ctrl_step": 2, "ctrl_sample_batch": 2,
    "round_trials": 6, "num_candidate": 3, "topk": 2,
}  # fmt: skip
# of reinforce, whose lives begin with new controllers, each of which takes its time
SMALLER = SMALL | {"max_search_iter": 2, "grow_steps": (1,), "num_candidate": 2}
AT_ONCE = {"first_cells": 3, "grow_steps": (), "max_search_iter": 2}  # --single_level
BOUNDED = {"max_parameters": 774, "max_multiply_adds": 350_000}
SHARED: dict[str, dict[str, Any]] = {
    "plain": {},
    "resets": {"collapse": (0, 2)},  # before a ranking, which a phase of training more comes before
    "repeats": {"score_repeats": 2},
    "at once": AT_ONCE,
    "bounded": BOUNDED,
    "uniform": {"shared_sampling": "uniform"},
    "uniform, bounded": {"shared_sampling": "uniform"} | BOUNDED,
    "fair": {"shared_sampling": "fair"},
}
BEGINNINGS = list(itertools.product(range(2), range(3), range(3), range(2)))  # architectures of one cell
FROM_SCRATCH: dict[str, dict[str, Any]] = {
    "plain": {"fidelities": (4,)},
    "halving": {"fidelities": (2, 4, 8), "score_repeats": 2},
    "failing": {"fidelities": (2, 4, 8), "diverging": [tokens for tokens in BEGINNINGS if sum(tokens) % 2]},
    "at once": {"fidelities": (2, 4)} | AT_ONCE,
    "bounded": {"fidelities": (4,)} | BOUNDED,
    "bounded at once": {"fidelities": (4,)} | AT_ONCE | BOUNDED,
}


def rows(options: dict[str, Any], *laters: int, quick: str) -> list:
    """All strategies with all options, killed so many pauses after a checkpoint.

    The quick tests kill each in one of the ways, by turns, and of reinforce, which takes longest, `quick` alone; of
    it there is no other way either.
    """
    turns = dict(zip(options, itertools.cycle(laters), strict=False))
    found = []
    for strategy, option, later in itertools.product(STRATEGIES, options, laters):
        in_turn = later == turns[option]
        if in_turn or strategy != "reinforce":
            is_quick = in_turn and (strategy != "reinforce" or option == quick)
            found.append(pytest.param(strategy, option, later, marks=[] if is_quick else [pytest.mark.slow]))
    return found


def planned(strategy: str) -> dict[str, Any]:
    return (SMALLER if strategy == "reinforce" else SMALL) | {"strategy": strategy}


@pytest.fixture(autouse=True)
def prepared(monkeypatch) -> Iterator[None]:
    """With the guide's strategy; shared training has a pause after each step, however quick it is."""
    monkeypatch.setattr(shared_weights, "SECONDS_BETWEEN_REPORTS", 0.0)
    with restored():
        plugins.load([str(ANNEALING)])
        yield


class Counting(RandomSearch):
    """Counts the rounds that have begun."""

    _begun = 0

    def begin_round(self, number):
        super().begin_round(number)
        self._begun += 1

    def state(self):
        return super().state() | {"begun": self._begun}

    def restore(self, state):
        super().restore(state)
        self._begun = state["begun"]


class Killed(BaseException):
    """As by a signal: nothing in the search catches it."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a life leaves to the next; text: all of it that must be the same; rows: that had been told before."""

    text: str
    state: dict[str, Any]
    weights: list
    phase: int
    rows: int


def without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: without(entry, names) for name, entry in value.items() if name not in names}
    return [without(entry, names) for entry in value] if isinstance(value, list) else value


class Lives:
    """A search with these options, and how it ends if it is killed at each pause.

    forgotten: names of numbers that need not be the same.
    """

    def __init__(self, fake_search, options: dict[str, Any], *, forgotten: tuple[str, ...] = OF_THE_MACHINE) -> None:
        self._fake_search, self._options, self._forgotten = fake_search, options, forgotten

    def _life(self, saved: Saved | None, at_pause: Callable[[Saved], None], **more: Any):
        """A search as another process makes it of what was saved; None: from its beginning."""
        search = self._fake_search(state=saved.state if saved else None, **self._options, **more)
        if saved:
            parts = search.searcher.strategy.trackables().values()
            variables = [variable for part in parts for variable in part.variables]
            for variable, value in zip(variables, saved.weights, strict=True):
                variable.assign(value)
            if saved.phase >= 0:
                search.searcher.estimator.gan.phase = saved.phase
        note = search._pause

        def pause(steps: int, *, save: bool = False) -> None:
            note(steps, save=save)
            _, state, weights, phase = search.pauses[-1]
            values = [value.tolist() for value in weights]
            text = json.dumps([without(state, self._forgotten), values, phase])
            at_pause(Saved(text, state, weights, phase, len(search.told.rows)))

        search.searcher._call_pause = pause
        return search

    def _told(self, search) -> list:
        return [(step, phase, without(numbers, self._forgotten)) for step, phase, numbers in search.told.rows]

    def undisturbed(self, **more: Any) -> tuple[Any, list[str], list]:
        """The search, what there was to be saved at its pauses, each once, and what it told."""
        pauses: dict[str, None] = {}
        search = self._life(None, lambda found: pauses.setdefault(found.text), **more).run()
        return search, list(pauses), self._told(search)

    def killed(self, *, later: int = 0, **more: Any) -> tuple[Any, list[str], list]:
        """The same of the search that is killed at each pause, or so many later.

        What is told after the newest checkpoint is cut off, as a run's logs are when it goes on.
        """
        saved: dict[str, Saved] = {}
        told: list = []
        for _ in range(300):
            since: list[Saved] = []

            def at_pause(found: Saved, since: list[Saved] = since) -> None:
                if found.text not in saved or since:
                    since.append(found)
                if len(since) > later:
                    raise Killed

            search = self._life(next(reversed(saved.values()), None), at_pause, **more)
            with contextlib.suppress(Killed), contextlib.closing(search.searcher.estimator):
                search.run()
            if not since:
                return search, list(saved), told + self._told(search)
            saved[since[0].text] = since[0]
            told += self._told(search)[: since[0].rows]
        raise AssertionError("it comes to no end")

    def end_the_same(self, *, later: int = 0, disks: Iterator | None = None, **of_killed: Any) -> None:
        """disks: two places for candidates; of_killed: what the killed search is given besides."""
        one, other = disks or itertools.repeat({}, 2)
        whole, pauses, expected = self.undisturbed(disk=one)
        killed, saved, told = self.killed(later=later, disk=other, **of_killed)
        assert saved == pauses and len(saved) >= 15
        assert killed.ranked == whole.ranked and told == expected
        for part in ("strategy", "estimator"):
            found, same = (without(search.searcher.state()[part], self._forgotten) for search in (killed, whole))
            assert found == same
        assert dict(other) == dict(one)


def test_the_bounds_forbid_some_beginnings_and_leave_some():
    allowed = admits(**BOUNDED)
    judged = [allowed(tokens) for tokens in BEGINNINGS]
    assert 5 < sum(judged) < 31


@pytest.mark.parametrize(("strategy", "option", "later"), rows(SHARED, 0, quick="resets"))
def test_by_shared_weights(fake_search, strategy, option, later):
    Lives(fake_search, planned(strategy) | {"drifting": True} | SHARED[option]).end_the_same(later=later)


@pytest.mark.parametrize(("strategy", "option", "later"), rows(FROM_SCRATCH, 0, 3, quick="plain"))
def test_from_scratch(fake_search, strategy, option, later):
    disks = iter(({}, {}))
    Lives(fake_search, planned(strategy) | FROM_SCRATCH[option]).end_the_same(later=later, disks=disks)


def test_each_round_begins_once(fake_search):
    """Also where it was killed before the strategy was told anything."""
    strategy_settings.register("counting", Counting, settings=strategy_settings.entry("random").settings)
    options = planned("counting") | FROM_SCRATCH["halving"] | {"max_search_iter": 4}
    lives = Lives(fake_search, options)
    lives.end_the_same(disks=iter(({}, {})))
    assert lives.undisturbed(disk={})[0].searcher.strategy.state()["begun"] == 4


@pytest.mark.parametrize("strategy", ["evolution", "annealing"])
def test_from_scratch_by_worker_processes(fake_search, strategy, tmp_path, monkeypatch):
    """Two processes, ended and started anew at each pause; whole, the search trains in its own process.

    They are forked from one that has imported all, which is quicker than to start them as `Processes` does.
    """
    quick = multiprocessing.get_context("forkserver")
    quick.set_forkserver_preload([pretended_candidates.__name__])
    monkeypatch.setattr(workers.multiprocessing, "get_context", lambda kind: quick)
    folders = [str(tmp_path / name) for name in ("whole", "killed")]
    two = functools.partial(workers.Processes, pretended_candidates.fake, folders[1], number=2)
    changes = {"strategy": strategy, "fidelities": (2, 4), "trial_batch": 3, "max_search_iter": 2, "grow_steps": (1,)}
    disks = map(pretended_candidates.Disk, folders)
    Lives(fake_search, SMALL | changes).end_the_same(disks=disks, workers=two)


@pytest.mark.parametrize("strategy", ["evolution", "nsga2", pytest.param("reinforce", marks=pytest.mark.slow)])
def test_with_real_checkpoints(fake_search, strategy, tmp_path, monkeypatch):
    """A run's folder, written at each pause and gone on with by new objects: all that is in it is the same."""
    monkeypatch.syspath_prepend(str(ANNEALING.parents[2] / "tools"))
    soak = importlib.import_module("soak")
    options = SMALL | {"strategy": strategy, "fidelities": (2, 4), "max_search_iter": 2, "grow_steps": (1,)}
    options |= {"ctrl_step": 1}
    written: set[str] = set()

    class Killing(Checkpoints):
        def save(self, number: int, state: Mapping[str, Any]) -> str:
            path = super().save(number, state)
            text = json.dumps(without(state["search"], OF_THE_MACHINE))
            if text not in written:
                written.add(text)
                raise Killed
            return path

    def run(name: str, disk: dict[str, int], **more: Any) -> None:
        search = fake_search(disk=disk, **options)
        folder = RunFolder(tmp_path / name)
        folder.create(command="search", settings={"num_cells": 2})
        tf.config.run_functions_eagerly(True)
        try:
            search_run.run_search(
                strategy=search.searcher.strategy, estimator=search.searcher.estimator, plan=search.plan,
                distribution=Distribution(), images=np.zeros((9, 8, 8, 1), np.uint8), reward=objectives.reward("is"),
                folder=folder, terminal=Terminal(silent=True), network=types.SimpleNamespace(name="none", digest="0"),
                cost_of=cost_of, **more,
            )  # fmt: skip
        finally:
            tf.config.run_functions_eagerly(False)

    run("whole", {})
    monkeypatch.setattr(search_run, "Checkpoints", Killing)
    disk: dict[str, int] = {}
    for life in range(100):
        try:
            run("killed", disk, save_minutes=1e-9)  # has gone by at each pause
            break
        except Killed:
            assert len(written) == life + 1
    assert len(written) >= 15 and (tmp_path / "killed" / "genotype.json").exists()
    assert soak.differences(tmp_path / "whole", tmp_path / "killed") == []


@pytest.mark.slow
def test_as_published(fake_search):
    """A ranking that was interrupted begins anew, with the same latents, and what it costs it costs again."""
    options = SMALLER | {"drifting": True, "semantics": Semantics.published(), "ctrl_sample_batch": 1}
    Lives(fake_search, options, forgotten=OF_THE_MACHINE + COSTS).end_the_same()
