"""The Inception score from logits: how confident the classes of single images are, and how varied over all images."""

from __future__ import annotations

import numpy as np

_BLOCK = 2048  # rows in float64 at once


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
      ValueError: logits of another rank or not finite, or splits out of range.

    Source: Salimans et al. 2016, arXiv 1606.03498, section 4; openai/improved-gan, inception_score/model.py.
    """
    logits = np.asarray(logits)
    if logits.ndim != 2 or 0 in logits.shape:
        raise ValueError(f"logits must have shape [images, classes], got {list(logits.shape)}")
    if not 1 <= splits <= len(logits):
        raise ValueError(f"splits must be between 1 and the number of images, {len(logits)}, got {splits}")
    scores = [
        _score(logits[k * len(logits) // splits : (k + 1) * len(logits) // splits]) for k in range(splits)
    ]
    return float(np.mean(scores)), float(np.std(scores))


def _score(logits: np.ndarray) -> float:
    """exp(mean negative entropy of the rows + entropy of their mean), in blocks: memory does not grow with the rows."""
    negative_entropy, marginal = 0.0, np.zeros(logits.shape[1])
    for first in range(0, len(logits), _BLOCK):
        block = np.asarray(logits[first : first + _BLOCK], np.float64)
        if not np.isfinite(block).all():
            rows = int((~np.isfinite(logits).all(axis=1)).sum())
            raise ValueError(f"logits must be finite, got {rows} of {len(logits)} rows with NaN or infinity")
        shifted = block - block.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        negative_entropy += float((p * log_p).sum())
        marginal += p.sum(axis=0)
    marginal /= len(logits)
    # A class whose probability underflows in every image adds 0 log 0 = 0.
    log_marginal = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
    return float(np.exp(negative_entropy / len(logits) - (marginal * log_marginal).sum()))
