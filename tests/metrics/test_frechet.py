"""The Fréchet distance against closed forms, an SVD, TF-GAN and the published implementation."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from autogan_tf.config.errors import UserError
from autogan_tf.features import tfgan
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


@pytest.mark.parametrize(("count_a", "count_b"), [(10, 200), (10, 15), (31, 30)])
def test_few_images_from_files_agree_with_an_svd(count_a: int, count_b: int, tmp_path: pathlib.Path) -> None:
    # A file has no rows, so the rank must be found in the covariance.
    rows = [random_rows(seed, count, 30) for seed, count in ((4, count_a), (5, count_b))]
    loaded = []
    for i, x in enumerate(rows):
        FrechetStatistics.from_features(x).save(tmp_path / f"{i}.npz")
        loaded.append(FrechetStatistics.load(tmp_path / f"{i}.npz"))
    expected = svd_distance(*rows)
    assert frechet_distance(*loaded) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(FrechetStatistics.from_features(rows[0]), loaded[1]) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("images", [20, 29, 30, 31, 32, 400])
def test_repeated_images_and_copied_features_agree_with_an_svd(images: int) -> None:
    # Rank 9 whatever the number of rows: ten different images, seen over and over; five features twice.
    a = random_rows(6, 10, 30)[np.arange(images) % 10]
    a[:, 20:25] = a[:, :5]
    b = random_rows(7, 200, 30)
    statistics = [FrechetStatistics.from_features(x) for x in (a, b)]
    assert frechet_distance(*statistics) == pytest.approx(svd_distance(a, b), rel=1e-8)
    assert frechet_distance(*statistics[::-1]) == pytest.approx(svd_distance(a, b), rel=1e-8)


@pytest.mark.parametrize("decades", [0, 4, 8, 12])
def test_covariances_of_any_condition_agree_with_an_svd(decades: float) -> None:
    scale = 10 ** -np.linspace(0, decades / 2, 20)
    turn = np.linalg.qr(np.random.default_rng(8).normal(size=(20, 20)))[0]
    a, b = ((np.random.default_rng(seed).normal(size=(90, 20)) * scale) @ turn for seed in (9, 10))
    statistics = [FrechetStatistics.from_features(x) for x in (a, b)]
    assert frechet_distance(*statistics) == pytest.approx(svd_distance(a, b), rel=1e-9)


def test_agrees_with_the_matrix_root_of_scipy() -> None:
    a, b = (FrechetStatistics.from_features(random_rows(seed, 900, 40)) for seed in (14, 15))
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance)
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root.real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_the_kept_factor_follows_the_statistics() -> None:
    x, y = random_rows(16, 200, 9), random_rows(17, 200, 9)
    reference, other = FrechetStatistics.from_features(x[:100]), FrechetStatistics.from_features(y)
    assert not reference.has_factor
    frechet_distance(other, reference)
    assert reference.has_factor and not other.has_factor
    for change in (
        lambda: reference.update(x[100:150]),
        lambda: reference.merge(FrechetStatistics.from_features(x[150:])),
    ):
        frechet_distance(other, reference)
        change()
        assert not reference.has_factor
        fresh = FrechetStatistics.from_features(x[: reference.count])
        assert frechet_distance(other, reference) == pytest.approx(frechet_distance(other, fresh), rel=1e-11)


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
    a, b = random_rows(8, 300, 12), random_rows(9, 200, 12)
    ours = [FrechetStatistics.from_features(x) for x in (a, b)]
    theirs = float(tfgan.module("eval").frechet_classifier_distance_from_activations(a, b))
    assert frechet_distance(*ours) == pytest.approx(theirs, rel=1e-9)
    assert tfgan_scores.frechet_distance(*ours) == pytest.approx(theirs, rel=1e-11)


def test_agrees_with_the_published_implementation() -> None:
    with np.load(PARITY) as stored:
        a, b = (FrechetStatistics.from_features(stored[name]) for name in ("features_a", "features_b"))
        assert frechet_distance(a, b) == pytest.approx(float(stored["fid"]), rel=1e-9)
        assert tfgan_scores.frechet_distance(a, b) == pytest.approx(float(stored["fid"]), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_split_and_merge_order_give_the_same_distance(data: st.DataObject) -> None:
    # 600 rows of 3 features: more than the buffer holds, so rows are folded into moments at different places.
    x, other = random_rows(18, 600, 3) + 1e3, FrechetStatistics.from_features(random_rows(19, 50, 3) + 1e3)
    cuts = sorted(data.draw(st.lists(st.integers(0, 600), max_size=4)))
    parts = [x[start:stop] for start, stop in zip([0, *cuts], [*cuts, 600], strict=True)]
    merged = FrechetStatistics(3)
    for i in data.draw(st.permutations(range(len(parts)))):
        block = data.draw(st.integers(1, 700))
        part = FrechetStatistics(3)
        for start in range(0, len(parts[i]), block):
            part.update(parts[i][start : start + block].astype(np.float64))
        merged.merge(part)
    whole = FrechetStatistics.from_features(x)
    assert merged.count == 600
    np.testing.assert_allclose(merged.mean, x.mean(0), rtol=1e-13)
    np.testing.assert_allclose(merged.covariance, np.cov(x, rowvar=False), rtol=1e-10, atol=1e-10)
    assert frechet_distance(merged, other) == pytest.approx(frechet_distance(whole, other), rel=1e-10)


def test_reading_the_moments_between_blocks_changes_nothing() -> None:
    x, read = random_rows(20, 700, 4), FrechetStatistics(4)
    for start in range(0, 700, 90):
        read.update(x[start : start + 90])
        np.testing.assert_allclose(read.mean, x[: start + 90].mean(0), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(read.covariance, np.cov(x[: start + 90], rowvar=False), rtol=1e-11, atol=1e-13)
    assert read.count == 700


def test_statistics_merge_with_themselves() -> None:
    x = random_rows(21, 300, 4)
    twice = FrechetStatistics.from_features(x)
    twice.merge(twice)
    assert twice.count == 600
    np.testing.assert_allclose(twice.covariance, np.cov(np.concatenate([x, x]), rowvar=False), rtol=1e-12, atol=1e-14)


def test_nested_lists_are_rows_too() -> None:
    statistics = FrechetStatistics(2).update([[1.0, 2.0], [3.0, 6.0]])  # type: ignore[arg-type]
    assert statistics.mean.tolist() == [2.0, 4.0] and statistics.covariance.tolist() == [[2.0, 4.0], [4.0, 8.0]]


def test_the_callers_array_is_copied_and_left_alone() -> None:
    x = random_rows(22, 400, 3)
    kept, statistics = x.copy(), FrechetStatistics.from_features(x)
    before = statistics.covariance
    np.testing.assert_array_equal(x, kept)
    x[:] = 7
    np.testing.assert_array_equal(statistics.covariance, before)


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


def test_a_ttur_file_has_moments_and_no_count(tmp_path: pathlib.Path) -> None:
    x, other = random_rows(23, 60, 5), FrechetStatistics.from_features(random_rows(24, 80, 5))
    np.savez(tmp_path / "ttur.npz", mu=x.mean(0), sigma=np.cov(x, rowvar=False))
    given_statistics = FrechetStatistics.load(tmp_path / "ttur.npz")
    expected = frechet_distance(FrechetStatistics.from_features(x), other)
    assert (given_statistics.is_given, given_statistics.count, given_statistics.network) == (True, 0, "")
    assert frechet_distance(given_statistics, other) == pytest.approx(expected, rel=1e-11)
    assert frechet_distance(other, given_statistics) == pytest.approx(expected, rel=1e-11)
    given_statistics.save(tmp_path / "again.npz")
    again = FrechetStatistics.load(tmp_path / "again.npz")
    assert again.is_given
    np.testing.assert_array_equal(again.covariance, given_statistics.covariance)
    with pytest.raises(ValueError, match="no count of images"):
        given_statistics.update(x)
    for one, two in ((given_statistics, other), (other, given_statistics)):
        with pytest.raises(ValueError, match="cannot merge"):
            one.merge(two)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": np.full((2, 2), np.nan)}, "finite"),
        ({"mu": np.array([0.0, np.inf])}, "finite"),
        ({"sigma": np.array([[1.0, 0.5], [0.4, 1.0]])}, "differ by 0.1"),
        ({"sigma": np.diag([1.0, -2.0])}, "negative variance, got -2"),
        ({"sigma": np.eye(3)}, r"mu \[2\] and sigma \[3, 3\]"),
        ({"mu": np.zeros((1, 2))}, r"mu \[1, 2\]"),
        ({"mu": np.array(["a", "b"])}, "real numbers"),
        ({"mu": np.array([None, 1.0])}, "allow_pickle"),
        ({"count": np.array(1)}, "at least 2, got 1"),
    ],
)
def test_contents_that_are_no_moments_are_refused(
    changes: dict[str, np.ndarray], message: str, tmp_path: pathlib.Path
) -> None:
    contents = {"mu": np.zeros(2), "sigma": np.eye(2), "count": np.array(5)} | changes
    np.savez(tmp_path / "bad.npz", **contents)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"bad.npz.*{message}"):
        FrechetStatistics.load(tmp_path / "bad.npz")


def test_a_sigma_with_a_negative_eigenvalue_is_refused() -> None:
    # Symmetric, variances of 1, and eigenvalues 3 and -1.
    indefinite = FrechetStatistics.from_moments(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]), source="odd")
    other = FrechetStatistics.from_features(random_rows(25, 20, 2))
    for pair in ((indefinite, other), (other, indefinite)):
        with pytest.raises(UserError, match="odd.*eigenvalue is -1"):
            frechet_distance(*pair)


def test_features_beyond_float64_are_refused() -> None:
    huge = FrechetStatistics.from_features(np.array([[1e200, 0.0], [-1e200, 1.0], [0.0, 3.0], [1.0, 2.0]]))
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="too large"):
        frechet_distance(huge, huge)


def test_bad_rows_leave_the_statistics_as_they_were() -> None:
    statistics = FrechetStatistics.from_features(np.eye(2))
    with pytest.raises(UserError, match="2 of 3 rows"):
        statistics.update(np.array([[1.0, 2.0], [np.nan, 0.0], [0.0, -np.inf]]))
    assert statistics.count == 2
    np.testing.assert_array_equal(statistics.mean, [0.5, 0.5])


def test_a_file_that_is_none_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "folder.npz").mkdir()
    np.save(tmp_path / "array.npy", np.zeros(2))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    np.savez(tmp_path / "keys.npz", mu=np.zeros(2))
    np.savez(tmp_path / "shapes.npz", mu=np.zeros(2), sigma=np.zeros((3, 3)), count=5)
    np.savez(tmp_path / "whole.npz", mu=np.zeros(2), sigma=np.eye(2))
    (tmp_path / "part.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:200])
    for name, message in (
        ("text", "text.npz is no file of Fréchet statistics: it is no .npz archive"),
        ("empty", "it is empty"),
        ("folder", "it is a folder"),
        ("array", r"it holds a single array \(.npy\), not an archive"),
        ("part", "or only a part of one"),
        ("keys", "no sigma"),
        ("shapes", r"\[3, 3\]"),
        ("gone", r"gone\.npz does not exist; give"),
    ):
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


@pytest.mark.parametrize("rows", [30, 600])
def test_the_digest_is_that_of_mean_and_covariance_and_survives_a_file(rows: int, tmp_path: pathlib.Path) -> None:
    x = random_rows(41, rows, 40)
    statistics = FrechetStatistics.from_features(x, source="digits/train", network="net/12ab")
    digest = statistics.digest
    assert len(digest) == 16 and int(digest, 16) >= 0 and statistics.digest == digest
    statistics.save(tmp_path / "a.npz")
    loaded = FrechetStatistics.load(tmp_path / "a.npz")
    # the covariance to the last bit, although count - 1 is no power of 2
    assert loaded.digest == digest
    loaded.save(tmp_path / "b.npz")
    assert FrechetStatistics.load(tmp_path / "b.npz").digest == digest
    moments = FrechetStatistics.from_moments(statistics.mean, statistics.covariance, source="elsewhere")
    assert moments.digest == digest
    shifted = FrechetStatistics.from_moments(statistics.mean + 1e-12, statistics.covariance)
    scaled = FrechetStatistics.from_moments(statistics.mean, statistics.covariance * (1 + 1e-12))
    assert len({digest, shifted.digest, scaled.digest}) == 3


def test_rows_added_to_loaded_statistics_count(tmp_path: pathlib.Path) -> None:
    x = random_rows(42, 700, 6)
    FrechetStatistics.from_features(x[:400]).save(tmp_path / "a.npz")
    for how in ("update", "merge"):
        loaded = FrechetStatistics.load(tmp_path / "a.npz")
        if how == "update":
            loaded.update(x[400:])
        else:
            loaded.merge(FrechetStatistics.from_features(x[400:]))
        np.testing.assert_allclose(loaded.covariance, np.cov(x, rowvar=False), rtol=1e-11)
        assert loaded.total_variance == pytest.approx(np.trace(np.cov(x, rowvar=False)), rel=1e-11)


def test_statistics_are_readable_for_others_and_a_failed_write_leaves_the_old(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "statistics.npz"
    FrechetStatistics.from_features(np.eye(3)).save(path)
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        FrechetStatistics.from_features(np.eye(4)).save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
