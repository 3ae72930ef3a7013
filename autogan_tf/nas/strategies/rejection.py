"""Only architectures that meet the constraints, from draws that do not know these: the others are drawn again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.nas.task import Admits
from autogan_tf.nas.trial import Tokens

TRIES = 200  # draws again, of at least _LEAST architectures each
_LEAST = 64


def drawn(
    draw: Callable[[int, tf.Tensor], np.ndarray],
    admits: Admits | None,
    otherwise: Callable[[int, np.random.Generator], list[Tokens]],
    *,
    number: int,
    seed: int,
    purpose: str,
    step: int,
) -> np.ndarray:
    """`number` admitted architectures, int32 [number, T], in the order in which they are drawn.

    Where all of the first draw are admitted, it is what comes back; the draws again have seeds of their own. What is
    missing after very many of them is not drawn by `draw`, which as good as never gives what is admitted.

    Args:
      draw: so many architectures, int32 [n, T], from a seed, int32 [2].
      admits: whether an architecture may be used; None: all may.
      otherwise: so many admitted architectures, by other means.
      number, seed, purpose, step: what is drawn, as `seeds.stateless_seed`.
    """
    rows = draw(number, seeds.stateless_seed(seed, purpose, step))
    if admits is None:
        return rows
    found = rows[[admits(tuple(row)) for row in rows.tolist()]]
    for again in range(1, TRIES + 1):
        if len(found) >= number:
            break
        rows = draw(max(number, _LEAST), seeds.stateless_seed(seed, purpose, step, again))
        found = np.concatenate([found, rows[[admits(tuple(row)) for row in rows.tolist()]]])
    if len(found) < number:
        rest = otherwise(number - len(found), seeds.numpy_rng(seed, f"{purpose}_otherwise", step))
        found = np.concatenate([found, np.array(rest, np.int32)])
    return found[:number]
