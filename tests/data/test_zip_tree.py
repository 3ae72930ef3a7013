"""Zip files of pictures: read as the folder that they were made of, and refused where they are dangerous or damaged."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.data import sources
from autogan_tf.data.generated_folder import GeneratedFolder
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import IN_MEMORY, ImageStore


def picture(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (level, 0, 0)).save(file, "PNG")
    return file.getvalue()


def pack(path: Path, members: dict[str, int | bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, picture(content) if isinstance(content, int) else content)
    return path


def load(path: Path, *, store: ImageStore = IN_MEMORY) -> ImageData:
    return sources.load(dataset=f"folder:{path}", data_dir="", resolution=8, store=store)


def levels(data: ImageData) -> list[int]:
    return data.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_class_folders(tmp_path: Path, method: int) -> None:
    path = pack(
        tmp_path / "photos.zip", {"dog/1.png": 10, "cat/a/2.png": 20, "cat/1.png": 30, "cat/x.txt": b""}, method
    )
    data = load(path)
    assert data.labels is not None and data.labels.tolist() == [0, 0, 1] and levels(data) == [30, 20, 10]
    found = sources.check_available(dataset=f"folder:{path}", data_dir="")
    assert found == "data set folder:photos.zip: 3 images in 2 classes: cat (2), dog (1)"


def test_the_folder_that_was_packed_is_no_class(tmp_path: Path) -> None:
    """As file managers pack folders, some with folders of their own beside it, and names as in Windows."""
    members = {
        **{"my photos/": b"", "my photos/cat/1.png": 1, "my photos\\dog\\2.png": 2},
        **{"__MACOSX/my photos/cat/._1.png": b"", "my photos/.hidden/3.png": 3, "my photos/@eaDir/4.png": 4},
    }
    data = load(pack(tmp_path / "a.zip", members))
    assert data.labels is not None and data.labels.tolist() == [0, 1] and levels(data) == [1, 2]
    assert data.files == ["my photos/cat/1.png", "my photos/dog/2.png"]
    flat = load(pack(tmp_path / "b.zip", {"my photos/1.png": 1, "my photos/2.png": 2}))
    assert flat.labels is None and levels(flat) == [1, 2]


def test_whatever_it_is_called(tmp_path: Path) -> None:
    assert levels(load(pack(tmp_path / "photos.cbz", {"1.png": 1}))) == [1]


def test_of_two_members_of_one_name_the_last(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": 1})
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("1.png", picture(2))
    assert levels(load(path)) == [2]


def test_another_zip_file_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    store = ImageStore(folder=tmp_path / "cache")
    for level in (1, 2, 2):
        path = pack(tmp_path / "a.zip", {"cat/1.png": level, "dog/1.png": 9})
        os.utime(path, ns=(1, 1))
        assert levels(load(path, store=store)) == [level, 9]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_generated_images(tmp_path: Path) -> None:
    folder = GeneratedFolder(str(pack(tmp_path / "made.zip", {"a/1.png": 1, "b/2.png": 2, "dataset.json": b"{}"})))
    (batch,) = folder.batches(2, batch_size=2, seed=0)
    assert batch[:, 0, 0, 0].tolist() == [1, 2]
    with pytest.raises(UserError, match=r"--images=.*1 of 2 images are not square and all of one size.*a/1.png"):
        wide = io.BytesIO()
        Image.new("RGB", (8, 9)).save(wide, "PNG")
        GeneratedFolder(str(pack(tmp_path / "made.zip", {"a/1.png": wide.getvalue(), "b/2.png": 2})))


# Bad files -----------------------------------------------------------------------------------------------------------


def error(path: Path, *, quick: bool = True) -> str:
    """What is said, before any picture is read if `quick`."""
    with pytest.raises(UserError) as caught:
        if quick:
            sources.check_available(dataset=f"folder:{path}", data_dir="")
        else:
            load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["../1.png", "a/../../1.png", "/etc/1.png", "C:\\1.png", "..\\1.png", "C:/1.png"])
def test_names_that_lead_out_of_it(tmp_path: Path, name: str) -> None:
    assert "1 of 2 files in" in error(pack(tmp_path / "a.zip", {"0.png": 0, name: 1}))
    assert "leads out of the zip file" in error(tmp_path / "a.zip")


def changed(path: Path, offset: int, value: int) -> None:
    """Changes a two-byte field of the first entry of the central directory, APPNOTE 4.3.12."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, start + offset, value)
    path.write_bytes(content)


