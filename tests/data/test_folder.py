"""Folders of images: layouts, formats, order, and what is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.data import folder as folder_source
from autogan_tf.data import image_store, sources
from autogan_tf.data.image_data import ImageData


def _save(path: Path, color: object, *, mode: str = "RGB", size: tuple[int, int] = (8, 8), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, **options)  # type: ignore[arg-type]
    return path


def _load(folder: Path, *, resolution: int = 8, split: str = "train") -> ImageData:
    return sources.load(dataset=f"folder:{folder}", data_dir="", resolution=resolution, split=split)


def test_plain_folder_is_unlabelled_and_sorted_by_name(tmp_path: Path) -> None:
    names = ["b.png", "a.PNG", "c.jpeg", "B.JPG", "a2.Png", "a10.png"]
    colors = {name: 20 * index + 20 for index, name in enumerate(sorted(names))}
    for name in random.Random(0).sample(names, len(names)):
        _save(tmp_path / "photos" / name, (colors[name],) * 3)
    for stray in ("notes.txt", ".hidden.png", "Thumbs.db"):
        (tmp_path / "photos" / stray).write_text("not an image")
    data = _load(tmp_path / "photos")
    assert (data.name, data.split, data.labels, data.num_classes) == ("folder:photos", "train", None, 0)
    assert data.images.dtype == np.uint8 and data.images.shape == (6, 8, 8, 3)
    # Code points: capitals first, '.' before digits. JPEG may be off by a level or two.
    assert sorted(names) == ["B.JPG", "a.PNG", "a10.png", "a2.Png", "b.png", "c.jpeg"]
    np.testing.assert_allclose(data.images[:, 4, 4, 1].astype(int), [20, 40, 60, 80, 100, 120], atol=2)


def test_class_folders_become_labels(tmp_path: Path) -> None:
    _save(tmp_path / "dog" / "1.png", (10, 0, 0))
    _save(tmp_path / "cat" / "deep" / "2.png", (20, 0, 0))
    _save(tmp_path / "cat" / "1.png", (30, 0, 0))
    (tmp_path / "empty").mkdir()
    data = _load(tmp_path)
    assert data.num_classes == 2 and data.labels is not None and data.labels.dtype == np.int32
    # cat/1, cat/deep/2, dog/1
    assert data.labels.tolist() == [0, 0, 1] and data.images[:, 0, 0, 0].tolist() == [30, 20, 10]


def test_images_that_do_not_fit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same splits with the same content, from the disk, however many files are looked at together."""
    for index in range(23):
        _save(tmp_path / "photos" / "ab"[index % 2] / f"{index}.png", (index, 0, 255 - index))
    where = {"dataset": f"folder:{tmp_path / 'photos'}", "data_dir": "", "resolution": 8}
    expected = {split: sources.load(split=split, **where).digest() for split in sources.SPLITS}
    monkeypatch.setattr(folder_source, "_FILES_AT_ONCE", 7)
    store = image_store.ImageStore(folder=tmp_path / "cache", memory_gb=1e-9)
    for split in sources.SPLITS:
        data = sources.load(split=split, store=store, **where)
        assert image_store.is_on_disk(data.images) and data.digest() == expected[split]
    train, test = sources.labelled_splits(store=store, **where)
    assert (train.digest(), test.digest()) == (expected["labelled"], expected["test"])


def test_one_subfolder_is_no_class(tmp_path: Path) -> None:
    _save(tmp_path / "images" / "1.png", (10, 0, 0))
    data = _load(tmp_path)
    assert data.labels is None and data.num_classes == 0


def test_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(9):
        _save(tmp_path / f"{index % 3}" / f"{index}.png", (index, 0, 0))
    expected = _load(tmp_path).digest()
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listdir(path), reverse=True))
    assert _load(tmp_path).digest() == expected


