"""Statistics of real images: what they are made of, when they are made anew, and when they are refused."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.data.image_data import ImageData
from autogan_tf.metrics import reference


@pytest.fixture
def data(plain) -> ImageData:
    images = plain(np.random.default_rng(0).integers(0, 256, (230, 3)))
    return ImageData(name="plain", images=images, labels=None, num_classes=0, split="train")


def test_statistics_and_features_are_those_of_the_images(mean_colour, data):
    seen = []
    made = reference.of_images(data, mean_colour(), with_features=True, progress=seen.append)
    expected = data.images[:, 0, 0].astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(made.features, expected, atol=1e-6)
    np.testing.assert_allclose(made.statistics.mean, expected.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(made.statistics.covariance, np.cov(expected.T), atol=1e-6)
    assert made.source == "plain/train" and made.statistics.network == "mean-colour/0123"
    assert made.statistics.count == 230 and seen[-1] == 230


def test_the_cache_answers_until_anything_changes(mean_colour, data, tmp_path):
    def looks(data=data, digest="0123", **options) -> int:
        network = mean_colour(digest)
        made = reference.of_images(data, network, cache_dir=tmp_path, **options)
        assert made.statistics.count == len(data.images)
        assert made.features is None or made.features.shape == (len(data.images), 3)
        return network.traces

    assert looks() == 1 and looks() == 0
    assert looks(with_features=True) == 1 and looks(with_features=True) == 0 and looks() == 0
    other_pixel = data.images.copy()
    other_pixel[5, 0, 0, 0] ^= 1
    kwargs = {"labels": None, "num_classes": 0}
    for changed in (
        ImageData(name="plain", images=other_pixel, split="train", **kwargs),
        ImageData(name="plain", images=data.images[:100], split="train", **kwargs),
        ImageData(name="plain", images=data.images, split="test", **kwargs),
        ImageData(name="plane", images=data.images, split="train", **kwargs),
    ):
        assert looks(changed) == 1 and looks(changed) == 0
    assert looks(digest="4567") == 1
    assert looks() == 0


def test_a_damaged_cache_is_made_anew(mean_colour, data, tmp_path):
    first = reference.of_images(data, mean_colour(), cache_dir=tmp_path, with_features=True)
    for suffix in (".npz", ".npy"):
        (path,) = tmp_path.glob(f"*{suffix}")
        path.write_bytes(path.read_bytes()[:100])
        network = mean_colour()
        again = reference.of_images(data, network, cache_dir=tmp_path, with_features=True)
        assert network.traces == 1
        np.testing.assert_array_equal(again.statistics.mean, first.statistics.mean)
    assert len(list(tmp_path.iterdir())) == 2  # no temporary files


def test_a_file_of_statistics_is_a_reference(mean_colour, data, tmp_path):
    made = reference.of_images(data, mean_colour())
    made.statistics.save(tmp_path / "ours.npz")
    read = reference.read(tmp_path / "ours.npz")
    read.check_network(mean_colour())
    assert read.source == "plain/train" and read.features is None
    with pytest.raises(UserError, match="mean-colour/0123.*mean-colour/4567"):
        read.check_network(mean_colour("4567"))
    # as TTUR writes it, it does not say which network made it: the dimensions can be checked only
    np.savez(tmp_path / "ttur.npz", mu=made.statistics.mean, sigma=made.statistics.covariance)
    ttur = reference.read(tmp_path / "ttur.npz")
    ttur.check_network(mean_colour())
    assert ttur.source == "ttur.npz"
    np.savez(tmp_path / "wide.npz", mu=np.zeros(5), sigma=np.eye(5))
    with pytest.raises(UserError, match="5 features, and mean-colour/0123 gives 3"):
        reference.read(tmp_path / "wide.npz").check_network(mean_colour())
    with pytest.raises(UserError, match=r"gone\.npz"):
        reference.read(tmp_path / "gone.npz")


def test_one_image_is_too_few(mean_colour, data):
    one = ImageData(name="plain", images=data.images[:1], labels=None, num_classes=0, split="train")
    with pytest.raises(UserError, match="at least 2 images, got 1"):
        reference.of_images(one, mean_colour())


def blocked_folder(tmp_path, how):
    """A cache folder that can be neither read nor written, whoever runs the tests."""
    if how == "below a file":
        (tmp_path / "file").touch()
        return tmp_path / "file" / "cache"
    return tmp_path / ("x" * 300)  # longer than file systems allow


@pytest.mark.parametrize("how", ["below a file", "unreadable"])
@pytest.mark.parametrize("with_features", [False, True])
def test_a_cache_that_cannot_be_used_costs_a_warning_only(
    mean_colour, data, tmp_path, caplog, how, with_features
):
    expected = reference.of_images(data, mean_colour(), with_features=with_features)
    with caplog.at_level("WARNING", logger="absl"):
        made = reference.of_images(
            data, mean_colour(), cache_dir=blocked_folder(tmp_path, how), with_features=with_features
        )
    (record,) = caplog.records
    assert "plain/train is not kept in the cache" in record.getMessage()
    assert made.statistics.digest == expected.statistics.digest
    assert (made.features is not None) == with_features
    if with_features:
        np.testing.assert_array_equal(made.features, expected.features)


def test_a_disk_that_fills_up_costs_a_warning_only(mean_colour, data, tmp_path, caplog, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with caplog.at_level("WARNING", logger="absl"):
        made = reference.of_images(data, mean_colour(), cache_dir=tmp_path, with_features=True)
    assert "No space left" in caplog.text and len(caplog.records) == 1
    assert made.features.shape == (230, 3) and not list(tmp_path.iterdir())


def test_the_cache_can_be_read_by_others(mean_colour, data, tmp_path):
    reference.of_images(data, mean_colour(), cache_dir=tmp_path / "new", with_features=True)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o644}


def test_the_digest_is_the_same_with_and_without_a_cache(mean_colour, data, tmp_path):
    digests = {reference.of_images(data, mean_colour()).statistics.digest}
    digests |= {reference.of_images(data, mean_colour(), cache_dir=tmp_path).statistics.digest for _ in range(2)}
    assert len(digests) == 1
