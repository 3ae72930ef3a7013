"""The kernel distance (KID): the squared maximum mean discrepancy under a cubic kernel, unbiased, with its error."""

from __future__ import annotations

import math

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.feature_arrays import read_rows, require_features

MAX_BLOCK_SIZE = 1024  # TF-GAN's


def kernel_distance(
    features_a: np.ndarray, features_b: np.ndarray, *, max_block_size: int = MAX_BLOCK_SIZE, seed: int | None = None
) -> tuple[float, float | None]:
    """Mean over blocks of the unbiased squared MMD with the kernel (x.y / D + 1)^3, and its standard error.

    Blocks as in TF-GAN's `kernel_classifier_distance_and_std_from_activations`: the larger set is cut into the fewest
    blocks of at most `max_block_size` rows, the other into as many; sizes differ by at most one, larger blocks last;
    block i is compared with block i only. The result agrees with TF-GAN's on float64.

    Args:
      features_a, features_b: [N, D] and [M, D], real, finite; symmetric. Read and converted to float64 block by block,
        so memory-mapped float32 costs no copy.
      max_block_size: at least 2. Smaller blocks are quicker and give a better standard error, larger ones less
        variance.
      seed: draws the order in which rows come into blocks; None keeps the order, and rows sorted in a meaningful way
        (by class) then give a wrong estimate.

    Returns:
      The distance, unbiased and therefore possibly below 0, and its standard error: over the blocks, or where there is
      only one by leaving out each image in turn (jackknife); None where one side then has only 2 images.

    Raises:
      ValueError: another rank or dtype, different D, or a block size below 2.
      UserError: NaN or infinity, or so few images on one side that a block would have fewer than 2.

    Source: Bińkowski et al. 2018, arXiv 1801.01401; blocks of Zaremba et al. 2013, arXiv 1307.1954; the
    jackknife of U-statistics of two samples: Arvesen 1969, Annals of Mathematical Statistics 40(6).
    """
    if max_block_size < 2:
        raise ValueError(f"max_block_size must be at least 2, got {max_block_size}")
    features_a = require_features(features_a, name="features_a", at_least=0)
    features_b = require_features(features_b, name="features_b", at_least=0, num_features=features_a.shape[1])
    blocks = block_count(len(features_a), len(features_b), max_block_size)
    orders = [
        None if seed is None else np.random.default_rng([seed, side]).permutation(len(x))
        for side, x in enumerate((features_a, features_b))
    ]
    estimates = np.empty(blocks)
    for i in range(blocks):
        pair = _block(features_a, orders[0], i, blocks), _block(features_b, orders[1], i, blocks)
        estimates[i] = _unbiased_mmd(*pair)
    error = float(np.std(estimates, ddof=1) / np.sqrt(blocks)) if blocks > 1 else _jackknife_error(*pair)
    return float(estimates.mean()), error


def enough(num_a: int, num_b: int) -> bool:
    """Whether so many images on the two sides suffice for `kernel_distance`."""
    return min(num_a, num_b) >= 2 * _blocks(num_a, num_b, MAX_BLOCK_SIZE)


def block_count(num_a: int, num_b: int, max_block_size: int) -> int:
    """The number of blocks that so many images on the two sides are cut into.

    Raises UserError, naming both sides, where a block of the smaller one would have fewer than 2 images.
    """
    blocks = _blocks(num_a, num_b, max_block_size)
    if min(num_a, num_b) < 2 * blocks:
        raise UserError(
            f"the kernel distance between {num_a:,} and {num_b:,} images: the larger set makes {blocks:,} blocks of at "
            f"most {max_block_size:,}, so the smaller one needs at least {2 * blocks:,} images, got "
            f"{min(num_a, num_b):,}; give more images on that side, or fewer on the other"
        )
    return blocks


def _blocks(num_a: int, num_b: int, max_block_size: int) -> int:
    return max(1, math.ceil(max(num_a, num_b) / max_block_size))


def _block(x: np.ndarray, order: np.ndarray | None, i: int, blocks: int) -> np.ndarray:
    """The i-th of `blocks` parts in float64; the last len(x) % blocks of them have one row more."""
    size, larger = divmod(len(x), blocks)
    start, stop = (k * size + max(0, k - (blocks - larger)) for k in (i, i + 1))
    # Within a block the order does not matter, and ascending rows are read quickest.
    return read_rows(x, slice(start, stop) if order is None else np.sort(order[start:stop]))


def _unbiased_mmd(x: np.ndarray, y: np.ndarray) -> float:
    within = sum(_sum_of_pairs(rows) / (len(rows) * (len(rows) - 1)) for rows in (x, y))
    return within - 2 * float(_cubic(x, y).mean())


def _jackknife_error(x: np.ndarray, y: np.ndarray) -> float | None:
    """The standard error of `_unbiased_mmd(x, y)`; None where a side has fewer than 3 rows."""
    if min(len(x), len(y)) < 3:
        return None
    across = _cubic(x, y)
    variance = 0.0
    for rows, with_others in ((x, across.sum(axis=1)), (y, across.sum(axis=0))):
        n, others = len(rows), across.size // len(rows)
        kernel = _cubic(rows, rows)
        with_own = kernel.sum(axis=1) - np.diagonal(kernel)
        # without row i, up to what is the same for all i
        within = (with_own.sum() - 2 * with_own) / ((n - 1) * (n - 2))
        left_out = within - 2 * (across.sum() - with_others) / ((n - 1) * others)
        variance += (n - 1) * float(np.var(left_out))
    return math.sqrt(variance)


def _sum_of_pairs(rows: np.ndarray) -> float:
    """Sum of the kernel over ordered pairs of different rows."""
    kernel = _cubic(rows, rows)
    return float(kernel.sum() - np.trace(kernel))


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    return base * base * base
