"""The Fréchet distance between Gaussians fitted to two sets of features."""

from __future__ import annotations

import numpy as np

from autogan_tf.metrics.frechet_statistics import FrechetStatistics
from autogan_tf.metrics.linear_algebra import congruence, nuclear_norm, sum_of_roots

__all__ = ["FrechetStatistics", "frechet_distance"]


def frechet_distance(statistics_a: FrechetStatistics, statistics_b: FrechetStatistics) -> float:
    """|mean_a - mean_b|^2 + Tr(A + B - 2 (A B)^(1/2)) for the covariances A and B. Symmetric, at least 0.

    The trace of the root is the sum of the square roots of the eigenvalues of L^T A L, where B = L L^T: symmetric
    throughout, so no complex numbers appear. L is the Cholesky factor of the second statistics, meant for the
    reference, and stays on them: the next distance to them saves it (the first's is taken if only that is there).
    A side with no more images than features has a root of its own, its centred rows, and the matrix then is no larger
    than its number of images. Where rounding could cost more than 1e-9 (the product nearly singular: dead features,
    few images), the sum of the singular values of K^T L with A = K K^T takes its place.

    Raises:
      ValueError: different numbers of features, or moments so large that their products are not finite.
      UserError: fewer than 2 images on a side, or given moments that are no covariance.

    Source: Heusel et al. 2017, arXiv 1706.08500; Dowson and Landau 1982 for the closed form.
    """
    if statistics_a.num_features != statistics_b.num_features:
        raise ValueError(
            f"the two sets must have equally many features, got {statistics_a.num_features} and "
            f"{statistics_b.num_features}: were they made with different networks?"
        )
    total_a, total_b = statistics_a.total_variance, statistics_b.total_variance
    difference = statistics_a.mean - statistics_b.mean
    means = float(difference @ difference)
    if not np.isfinite(means + total_a * total_b):
        raise ValueError("the features are too large for their moments to be multiplied in float64: scale them down")
    thin_a, thin_b = statistics_a.thin_root(), statistics_b.thin_root()
    if thin_a is not None and thin_b is not None:
        root_trace = _between_rows(thin_a, thin_b)
    elif thin_a is not None:
        root_trace = _between_rows_and_covariance(thin_a, statistics_b)
    elif thin_b is not None:
        root_trace = _between_rows_and_covariance(thin_b, statistics_a)
    else:
        root_trace = _between_covariances(statistics_a, statistics_b)
    return max(means + total_a + total_b - 2 * root_trace, 0.0)


def _between_rows(thin_a: np.ndarray, thin_b: np.ndarray) -> float:
    product = thin_a @ thin_b.T
    if len(thin_a) > len(thin_b):
        product = product.T
    total = sum_of_roots(product @ product.T)
    return nuclear_norm(product) if total is None else total


def _between_rows_and_covariance(thin: np.ndarray, statistics: FrechetStatistics) -> float:
    total = sum_of_roots(thin @ statistics.covariance @ thin.T)
    return nuclear_norm(thin @ statistics.factor().matrix) if total is None else total


def _between_covariances(statistics: FrechetStatistics, reference: FrechetStatistics) -> float:
    if statistics.has_factor and not reference.has_factor:
        statistics, reference = reference, statistics
    total = sum_of_roots(congruence(reference.factor(), statistics.covariance))
    if total is None:
        total = nuclear_norm(statistics.factor().matrix.T @ reference.factor().matrix)
    return total
