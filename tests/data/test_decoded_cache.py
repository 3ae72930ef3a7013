"""Decoded images that are kept: the same as read anew, forgotten when a file changes, and never needed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autogan_tf.data import folder, sources, tfds_source
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import ImageStore, is_on_disk


def _photos(root: Path, levels: dict[str, int], size: int = 8) -> str:
    for name, level in levels.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (level, 0, 0)).save(root / name)
    return f"folder:{root}"


def _load(dataset: str, cache: Path, *, data_dir: str = "", split: str = "train", **limits: float) -> ImageData:
    store = ImageStore(folder=cache, **limits)
    return sources.load(dataset=dataset, data_dir=data_dir, resolution=8, split=split, store=store)


def _kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("images-*.npz"))


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one whenever a source decodes."""
    calls: list[str] = []
    for module, name in ((folder, "_read"), (tfds_source, "_decode")):
        original = getattr(module, name)

        def counted(*arguments: object, original: Callable = original, source: str = module.__name__) -> ImageData:
            calls.append(source)
            return original(*arguments)

        monkeypatch.setattr(module, name, counted)
    return calls


def test_a_folder_is_decoded_once(tmp_path: Path, decodings: list[str]) -> None:
    dataset = _photos(tmp_path / "photos", {"a/1.png": 1, "a/2.png": 2, "b/3.png": 3})
    first, second = (_load(dataset, tmp_path / "cache") for _ in range(2))
    assert len(decodings) == 1
    assert second.digest() == first.digest()
    assert (second.name, second.split, second.num_classes, second.smallest_side) == ("folder:photos", "train", 2, 8)
    assert second.labels is not None and second.labels.tolist() == [0, 0, 1]
    assert second.files == ["a/1.png", "a/2.png", "b/3.png"]
    assert len(_load(dataset, tmp_path / "cache", split="labelled").images) == 2
    assert len(decodings) == 1


def test_without_labels(tmp_path: Path, decodings: list[str]) -> None:
    dataset = _photos(tmp_path / "photos", {"1.png": 1, "2.png": 2})
    assert [_load(dataset, tmp_path / "cache").labels for _ in range(2)] == [None, None]
    assert len(decodings) == 1


def test_a_changed_file_is_seen_and_the_old_images_go(tmp_path: Path, decodings: list[str]) -> None:
    dataset = _photos(tmp_path / "photos", {"1.png": 1, "2.png": 2})
    _load(dataset, tmp_path / "cache")
    _photos(tmp_path / "photos", {"2.png": 200})
    os.utime(tmp_path / "photos" / "2.png", ns=(1, 1))  # whatever the clock's resolution
    assert _load(dataset, tmp_path / "cache").images[:, 0, 0, 0].tolist() == [1, 200]
    _photos(tmp_path / "photos", {"3.png": 3})
    assert _load(dataset, tmp_path / "cache").images[:, 0, 0, 0].tolist() == [1, 200, 3]
    assert len(decodings) == 3 and len(_kept(tmp_path / "cache")) == 1


def test_folders_of_the_same_name_and_other_sizes_are_kept_apart(tmp_path: Path, decodings: list[str]) -> None:
    datasets = [_photos(tmp_path / part / "photos", {"1.png": level}) for part, level in (("x", 5), ("y", 6))]
    for _ in range(2):
        assert [_load(dataset, tmp_path / "cache").images[0, 0, 0, 0] for dataset in datasets] == [5, 6]
    store = ImageStore(folder=tmp_path / "cache")
    assert sources.load(dataset=datasets[0], data_dir="", resolution=4, store=store).resolution == 4
    assert len(decodings) == 3 and len(_kept(tmp_path / "cache")) == 3


