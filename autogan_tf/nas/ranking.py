"""Which of the architectures that were scored are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autogan_tf.nas.trial import Tokens


def best(tokens: Sequence[Tokens], rewards: np.ndarray, *, topk: int) -> tuple[list[Tokens], list[float]]:
    """The `topk` of the architectures with the highest `rewards`, [N], best first; of equals the first stays first."""
    order = np.argsort(-rewards, kind="stable")[:topk].tolist()
    return [tokens[place] for place in order], [float(rewards[place]) for place in order]
