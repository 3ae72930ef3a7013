"""TensorFlow Datasets: what is read from prepared data, and errors that come at once and without a network."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_store, sources
from autogan_tf.data.image_data import ImageData

Prepare = Callable[..., str]
Examples = list[tuple[np.ndarray, int]]


def _flat(levels: range | list[int], *, num_classes: int = 3, channels: int = 3) -> Examples:
    """Images of one level each, whose class is level modulo num_classes, or none (-1) for num_classes=0."""
    return [(np.full([8, 8, channels], n, np.uint8), n % num_classes if num_classes else -1) for n in levels]


def _load(name: str, data_dir: str, *, split: str = "train", resolution: int = 8) -> ImageData:
    return sources.load(dataset=name, data_dir=data_dir, resolution=resolution, split=split)


def _levels(data: ImageData) -> list[int]:
    return sorted(data.images[:, 0, 0, 0].tolist())


def _error(name: str, data_dir: str | Path, *, quick: bool = True) -> str:
    with pytest.raises(UserError) as caught:
        if quick:
            sources.check_available(dataset=name, data_dir=str(data_dir))
        else:
            _load(name, str(data_dir))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_and_labels_of_the_train_split(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(20)), "test": _flat(range(100, 105))}, num_classes=3)
    sources.check_available(dataset="tiny", data_dir=data_dir)
    data = _load("tiny", data_dir)
    assert (data.name, data.split, data.num_classes) == ("tiny", "train", 3)
    assert data.images.shape == (20, 8, 8, 3) and data.images.dtype == np.uint8
    assert data.labels is not None and data.labels.dtype == np.int32
    assert _levels(data) == list(range(20)) and (data.labels == data.images[:, 0, 0, 0] % 3).all()
    assert _load("tiny", data_dir).digest() == data.digest()


def test_images_that_do_not_fit_in_memory(prepare_tfds: Prepare, tmp_path: Path) -> None:
    """The same splits with the same content, from the disk."""
    own = {"train": _flat(range(20)), "test": _flat(range(100, 105))}
    store = image_store.ImageStore(folder=tmp_path / "cache", memory_gb=1e-9)
    for name, splits in (("own", own), ("tenth", {"train": _flat(range(30))})):
        where = {"dataset": name, "data_dir": prepare_tfds(name, splits, num_classes=3), "resolution": 8}
        for split in sources.SPLITS:
            mapped = sources.load(split=split, store=store, **where)
            assert image_store.is_on_disk(mapped.images)
            assert mapped.digest() == sources.load(split=split, **where).digest()


def test_own_test_split_is_the_classifiers(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(20)), "test": _flat(range(100, 105))}, num_classes=3)
    train, test = sources.labelled_splits(dataset="tiny", data_dir=data_dir, resolution=8)
    assert _levels(train) == list(range(20)) and _levels(test) == list(range(100, 105))
    assert (train.split, test.split) == ("labelled", "test")


def test_without_a_test_split_a_tenth_is_held_out(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(30))}, num_classes=3)
    train, test = sources.labelled_splits(dataset="tiny", data_dir=data_dir, resolution=8)
    assert (len(train.images), len(test.images)) == (27, 3)
    assert sorted(_levels(train) + _levels(test)) == list(range(30))


def test_a_test_split_without_labels_falls_back_to_validation(prepare_tfds: Prepare) -> None:
    splits = {"train": _flat(range(9)), "test": _flat(range(50, 53), num_classes=0), "validation": _flat(range(70, 74))}
    data_dir = prepare_tfds("tiny", splits, num_classes=3)
    _, test = sources.labelled_splits(dataset="tiny", data_dir=data_dir, resolution=8)
    assert _levels(test) == list(range(70, 74))


def test_stl10_trains_on_the_unlabelled_images_too(prepare_tfds: Prepare) -> None:
    splits = {
        "train": _flat(range(10)),
        "unlabelled": _flat(range(100, 120), num_classes=0),
        "test": _flat(range(50, 54)),
    }
    data_dir = prepare_tfds("stl10", splits, num_classes=10)
    everything = _load("stl10", data_dir)
    assert everything.labels is None and everything.num_classes == 0
    assert _levels(everything) == [*range(10), *range(100, 120)]
    train, test = sources.labelled_splits(dataset="stl10", data_dir=data_dir, resolution=8)
    assert _levels(train) == list(range(10)) and _levels(test) == list(range(50, 54))


def test_no_label_feature(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(12)), "test": _flat(range(3))}, num_classes=None)
    data = _load("tiny", data_dir)
    assert data.labels is None and data.num_classes == 0
    with pytest.raises(UserError, match="no labels"):
        sources.labelled_splits(dataset="tiny", data_dir=data_dir, resolution=8)


def test_grey_images(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(5), channels=1)}, image_shape=(8, 8, 1))
    assert _load("tiny", data_dir).images.shape == (5, 8, 8, 1)


def test_images_of_any_shape_are_cropped_and_reduced(prepare_tfds: Prepare) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, [8, 16, 3]).astype(np.uint8)
    data_dir = prepare_tfds("tiny", {"train": [(pixels, 0), (pixels.transpose(1, 0, 2), 1)]})
    expected = np.asarray(Image.fromarray(pixels[:, 4:12]).resize((4, 4), Image.Resampling.BILINEAR)).astype(int)
    data = _load("tiny", data_dir, resolution=4)
    assert data.labels is not None
    assert np.abs(data.images[data.labels.tolist().index(0)] - expected).max() <= 1
    assert np.abs(data.images[data.labels.tolist().index(1)] - expected.transpose(1, 0, 2)).max() <= 1


def test_enlarging_is_said_once(prepare_tfds: Prepare, caplog: pytest.LogCaptureFixture) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(5))}, image_shape=(8, 8, 3))
    assert _levels(_load("tiny", data_dir, resolution=12)) == list(range(5))
    messages = [record.getMessage() for record in caplog.records if "enlarged" in record.getMessage()]
    assert len(messages) == 1 and "fewer than 12" in messages[0] and "has 8" in messages[0]


def test_the_default_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TensorFlow Datasets' own: ~/tensorflow_datasets, or what its variable says; never the present folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    assert str(tmp_path / "home" / "tensorflow_datasets" / "mnist") in _error("mnist", "", quick=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "shared"))
    assert str(tmp_path / "shared" / "mnist") in _error("mnist", "", quick=False)


def test_newest_version_unless_one_is_named(prepare_tfds: Prepare) -> None:
    for version, level in (("9.0.0", 9), ("10.0.0", 10)):
        data_dir = prepare_tfds("tiny", {"train": _flat([level])}, version=version)
    assert _levels(_load("tiny", data_dir)) == [10]
    assert _levels(_load("tiny:9.0.0", data_dir)) == [9]
    message = _error("tiny:8.0.0", data_dir)
    assert "version 8.0.0 is not prepared" in message and "9.0.0, 10.0.0" in message


def test_configurations(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat([1])}, config="plain")
    assert _levels(_load("tiny", data_dir)) == [1]
    prepare_tfds("tiny", {"train": _flat([2])}, config="corrupted-2")
    assert _levels(_load("tiny/plain:1.0.0", data_dir)) == [1]
    assert _levels(_load("tiny/corrupted-2", data_dir)) == [2]
    assert "name one of tiny/corrupted-2, tiny/plain" in _error("tiny", data_dir)


# Bad input ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.usefixtures("no_network")
def test_not_prepared_names_the_path_and_the_command(tmp_path: Path, quick: bool) -> None:
    message = _error("cifar10", tmp_path / "prepared", quick=quick)
    assert f"{tmp_path}/prepared/cifar10/VERSION/dataset_info.json" in message
    assert "--download" in message and f"tfds build cifar10 --data_dir={tmp_path}/prepared" in message


def test_not_prepared_is_found_out_at_once(tmp_path: Path) -> None:
    """In a process of its own, so that nothing is cached and the file system in native code counts too. Where a retried
    look-up takes minutes, the process is ended."""
    program = (
        "from autogan_tf.data import sources\n"
        f"try: sources.load(dataset='cifar10', data_dir={str(tmp_path)!r}, resolution=32)\n"
        "except sources.UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=900)
    assert "is not prepared" in done.stdout


@pytest.mark.usefixtures("no_network")
def test_unknown_names_are_answered_with_close_ones(tmp_path: Path) -> None:
    message = _error("cifer10", tmp_path)
    assert "Did you mean" in message and "cifar10" in message and "folder:PATH" in message
    assert "mnist5k" in _error("mnist5", tmp_path)
    assert "cifar10" in _error("CIFAR10", tmp_path)
    assert "Did you mean" not in _error("qqqqqqq", tmp_path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["", "../tiny", "tiny/", "tiny:1", "tiny/../../x", "/tiny", "a b"])
def test_names_of_another_form(tmp_path: Path, name: str) -> None:
    assert "is not the name of a data set" in _error(name, tmp_path)


def test_no_images_in_the_data_set(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(3))}, image_key="picture")
    message = _error("tiny", data_dir)
    assert "no feature 'image'" in message and "picture" in message


def test_unusable_images(prepare_tfds: Prepare) -> None:
    wide = [(np.zeros([8, 8, 1], np.uint16), 0)]
    data_dir = prepare_tfds("wide", {"train": wide}, image_shape=(8, 8, 1), dtype=np.uint16)
    assert "uint16" in _error("wide", data_dir)
    data_dir = prepare_tfds("alpha", {"train": _flat([1], channels=4)}, image_shape=(8, 8, 4))
    assert "1 or 3 channels" in _error("alpha", data_dir)


def test_no_train_split(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"test": _flat(range(3))})
    assert "no train split" in _error("tiny", data_dir) and "test" in _error("tiny", data_dir)


def test_missing_and_damaged_files(prepare_tfds: Prepare) -> None:
    data_dir = prepare_tfds("tiny", {"train": _flat(range(40))})
    folder = Path(data_dir, "tiny", "1.0.0")
    record = next(folder.glob("*.tfrecord*"))
    content = record.read_bytes()
    record.write_bytes(content[: len(content) // 2])
    assert "cannot be read" in _error("tiny", data_dir, quick=False)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 0xFF
    record.write_bytes(bytes(damaged))
    assert "cannot be read" in _error("tiny", data_dir, quick=False)
    record.unlink()
    assert "1 of 1 files are missing" in _error("tiny", data_dir) and record.name in _error("tiny", data_dir)
    (folder / "dataset_info.json").write_text("{")
    assert "description" in _error("tiny", data_dir)


def test_download_only_when_told_to_and_its_failure_is_a_user_error(
    tmp_path: Path, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def builder(name: str, *, data_dir: Path) -> None:
        asked.append((name, data_dir))
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds, "builder", builder)
    sources.check_available(dataset="cifar10", data_dir=str(tmp_path), download=True)
    with pytest.raises(UserError, match="not prepared"):
        sources.load(dataset="cifar10", data_dir=str(tmp_path), resolution=8)
    assert not asked
    with pytest.raises(UserError, match="failed: no route to host"):
        sources.load(dataset="cifar10", data_dir=str(tmp_path), resolution=8, download=True)
    assert asked == [("cifar10", tmp_path)]
    with pytest.raises(UserError, match="knows no data set"):
        sources.load(dataset="cifer10", data_dir=str(tmp_path), resolution=8, download=True)
    assert len(asked) == 1 and not list(tmp_path.iterdir())


def test_download_prepares_then_reads(prepare_tfds: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    """A builder under a known name whose preparation works stands in for the network."""

    features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(8, 8, 3))})

    class Builder:
        info = types.SimpleNamespace(features=features)

        def download_and_prepare(self) -> None:
            prepare_tfds("cifar10", {"train": _flat(range(4))})

    monkeypatch.setattr(tfds, "builder", lambda name, *, data_dir: Builder())
    data_dir = prepare_tfds("other", {"train": _flat([0])})
    data = sources.load(dataset="cifar10", data_dir=data_dir, resolution=8, download=True)
    assert _levels(data) == [0, 1, 2, 3]


def test_text_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Builder:
        info = types.SimpleNamespace(features=tfds.features.FeaturesDict({"text": tfds.features.Text()}))

        def download_and_prepare(self) -> None:
            raise AssertionError("downloaded")

    monkeypatch.setattr(tfds, "builder", lambda name, *, data_dir: Builder())
    with pytest.raises(UserError, match="no image data set"):
        sources.load(dataset="wikipedia", data_dir=str(tmp_path), resolution=8, download=True)
