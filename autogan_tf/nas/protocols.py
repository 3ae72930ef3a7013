"""What the parts of a search ask of each other: signatures only."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from autogan_tf.nas.position import Part
from autogan_tf.nas.trial import Scoring, Spent, Tokens, Trial


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

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """What those were worth, in the order in which they were asked for.

        Returns:
          Numbers to log; none where the trials were for the strategy's own use and do not count as tried. By name:
          expected: by architecture as text, what it expected of it before; answer: as text, the architecture that it
          would end with now, where that is not the one with the highest reward.
        """

    def summary(self) -> Mapping[str, Any]:
        """Of the round that ends, numbers and more to log. All are shown by their names; some in ways of their own:

        policy: for each decision of the open cells the probabilities of its options (a heat map); entropy and
          entropies (nats), of the whole policy and by decision.
        population: [{"architecture": as text, "reward"}] that are alive, the oldest first.
        optima: by architecture as text the reward where a climb ended.
        front: {"objectives": by name "low" or "high", which is good; "architectures": [{"architecture": as text,
          "reward", "scores": by objective}]}, of those whose scores compare the ones that no other is better than, the
          best in the first objective first. Written as genotype files in front/, too.
        """

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """The architectures that the shared weights train on in phase number `phase`: int32 [steps, T]."""

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """Up to `number` architectures from which the best are kept; `step` numbers the rankings."""

    def expected(self, rewards: Mapping[Tokens, float]) -> list[float] | None:
        """What it makes of the rewards in a ranking, in their order, by which the best are kept, high being good.

        None: the rewards themselves say which are best; also at the end, where they are taken from more images.
        """

    def grow(self, kept: Sequence[Tokens]) -> None:
        """A cell more: from now on architectures begin with one of those that are kept, best first."""

    def state(self) -> dict[str, Any]:
        """All that it needs to go on but the `trackables`' variables, as JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` told."""

    def trackables(self) -> dict[str, tf.Module]:
        """What has variables, by name, to be saved with the state; another one after `grow` and `restore`."""


class Estimator(Protocol):
    """Says what architectures are worth: by shared weights, by training each from scratch.

    Attributes:
      rewards_last: whether what an architecture was worth in one round compares with what others are in the next.
      shows_progress: whether `evaluate` tells the observer of phases of its own.
    """

    rewards_last: bool
    shows_progress: bool

    def open(self, stage: int) -> None:
        """From now on architectures have `stage` + 1 cells; called before anything else, after `restore`."""

    def train(
        self, strategy: Strategy, part: Part, *, description: str, observer: Observer, pause: Callable[[], None]
    ) -> Mapping[str, Any]:
        """Trains before a round what architectures have in common, or what of it `part` has not done yet.

        Args:
          strategy: chooses what is trained on.
          part: of the iteration; its step and its latest numbers are kept up to date.
          description: of the iteration, for the observer.
          pause: to be called where `part`, `state` and `trackables` are all that is needed to go on.

        Returns:
          Numbers to log.
        """

    def begin(self, scoring: Scoring, *, again: bool) -> None:
        """What is evaluated from now on is for this; again: it had begun before an interruption, and goes on."""

    def evaluate(
        self, asked: Sequence[Tokens], scoring: Scoring, *, observer: Observer, pause: Callable[[], None]
    ) -> list[Trial]:
        """What the architectures are worth, in their order. After a `pause` that ended the search it is called with the
        same ones again, and ends as if there had been none."""

    def end_round(self, numbers: Mapping[str, Any], *, ranks_next: bool, observer: Observer) -> bool:
        """A round is over, with these numbers; whether to `train` once more, where a ranking follows (`ranks_next`)."""

    def summary(self) -> Mapping[str, Any]:
        """More numbers of the iteration to log."""

    def steps_done(self, part: Part) -> int:
        """Training steps so far, which `Pause` is told."""

    def spent(self) -> Spent:
        """What its training and its scores have cost so far; grows where a phase or a scoring ends."""

    def pictures(self, tokens: Tokens) -> np.ndarray | None:
        """uint8 [N, S, S, C]: images of an architecture that was evaluated; None where there are none."""

    def trained_in(self, tokens: Tokens) -> pathlib.Path | None:
        """The run in which the final training of an architecture has begun; None where it has not."""

    def state(self) -> dict[str, Any]:
        """All that it needs to go on but the `trackables`' variables, as JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` told."""

    def trackables(self) -> Mapping[str, tf.Module]:
        """What has variables, by name, to be saved with the state."""

    def close(self) -> None:
        """Ends what it has started."""


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
