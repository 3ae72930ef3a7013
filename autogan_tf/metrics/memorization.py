"""Whether a generator has memorised its training images: nearest neighbours, against those of images it never saw."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.stats import rankdata

from autogan_tf.config.encoding import shown
from autogan_tf.metrics.distances import Rows, mean_of, nearest, nearest_others, rounding_of
from autogan_tf.metrics.feature_arrays import read_rows, require_features

# A cell with fewer generated images than this says nothing (Meehan et al., section 3, tau).
_MIN_IN_CELL = 20
# Training rows that the cells are found on.
_CLUSTERED = 2048


def memorization(
    generated: np.ndarray,
    training: np.ndarray,
    *,
    heldout: np.ndarray | None = None,
    quantile: float = 0.01,
    copy_tolerance: float = 1e-4,
    num_cells: int = 10,
    num_closest: int = 16,
    seed: int = 0,
) -> dict[str, float | int | str | None | list[int] | list[float]]:
    """Distances of generated images to the nearest training image, against those of real images.

    Args:
      generated: [M, D], features; real numbers, finite.
      training: [N, D], features of the images that the generator was trained on, N at least 2.
      heldout: [H, D], features of real images that it never saw, H at least 1: the yardstick. None takes the training
        images themselves, each against the others ("leave-one-out"); their near-duplicates then hide copying.
      quantile: in (0, 1); the share of the yardstick's images that count as too close.
      copy_tolerance: a generated image nearer than this share of the training features' spread (root mean square
        distance from their mean) is a copy. Identical pixels have distance 0 up to the network's float32 rounding.
      num_cells: cells (k-means of the training features) for `c_t`, at least 1.
      num_closest: generated images to list, for display.
      seed: of the cells.

    Returns:
      "images", "training_images", "yardstick" ("held-out" or "leave-one-out"), "yardstick_images": what was compared.
      "quantile", "threshold", "share_closer": the yardstick's quantile of distances and the share of generated images
        no farther than it; about `quantile` for a generator that copies nothing.
      "z_score": the Mann-Whitney U of generated against yardstick distances, standardised. Well below 0 (-3): closer to
        the training images than real images are, so copied; well above 0: farther, so a poor fit. NaN never.
      "c_t", "cells": the same within each cell, averaged by the yardstick's share in it: it also finds copying in a
        part of the images that a poor fit elsewhere outweighs. Cells with fewer than 20 generated images are left out
        ("cells" counts the others); None if none is left.
      "copies": number of generated images that are copies.
      "closest_generated", "closest_training", "closest_distances": the `num_closest` generated images with the smallest
        distances, ascending: their rows, their training images' rows and the distances.

    Time grows with M N D (and N^2 D without held-out images), memory with M + N: some 64 MiB blocks at a time.

    Raises:
      ValueError: another rank or dtype, different D, or an option out of range.
      UserError: too few images, or NaN or infinity.

    Source: the three-sample test of Meehan, Chaudhuri and Dasgupta 2020, arXiv 2004.05675, sections 3.1 and 3.2.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be between 0 and 1, got {quantile}")
    for name, value, least in (("num_cells", num_cells, 1), ("num_closest", num_closest, 0), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    if copy_tolerance < 0:
        raise ValueError(f"copy_tolerance must be at least 0, got {copy_tolerance}")
    training = require_features(training, name="training", at_least=2)
    width = training.shape[1]
    generated = require_features(generated, name="generated", at_least=1, num_features=width)
    if heldout is not None:
        heldout = require_features(heldout, name="heldout", at_least=1, num_features=width)

    centre = mean_of(training)
    known, made = Rows(training, centre), Rows(generated, centre)
    squared, index = nearest(made, known)
    rounding = rounding_of(known, made)
    squared[squared <= rounding] = 0
    distances = np.sqrt(squared)
    yardstick = _yardstick(known, None if heldout is None else Rows(heldout, centre), rounding)

    threshold = float(np.quantile(yardstick, quantile))
    closest = np.argsort(distances, kind="stable")[:num_closest]
    c_t, cells = _over_cells(generated, training, heldout, centre, num_cells, seed)
    return {
        "images": len(generated),
        "training_images": len(training),
        "yardstick": "leave-one-out" if heldout is None else "held-out",
        "yardstick_images": len(yardstick),
        "quantile": quantile,
        "threshold": threshold,
        "share_closer": float((distances <= threshold).mean()),
        "z_score": mann_whitney_z(distances, yardstick),
        "c_t": c_t,
        "cells": cells,
        "copies": int((distances <= copy_tolerance * np.sqrt(known.norms.mean())).sum()),
        "closest_generated": closest.tolist(),
        "closest_training": index[closest].tolist(),
        "closest_distances": distances[closest].tolist(),
    }


def with_files(
    found: Mapping[str, Any], *, generated: Sequence[str] | None, training: Sequence[str] | None
) -> dict[str, Any]:
    """What `memorization` found, and the files of the closest pairs beside their rows.

    Args:
      found: the result of `memorization`.
      generated, training: names of the images' files, by row; None where they are no files.

    Returns:
      `found` with "closest_generated_files" and "closest_training_files": as long as "closest_generated", in valid
      Unicode; None where there are no files.
    """

    def named(rows: Sequence[int], files: Sequence[str] | None) -> list[str] | None:
        return None if files is None else [shown(files[row]) for row in rows]

    return {
        **found,
        "closest_generated_files": named(found["closest_generated"], generated),
        "closest_training_files": named(found["closest_training"], training),
    }


def mann_whitney_z(x: np.ndarray, y: np.ndarray) -> float:
    """Standardised number of pairs with x above y, ties counted half; below 0 where x tends to be smaller.

    (U - m n / 2) / sqrt(m n (m + n + 1) / 12), for at least one number on either side.

    Source: Mann and Whitney 1947; as Z_U in Meehan et al. 2020, without a continuity correction.
    """
    m, n = len(x), len(y)
    u = float(rankdata(np.concatenate([x, y]))[:m].sum()) - m * (m + 1) / 2
    return (u - m * n / 2) / float(np.sqrt(m * n * (m + n + 1) / 12))


def identical_images(generated: Iterable[np.ndarray], training: Iterable[np.ndarray]) -> np.ndarray:
    """For each generated image, the first training image with exactly the same pixels.

    Args:
      generated, training: batches of images [n, ...] of any one dtype and shape, read once.

    Returns:
      int64 [M], indices over all training batches; -1 where there is none.
    """
    known: dict[bytes, int] = {}
    for position, image in enumerate(image for batch in training for image in batch):
        known.setdefault(_digest(image), position)
    return np.array([known.get(_digest(image), -1) for batch in generated for image in batch], np.int64)


def _digest(image: np.ndarray) -> bytes:
    described = f"{image.dtype.str}{image.shape}".encode()
    return hashlib.blake2b(described + np.ascontiguousarray(image).tobytes(), digest_size=16).digest()


def _yardstick(known: Rows, unseen: Rows | None, rounding: float) -> np.ndarray:
    """Distances of real images to their nearest training image (other than themselves)."""
    squared = nearest_others(known, 1) if unseen is None else nearest(unseen, known)[0]
    return np.sqrt(np.where(squared <= rounding, 0, squared))


def _over_cells(
    generated: np.ndarray,
    training: np.ndarray,
    heldout: np.ndarray | None,
    centre: np.ndarray,
    num_cells: int,
    seed: int,
) -> tuple[float | None, int]:
    """C_T and the number of cells in it."""
    centres = _cell_centres(training, centre, num_cells, seed)

    def cell_of(x: np.ndarray) -> np.ndarray:
        return nearest(Rows(x, centre), Rows(centres, np.zeros(len(centre))))[1]

    in_training, in_generated = cell_of(training), cell_of(generated)
    in_heldout = None if heldout is None else cell_of(heldout)
    scores, weights = [], []
    for cell in range(len(centres)):
        rows, made = np.flatnonzero(in_training == cell), np.flatnonzero(in_generated == cell)
        unseen = rows if in_heldout is None else np.flatnonzero(in_heldout == cell)
        if len(made) < _MIN_IN_CELL or not len(unseen) or len(rows) < (2 if heldout is None else 1):
            continue
        known, fakes = Rows(training, centre, rows), Rows(generated, centre, made)
        reals = None if heldout is None else Rows(heldout, centre, unseen)
        rounding = rounding_of(known, fakes)
        squared = nearest(fakes, known)[0]
        distances = np.sqrt(np.where(squared <= rounding, 0, squared))
        scores.append(mann_whitney_z(distances, _yardstick(known, reals, rounding)))
        weights.append(len(unseen))
    return (float(np.average(scores, weights=weights)) if scores else None), len(scores)


def _cell_centres(training: np.ndarray, centre: np.ndarray, num_cells: int, seed: int) -> np.ndarray:
    """[cells, D], around `centre`; found on a sample of the training rows, cells that end up empty left out."""
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.permutation(len(training))[:_CLUSTERED])
    sample = read_rows(training, picked) - centre
    distinct = np.unique(sample, axis=0)
    num_cells = min(num_cells, len(distinct))
    if num_cells == 1:
        return np.zeros((1, training.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of cells that end up empty
        centres, labels = kmeans2(sample, num_cells, minit="++", seed=rng)
    return centres[np.unique(labels)]
