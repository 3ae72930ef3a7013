"""The Fréchet distance against closed forms, an SVD, TF-GAN and the published implementation."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.metrics import tfgan_scores
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance

PARITY = pathlib.Path(__file__).parents[1] / "parity" / "scores.npz"


def with_moments(mean: np.ndarray, covariance: np.ndarray) -> FrechetStatistics:
    """Statistics of rows that have exactly these moments: the mean plus and minus the scaled columns of a root."""
    root = np.linalg.cholesky(covariance)
    dimension = len(mean)
    columns = root * np.sqrt((2 * dimension - 1) / 2)
    return FrechetStatistics.from_features(np.concatenate([mean + columns.T, mean - columns.T]))


def svd_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The distance from the rows themselves: the root's trace is the nuclear norm of the centred rows' product."""
    ca, cb = a - a.mean(0), b - b.mean(0)
    ra, rb = ca / np.sqrt(len(a) - 1), cb / np.sqrt(len(b) - 1)
    root_trace = np.linalg.svd(ra @ rb.T, compute_uv=False).sum()
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.sum(ra**2) + np.sum(rb**2) - 2 * root_trace)


def random_rows(seed: int, count: int, dimension: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, dimension)) @ rng.normal(size=(dimension, dimension)) + rng.normal(size=dimension)


def test_moments_are_those_of_numpy() -> None:
    x = random_rows(0, 50, 6)
    statistics = FrechetStatistics.from_features(x)
    assert statistics.count == 50
    np.testing.assert_allclose(statistics.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(statistics.covariance, np.cov(x, rowvar=False), rtol=1e-12, atol=1e-13)


def test_diagonal_covariances() -> None:
    # (0 - 3)^2 + (1 - 2)^2 + (2 - 5)^2 = 9 + 1 + 9.
    a = with_moments(np.array([0.0, 1.0]), np.diag([1.0, 4.0]))
    b = with_moments(np.array([3.0, 1.0]), np.diag([4.0, 25.0]))
    assert frechet_distance(a, b) == pytest.approx(9 + 1 + 9, rel=1e-12)


def test_equal_covariances_leave_the_distance_of_the_means() -> None:
    covariance = np.cov(random_rows(1, 40, 5), rowvar=False)
    a, b = with_moments(np.zeros(5), covariance), with_moments(np.array([1.0, 2.0, 0.0, -2.0, 4.0]), covariance)
    assert frechet_distance(a, b) == pytest.approx(1 + 4 + 4 + 16, rel=1e-11)


def test_symmetric_and_zero_to_itself() -> None:
    a, b = (FrechetStatistics.from_features(random_rows(seed, 80, 7)) for seed in (2, 3))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-11)
    assert 0 <= frechet_distance(a, a) <= 1e-10 * np.trace(a.covariance)


@pytest.mark.parametrize(("count_a", "count_b"), [(10, 200), (200, 10), (10, 15), (2, 2)])
def test_fewer_images_than_features_agree_with_an_svd(count_a: int, count_b: int) -> None:
    a, b = random_rows(4, count_a, 30), random_rows(5, count_b, 30)
    found = frechet_distance(FrechetStatistics.from_features(a), FrechetStatistics.from_features(b))
    assert found == pytest.approx(svd_distance(a, b), rel=1e-8)


def test_dead_features_cost_nothing() -> None:
    a, b = random_rows(6, 100, 4), random_rows(7, 100, 4)
    wide_a, wide_b = (np.concatenate([x, np.zeros((100, 3))], axis=1) for x in (a, b))
    narrow = frechet_distance(FrechetStatistics.from_features(a), FrechetStatistics.from_features(b))
    wide = frechet_distance(FrechetStatistics.from_features(wide_a), FrechetStatistics.from_features(wide_b))
    assert wide == pytest.approx(narrow, rel=1e-9)


def test_constant_features_leave_the_distance_of_the_means() -> None:
    a, b = np.zeros((4, 3)), np.tile([1.0, 2.0, 2.0], (5, 1))
    assert frechet_distance(FrechetStatistics.from_features(a), FrechetStatistics.from_features(b)) == 9.0


