"""The architectures that the shared weights train on, where it is not the strategy that chooses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.nas.candidates import Candidates
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial


class SharedSampling:
    """A `Strategy` as it is, but for `training_tokens`.

    Args:
      strategy: proposes and learns.
      kind: "uniform": each architecture is as likely as any other (single path one-shot, Guo et al., arXiv 1904.00420,
        section 3). "fair": besides, every option of a decision trains equally often, give or take one in a phase, and
        so does every kept beginning (strict fairness, Chu et al., FairNAS, arXiv 1907.01845, section 3; there a step
        sums the gradients of as many architectures as there are options, here each has a step of its own).
      task: that the strategy has.

    Raises:
      ValueError: "fair" under constraints, which forbid some combinations of options.
    """

    def __init__(self, strategy: Strategy, kind: str, task: Task) -> None:
        if kind == "fair" and task.admits is not None:
            raise ValueError("every option cannot train equally often where constraints forbid some combinations")
        self._strategy, self._kind, self._task = strategy, kind, task
        self._candidates = self._open(task.num_cells, [()])

    def _open(self, num_cells: int, prefixes: Sequence[Tokens]) -> Candidates:
        return Candidates(self._task.space, num_cells=num_cells, prefixes=prefixes, admits=self._task.admits)

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """As `Strategy.training_tokens`; the same on all workers, as nothing but the seed goes in."""
        rng = seeds.numpy_rng(self._task.seed, f"{self._kind}_architectures", phase)
        if self._kind == "uniform":
            return np.array(self._candidates.draw(steps, rng), np.int32)
        prefixes = np.array(self._candidates.prefixes, np.int32).reshape(len(self._candidates.prefixes), -1)
        counts = self._task.space.counts(self._candidates.num_cells)[prefixes.shape[1] :]
        cells = [_in_turn(count, steps, rng) for count in counts]
        return np.concatenate([prefixes[_in_turn(len(prefixes), steps, rng)], np.stack(cells, axis=1)], axis=1)

    @property
    def steps_per_round(self) -> int:
        """As `Strategy.steps_per_round`."""
        return self._strategy.steps_per_round

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        self._strategy.begin_round(number)

    def ask(self) -> list[Tokens]:
        """As `Strategy.ask`."""
        return self._strategy.ask()

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """As `Strategy.tell`."""
        return self._strategy.tell(trials)

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`."""
        return self._strategy.summary()

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """As `Strategy.finalists`."""
        return self._strategy.finalists(number, step)

    def expected(self, rewards: Mapping[Tokens, float]) -> list[float] | None:
        """As `Strategy.expected`."""
        return self._strategy.expected(rewards)

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`."""
        self._strategy.grow(kept)
        self._candidates = self._open(self._candidates.num_cells + 1, kept)

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        prefixes = [list(prefix) for prefix in self._candidates.prefixes]
        return {"num_cells": self._candidates.num_cells, "prefixes": prefixes, "strategy": self._strategy.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        self._candidates = self._open(state["num_cells"], [tuple(prefix) for prefix in state["prefixes"]])
        self._strategy.restore(state["strategy"])

    def trackables(self) -> dict[str, tf.Module]:
        """As `Strategy.trackables`."""
        return self._strategy.trackables()


def _in_turn(count: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """int32 [steps]: the numbers below `count` in random orders, one order after the other."""
    orders = [rng.permutation(count) for _ in range(-(-steps // count))]
    return np.concatenate(orders)[:steps].astype(np.int32)
