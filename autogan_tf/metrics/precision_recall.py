"""Precision, recall, density and coverage: fidelity and variety apart, by balls around nearest neighbours."""

from __future__ import annotations

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.distances import Rows, mean_of, nearest_others, rounding_of
from autogan_tf.metrics.feature_arrays import require_features


def prdc(real: np.ndarray, fake: np.ndarray, *, nearest_k: int = 5) -> dict[str, float]:
    """Improved precision and recall, density and coverage of generated features.

    Every image has a ball around it that reaches to its k-th nearest other image of its own set.

    Args:
      real: [N, D], features of real images; real numbers, finite.
      fake: [M, D], features of generated images.
      nearest_k: k, at least 1 and below N and M. Precision and recall were published with 3, density and coverage
        with 5.

    Returns:
      "precision": share of fakes in the ball of at least one real image, in [0, 1].
      "recall": share of real images in the ball of at least one fake, in [0, 1].
      "density": mean number of real balls that a fake lies in, over k; about 1 where both are alike, may exceed it.
      "coverage": share of real images with a fake in their ball, in [0, 1].
      A fake on the rim is in the ball for precision and recall and outside for density and coverage, as in either
      paper's code; so a copy of the real images has density 1. Distances that differ by rounding only count as equal.
      All depend on N and M: compare only scores of equal image counts.

    Time grows with (N + M)^2 D, memory with N + M: some 64 MiB blocks in float64 at a time.

    Raises:
      ValueError: another rank or dtype, different D, or k below 1.
      UserError: no more than k images in a set, or NaN or infinity.

    Source: Kynkäänniemi et al. 2019, arXiv 1904.06991, equations 1 to 3; Naeem et al. 2020, arXiv 2002.09797,
    equations 4 to 6.
    """
    if nearest_k < 1:
        raise ValueError(f"nearest_k must be at least 1, got {nearest_k}")
    real = require_features(real, name="real", at_least=0)
    fake = require_features(fake, name="fake", at_least=0, num_features=real.shape[1])
    require_enough(len(real), len(fake), nearest_k=nearest_k)
    centre = mean_of(real)
    real_rows, fake_rows = Rows(real, centre), Rows(fake, centre)
    rounding = rounding_of(real_rows, fake_rows)
    real_reach = nearest_others(real_rows, nearest_k)
    fake_reach = nearest_others(fake_rows, nearest_k)

    in_real = np.zeros(len(fake), bool)
    in_fake = np.zeros(len(real), bool)
    covered = np.zeros(len(real), bool)
    balls = 0
    for part in real_rows.parts():
        block = real_rows.read(part)
        reach = real_reach[part, None]
        for columns in fake_rows.parts():
            squared = real_rows.distances(part, block, fake_rows, columns)
            in_real[columns] |= (squared <= reach + rounding).any(axis=0)
            in_fake[part] |= (squared <= fake_reach[columns] + rounding).any(axis=1)
            inside = squared < reach - rounding
            covered[part] |= inside.any(axis=1)
            balls += int(np.count_nonzero(inside))
    return {
        "precision": float(in_real.mean()),
        "recall": float(in_fake.mean()),
        "density": balls / (nearest_k * len(fake)),
        "coverage": float(covered.mean()),
    }


def require_enough(num_real: int, num_fake: int, *, nearest_k: int = 5) -> None:
    """Raises UserError, naming both sides, where one has no more than `nearest_k` images."""
    if min(num_real, num_fake) <= nearest_k:
        raise UserError(
            f"precision, recall, density and coverage with the {nearest_k} nearest images need at least "
            f"{nearest_k + 1} images of each side, got {num_real:,} real and {num_fake:,} generated; give more"
        )
