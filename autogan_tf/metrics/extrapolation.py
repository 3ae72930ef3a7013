"""Scores freed of the bias of few images: the score at several image counts, extrapolated to infinitely many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.feature_arrays import read_rows, require_features
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance
from autogan_tf.metrics.inception_score import ClassSums

# The published smallest count; of fewer than twice as many images, half.
_MIN_IMAGES = 5000
_BLOCK = 2048


def inception_score_infinity(
    logits: np.ndarray, *, num_points: int = 15, min_images: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """The Inception score (one split) of infinitely many images: `inception_scores_by_count`, extrapolated.

    Args:
      logits: [N, K], real, finite; may be memory-mapped.
      num_points: image counts to score, at least 3, evenly spaced from `min_images` to N.
      min_images: the smallest count, at least 2; None for 5,000, or N / 2 if that is less. The bias is proportional
        to 1 / count only where the count is well above the number of classes.
      seed: of the order in which images are added.

    Returns:
      The score and the standard error of the extrapolation, see `extrapolate`.

    Raises:
      ValueError: another rank, too few points or a `min_images` below 2.
      UserError: too few images for so many different counts, or NaN or infinity.

    Source: Chong and Forsyth 2020, arXiv 1911.07023, IS-infinity.
    """
    counts = image_counts(len(logits), num_points=num_points, min_images=min_images)
    return extrapolate(counts, inception_scores_by_count(logits, counts, seed=seed))


def frechet_distance_infinity(
    features: np.ndarray,
    reference: FrechetStatistics,
    *,
    num_points: int = 15,
    min_images: int | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """The Fréchet distance of infinitely many images: `frechet_distances_by_count`, extrapolated.

    The reference's own image count keeps its bias.

    Args:
      features: [N, D], real, finite; may be memory-mapped.
      reference: of the real images, D features.
      num_points: image counts to score, at least 3, evenly spaced from `min_images` to N.
      min_images: the smallest count, at least 2; None for 5,000, or N / 2 if that is less. The bias is proportional
        to 1 / count only where the count is well above D.
      seed: of the order in which images are added.

    Returns:
      The distance, possibly below 0, and the standard error of the extrapolation, see `extrapolate`.

    Raises:
      ValueError: another rank or D, too few points or a `min_images` below 2.
      UserError: too few images for so many different counts, or NaN or infinity.

    Source: Chong and Forsyth 2020, arXiv 1911.07023, FID-infinity.
    """
    counts = image_counts(len(features), num_points=num_points, min_images=min_images)
    return extrapolate(counts, frechet_distances_by_count(features, reference, counts, seed=seed))


def image_counts(num_images: int, *, num_points: int = 15, min_images: int | None = None) -> list[int]:
    """Evenly spaced different counts from `min_images` (None: 5,000, at most half) to `num_images`, ascending.

    Raises:
      ValueError: fewer than 3 points, or a `min_images` below 2.
      UserError: too few images.
    """
    if num_points < 3:
        raise ValueError(f"num_points must be at least 3, for a line with an error, got {num_points}")
    if min_images is not None and min_images < 2:
        raise ValueError(f"min_images must be at least 2, got {min_images}")
    first = max(2, min(_MIN_IMAGES, num_images // 2)) if min_images is None else min_images
    if num_images < first + num_points - 1:
        needed = max(2 * num_points - 3, num_points + 1) if min_images is None else first + num_points - 1
        raise UserError(f"an extrapolation over {num_points} image counts needs {needed} images, got {num_images}")
    return [int(count) for count in np.linspace(first, num_images, num_points).round()]


def inception_scores_by_count(logits: np.ndarray, counts: Sequence[int], *, seed: int = 0) -> list[float]:
    """The Inception score (one split) of the first so many rows of one permutation, for each count, in one pass.

    Args:
      logits: [N, K], real, finite; may be memory-mapped.
      counts: ascending, each between 1 and N.
      seed: of the permutation.

    Raises:
      ValueError: another rank, or counts out of order or range.
      UserError: NaN or infinity.
    """
    logits = require_features(logits, name="logits", at_least=1)
    sums = ClassSums(logits.shape[1])
    scores = []
    for _, increment in _increments(counts, len(logits), seed):
        for start in range(0, len(increment), _BLOCK):
            sums.add(read_rows(logits, increment[start : start + _BLOCK]))
        scores.append(sums.score())
    return scores


def frechet_distances_by_count(
    features: np.ndarray, reference: FrechetStatistics, counts: Sequence[int], *, seed: int = 0
) -> list[float]:
    """The Fréchet distance of the first so many rows of one permutation, for each count; moments grow in one pass.

    Args:
      features: [N, D], real, finite; may be memory-mapped.
      reference: D features; its factor is computed once and kept.
      counts: ascending, each between 2 and N.
      seed: of the permutation.

    Raises:
      ValueError: another rank or D, or counts out of order or range.
      UserError: NaN or infinity, or a count of 1.
    """
    features = require_features(features, name="features", at_least=1, num_features=reference.num_features)
    statistics = FrechetStatistics(reference.num_features)
    distances = []
    for _, increment in _increments(counts, len(features), seed):
        for start in range(0, len(increment), _BLOCK):
            statistics.update(read_rows(features, increment[start : start + _BLOCK]))
        distances.append(frechet_distance(statistics, reference))
    return distances


def extrapolate(counts: Sequence[int], scores: Sequence[float]) -> tuple[float, float]:
    """The least-squares line through scores over 1 / count, read off at 0, and that intercept's standard error.

    Where the counts' images overlap, as above, the error says how straight the line is; what another draw of images
    would change comes on top.

    Raises ValueError on fewer than 3 points, equal counts only, or numbers that are not finite.
    """
    if len(counts) != len(scores) or len(counts) < 3 or len(set(counts)) < 2 or min(counts) < 1:
        raise ValueError(f"a line needs at least 3 scores at different counts, got {list(counts)} and {list(scores)}")
    x, y = 1 / np.asarray(counts, np.float64), np.asarray(scores, np.float64)
    if not np.isfinite(y).all():
        raise ValueError(f"scores must be finite, got {list(scores)}")
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float((x - x.mean()) @ y) / spread
    intercept = float(y.mean() - slope * x.mean())
    residual = y - intercept - slope * x
    variance = float(residual @ residual) / (len(x) - 2)
    return intercept, float(np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread)))


def _increments(counts: Sequence[int], num_rows: int, seed: int) -> list[tuple[int, np.ndarray]]:
    """Each count with the rows that it has more than the one before, ascending, as files are read quickest."""
    if not counts or list(counts) != sorted(counts) or counts[0] < 1 or counts[-1] > num_rows:
        raise ValueError(f"counts must ascend from at least 1 to at most the {num_rows} images, got {list(counts)}")
    order = np.random.default_rng(seed).permutation(num_rows)
    starts = [0, *counts[:-1]]
    return [(stop, np.sort(order[start:stop])) for start, stop in zip(starts, counts, strict=True)]
