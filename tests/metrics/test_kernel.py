"""The kernel distance against TF-GAN, a loop over pairs and worked numbers."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import tfgan
from autogan_tf.metrics.kernel import kernel_distance


def features(seed: int, count: int, dimension: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimension)) * rng.uniform(0.5, 2, dimension) + rng.normal(size=dimension)


def tfgan_kernel_distance(a: np.ndarray, b: np.ndarray, **options: int) -> tuple[float, float]:
    distance, error = tfgan.module("eval").kernel_classifier_distance_and_std_from_activations(
        tf.constant(a, tf.float64), tf.constant(b, tf.float64), **options
    )
    return float(distance), float(error)


def test_worked_example() -> None:
    # One feature. k(x, y) = (x y + 1)^3: within (0, 1): 1; within (1, 2): 27; across: 1, 1, 8, 27, mean 37 / 4.
    distance, error = kernel_distance(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]))
    assert distance == pytest.approx(1 + 27 - 2 * 37 / 4, rel=1e-14)
    assert error is None


def test_blocks_give_the_mean_and_its_standard_error() -> None:
    # The example above, 9.5, then a block with equal sides: 1 + 1 - 2 (1 + 1 + 1 + 8) / 4 = -3.5. Mean 3.
    a = np.array([[0.0], [1.0], [0.0], [1.0]])
    b = np.array([[1.0], [2.0], [0.0], [1.0]])
    distance, error = kernel_distance(a, b, max_block_size=2)
    assert distance == pytest.approx((9.5 - 3.5) / 2, rel=1e-14)
    assert error == pytest.approx(math.sqrt(((9.5 - 3) ** 2 + (-3.5 - 3) ** 2) / 1 / 2), rel=1e-14)


@pytest.mark.parametrize(("n", "m", "block"), [(50, 50, 1024), (101, 47, 20), (64, 200, 33), (37, 36, 12)])
def test_agrees_with_tfgan(n: int, m: int, block: int) -> None:
    a, b = features(0, n), features(1, m)
    theirs = tfgan_kernel_distance(a, b, max_block_size=block)
    distance, error = kernel_distance(a, b, max_block_size=block)
    assert distance == pytest.approx(theirs[0], rel=1e-9)
    if max(n, m) > block:
        assert error == pytest.approx(theirs[1], rel=1e-9)
    else:  # theirs is NaN
        assert error > 0


def test_agrees_with_tfgan_at_its_default_block() -> None:
    a, b = features(2, 2500, 3), features(3, 2049, 3)
    assert kernel_distance(a, b) == pytest.approx(tfgan_kernel_distance(a, b), rel=1e-9)


def test_the_error_of_one_block_leaves_out_each_image_in_turn() -> None:
    a, b = features(4, 6, 3), features(5, 4, 3)
    variance = 0.0
    for side in (0, 1):
        sets = [a, b]
        left_out = []
        for i in range(len(sets[side])):
            fewer = [np.delete(x, i, axis=0) if place == side else x for place, x in enumerate(sets)]
            left_out.append(kernel_distance(*fewer)[0])
        n = len(left_out)
        variance += (n - 1) / n * sum((value - np.mean(left_out)) ** 2 for value in left_out)
    assert kernel_distance(a, b)[1] == pytest.approx(math.sqrt(variance), rel=1e-10)
    assert kernel_distance(a, b[:2])[1] is None


def test_the_error_of_one_block_is_the_deviation_over_many_sets() -> None:
    rng = np.random.default_rng(12)
    found = np.array([kernel_distance(rng.normal(size=(30, 2)), rng.normal(1.0, 1, size=(40, 2))) for _ in range(400)])
    deviation = found[:, 0].std()
    assert np.sqrt(np.mean(found[:, 1] ** 2)) == pytest.approx(deviation, rel=0.2)


def test_agrees_with_a_loop_over_pairs() -> None:
    a, b = features(4, 7, 2), features(5, 5, 2)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return (float(x @ y) / 2 + 1) ** 3

    within = [
        sum(k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j) / (len(x) * (len(x) - 1))
        for x in (a, b)
    ]
    across = sum(k(x, y) for x in a for y in b) / 35
    assert kernel_distance(a, b)[0] == pytest.approx(within[0] + within[1] - 2 * across, rel=1e-12)


def test_unbiased_around_zero_for_equal_distributions() -> None:
    rng = np.random.default_rng(6)
    estimates = [kernel_distance(rng.normal(size=(20, 3)), rng.normal(size=(30, 3)))[0] for _ in range(400)]
    assert abs(np.mean(estimates)) < 4 * np.std(estimates) / 20
    assert min(estimates) < 0


def test_symmetric_and_grows_with_the_shift() -> None:
    a, b = features(7, 90), features(7, 90) + 0.1
    distance, error = kernel_distance(a, b, max_block_size=30)
    assert kernel_distance(b, a, max_block_size=30) == pytest.approx((distance, error), rel=1e-10)
    assert kernel_distance(a, b + 0.3, max_block_size=30)[0] > distance


def test_a_seed_mixes_rows_that_are_sorted() -> None:
    # The same images on both sides, sorted differently: block by block they look like different sets.
    x = np.sort(features(8, 400, 1), axis=0)
    sorted_rows = kernel_distance(x, x[::-1], max_block_size=40)[0]
    mixed, error = kernel_distance(x, x[::-1], max_block_size=40, seed=0)
    assert sorted_rows > 10 * abs(mixed) and abs(mixed) < 5 * error
    assert kernel_distance(x, x[::-1], max_block_size=40, seed=0) == (mixed, error)
    assert kernel_distance(x, x[::-1], max_block_size=40, seed=1)[0] != mixed


def test_memory_mapped_float32_is_computed_in_float64(tmp_path: pathlib.Path) -> None:
    a, b = features(9, 90).astype(np.float32), features(10, 80).astype(np.float32)
    np.save(tmp_path / "a.npy", a)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    expected = kernel_distance(a.astype(np.float64), b.astype(np.float64), max_block_size=25, seed=3)
    assert kernel_distance(mapped, b, max_block_size=25, seed=3) == expected


def test_bad_input_is_named() -> None:
    x = features(11, 10)
    with pytest.raises(UserError, match="between 10 and 1 images.*at least 2 images, got 1"):
        kernel_distance(x, x[:1])
    with pytest.raises(UserError, match="between 10 and 7 images.*4 blocks of at most 3.*at least 8 images, got 7"):
        kernel_distance(x, x[:7], max_block_size=3)
    with pytest.raises(ValueError, match="features_b must have 6 features, as the other set, got 4"):
        kernel_distance(x, x[:, :4])
    with pytest.raises(ValueError, match=r"features_a must have shape \[images, features\], got \[10\]"):
        kernel_distance(x[:, 0], x)
    with pytest.raises(UserError, match="features_a must be finite, got 1 of 10 rows"):
        kernel_distance(np.where(np.arange(10)[:, None] == 3, np.nan, x), x)
    with pytest.raises(ValueError, match="max_block_size must be at least 2, got 1"):
        kernel_distance(x, x, max_block_size=1)
    with pytest.raises(ValueError, match="real numbers, got dtype complex128"):
        kernel_distance(x + 1j, x)
