"""How far a search is within an iteration, as plain data, and what it tells the outside on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol


@dataclasses.dataclass
class Part:
    """Where in an iteration the search stands, and what it has gathered there; plain data, as JSON.

    name: "shared", "controller", "shared again" or "done"; step: of its steps how many are done; numbers: of the parts
    before; latest: losses and norms of a shared phase; tried, rewards, entropies: of a controller phase; seconds: that
    the iteration has taken.
    """

    name: str = "shared"
    step: int = 0
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)
    latest: dict[str, float] = dataclasses.field(default_factory=dict)
    tried: dict[str, float] = dataclasses.field(default_factory=dict)
    rewards: list[float] = dataclasses.field(default_factory=list)
    entropies: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def enter(self, name: str) -> None:
        """The next part begins."""
        self.name, self.step, self.latest = name, 0, {}


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