@pytest.mark.parametrize("split", sources.SPLITS)
def test_prepared_data_sets(prepare_tfds: Callable[..., str], tmp_path: Path, decodings: list[str], split: str) -> None:
    rng = np.random.default_rng(0)
    examples = [(rng.integers(0, 256, [8, 8, 3]).astype(np.uint8), n % 3) for n in range(20)]
    data_dir = prepare_tfds("tiny", {"train": examples[:15], "test": examples[15:]}, num_classes=3)
    plain = sources.load(dataset="tiny", data_dir=data_dir, resolution=8, split=split)
    _load("tiny", tmp_path / "cache", data_dir=data_dir, split=split)
    decodings.clear()
    kept = _load("tiny", tmp_path / "cache", data_dir=data_dir, split=split)
    assert decodings == [] and kept.digest() == plain.digest()
    assert (kept.name, kept.split, kept.smallest_side) == (plain.name, plain.split, plain.smallest_side)


def test_one_part_under_two_names_is_kept_once(
    prepare_tfds: Callable[..., str], tmp_path: Path, decodings: list[str]
) -> None:
    examples = [(np.full([8, 8, 3], n, np.uint8), n % 3) for n in range(20)]
    data_dir = prepare_tfds("tiny", {"train": examples, "test": examples[:5]}, num_classes=3)
    _load("tiny", tmp_path / "cache", data_dir=data_dir)
    named = _load("tiny:1.0.0", tmp_path / "cache", data_dir=data_dir, split="labelled")
    assert (named.name, named.split) == ("tiny:1.0.0", "labelled")
    assert len(_load("tiny", tmp_path / "cache", data_dir=data_dir).images) == 20
    assert len(_kept(tmp_path / "cache")) == 2 and len(decodings) == 2  # train and test


@pytest.mark.parametrize("damage", ["cut", "flipped", "method", "text"])
def test_a_damaged_file_costs_a_warning(
    tmp_path: Path, decodings: list[str], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    dataset = _photos(tmp_path / "photos", {f"{n}.png": n for n in range(40)})
    whole = _load(dataset, tmp_path / "cache")
    (path,) = _kept(tmp_path / "cache")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 1  # among the pixels
    method = bytearray(path.read_bytes())
    for place in (found.start() for found in re.finditer(b"PK\x01\x02", bytes(method))):
        method[place + 10] = 99  # a way of compression that there is not
    path.write_bytes({"cut": content[:middle], "flipped": content, "method": method, "text": b"nothing"}[damage])
    assert _load(dataset, tmp_path / "cache").digest() == whole.digest()
    assert len(decodings) == 2 and "decoding them again" in caplog.text
    _load(dataset, tmp_path / "cache")
    assert len(decodings) == 2


def test_a_cache_that_cannot_be_written_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dataset = _photos(tmp_path / "photos", {"1.png": 1})
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert len(_load(dataset, tmp_path / "cache").images) == 1
    assert "not kept in the cache" in caplog.text


def test_images_on_the_disk_are_not_kept_and_kept_ones_obey_the_limit(tmp_path: Path, decodings: list[str]) -> None:
    dataset = _photos(tmp_path / "photos", {f"{n}.png": n for n in range(10)})
    assert is_on_disk(_load(dataset, tmp_path / "cache", memory_gb=1e-9).images)
    assert _kept(tmp_path / "cache") == []
    in_memory = _load(dataset, tmp_path / "cache")
    assert len(_kept(tmp_path / "cache")) == 1
    again = _load(dataset, tmp_path / "cache", memory_gb=1e-9)
    assert len(decodings) == 2 and is_on_disk(again.images) and again.digest() == in_memory.digest()


def test_a_nearly_full_disk_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = _photos(tmp_path / "photos", {"1.png": 1})  # 192 bytes decoded
    for free, kept in ((1919, 0), (1920, 1)):
        monkeypatch.setattr("shutil.disk_usage", lambda folder, free=free: type("Usage", (), {"free": free})())
        _load(dataset, tmp_path / "cache")
        assert len(_kept(tmp_path / "cache")) == kept


def test_an_unreadable_image_is_not_kept(tmp_path: Path) -> None:
    dataset = _photos(tmp_path / "photos", {"1.png": 1, "2.png": 2})
    (tmp_path / "photos" / "2.png").write_bytes(b"nothing")
    for _ in range(2):
        with pytest.raises(sources.UserError, match="2.png"):
            _load(dataset, tmp_path / "cache")
    assert _kept(tmp_path / "cache") == []