def test_agrees_with_tfgan() -> None:
    import tensorflow_gan as tfgan

    a, b = random_rows(8, 300, 12), random_rows(9, 200, 12)
    ours = [FrechetStatistics.from_features(x) for x in (a, b)]
    theirs = float(tfgan.eval.frechet_classifier_distance_from_activations(a, b))
    assert frechet_distance(*ours) == pytest.approx(theirs, rel=1e-9)
    assert tfgan_scores.frechet_distance(*ours) == pytest.approx(theirs, rel=1e-11)


def test_agrees_with_the_published_implementation() -> None:
    with np.load(PARITY) as stored:
        a, b = (FrechetStatistics.from_features(stored[name]) for name in ("features_a", "features_b"))
        assert frechet_distance(a, b) == pytest.approx(float(stored["fid"]), rel=1e-9)
        assert tfgan_scores.frechet_distance(a, b) == pytest.approx(float(stored["fid"]), rel=1e-9)


@pytest.mark.parametrize("block", [1, 7, 64, 100])
def test_any_block_size_gives_the_same_moments(block: int) -> None:
    # A large offset, as ReLU features have: raw second moments would lose six digits to it.
    x = random_rows(10, 100, 5) + 1e3
    whole, streamed = FrechetStatistics.from_features(x), FrechetStatistics(5)
    for start in range(0, 100, block):
        streamed.update(x[start : start + block])
    assert streamed.count == 100
    np.testing.assert_allclose(streamed.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(streamed.covariance, whole.covariance, rtol=1e-10, atol=1e-10)


def test_any_merge_order_gives_the_same_distance() -> None:
    x, other = random_rows(11, 90, 5), FrechetStatistics.from_features(random_rows(12, 50, 5))
    parts = [x[:13], x[13:14], x[14:80], x[80:]]
    expected = frechet_distance(FrechetStatistics.from_features(x), other)
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]):
        merged = FrechetStatistics(5)
        for i in order:
            merged.merge(FrechetStatistics.from_features(parts[i]))
        assert frechet_distance(merged, other) == pytest.approx(expected, rel=1e-10)


def test_statistics_survive_a_file(tmp_path: pathlib.Path) -> None:
    statistics = FrechetStatistics.from_features(random_rows(13, 30, 4), source="digits/train", network="net/12ab")
    statistics.save(tmp_path / "made" / "statistics.npz")
    loaded = FrechetStatistics.load(tmp_path / "made" / "statistics.npz")
    assert (loaded.count, loaded.source, loaded.network) == (30, "digits/train", "net/12ab")
    np.testing.assert_array_equal(loaded.mean, statistics.mean)
    np.testing.assert_allclose(loaded.covariance, statistics.covariance, rtol=1e-15)
    assert [entry.name for entry in (tmp_path / "made").iterdir()] == ["statistics.npz"]


def test_a_file_that_is_none_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "keys.npz", mu=np.zeros(2))
    np.savez(tmp_path / "shapes.npz", mu=np.zeros(2), sigma=np.zeros((3, 3)), count=5)
    for name, message in (("text", "text.npz"), ("keys", "no count, sigma"), ("shapes", r"\(3, 3\)"), ("gone", "gone")):
        with pytest.raises(UserError, match=message):
            FrechetStatistics.load(tmp_path / f"{name}.npz")


def test_bad_input_is_named() -> None:
    two = FrechetStatistics.from_features(np.eye(2))
    with pytest.raises(ValueError, match=r"\[images, features\], got \[3\]"):
        FrechetStatistics.from_features(np.zeros(3))
    with pytest.raises(ValueError, match="1 of 2 rows"):
        FrechetStatistics.from_features(np.array([[0.0, np.inf], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"\[images, 2\], got \[1, 3\]"):
        two.update(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        frechet_distance(two, FrechetStatistics.from_features(np.zeros((1, 2))))
    with pytest.raises(ValueError, match="got 2 and 3"):
        frechet_distance(two, FrechetStatistics.from_features(np.eye(3)))
    with pytest.raises(ValueError, match="cannot merge"):
        two.merge(FrechetStatistics.from_features(np.eye(2), network="other/1"))
