"""Comparisons of groups, by hand and by chance."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.bench.comparison import holm, pairwise, rank_correlation, superiority


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.5]) == [1.0, 1.0] and holm([]) == []


def test_probability_of_superiority_by_hand():
    """Of six pairs four are lower, and one is a tie."""
    assert superiority(np.array([1.0, 2.0]), np.array([2.0, 3.0, 0.0])) == pytest.approx((3 + 0.5) / 6)


def test_groups_that_are_apart_and_groups_that_are_not():
    rng = np.random.default_rng(0)
    low, same, high = rng.normal(0, 1, 20), rng.normal(0, 1, 20), rng.normal(3, 1, 20)
    found = {(pair.first, pair.second): pair for pair in pairwise({"low": low, "same": same, "high": high})}
    apart, alike = found["low", "high"], found["low", "same"]
    assert apart.better > 0.9 and apart.low > 0.8 and apart.p_value < 1e-4
    assert alike.low < 0.5 < alike.high and alike.p_value > 0.05
    assert apart.low <= apart.better <= apart.high


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Two normal groups a standard deviation apart: the probability is Phi(1 / root 2) = 0.7602."""
    rng = np.random.default_rng(1)
    within = 0
    for _ in range(60):
        (pair,) = pairwise({"a": rng.normal(0, 1, 20), "b": rng.normal(1, 1, 20)})
        within += pair.low <= 0.7602 <= pair.high
    assert within >= 51


@pytest.mark.parametrize("numbers", [[1.0], [1.0, np.nan], [1.0, np.inf]])
def test_what_cannot_be_compared_is_refused(numbers):
    with pytest.raises(ValueError, match="at least 2 finite numbers"):
        pairwise({"a": [1.0, 2.0], "b": numbers})


def test_rank_correlation_by_hand():
    """Of six pairs of the four five go the same way."""
    found = rank_correlation([1, 2, 3, 4], [1, 2, 4, 3])
    assert found.tau == pytest.approx(4 / 6) and found.count == 4 and -1 <= found.low <= found.tau <= found.high <= 1
    assert rank_correlation([1, 2, 3], [3, 2, 1]).tau == -1


def test_its_interval_holds_the_truth_as_often_as_it_says():
    """Of normal pairs with correlation 0.6: 2 / pi arcsin 0.6 = 0.4097."""
    rng = np.random.default_rng(2)
    within = 0
    for _ in range(40):
        a = rng.normal(size=60)
        found = rank_correlation(a, 0.6 * a + 0.8 * rng.normal(size=60), resamples=300)
        within += found.low <= 0.4097 <= found.high
    assert within >= 33


@pytest.mark.parametrize("other", [[1.0, 2.0], [1.0, 2.0, np.nan]])
def test_what_cannot_be_correlated_is_refused(other):
    with pytest.raises(ValueError, match="at least 3 pairs"):
        rank_correlation([1.0, 2.0, 3.0][: max(len(other), 2)], other)
