"""Images that do not fit in memory: when they go to the disk, what stays there, and the same content either way."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import free_memory, image_data, image_store, pipeline
from autogan_tf.data.image_store import ImageStore

KILOBYTE_GB = 1e-6
SHAPE = (10, 8, 8, 3)  # 1,920 bytes


@pytest.fixture
def on_disk(tmp_path: Path) -> ImageStore:
    """A store that has no memory."""
    return ImageStore(folder=tmp_path / "cache", memory_gb=1e-9)


def _data(num_images: int = 50) -> image_data.ImageData:
    images = np.random.default_rng(0).integers(0, 256, [num_images, 8, 8, 3]).astype(np.uint8)
    labels = np.arange(num_images, dtype=np.int32) % 5
    return image_data.ImageData(name="drawn", images=images, labels=labels, num_classes=5, split="train")


def _kept_in(data: image_data.ImageData, store: ImageStore) -> image_data.ImageData:
    """The same data in a store."""
    return image_data.take(data, np.arange(len(data.images)), data.split, store=store)


def test_what_fits_is_an_ordinary_array(tmp_path: Path) -> None:
    store = ImageStore(folder=tmp_path / "cache", memory_gb=2 * KILOBYTE_GB)
    first = store.allocate(SHAPE)
    assert type(first) is np.ndarray and first.shape == SHAPE and first.dtype == np.uint8
    assert not (tmp_path / "cache").exists()


def test_arrays_in_use_share_the_limit(tmp_path: Path) -> None:
    store = ImageStore(folder=tmp_path, memory_gb=4 * KILOBYTE_GB)
    first, second, third = (store.allocate(SHAPE) for _ in range(3))  # 4,000 bytes hold two
    assert [image_store.is_on_disk(array) for array in (first, second, third)] == [False, False, True]
    part = first[:1]
    del first
    gc.collect()
    assert image_store.is_on_disk(store.allocate(SHAPE))  # the part needs all of it
    del part
    gc.collect()
    assert not image_store.is_on_disk(store.allocate(SHAPE))


def test_without_a_limit_half_of_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ImageStore(folder=tmp_path)
    monkeypatch.setattr(free_memory, "free_bytes", lambda: 2 * 1920)
    assert not image_store.is_on_disk(store.allocate(SHAPE))
    monkeypatch.setattr(free_memory, "free_bytes", lambda: 2 * 1920 - 1)
    assert image_store.is_on_disk(store.allocate(SHAPE))


def test_without_a_folder_all_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "free_bytes", lambda: 0)
    assert not image_store.is_on_disk(image_store.IN_MEMORY.allocate(SHAPE))


def test_the_flag_and_the_store_refuse_a_negative_size() -> None:
    with pytest.raises(UserError, match="data_memory_gb must be a number that is at least 0.*-1"):
        TrainConfig(genotype="autogan_cifar10_a", data_memory_gb=-1).validate()
    with pytest.raises(ValueError, match="got -1"):
        ImageStore(folder=None, memory_gb=-1)


def test_an_array_on_disk_can_be_filled_and_read(on_disk: ImageStore) -> None:
    array = on_disk.allocate(SHAPE)
    expected = _data(10).images
    array[:] = expected
    assert image_store.is_on_disk(array) and image_store.is_on_disk(array[2:5])
    assert array.shape == SHAPE and array.dtype == np.uint8
    np.testing.assert_array_equal(array, expected)


def test_two_arrays_on_disk_are_apart(on_disk: ImageStore) -> None:
    one, two = on_disk.allocate(SHAPE), on_disk.allocate(SHAPE)
    one[:], two[:] = 1, 2
    assert (one == 1).all() and (two == 2).all()


def _open_files(folder: Path) -> list[str]:
    """What the process holds open there, by name or without one."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:  # that of the listing itself
            pass
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")
def test_nothing_is_left_on_the_disk(on_disk: ImageStore, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    array = on_disk.allocate(SHAPE)
    array[:] = 7
    assert list(folder.iterdir()) == [] and len(_open_files(folder)) == 1
    part = array[3]
    del array
    gc.collect()
    assert (part == 7).all() and len(_open_files(folder)) == 1
    del part
    gc.collect()
    assert _open_files(folder) == []


def test_nothing_is_left_after_a_kill(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from autogan_tf.data.image_store import ImageStore\n"
        f"array = ImageStore(folder={str(tmp_path)!r}, memory_gb=1e-9).allocate([100, 8, 8, 3])\n"
        "array[:] = 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=900).returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_the_room_is_taken_at_once(on_disk: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the file system, in 512 bytes, before anything is written; a sparse file would have none."""
    files = []
    made = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **how: files.append(made(**how)) or files[-1])
    taken = []
    monkeypatch.setattr(np, "memmap", lambda file, *_, **__: taken.append(os.fstat(file.fileno()).st_blocks * 512))
    for reserve in ("posix_fallocate", "zeros"):
        if reserve == "zeros":
            monkeypatch.delattr(os, "posix_fallocate")
        on_disk.allocate([1000, 8, 8, 3])
        assert taken.pop() >= 192_000


def test_a_full_disk_is_told_before(on_disk: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=20_000_000))
    with pytest.raises(UserError) as caught:
        on_disk.allocate([100_000, 32, 32, 3])
    said = str(caught.value)
    assert "100,000 images of 32 x 32 x 3 take 0.31 GB" in said and "1 bytes of memory" in said
    assert f"{tmp_path / 'cache'} has only 0.02 GB free" in said
    assert "--cache_dir" in said and "--data_memory_gb" in said and "\n" not in said


