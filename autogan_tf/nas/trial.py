"""A candidate, and what it was found to be worth."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

Tokens: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Trial:
    """An architecture, and its reward: high is good."""

    tokens: Tokens
    reward: float
