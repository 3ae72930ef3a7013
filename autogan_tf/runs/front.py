"""The front that a strategy with several objectives tells in its summaries, see `Strategy.summary`."""

from __future__ import annotations

import dataclasses
import math
from typing import Any


@dataclasses.dataclass(frozen=True)
class OnFront:
    """An architecture of a front, as integers with blanks between them; scores: by objective; reward: None where it is
    not told."""

    architecture: str
    scores: dict[str, float]
    reward: float | None


@dataclasses.dataclass(frozen=True)
class Front:
    """Architectures none of which is better than another, the best in the first objective first; objectives: by name
    "low" or "high", which is good."""

    objectives: dict[str, str]
    architectures: list[OnFront]


def read(value: Any) -> Front | None:
    """The front that is told; None where that is empty or something else."""
    if not isinstance(value, dict):
        return None
    objectives, entries = value.get("objectives"), value.get("architectures")
    if not isinstance(objectives, dict) or len(objectives) < 2:
        return None
    if not all(good in ("low", "high") for good in objectives.values()):
        return None
    found = [_entry(entry, objectives) for entry in entries] if isinstance(entries, list) else []
    architectures = [entry for entry in found if entry is not None]
    if not architectures or len(architectures) < len(found):
        return None
    return Front(dict(objectives), architectures)


def _entry(value: Any, objectives: dict[str, str]) -> OnFront | None:
    if not isinstance(value, dict) or not isinstance(value.get("scores"), dict):
        return None
    name, scores, reward = value.get("architecture"), value["scores"], value.get("reward")
    if not isinstance(name, str) or not all(token.isdecimal() for token in name.split()):
        return None
    if not all(_is_finite(scores.get(objective)) for objective in objectives):
        return None
    by_objective = {objective: scores[objective] for objective in objectives}
    return OnFront(name, by_objective, reward if _is_finite(reward) else None)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
