"""The memorisation check on generators that are known to copy or not to, and on sets worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.memorization import identical_images, mann_whitney_z, memorization


def draws(seed: int, count: int, dimension: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension))


def test_worked_example() -> None:
    # Training 0, 10, 20. Generated 1, 14, 20, 30: distances 1, 4, 0, 10. Held out 2, 13: distances 2, 3.
    training, generated = np.array([[0.0], [10.0], [20.0]]), np.array([[1.0], [14.0], [20.0], [30.0]])
    found = memorization(generated, training, heldout=np.array([[2.0], [13.0]]), quantile=0.5, num_closest=3)
    assert found["threshold"] == pytest.approx(2.5) and found["share_closer"] == 0.5
    assert (found["yardstick"], found["yardstick_images"], found["images"]) == ("held-out", 2, 4)
    assert found["copies"] == 1
    assert found["closest_generated"] == [2, 0, 1] and found["closest_training"] == [2, 0, 1]
    assert found["closest_distances"] == pytest.approx([0.0, 1.0, 4.0], abs=1e-12)
    # Generated above held out: 4 > 2, 3 and 10 > 2, 3: U = 4 of 8, just the mean.
    assert found["z_score"] == pytest.approx(0.0, abs=1e-12)


def test_without_held_out_images_the_training_images_are_the_yardstick() -> None:
    # Each to its nearest other: 1, 1, 2, 2.
    training = np.array([[0.0], [1.0], [5.0], [7.0]])
    found = memorization(np.array([[5.5], [20.0]]), training, quantile=0.5)
    assert (found["yardstick"], found["yardstick_images"], found["threshold"]) == ("leave-one-out", 4, 1.5)
    assert found["share_closer"] == 0.5
    # 0.5 lies above none, 13 above all four: U = 4 of 8.
    assert found["z_score"] == pytest.approx(0.0, abs=1e-12)


def test_a_generator_that_copies_is_caught_and_an_honest_one_is_not() -> None:
    training, heldout = draws(0, 600), draws(1, 300)
    honest = memorization(draws(2, 400), training, heldout=heldout)
    near = training[np.arange(400)] + 0.05 * draws(3, 400)
    copying = memorization(near, training, heldout=heldout)
    assert isinstance(honest["z_score"], float) and isinstance(honest["c_t"], float)
    assert isinstance(copying["z_score"], float) and isinstance(copying["c_t"], float)
    assert abs(honest["z_score"]) < 3 and abs(honest["c_t"]) < 3 and honest["copies"] == 0
    assert copying["z_score"] < -10 and copying["c_t"] < -3 and copying["copies"] == 0
    assert isinstance(honest["share_closer"], float) and honest["share_closer"] < 0.05
    assert isinstance(copying["share_closer"], float) and copying["share_closer"] > 0.3
    poor = memorization(3 * draws(4, 400), training, heldout=heldout)
    assert isinstance(poor["z_score"], float) and poor["z_score"] > 10


def test_cells_find_copying_that_a_poor_fit_elsewhere_hides() -> None:
    # Two clusters of equal size: one is copied, the other missed by far.
    far = np.array([50.0, 0, 0, 0])
    training = np.concatenate([draws(5, 300), draws(6, 300) + far])
    heldout = np.concatenate([draws(7, 300), draws(8, 50) + far])
    generated = np.concatenate([training[:100] + 0.02 * draws(9, 100), 4 * draws(10, 120) + far])
    found = memorization(generated, training, heldout=heldout, num_cells=2)
    assert found["cells"] == 2
    assert isinstance(found["z_score"], float) and isinstance(found["c_t"], float)
    assert found["c_t"] < found["z_score"] - 3 and found["c_t"] < -3


def test_exact_copies_are_counted_despite_float32_noise() -> None:
    training = draws(11, 200, 64).astype(np.float32) + 10
    generated = draws(12, 100, 64).astype(np.float32) + 10
    generated[[3, 50]] = training[[7, 190]] * np.float32(1 + 1e-6)
    found = memorization(generated, training, num_closest=2)
    assert found["copies"] == 2
    assert found["closest_generated"] in ([3, 50], [50, 3])
    assert isinstance(found["closest_training"], list) and sorted(found["closest_training"]) == [7, 190]


def test_results_are_json_and_repeat() -> None:
    arguments = (draws(13, 300), draws(14, 300))
    first, second = (memorization(*arguments, seed=4) for _ in range(2))
    assert first == second and json.loads(json.dumps(first)) == first


@pytest.mark.parametrize(("made", "cells"), [(19, 1), (20, 2)])
def test_a_cell_counts_from_twenty_generated_images_on(made: int, cells: int) -> None:
    far = np.array([50.0, 0, 0, 0])
    training = np.concatenate([draws(5, 60), draws(6, 60) + far])
    generated = np.concatenate([draws(9, 40), draws(10, made) + far])
    assert memorization(generated, training, num_cells=2)["cells"] == cells


def test_few_images_have_no_cell() -> None:
    found = memorization(draws(15, 10), draws(16, 30))
    assert found["c_t"] is None and found["cells"] == 0


def test_one_training_image_over_and_over() -> None:
    found = memorization(np.ones((25, 2)), np.ones((30, 2)))
    assert found["copies"] == 25 and found["share_closer"] == 1.0 and found["z_score"] == pytest.approx(0.0)


def test_z_score_is_the_standardised_u() -> None:
    x, y = draws(17, 40, 1)[:, 0], draws(18, 70, 1)[:, 0] + 0.4
    u = mannwhitneyu(x, y).statistic
    assert mann_whitney_z(x, y) == pytest.approx((u - 40 * 70 / 2) / np.sqrt(40 * 70 * 111 / 12), rel=1e-12)
    assert mann_whitney_z(y, x) == pytest.approx(-mann_whitney_z(x, y), rel=1e-12)
    # All of x below all of y: U = 0.
    assert mann_whitney_z(np.zeros(3), np.ones(5)) == pytest.approx(-7.5 / np.sqrt(15 * 9 / 12), rel=1e-14)


def test_identical_pixels_are_found_over_batches() -> None:
    rng = np.random.default_rng(19)
    training = rng.integers(0, 256, size=(20, 4, 4, 3), dtype=np.uint8)
    generated = rng.integers(0, 256, size=(5, 4, 4, 3), dtype=np.uint8)
    generated[1], generated[4] = training[17], training[2]
    almost = training[5].copy()
    almost[0, 0, 0] ^= 1
    generated[2] = almost
    found = identical_images([generated[:3], generated[3:]], [training[:6], training[6:]])
    assert found.tolist() == [-1, 17, -1, -1, 2]


def test_bad_input_is_named() -> None:
    x = draws(20, 10)
    with pytest.raises(UserError, match="training: at least 2 images are needed, got 1"):
        memorization(x, x[:1])
    with pytest.raises(UserError, match="heldout: at least 1 images are needed, got 0"):
        memorization(x, x, heldout=x[:0])
    with pytest.raises(ValueError, match="generated must have 4 features"):
        memorization(x[:, :3], x)
    with pytest.raises(UserError, match="generated must be finite, got 10 of 10 rows"):
        memorization(x * np.nan, x)
    with pytest.raises(ValueError, match="quantile must be between 0 and 1, got 1"):
        memorization(x, x, quantile=1)
    with pytest.raises(ValueError, match="num_cells must be at least 1, got 0"):
        memorization(x, x, num_cells=0)
