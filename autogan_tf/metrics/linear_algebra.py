"""Factors of covariances, and the trace of the root of a product of two: what makes the Fréchet distance quick."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Parts into which a triangular product is cut, so that the zero half is left out.
_PARTS = 8
# A Cholesky factor whose smallest pivot is below this share of the largest variance hides a numerical rank.
_MIN_PIVOT = 1e-11
# Largest accepted estimate of the relative rounding error of a sum of roots of eigenvalues.
_TOLERANCE = 1e-9
# An eigenvalue this far below zero, as a share of the largest, is no rounding error of a covariance.
_NEGATIVE = 1e-5


class CovarianceFactor(NamedTuple):
    """A real matrix [D, R], R <= D, whose product with its own transpose is a covariance."""

    matrix: np.ndarray
    is_lower: bool  # lower triangular, R = D


def factor_of_covariance(covariance: np.ndarray, *, max_rank: int | None = None) -> CovarianceFactor:
    """The Cholesky factor, or by eigenvectors where the covariance [D, D] has not full numerical rank.

    Args:
      covariance: float64, symmetric, positive semi-definite to rounding.
      max_rank: a bound that is known from elsewhere (number of images less 1).

    Raises:
      ValueError: an eigenvalue below -1e-5 of the largest.
    """
    if max_rank is None or max_rank >= len(covariance):
        try:
            root = np.linalg.cholesky(covariance)
            if root.diagonal().min() ** 2 > _MIN_PIVOT * covariance.diagonal().max():
                return CovarianceFactor(root, True)
        except np.linalg.LinAlgError:
            pass
    values, vectors = np.linalg.eigh(covariance)
    if values[0] < -_NEGATIVE * max(values[-1], 0.0):
        raise ValueError(f"its smallest eigenvalue is {values[0]:.3g}, its largest {values[-1]:.3g}")
    keep = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    if max_rank is not None:
        keep[: max(len(values) - max_rank, 0)] = False
    return CovarianceFactor(vectors[:, keep] * np.sqrt(values[keep]), False)


def root_of_scatter(rows: np.ndarray) -> np.ndarray:
    """[N - 1, D], R with R^T R the scatter of float64 rows [N, D] around their mean.

    A Householder reflection of the rows that takes the vector of ones to the first axis: the first row then holds the
    mean, here zero, and the others the rest. So the rank N - 1 is exact, and no eigenvalue is a rounding error.
    """
    centred = rows - rows.mean(axis=0)
    count = len(centred)
    # v = e1 - 1/sqrt(N); the reflection of the other rows subtracts the same multiple of v, all entries -1/sqrt(N).
    along = (centred[0] - centred.sum(axis=0) / np.sqrt(count)) / (1 - 1 / np.sqrt(count))
    centred[1:] += along / np.sqrt(count)
    return centred[1:]


def congruence(factor: CovarianceFactor, symmetric: np.ndarray) -> np.ndarray:
    """L^T S L; only the lower triangle of the result is meant to be read if L is triangular."""
    root = factor.matrix
    if not factor.is_lower:
        return root.T @ (symmetric @ root)
    size = len(root)
    edges = [size * k // _PARTS for k in range(_PARTS + 1)]
    result = np.zeros((size, size))
    for start, stop in zip(edges, edges[1:], strict=False):
        if start == stop:
            continue
        columns = symmetric[:, start:] @ root[start:, start:stop]
        for low, high in zip(edges, edges[1:], strict=False):
            if low >= start and low < high:
                result[low:high, start:stop] = root[low:, low:high].T @ columns[low:]
    return result


def sum_of_roots(gram: np.ndarray) -> float | None:
    """Sum of the square roots of the eigenvalues of a positive semi-definite matrix, its lower triangle.

    Returns:
      None if rounding may have cost more than 1e-9 of the sum: the square root of an eigenvalue that is a rounding
      error of 1e-16 is 1e-8. The estimate is that of first order, with rounding errors of random signs.
    """
    if not gram.size:
        return 0.0
    eigenvalues = np.linalg.eigvalsh(gram)
    if not eigenvalues[0] > 0:
        return None
    total = float(np.sqrt(eigenvalues).sum())
    error = np.finfo(np.float64).eps * eigenvalues[-1] * np.sqrt((1 / eigenvalues).sum()) / 2
    return total if error <= _TOLERANCE * total else None


def nuclear_norm(matrix: np.ndarray) -> float:
    """Sum of the singular values; 0 for an empty matrix."""
    if not matrix.size:
        return 0.0
    # The divide and conquer of LAPACK's gesdd may fail to converge; the singular values are also those of R in Q R.
    try:
        return float(np.linalg.svd(matrix, compute_uv=False).sum())
    except np.linalg.LinAlgError:
        return float(np.linalg.svd(np.linalg.qr(matrix, mode="r"), compute_uv=False).sum())
