"""Only architectures that meet the constraints, from draws that do not know these: the others are drawn again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.nas.task import Admits

TRIES = 200  # draws again, of at least _LEAST architectures each
_LEAST = 64


def drawn(
    draw: Callable[[int, tf.Tensor], np.ndarray],
    admits: Admits | None,
    *,
    number: int,
    seed: int,
    purpose: str,
    step: int,
) -> np.ndarray:
    """`number` admitted architectures, int32 [number, T], in the order in which they are drawn.

    Where all of the first draw are admitted, it is what comes back; the draws again have seeds of their own.

    Args:
      draw: so many architectures, int32 [n, T], from a seed, int32 [2].
      admits: whether an architecture may be used; None: all may.
      number, seed, purpose, step: what is drawn, as `seeds.stateless_seed`.

    Raises:
      UserError: too few are admitted of very many.
    """
    rows = draw(number, seeds.stateless_seed(seed, purpose, step))
    if admits is None:
        return rows
    found = rows[[admits(tuple(row)) for row in rows.tolist()]]
    seen = number
    for again in range(1, TRIES + 1):
        if len(found) >= number:
            break
        rows = draw(max(number, _LEAST), seeds.stateless_seed(seed, purpose, step, again))
        found = np.concatenate([found, rows[[admits(tuple(row)) for row in rows.tolist()]]])
        seen += len(rows)
    if len(found) < number:
        raise UserError(
            f"of {seen:,} architectures that the strategy drew only {len(found):,} keep to --max_parameters and "
            f"--max_multiply_adds, and {number:,} were needed; raise these bounds"
        )
    return found[:number]