def test_centre_crop_then_antialiased_resize(tmp_path: Path) -> None:
    """A picture 16 wide and 8 high: its 4 outermost columns on each side go, the rest is halved."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, [8, 16, 3]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.transpose(1, 0, 2)).save(tmp_path / "wide_turned.png")
    expected = np.asarray(Image.fromarray(pixels[:, 4:12]).resize((4, 4), Image.Resampling.BILINEAR)).astype(int)
    data = _load(tmp_path, resolution=4)
    assert np.abs(data.images[0] - expected).max() <= 1
    assert np.abs(data.images[1] - expected.transpose(1, 0, 2)).max() <= 1


def test_images_of_the_right_size_are_untouched(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, [8, 8, 3]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(_load(tmp_path).images[0], pixels)


def test_enlarging_is_allowed_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the names of up to ten; whoever refuses them has nothing said."""
    for index in range(14):
        _save(tmp_path / f"{index:02d}.png", (9, 9, 9), size=(4 + index // 12 * 4, 20))
    assert (_load(tmp_path, resolution=8).images == 9).all()
    messages = [record.getMessage() for record in caplog.records if "enlarged" in record.getMessage()]
    assert len(messages) == 1 and "fewer than 8" in messages[0] and "has 4" in messages[0]
    assert "12 of 14: 00.png (4 pixels); " in messages[0]
    assert "09.png (4 pixels); and 2 more" in messages[0] and "10.png" not in messages[0]
    caplog.clear()
    data = sources.load(dataset=f"folder:{tmp_path}", data_dir="", resolution=8, warn_enlarged=False)
    assert data.enlarged in messages[0] and not caplog.records


def test_grey_only_if_all_are_grey(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 100, mode="L")
    _save(tmp_path / "b.jpg", 50, mode="L")
    _save(tmp_path / "c.png", 1, mode="1")
    data = _load(tmp_path)
    assert data.images.shape == (3, 8, 8, 1) and data.images[:, 0, 0, 0].tolist() == [100, 50, 255]
    _save(tmp_path / "d.png", (1, 2, 3))
    data = _load(tmp_path)
    assert data.images[:, 0, 0].tolist() == [[100] * 3, [50] * 3, [255] * 3, [1, 2, 3]]


def test_palette_and_cmyk_are_read_as_colours(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (255, 0, 0)).quantize(4).save(tmp_path / "a.png")
    _save(tmp_path / "b.jpg", (0, 0, 0, 0), mode="CMYK")
    data = _load(tmp_path)
    assert data.images[0, 0, 0].tolist() == [255, 0, 0] and (data.images[1] >= 253).all()


def test_labelled_and_test_part_are_disjoint_and_fixed(tmp_path: Path) -> None:
    for index in range(30):
        _save(tmp_path / ("even", "odd")[index % 2] / f"{index}.png", (index, 0, 0))
    train, test = sources.labelled_splits(dataset=f"folder:{tmp_path}", data_dir="", resolution=8)
    assert (train.split, test.split, len(train.images), len(test.images)) == ("labelled", "test", 27, 3)
    seen = train.images[:, 0, 0, 0].tolist() + test.images[:, 0, 0, 0].tolist()
    assert sorted(seen) == list(range(30))
    for part in (train, test):
        assert part.labels is not None and (part.labels == part.images[:, 0, 0, 0] % 2).all()
        assert part.files == [f"{('even', 'odd')[row[0, 0, 0] % 2]}/{row[0, 0, 0]}.png" for row in part.images]
    assert test.digest() == _load(tmp_path, split="test").digest()


# Bad input ----------------------------------------------------------------------------------------------------------


def _error(folder: Path, *, quick: bool) -> str:
    with pytest.raises(UserError) as caught:
        if quick:
            sources.check_available(dataset=f"folder:{folder}", data_dir="")
        else:
            _load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("quick", [True, False])
def test_missing_folder(tmp_path: Path, quick: bool) -> None:
    assert f"{tmp_path}/none does not exist" in _error(tmp_path / "none", quick=quick)


@pytest.mark.parametrize("quick", [True, False])
def test_file_instead_of_folder(tmp_path: Path, quick: bool) -> None:
    assert "is not a folder" in _error(_save(tmp_path / "a.png", 0), quick=quick)


@pytest.mark.parametrize("quick", [True, False])
def test_no_images(tmp_path: Path, quick: bool) -> None:
    for name in ("a.txt", "b.TXT", "c.heic", "README", ".d.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"?")
    message = _error(tmp_path, quick=quick)
    assert (
        "holds no images, but 2 .txt, 1 .heic, 1 hidden, 1 without an ending;" in message and ".png, .apng" in message
    )


@pytest.mark.parametrize("quick", [True, False])
def test_mixed_layout(tmp_path: Path, quick: bool) -> None:
    _save(tmp_path / "a.png", 0)
    _save(tmp_path / "cat" / "a.png", 0)
    _save(tmp_path / "cat" / "b.png", 0)
    message = _error(tmp_path, quick=quick)
    assert "1 images lie directly" in message and "(a.png)" in message
    assert "2 in subfolders, which would be classes (cat/a.png, cat/b.png)" in message


def test_no_path_after_the_prefix() -> None:
    with pytest.raises(UserError, match="names no folder"):
        sources.check_available(dataset="folder:", data_dir="")


def test_damaged_files_are_named_and_counted(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, [64, 64, 3]).astype(np.uint8)
    for name in ("cut.png", "cut.jpg", "good.png"):
        Image.fromarray(noise).save(tmp_path / name)
    for name in ("cut.png", "cut.jpg"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "gif.png").write_bytes(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing")
    message = _error(tmp_path, quick=False)
    assert "6 of 7 images cannot be read" in message and "good.png" not in message
    for name in ("cut.png", "cut.jpg", "empty.png", "text.jpg", "gif.png", "nowhere.png"):
        assert name in message
    assert "not an image of a format that is read" in message and "truncated" in message


def test_at_most_ten_damaged_files_are_named(tmp_path: Path) -> None:
    for index in range(13):
        (tmp_path / f"bad{index:02d}.png").write_text("x")
    message = _error(tmp_path, quick=False)
    assert "13 of 13 images" in message and "bad09.png" in message and "bad10.png" not in message
    assert "and 3 more" in message


def test_damage_inside_a_file_is_found(tmp_path: Path) -> None:
    """The header is fine; the pixels are not."""
    noise = np.random.default_rng(0).integers(0, 256, [64, 64, 3]).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    (tmp_path / "a.png").write_bytes(bytes(content))
    assert "1 of 1 images cannot be read: a.png" in _error(tmp_path, quick=False)


def test_what_is_found_and_left_out_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Previews, waste baskets and what is hidden are no pictures of the user's, and no classes."""
    root = tmp_path / "photos"
    for name in ("dog/1.png", "dog/2.WebP", "cat/1.bmp", "cat/2.TIFF"):
        _save(root / name, 0)
    for name in (
        "@eaDir/1.png",
        ".ipynb_checkpoints/1.png",
        "cat/@eaDir/x/1.jpg",
        "__MACOSX/._1.png",
        "lost+found/a.png",
    ):
        _save(root / name, 0)
    for name in ("cat/a.heic", "cat/b.HEIC", "dog/c.mp4", "LICENSE", "dog/.1.png", "dog/.DS_Store", "dataset.json"):
        (root / name).write_text("{}")
    found = sources.check_available(dataset=f"folder:{root}", data_dir="")
    assert found == "data set folder:photos: 4 images in 2 classes: cat (2), dog (2)"
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("2 .heic, 1 .json, 1 .mp4, 1 hidden, 1 without an ending")
    for number in range(12):
        _save(root / f"class{number:02d}" / "1.png", 0)
    found = sources.check_available(dataset=f"folder:{root}", data_dir="")
    assert "16 images in 14 classes: cat (2), class00 (1), " in found and found.endswith("class08 (1) and 4 more")
    assert sources.check_available(dataset=f"folder:{root / 'cat'}", data_dir="").endswith("2 images without classes")


def test_which_images_have_colours_is_known(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 1, mode="L")
    assert _load(tmp_path).coloured == ""
    _save(tmp_path / "b.png", (1, 2, 3))
    assert _load(tmp_path).coloured == "1 of its 2 images are in colour: b.png"


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    _save(tmp_path / "cat" / "1.png", (1, 1, 1))
    _save(tmp_path / "dog" / "1.png", (2, 2, 2))
    (tmp_path / "cat" / "up").symlink_to(tmp_path)
    assert len(_load(tmp_path).images) == 2


def test_fewer_images_than_a_batch(tmp_path: Path) -> None:
    for index in range(3):
        _save(tmp_path / "photos" / f"{index}.png", 0)
    data = _load(tmp_path / "photos")
    sources.require_at_least(data, 3, "dis_batch_size")
    with pytest.raises(UserError, match="folder:photos has 3 images.*--dis_batch_size=4"):
        sources.require_at_least(data, 4, "dis_batch_size")


def test_no_labels_for_a_classifier(tmp_path: Path) -> None:
    for index in range(3):
        _save(tmp_path / f"{index}.png", 0)
    with pytest.raises(UserError, match="no labels.*--features"):
        sources.labelled_splits(dataset=f"folder:{tmp_path}", data_dir="", resolution=8)


def test_one_image_cannot_be_split(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 0)
    with pytest.raises(UserError, match="1 image cannot be split"):
        _load(tmp_path, split="test")