def test_a_disk_that_fills_meanwhile_is_told(on_disk: ImageStore, tmp_path: Path, monkeypatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="cannot be kept in .*No space left on device; free space"):
        on_disk.allocate(SHAPE)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be kept in .*--cache_dir"):
        ImageStore(folder=tmp_path / "file" / "cache", memory_gb=1e-9).allocate(SHAPE)


def test_going_to_the_disk_is_said_once(on_disk: ImageStore, caplog: pytest.LogCaptureFixture) -> None:
    kept = [on_disk.allocate(SHAPE) for _ in range(2)]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 1 and "10 images of 8 x 8 x 3" in messages[0] and len(kept) == 2


def test_blocks_cover_all_rows_once() -> None:
    for num_rows, row_bytes in ((0, 5), (7, 2**30), (40, 2**20), (40, 2**20 + 1), (5, 0)):
        parts = list(image_store.blocks(num_rows, row_bytes))
        assert [row for part in parts for row in range(num_rows)[part]] == list(range(num_rows))
        assert all((part.stop - part.start) * row_bytes <= 2**24 or part.stop - part.start == 1 for part in parts)


def test_content_does_not_depend_on_the_place(on_disk: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Digest, parts and reduced images, block by block and at once."""
    data = _data()
    digest = data.digest()
    monkeypatch.setattr(image_store, "_BLOCK_BYTES", 7 * 192)
    monkeypatch.setattr(pipeline, "_RESIZE_BLOCK_BYTES", 7 * 4 * 192)
    kept = _kept_in(data, on_disk)
    assert image_store.is_on_disk(kept.images) and kept.digest() == data.digest() == digest
    reduced = pipeline.reduce(kept.images, 4, store=on_disk)
    assert image_store.is_on_disk(reduced)
    np.testing.assert_array_equal(reduced, pipeline.reduce(data.images, 4))
    order = np.random.default_rng(1).permutation(50)[:30]
    taken = image_data.take(kept, order, "test", store=on_disk)
    np.testing.assert_array_equal(taken.images, data.images[order])
    np.testing.assert_array_equal(taken.labels, np.arange(50)[order] % 5)


def test_the_parts_of_held_out_data_are_disjoint_and_complete(on_disk: ImageStore) -> None:
    data = _data()
    for store in (image_store.IN_MEMORY, on_disk):
        rest, test = (image_data.hold_out(data, 8, split=split, store=store) for split in ("labelled", "test"))
        assert (rest.split, test.split, len(rest.images), len(test.images)) == ("labelled", "test", 42, 8)
        rows = sorted(image.tobytes() for part in (rest, test) for image in part.images)
        assert rows == sorted(image.tobytes() for image in data.images)
