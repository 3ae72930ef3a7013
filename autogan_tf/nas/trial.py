"""A candidate, what it is scored for, and what it was found to be worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

Tokens: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Spent:
    """What a search has cost so far, in images of its last stage's size, of which one of half the side is a quarter.

    trained: with which training steps were made: the real ones of the discriminator's, the generated ones of the
      generator's.
    scored: generated for scores.
    """

    trained: float = 0.0
    scored: float = 0.0

    def plus(self, *, trained: float = 0.0, scored: float = 0.0) -> Spent:
        """With so many more."""
        return Spent(self.trained + trained, self.scored + scored)

    def images(self, *, scored_image_cost: float) -> float:
        """Both kinds together, in images that a training step is made with."""
        return self.trained + scored_image_cost * self.scored

    def as_numbers(self) -> dict[str, float]:
        """To log, by name."""
        return {"trained_images": self.trained, "scored_images": self.scored}


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What architectures are scored for.

    kind: a "round" of the strategy, the "ranking" of a stage's candidates, or the "final" scores.
    number: of the iteration in which that is; 0 for the final scores.
    num_images: generated images that a score is taken from.
    repeat: of a ranking's scorings of the same architectures, from 0.
    """

    kind: Literal["round", "ranking", "final"]
    number: int
    num_images: int
    repeat: int = 0


@dataclasses.dataclass(frozen=True)
class Trial:
    """An architecture, its reward (high is good), and the scores that this is made of, by objective.

    steps: generator steps of a training of its own, after which these are taken; 0 with shared weights.
    earlier: the rewards after fewer steps of that training, by these.
    """

    tokens: Tokens
    reward: float
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    steps: int = 0
    earlier: Mapping[int, float] = dataclasses.field(default_factory=dict)

    @property
    def scores_beyond_reward(self) -> Mapping[str, float]:
        """The scores where they say more than the reward: none where that is a single one of them as it is."""
        return {} if list(self.scores.values()) == [self.reward] else self.scores
