"""Which of the architectures that were scored are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from autogan_tf.nas.trial import Tokens


class Kept(NamedTuple):
    """Best first, with their rewards, and with what the strategy expects of them, by which they are ranked then."""

    tokens: list[Tokens]
    rewards: list[float]
    expected: list[float] | None = None


def best(
    tokens: Sequence[Tokens], rewards: np.ndarray, *, topk: int, expected: Sequence[float] | None = None
) -> Kept:
    """The `topk` of the architectures with the highest `rewards`, [N], or of which most is `expected`; of equals the
    first stays first."""
    by = rewards if expected is None else np.array(expected)
    order = np.argsort(-by, kind="stable")[:topk].tolist()
    return Kept(
        [tokens[place] for place in order],
        [float(rewards[place]) for place in order],
        None if expected is None else [expected[place] for place in order],
    )
