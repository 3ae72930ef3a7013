"""Intraclass correlation, against the example of its paper and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.bench.agreement import intraclass_correlation

# Shrout and Fleiss 1979, table 2: six targets, four judges; they give ICC(3,1) = .71
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_papers_example():
    assert intraclass_correlation(np.array(RATINGS)) == pytest.approx(0.7148, abs=5e-5)


def test_by_hand():
    """Row means 1.5 and 3.5, column means 2 and 3: between 4, within 0; and with rows that change places -1."""
    assert intraclass_correlation(np.array([[1, 2], [3, 4]])) == 1
    assert intraclass_correlation(np.array([[0, 1], [1, 0]])) == -1
    assert np.isnan(intraclass_correlation(np.ones((3, 2))))


def test_what_a_seed_adds_to_all_does_not_count():
    values = np.array(RATINGS, float)
    assert intraclass_correlation(values + [0, 5, -3, 100]) == pytest.approx(intraclass_correlation(values))


@pytest.mark.parametrize("signal", [0.2, 1.0, 3.0])
def test_it_is_the_share_of_the_variance_that_is_no_noise(signal):
    rng = np.random.default_rng(0)
    values = signal * rng.standard_normal((20_000, 1)) + rng.standard_normal((20_000, 3))
    assert intraclass_correlation(values) == pytest.approx(signal**2 / (signal**2 + 1), abs=0.02)


@pytest.mark.parametrize("shape", [(1, 3), (3, 1), (4,)])
def test_too_little_to_compare_is_refused(shape):
    with pytest.raises(ValueError, match="at least 2"):
        intraclass_correlation(np.zeros(shape))
