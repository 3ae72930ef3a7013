"""A candidate, and what it was found to be worth."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

Tokens: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Trial:
    """An architecture, its reward (high is good), and the scores that this is made of, by objective."""

    tokens: Tokens
    reward: float
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def scores_beyond_reward(self) -> Mapping[str, float]:
        """The scores where they say more than the reward: none where that is a single one of them as it is."""
        return {} if list(self.scores.values()) == [self.reward] else self.scores
