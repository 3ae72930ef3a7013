"""Fronts, crowding and hypervolume by hand, and against what their definitions give point by point."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from autogan_tf.nas import pareto


def points(seed: int, number: int, width: int, levels: int) -> np.ndarray:
    """Whole numbers, so that there are equal ones."""
    return np.random.default_rng(seed).integers(0, levels, (number, width)).astype(float)


def dominates(one, other) -> bool:
    no_worse = all(a <= b for a, b in zip(one, other, strict=True))
    return no_worse and any(a < b for a, b in zip(one, other, strict=True))


def peeled(values) -> list[int]:
    """The front of each row: those that no row left dominates are taken away, again and again."""
    found: dict[int, int] = {}
    while len(found) < len(values):
        left = [place for place in range(len(values)) if place not in found]
        front = [p for p in left if not any(dominates(values[q], values[p]) for q in left)]
        found |= dict.fromkeys(front, max(found.values(), default=-1) + 1)
    return [found[place] for place in range(len(values))]


def test_ranks_by_hand():
    # 2, 3 comes twice and dominates 3, 4, which dominates 5, 5
    values = np.array([[1, 5], [2, 3], [4, 1], [3, 4], [5, 5], [2, 3]], float)
    assert pareto.ranks(values).tolist() == [0, 0, 0, 1, 2, 0]
    assert pareto.ranks(np.zeros([0, 2])).tolist() == [] and pareto.ranks(np.array([[7.0, 8.0]])).tolist() == [0]


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("levels", [3, 12, 1000])
def test_ranks_of_random_points(width, levels):
    for seed in range(10):
        values = points(seed, 40, width, levels)
        assert pareto.ranks(values).tolist() == peeled(values)


def test_crowding_by_hand():
    # ranges 8 and 10: of 1, 6 the neighbours are 3 of 8 and 5 of 10 apart, of 3, 5 they are 7 of 8 and 6 of 10
    values = np.array([[3, 5], [0, 10], [1, 6], [8, 0]], float)
    assert pareto.crowding(values).tolist() == pytest.approx([1.475, math.inf, 0.875, math.inf])
    assert pareto.crowding(np.array([[4.0, 4.0]] * 3)).tolist() == [0, 0, 0]  # nothing tells them apart
    # the second is the same for all: 1 lies between 0 and 4
    assert pareto.crowding(np.array([[0, 9], [4, 9], [1, 9]], float)).tolist() == [math.inf, math.inf, 1.0]


@pytest.mark.parametrize("width", [2, 3])
def test_crowding_of_random_points(width):
    for seed in range(10):
        values = np.random.default_rng(seed).normal(size=(9, width))
        expected = []
        for row in values:
            total = 0.0
            for place in range(width):
                column = values[:, place]
                below, above = column[column < row[place]], column[column > row[place]]
                at_end = not len(below) or not len(above)
                total += math.inf if at_end else (above.min() - below.max()) / (column.max() - column.min())
            expected.append(total)
        assert pareto.crowding(values).tolist() == pytest.approx(expected)


def test_the_order_is_by_front_then_by_crowding():
    front = [[3, 5], [0, 10], [1, 6], [8, 0]]  # crowded as above
    behind = [[9, 9], [8, 10]]
    assert pareto.best_first(np.array([*behind, *front], float)).tolist() == [3, 5, 2, 4, 0, 1]


@pytest.mark.parametrize(
    ("values", "reference", "expected"),
    [
        ([[1, 3], [2, 2], [3, 1]], [4, 4], 6),  # strips of height 1: 3, 2 and 1 wide
        ([[1, 3], [2, 2], [3, 1], [3, 3]], [4, 4], 6),  # one that is dominated adds nothing
        ([[1, 3], [1, 3]], [4, 4], 3),
        ([[1, 4], [5, 1]], [4, 4], 0),  # on the border, and beyond
        ([[0, 0, 0]], [1, 2, 3], 6),
        ([[0, 1, 1], [1, 0, 0]], [2, 2, 2], 2 + 4 - 1),
        ([[3], [1]], [5], 4),
    ],
)
def test_hypervolume_by_hand(values, reference, expected):
    assert pareto.hypervolume(np.array(values, float), np.array(reference, float)) == expected


def test_the_hypervolume_of_nothing_is_0():
    assert pareto.hypervolume(np.zeros([0, 3]), np.ones(3)) == 0


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_hypervolume_is_the_number_of_unit_cells_that_are_dominated(width):
    """Of whole numbers below the reference 6 each cell of the grid is dominated as a whole or not at all."""
    for seed in range(10):
        values = points(seed, 6, width, 8)  # some lie beyond the reference
        cells = itertools.product(range(6), repeat=width)
        expected = sum(any((row <= np.array(cell)).all() for row in values) for cell in cells)
        assert pareto.hypervolume(values, np.full(width, 6.0)) == expected
