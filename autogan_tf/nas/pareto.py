"""Comparing by several values at once, low being good in each: fronts, crowding, hypervolume; sections of NSGA-II,
Deb et al. 2002."""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """The front that each row belongs to, int [N]: 0 where no other row dominates it, 1 where only rows of front 0 do,
    and so on (fast non-dominated sorting, section III.A).

    A row dominates another where it is lower in at least one value and higher in none.

    Args:
      values: float [N, M], low being good, finite.
    """
    no_worse = (values[:, None] <= values[None]).all(axis=2)
    better = (values[:, None] < values[None]).any(axis=2)
    dominates = np.logical_and(no_worse, better)
    left = dominates.sum(axis=0)  # of those that dominate a row, how many belong to no front yet
    found = np.full(len(values), -1)
    front = 0
    while (found < 0).any():
        members = (found < 0) & (left == 0)
        found[members] = front
        left = left - dominates[members].sum(axis=0)
        front += 1
    return found


def crowding(values: np.ndarray) -> np.ndarray:
    """The crowding distance of each row within its front, float [N]: high where few others are near (section III.B).

    The sum over the values of the gap between a row's two neighbours, as a share of the front's range; infinite at both
    ends of the range. A value that is the same in the whole front says nothing.

    Args:
      values: float [N, M] of one front.
    """
    found = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        span = ordered[-1] - ordered[0]
        if span > 0:
            found[order[1:-1]] += (ordered[2:] - ordered[:-2]) / span
            found[order[[0, -1]]] = np.inf
    return found


def best_first(values: np.ndarray) -> np.ndarray:
    """The places of the rows, int [N], by rank, and in a front the least crowded first (the crowded comparison of
    section III.B); of equals the earlier one first.

    Args:
      values: float [N, M], low being good, finite.
    """
    of_front = ranks(values)
    distance = np.zeros(len(values))
    for front in np.unique(of_front):
        distance[of_front == front] = crowding(values[of_front == front])
    return np.lexsort((-distance, of_front))


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """The volume of what is dominated by a row and dominates the reference (Zitzler and Thiele 1998), exactly; at
    least 0.

    Args:
      values: float [N, M], low being good, M at least 1.
      reference: float [M]; rows that are not below it in every value add nothing.
    """
    values = values[(values < reference).all(axis=1)]
    if not len(values):
        return 0.0
    if values.shape[1] == 1:
        return float(reference[0] - values.min())
    values = values[np.argsort(values[:, -1], kind="stable")]
    heights = np.diff([*values[:, -1], reference[-1]])
    if values.shape[1] == 2:
        return float(((reference[0] - np.minimum.accumulate(values[:, 0])) * heights).sum())
    slices = (hypervolume(values[: count + 1, :-1], reference[:-1]) for count in range(len(values)))
    return float(sum(area * height for area, height in zip(slices, heights.tolist(), strict=True)))
