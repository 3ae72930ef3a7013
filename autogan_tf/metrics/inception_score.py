"""The Inception score from logits: how confident the classes of single images are, and how varied over all images."""

from __future__ import annotations

import numpy as np

from autogan_tf.metrics.feature_arrays import read_rows, require_finite

_BLOCK = 2048  # rows in float64 at once
# Logits farther below their row's largest count as this far: e to its power is 0 in float64, too.
_FARTHEST = -1e4


def inception_score(logits: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """exp of the mean Kullback-Leibler divergence between each image's classes and the classes of its split.

    Computed in float64 from log-probabilities, so that saturated logits and classes that no image has are exact
    limits rather than NaN. A split's score is biased low by few images: compare only scores of equal image counts.

    Args:
      logits: [N, K] real numbers, one row an image, finite.
      splits: number of consecutive parts of the rows, 1 <= splits <= N; image i belongs to part k when
        k * N // splits <= i < (k + 1) * N // splits, as in the original code.

    Returns:
      Mean of the splits' scores, each in [1, K], and their population standard deviation (0 for one split).

    Raises:
      ValueError: logits of another rank, or splits out of range.
      UserError: NaN or infinity.

    Source: Salimans et al. 2016, arXiv 1606.03498, section 4; openai/improved-gan, inception_score/model.py.
    """
    logits = np.asanyarray(logits)
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"logits must have shape [images, classes], got {list(logits.shape)}")
    if not 1 <= splits <= len(logits):
        raise ValueError(f"splits must be between 1 and the number of images, {len(logits)}, got {splits}")
    require_finite(logits, "logits")
    bounds = [k * len(logits) // splits for k in range(splits + 1)]
    scores = []
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        sums = ClassSums(logits.shape[1])
        for first in range(start, stop, _BLOCK):
            sums.add(read_rows(logits, slice(first, min(first + _BLOCK, stop))))
        scores.append(sums.score())
    return float(np.mean(scores)), float(np.std(scores))


class ClassSums:
    """What the score of one split needs of its rows, added up block by block: memory does not grow with the rows."""

    def __init__(self, num_classes: int) -> None:
        self._count = 0
        self._probabilities = np.zeros(num_classes)
        self._negative_entropy = 0.0

    def add(self, logits: np.ndarray) -> None:
        """Adds rows float64 [n, K], finite."""
        with np.errstate(over="ignore"):  # the difference of two logits of opposite signs near the largest float64
            shifted = np.maximum(logits - logits.max(axis=1, keepdims=True), _FARTHEST)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        self._probabilities += p.sum(axis=0)
        self._negative_entropy += float((p * log_p).sum())
        self._count += len(logits)

    def score(self) -> float:
        """exp of the mean divergence of the rows from their mean: its entropy less their mean entropy; at least 1 row.

        May be called between additions.
        """
        marginal = self._probabilities / self._count
        # A class whose probability underflows in every image adds 0 log 0 = 0.
        log_marginal = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        return float(np.exp(self._negative_entropy / self._count - (marginal * log_marginal).sum()))
