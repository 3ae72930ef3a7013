"""What the parts of a search ask of each other: signatures only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from autogan_tf.nas.trial import Tokens, Trial


class Strategy(Protocol):
    """Proposes architectures and learns from their rewards: ask and tell, in rounds.

    What it asks and draws follows from its state, the run's seed and the numbers that it is given alone, so that a
    search that was killed asks the same again.
    """

    @property
    def steps_per_round(self) -> int:
        """How often in a round it is told of trials that count, at most; for progress and step numbers."""

    def begin_round(self, number: int) -> None:
        """Round `number`, from 0, begins: the shared weights are others than in the one before."""

    def ask(self) -> list[Tokens]:
        """Architectures to be scored now; none at the end of the round. The same until it is told."""

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, float | None]:
        """What those were worth, in the order in which they were asked for.

        Returns:
          Numbers to log; none where the trials were for the strategy's own use and do not count as tried.
        """

    def summary(self) -> Mapping[str, Any]:
        """Of the round that ends, numbers and lists to log."""

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """The architectures that the shared weights train on in phase number `phase`: int32 [steps, T]."""

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """Up to `number` architectures from which the best are kept; `step` numbers the rankings."""

    def grow(self, kept: Sequence[Tokens]) -> None:
        """A cell more: from now on architectures begin with one of those that are kept, best first."""

    def state(self) -> dict[str, Any]:
        """All that it needs to go on but the `trackables`' variables, as JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` told."""

    def trackables(self) -> dict[str, tf.Module]:
        """What has variables, by name, to be saved with the state; another one after `grow` and `restore`."""


class Observer(Protocol):
    """What the searcher tells the outside; none of it changes the search."""

    def phase(self, description: str, total: int, unit: str) -> None:
        """A phase of `total` units begins."""

    def done(self, done: int) -> None:
        """So many units of it are done."""

    def numbers(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        """Numbers by name."""

    def event(self, text: str) -> None:
        """Something worth a line."""


class Pause(Protocol):
    """See `Searcher`."""

    def __call__(self, step: int, *, save: bool = False) -> None: ...