def test_encrypted(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": 1, "2.png": 2})
    changed(path, 8, 1)
    assert "1.png (encrypted)" in error(path) and "without a password" in error(path)


def test_a_way_of_packing_that_is_not_known(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": 1, "2.png": 2})
    changed(path, 10, 9)
    assert "1.png (packed in a way that cannot be read, number 9)" in error(path)


def test_what_would_fill_the_memory(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": bytes(2**26 + 1)}, zipfile.ZIP_DEFLATED)
    assert "bytes that become 67,108,865" in error(path)
    content = bytearray(pack(tmp_path / "b.zip", {"1.png": 1}).read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 2**32 - 2)
    (tmp_path / "b.zip").write_bytes(content)
    assert "become 4,294,967,294" in error(tmp_path / "b.zip")


def test_members_that_overlap(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{index}.png": index for index in range(9)})
    content = path.read_bytes()
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x03\x04", 4)
    # only the first picture is there, and the directory still has nine
    directory = content[first : content.index(b"PK\x05\x06")]
    end = bytearray(content[content.index(b"PK\x05\x06") :])
    struct.pack_into("<I", end, 16, second)
    path.write_bytes(content[:second] + directory + bytes(end))
    assert "overlap" in error(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"hello", bytes(100)])
def test_no_zip_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert "cannot be read as a zip file" in error(tmp_path / "a.zip")


def test_cut_off(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": 1, "2.png": 2})
    path.write_bytes(path.read_bytes()[:-60])
    assert "it may be cut off" in error(path)


def test_no_images_in_it(tmp_path: Path) -> None:
    assert "holds no images, but 1 .txt;" in error(pack(tmp_path / "a.zip", {"a.txt": b"", "b/": b""}))


def test_damaged_members_are_named(tmp_path: Path) -> None:
    """Also where the damage is behind the last byte that a picture needs."""
    members = {"1.png": picture(1) + bytes(50), "2.png": 2, "3.png": 3, "4.png": b"no picture"}
    path = pack(tmp_path / "a.zip", members)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x03\x04", 4) - 10] ^= 1  # in the bytes after the first picture
    content[content.index(picture(3)) - 35] ^= 0xFF  # the signature of the third member
    path.write_bytes(content)
    message = error(path, quick=False)
    assert "3 of 4 images cannot be read: 1.png (Bad CRC-32" in message and "2.png (" not in message
    assert "3.png (Bad magic number" in message and "4.png (damaged, or not an image" in message


def test_a_link_in_it_leads_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("1.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(link, "/etc/passwd")
    assert "1.png (damaged, or not an image" in error(path, quick=False)


def test_a_picture_of_too_many_pixels(tmp_path: Path) -> None:
    header = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + struct.pack(">2I5B", 60000, 60000, 1, 0, 0, 0, 0)
    path = pack(tmp_path / "a.zip", {"1.png": header + struct.pack(">I", zipfile.crc32(header[12:])) + b"\0\0\0\0IDAT"})
    assert "1.png (more than 178,956,970 pixels)" in error(path, quick=False)


def test_a_folder_that_may_not_be_read_and_names_that_cannot_be(tmp_path: Path) -> None:
    for name in ("a" * 300, "a\0b"):
        with pytest.raises(UserError, match="--dataset=folder:"):
            sources.check_available(dataset=f"folder:{name}", data_dir="")
