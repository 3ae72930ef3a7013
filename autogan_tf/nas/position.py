"""How far a search is within an iteration, as plain data."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Part:
    """Where in an iteration the search stands, and what it has gathered there; plain data, as JSON.

    name: "shared", "round" (the strategy's), "shared again" or "done"; step: of its steps how many are done;
    begun: whether a round has, which may have been told of trials that are no step;
    numbers: of the parts before; latest: losses and norms of a shared phase; tried, rewards: of a round; scores: of
    a round by objective, where they say more than the rewards; seconds: that the iteration has taken.
    """

    name: str = "shared"
    step: int = 0
    begun: bool = False
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)
    latest: dict[str, float] = dataclasses.field(default_factory=dict)
    tried: dict[str, float] = dataclasses.field(default_factory=dict)
    rewards: list[float] = dataclasses.field(default_factory=list)
    scores: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0

    def enter(self, name: str) -> None:
        """The next part begins."""
        self.name, self.step, self.begun, self.latest = name, 0, False, {}
