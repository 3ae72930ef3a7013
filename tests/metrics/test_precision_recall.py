"""Precision, recall, density and coverage against worked sets and the published code's formulas on all pairs."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogan_tf.config.errors import UserError
from autogan_tf.metrics import distances
from autogan_tf.metrics.precision_recall import prdc


def all_pairs(real: np.ndarray, fake: np.ndarray, k: int) -> dict[str, float]:
    """The definitions, from exact distances of integers: rims belong to the ball for precision and recall only."""

    def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)

    def reach(x: np.ndarray) -> np.ndarray:
        return np.array([sorted(np.delete(row, i))[k - 1] for i, row in enumerate(squared(x, x))])

    across = squared(real, fake)
    real_reach, fake_reach = reach(real)[:, None], reach(fake)[None, :]
    return {
        "precision": (across <= real_reach).any(axis=0).mean(),
        "recall": (across <= fake_reach).any(axis=1).mean(),
        "density": (across < real_reach).sum() / (k * len(fake)),
        "coverage": (across < real_reach).any(axis=1).mean(),
    }


def test_worked_example() -> None:
    # On a line, k = 1. Real 0, 1, 5, 7: balls of 1, 1, 2, 2. Fake 0.5, 2, 3, 20: balls of 1.5, 1, 1, 17.
    real, fake = np.array([[0.0], [1.0], [5.0], [7.0]]), np.array([[0.5], [2.0], [3.0], [20.0]])
    scores = prdc(real, fake, nearest_k=1)
    # 0.5 lies in the balls of 0 and 1; 2 on the rim of 1's, 3 on the rim of 5's; 20 in none.
    assert scores["precision"] == 3 / 4
    # 0 and 1 lie in 0.5's ball; 5 and 7 in 20's (3 to 37).
    assert scores["recall"] == 1.0
    assert scores["density"] == 2 / 4
    assert scores["coverage"] == 2 / 4


def test_two_neighbours() -> None:
    # k = 2: real balls 5, 4, 5, 6 (0: 1 and 5; 1: 1 and 4; 5: 2 and 4; 7: 2 and 6).
    real, fake = np.array([[0.0], [1.0], [5.0], [7.0]]), np.array([[-4.0], [12.5], [13.5]])
    scores = prdc(real, fake, nearest_k=2)
    # -4 in 0's ball; 12.5 in 7's (up to 13); 13.5 in none. Fake balls: 17.5, 16.5, 17.5, which reach all.
    assert scores == {"precision": 2 / 3, "recall": 1.0, "density": 2 / 6, "coverage": 2 / 4}


def test_argument_order_is_real_then_fake() -> None:
    # Fakes within one of two real clusters: every fake is plausible, half of the real images is missing.
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) + 100])
    fake = rng.normal(size=(80, 2)) * 0.3
    scores = prdc(real, fake)
    assert scores["precision"] == 1.0 and scores["recall"] <= 0.5 and scores["coverage"] <= 0.5
    swapped = prdc(fake, real)
    assert swapped["recall"] == 1.0 and swapped["precision"] == scores["recall"]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_copy_of_the_real_images_is_perfect(k: int) -> None:
    real = np.random.default_rng(1).normal(size=(60, 8)) + 50
    shuffled = real[np.random.default_rng(2).permutation(60)]
    assert prdc(real, shuffled, nearest_k=k) == {"precision": 1.0, "recall": 1.0, "density": 1.0, "coverage": 1.0}


def test_far_images_score_nothing() -> None:
    real = np.random.default_rng(3).normal(size=(30, 4))
    assert set(prdc(real, real + 1000).values()) == {0.0}


def test_one_image_over_and_over() -> None:
    # Balls of no size: the fake on top of a real image is on its rim.
    real, fake = np.arange(8.0)[:, None], np.full((9, 1), 3.0)
    scores = prdc(real, fake, nearest_k=2)
    assert scores["precision"] == 1.0 and scores["recall"] == 1 / 8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 3), st.sampled_from([0.0, 1e4]))
def test_all_pairs_of_integers_with_many_ties(seed: int, k: int, dimension: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    real = rng.integers(0, 6, size=(rng.integers(k + 1, 30), dimension)).astype(float) + offset
    fake = rng.integers(0, 6, size=(rng.integers(k + 1, 30), dimension)).astype(float) + offset
    assert prdc(real, fake, nearest_k=k) == pytest.approx(all_pairs(real, fake, k), rel=1e-14)


@pytest.mark.parametrize("block", [1, 7, 16, 64])
def test_blocks_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    real, fake = rng.integers(0, 5, size=(50, 3)).astype(float), rng.integers(0, 5, size=(33, 3)).astype(float)
    monkeypatch.setattr(distances, "_BLOCK", block)
    assert prdc(real, fake, nearest_k=3) == pytest.approx(all_pairs(real, fake, 3), rel=1e-14)


def test_equal_distributions_have_density_near_one() -> None:
    rng = np.random.default_rng(5)
    scores = prdc(rng.normal(size=(1500, 3)), rng.normal(size=(1500, 3)))
    assert scores["density"] == pytest.approx(1.0, abs=0.05)
    # Naeem et al., lemma 2: expected coverage of equal distributions with N = M is about 1 - 1 / 2^k.
    assert scores["coverage"] == pytest.approx(1 - 1 / 2**5, abs=0.02)


def test_memory_mapped_float32(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(6)
    real, fake = (rng.normal(size=(40, 5)).astype(np.float32) for _ in range(2))
    np.save(tmp_path / "real.npy", real)
    mapped = np.load(tmp_path / "real.npy", mmap_mode="r")
    assert prdc(mapped, fake) == prdc(real.astype(np.float64), fake.astype(np.float64))


def test_bad_input_is_named() -> None:
    x = np.random.default_rng(7).normal(size=(10, 3))
    with pytest.raises(UserError, match="at least 6 images of each side, got 10 real and 5 generated"):
        prdc(x, x[:5])
    with pytest.raises(UserError, match="at least 11 images of each side, got 10 real and 10 generated"):
        prdc(x, x, nearest_k=10)
    with pytest.raises(ValueError, match="nearest_k must be at least 1, got 0"):
        prdc(x, x, nearest_k=0)
    with pytest.raises(ValueError, match="fake must have 3 features, as the other set, got 2"):
        prdc(x, x[:, :2])
    with pytest.raises(UserError, match="fake must be finite, got 10 of 10 rows"):
        prdc(x, x * np.inf)
