"""Extrapolated scores: exact lines, scores of the same rows one by one, and a bias that is known to vanish."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.extrapolation import (
    extrapolate,
    frechet_distance_infinity,
    frechet_distances_by_count,
    image_counts,
    inception_score_infinity,
    inception_scores_by_count,
)
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance
from autogan_tf.metrics.inception_score import inception_score


def test_a_line_over_one_per_count_is_read_off_exactly() -> None:
    counts = [10, 20, 25, 50, 100]
    value, error = extrapolate(counts, [3 + 40 / n for n in counts])
    assert value == pytest.approx(3.0, rel=1e-13) and error == pytest.approx(0.0, abs=1e-12)


def test_value_and_error_are_those_of_a_linear_regression() -> None:
    counts = [5, 7, 12, 30, 31, 90]
    scores = 2 + 3 / np.array(counts) + 0.1 * np.random.default_rng(0).normal(size=6)
    line = linregress(1 / np.array(counts), scores)
    assert extrapolate(counts, list(scores)) == pytest.approx((line.intercept, line.intercept_stderr), rel=1e-11)


def test_counts_are_evenly_spaced_between_the_smallest_and_all() -> None:
    assert image_counts(50_000, num_points=4) == [5000, 20_000, 35_000, 50_000]
    assert image_counts(8000, num_points=3) == [4000, 6000, 8000]
    assert image_counts(100, num_points=3, min_images=10) == [10, 55, 100]
    assert image_counts(27) == list(range(13, 28))


def test_inception_scores_by_count_are_those_of_nested_subsets() -> None:
    logits = 5 * np.random.default_rng(1).normal(size=(300, 7))
    scores = inception_scores_by_count(logits, [20, 150, 300], seed=3)
    order = np.random.default_rng(3).permutation(300)
    expected = [inception_score(logits[order[:n]], splits=1)[0] for n in (20, 150, 300)]
    assert scores == pytest.approx(expected, rel=1e-12)


def test_saturated_logits_and_unseen_classes_are_exact() -> None:
    logits = 1e4 * np.eye(4)[np.arange(90) % 3]  # the fourth class never appears
    assert inception_scores_by_count(logits, [90])[0] == pytest.approx(3.0, rel=1e-14)


def test_frechet_distances_by_count_are_those_of_nested_subsets() -> None:
    rng = np.random.default_rng(2)
    features, reference = rng.normal(size=(400, 6)), FrechetStatistics.from_features(rng.normal(size=(500, 6)) + 0.3)
    # The smallest count is below the number of features.
    distances = frechet_distances_by_count(features, reference, [4, 200, 400], seed=5)
    order = np.random.default_rng(5).permutation(400)
    for count, distance in zip((4, 200, 400), distances, strict=True):
        subset = FrechetStatistics.from_features(features[order[:count]])
        assert distance == pytest.approx(frechet_distance(subset, reference), rel=1e-10)


def test_extrapolation_removes_the_bias_of_few_images() -> None:
    # Both distributions are the same, so the distance of infinitely many images is 0; the reference is exact.
    dimension = 20
    reference = FrechetStatistics.from_moments(np.zeros(dimension), np.eye(dimension))
    features = np.random.default_rng(6).normal(size=(4000, dimension))
    plain = frechet_distance(FrechetStatistics.from_features(features), reference)
    value, error = frechet_distance_infinity(features, reference, min_images=500)
    assert plain > 0.03 and abs(value) < plain / 5 and 0 < error < plain

    # Fifty certain classes, equally likely: the true Inception score is 50, that of n images about 50 - 50 * 49 / 2n.
    draws = [1e3 * np.eye(50)[np.random.default_rng([7, i]).integers(0, 50, 1500)] for i in range(20)]
    biased = np.mean([inception_score(logits, splits=1)[0] for logits in draws])
    extrapolated = np.mean([inception_score_infinity(logits, min_images=500)[0] for logits in draws])
    assert biased == pytest.approx(50 - 50 * 49 / 3000, abs=0.1)
    assert extrapolated == pytest.approx(50, abs=0.2)


def test_the_seed_decides() -> None:
    logits = np.random.default_rng(9).normal(size=(200, 5))
    assert inception_score_infinity(logits, seed=1) == inception_score_infinity(logits, seed=1)
    assert inception_score_infinity(logits, seed=1) != inception_score_infinity(logits, seed=2)


def test_bad_input_is_named() -> None:
    x = np.random.default_rng(10).normal(size=(30, 3))
    reference = FrechetStatistics.from_features(x)
    with pytest.raises(UserError, match="over 15 image counts needs 27 images, got 26"):
        inception_score_infinity(x[:26])
    with pytest.raises(UserError, match="over 5 image counts needs 104 images, got 30"):
        frechet_distance_infinity(x, reference, num_points=5, min_images=100)
    with pytest.raises(ValueError, match="num_points must be at least 3, .* got 2"):
        inception_score_infinity(x, num_points=2)
    with pytest.raises(ValueError, match="min_images must be at least 2, got 1"):
        inception_score_infinity(x, min_images=1)
    with pytest.raises(ValueError, match="features must have 3 features, as the other set, got 2"):
        frechet_distance_infinity(x[:, :2], reference)
    with pytest.raises(UserError, match="logits must be finite, got 30 of 30 rows"):
        inception_score_infinity(x * np.nan)
    with pytest.raises(ValueError, match=r"at most the 30 images, got \[20, 31\]"):
        inception_scores_by_count(x, [20, 31])
    with pytest.raises(ValueError, match="at least 3 scores at different counts"):
        extrapolate([5, 5, 5], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="scores must be finite"):
        extrapolate([5, 6, 7], [1.0, float("nan"), 1.0])
