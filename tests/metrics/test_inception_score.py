"""The Inception score against worked numbers, TF-GAN and the published implementation."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from autogan_tf.metrics import tfgan_scores
from autogan_tf.metrics.inception_score import inception_score

PARITY = pathlib.Path(__file__).parents[1] / "parity" / "scores.npz"


def test_equal_logits_score_one() -> None:
    assert inception_score(np.full((40, 7), 3.0), splits=1) == pytest.approx((1.0, 0.0), rel=1e-14)


@pytest.mark.parametrize("gap", [1e3, 1e30])
def test_certain_and_balanced_classes_score_their_number(gap: float) -> None:
    logits = gap * np.tile(np.eye(5), (4, 1))
    mean, std = inception_score(logits, splits=2)
    assert mean == pytest.approx(5.0, rel=1e-15) and std == pytest.approx(0.0, abs=1e-14)


def test_a_class_that_never_appears_does_not_turn_the_score_into_nan() -> None:
    # Two certain classes of three, equally often: exp(log 2) = 2, where log of the third's marginal is minus infinity.
    logits = np.array([[0.0, 1e4, -1e4], [1e4, 0.0, -1e4]])
    assert inception_score(logits, splits=1)[0] == pytest.approx(2.0, rel=1e-15)


def test_worked_example() -> None:
    # p = (3/4, 1/4) and (1/4, 3/4), marginal (1/2, 1/2): KL = 3/4 log(3/2) + 1/4 log(1/2) in both rows.
    logits = np.log([[0.75, 0.25], [0.25, 0.75]])
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert inception_score(logits, splits=1)[0] == pytest.approx(expected, rel=1e-15)


def test_splits_are_consecutive_and_their_deviation_is_of_the_population() -> None:
    # First half: one certain class, score 1. Second half: two certain classes, score 2. Mean 1.5, deviation 0.5.
    logits = 1e4 * np.eye(3)[[0, 0, 0, 0, 1, 2, 1, 2]]
    assert inception_score(logits, splits=2) == pytest.approx((1.5, 0.5), rel=1e-14)


def test_uneven_splits_use_every_image() -> None:
    # 5 rows in 2 parts: rows 0-1 and 2-4, as the original cuts them. Scores 1 and 3.
    logits = 1e4 * np.eye(3)[[0, 0, 0, 1, 2]]
    assert inception_score(logits, splits=2) == pytest.approx((2.0, 1.0), rel=1e-14)


def test_adding_a_constant_to_a_row_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(50, 4))
    assert inception_score(logits + rng.normal(size=(50, 1)), 5) == pytest.approx(inception_score(logits, 5), rel=1e-13)


def test_float32_logits_are_computed_in_float64() -> None:
    logits = np.random.default_rng(1).normal(size=(60, 6)).astype(np.float32)
    assert inception_score(logits, 3) == inception_score(logits.astype(np.float64), 3)


def test_agrees_with_tfgan() -> None:
    logits = 3 * np.random.default_rng(2).normal(size=(500, 10))
    assert inception_score(logits, splits=1)[0] == pytest.approx(tfgan_scores.inception_score(logits), rel=1e-12)


def test_agrees_with_the_published_implementation() -> None:
    with np.load(PARITY) as stored:
        mean, std = inception_score(stored["logits"], int(stored["splits"]))
        assert mean == pytest.approx(float(stored["inception_score_mean"]), rel=1e-12)
        assert std == pytest.approx(float(stored["inception_score_std"]), rel=1e-10)


@pytest.mark.parametrize(
    ("logits", "splits", "message"),
    [
        (np.zeros(5), 1, r"\[images, classes\], got \[5\]"),
        (np.zeros((5, 2)), 6, "between 1 and the number of images, 5, got 6"),
        (np.zeros((5, 2)), 0, "got 0"),
        (np.array([[0.0, np.nan], [0.0, 1.0]]), 1, "1 of 2 rows"),
    ],
)
def test_bad_input_is_named(logits: np.ndarray, splits: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inception_score(logits, splits)


def test_logits_at_the_ends_of_float64_are_certain_classes() -> None:
    # Their difference overflows. Two certain classes, equally often, score 2.
    logits = np.array([[1.7e308, -1.7e308, -1.7e308], [-1.7e308, 1.7e308, 0.0]])
    with np.errstate(all="raise", under="ignore"):
        assert inception_score(logits, splits=1)[0] == pytest.approx(2.0, rel=1e-15)
    assert tfgan_scores.inception_score(logits) == pytest.approx(2.0, rel=1e-12)


def test_tfgans_score_of_a_class_that_never_appears_is_exact_too() -> None:
    logits = np.array([[0.0, 1e30, -1e4], [1e30, 0.0, -1e4]])
    assert tfgan_scores.inception_score(logits) == pytest.approx(2.0, rel=1e-12)
