"""Nearest neighbours among features by exact distances, block by block in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autogan_tf.metrics.feature_arrays import read_rows, release

# Rows of a block: a block of distances is 32 MiB, and of 2048 features as much.
_BLOCK = 2048
# Rounding of a squared distance that is computed as |x|^2 + |y|^2 - 2 x.y, as a share of the largest squared norm.
_ROUNDING = 1e-12


class Rows:
    """Rows of an array [N, D], read in float64 blocks around a common centre. The array may be memory-mapped.

    Distances do not depend on the centre, but their rounding does: around the mean it is smallest.

    Attributes:
      norms: float64 [N], squared distances from the centre.
    """

    def __init__(self, x: np.ndarray, centre: np.ndarray, picked: np.ndarray | None = None) -> None:
        """`picked`: indices of the rows that count, ascending; None for all."""
        self._x, self._centre, self._picked = x, centre, picked
        self._count = len(x) if picked is None else len(picked)
        self.norms = np.zeros(self._count)
        for part in self.parts():
            block = self.read(part)
            self.norms[part] = np.einsum("ij,ij->i", block, block)

    def __len__(self) -> int:
        return self._count

    def parts(self, first: int = 0) -> Iterator[slice]:
        for start in range(first, self._count, _BLOCK):
            yield slice(start, min(start + _BLOCK, self._count))

    def read(self, part: slice) -> np.ndarray:
        block = read_rows(self._x, part if self._picked is None else self._picked[part])
        block -= self._centre
        return block

    def distances(self, part: slice, block: np.ndarray, other: Rows, columns: slice) -> np.ndarray:
        """Squared distances [part, columns], where `block` is `self.read(part)`; rounding may leave them below 0."""
        result = block @ other.read(columns).T
        result *= -2
        result += self.norms[part, None]
        result += other.norms[columns]
        return result


def mean_of(x: np.ndarray) -> np.ndarray:
    """float64 [D], the mean of the rows, by blocks."""
    total = np.zeros(x.shape[1])
    for start in range(0, len(x), _BLOCK):
        total += x[start : start + _BLOCK].sum(axis=0, dtype=np.float64)
        release(x)
    return total / max(len(x), 1)


def rounding_of(*sets: Rows) -> float:
    """Squared distances that differ by no more than this count as equal."""
    return _ROUNDING * 2 * max((float(rows.norms.max()) for rows in sets if len(rows)), default=0.0)


def nearest_others(rows: Rows, k: int) -> np.ndarray:
    """float64 [N], the squared distance of each row to its k-th nearest other row; 1 <= k < N.

    A row is left out of its own neighbours by its index, not by a distance of 0, so duplicates are neighbours.
    """
    best = np.full((len(rows), k), np.inf)
    for part in rows.parts():
        block = rows.read(part)
        for columns in rows.parts(part.start):
            squared = rows.distances(part, block, rows, columns)
            if columns.start == part.start:
                np.fill_diagonal(squared, np.inf)
            else:
                best[columns] = _smallest(best[columns], squared.T)
            best[part] = _smallest(best[part], squared)
    return np.maximum(best[:, k - 1], 0.0)


def nearest(rows: Rows, other: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance float64 [N] and index int64 [N] of each row's nearest row of `other` (not empty)."""
    best, index = np.full(len(rows), np.inf), np.zeros(len(rows), np.int64)
    for part in rows.parts():
        block = rows.read(part)
        for columns in other.parts():
            squared = rows.distances(part, block, other, columns)
            found = squared.argmin(axis=1)
            smallest = squared[np.arange(len(squared)), found]
            closer = smallest < best[part]
            best[part] = np.where(closer, smallest, best[part])
            index[part] = np.where(closer, found + columns.start, index[part])
    return np.maximum(best, 0.0), index


def _smallest(best: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """The k smallest of each row of both, ascending."""
    k = best.shape[1]
    if squared.shape[1] > k:
        squared = np.partition(squared, k - 1, axis=1)[:, :k]
    return np.sort(np.concatenate([best, squared], axis=1), axis=1)[:, :k]
