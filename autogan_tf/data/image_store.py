"""Where arrays of images are kept: in memory while they fit, otherwise in a temporary file that is read as needed."""

from __future__ import annotations

import errno
import math
import os
import pathlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data import free_memory

_BLOCK_BYTES = 16 * 1024 * 1024
_GIGABYTE = 10**9
_CANNOT_RESERVE = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class ImageStore:
    """Gives out arrays for images, and knows how many bytes those that are still in use take in memory."""

    def __init__(
        self, *, folder: str | os.PathLike[str] | None, memory_gb: float = 0.0, keeps_decoded: bool = True
    ) -> None:
        """
        Args:
          folder: where temporary files go, made when it is needed. None keeps everything in memory, whatever the limit.
          memory_gb: gigabytes (10^9 bytes) that the arrays in memory may take together; 0 gives each at most half of
            what is free when it is asked for, since training copies it once more, to TensorFlow.
          keeps_decoded: whether `decoded_cache` may keep images in the folder, for later commands.
        """
        if memory_gb < 0:
            raise ValueError(f"memory_gb must be at least 0, got {memory_gb}")
        self._folder = None if folder is None else pathlib.Path(folder)
        self._keeps_decoded = keeps_decoded
        self._limit = int(memory_gb * _GIGABYTE) if memory_gb else None
        self._held: list[weakref.ref[np.ndarray]] = []
        self._told = False

    @property
    def decoded_folder(self) -> pathlib.Path | None:
        """Where decoded images are kept for later commands, if anywhere."""
        return self._folder if self._keeps_decoded else None

    def allocate(self, shape: Sequence[int]) -> np.ndarray:
        """A uint8 array to be filled, with undefined content.

        An ordinary one if it fits, otherwise a `np.memmap` of a file that has no name: it goes with the last array that
        looks at it, even when the process is killed. Its room on the disk is taken at once, so that filling it cannot
        fail.

        Raises:
          UserError: the array does not fit in memory, and the folder cannot be written to or has no room.
        """
        if self._folder is None:
            return np.empty(shape, np.uint8)
        num_bytes, room = math.prod(shape), self._room()
        if num_bytes > room:
            return self._on_disk(self._folder, tuple(shape), num_bytes, room)
        array = np.empty(shape, np.uint8)
        self._held.append(weakref.ref(array))
        return array

    def _room(self) -> int:
        """Bytes that the next array may take in memory."""
        if self._limit is None:
            return free_memory.free_bytes() // 2
        alive = [array for array in (reference() for reference in self._held) if array is not None]
        self._held = [weakref.ref(array) for array in alive]
        return self._limit - sum(array.nbytes for array in alive)

    def _on_disk(self, folder: pathlib.Path, shape: tuple[int, ...], num_bytes: int, room: int) -> np.ndarray:
        what = (
            f"{shape[0]:,} images of {' x '.join(map(str, shape[1:]))} take {_gigabytes(num_bytes)}, more than the "
            f"{_gigabytes(room)} of memory that are left for them"
        )
        remedy = "free space there, or name a folder with more of it as --cache_dir"
        if self._limit is not None:
            remedy += ", or raise --data_memory_gb"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if free < num_bytes:
                raise UserError(f"{what}, and {folder} has only {_gigabytes(free)} free; {remedy}")
            with tempfile.TemporaryFile(dir=folder, prefix="autogan-images-") as file:
                _reserve(file, num_bytes)
                array = np.memmap(file, np.uint8, "r+", shape=shape)  # keeps the file open by itself
        except OSError as error:
            raise UserError(f"{what}, and cannot be kept in {folder}: {error.strerror}; {remedy}") from error
        if not self._told:
            logging.warning("%s: they are kept in a temporary file in %s, which may be slower", what, folder)
            self._told = True
        return array


IN_MEMORY = ImageStore(folder=None)


def _reserve(file: IO[bytes], num_bytes: int) -> None:
    """Takes the room on the disk: in a file with holes, a full disk would end the process when they are written to."""
    try:
        os.posix_fallocate(file.fileno(), 0, num_bytes)
        return
    except AttributeError:  # not on every system
        pass
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
    for start in range(0, num_bytes, _BLOCK_BYTES):
        file.write(bytes(min(_BLOCK_BYTES, num_bytes - start)))
    file.flush()


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / _GIGABYTE:,.2f} GB" if num_bytes >= _GIGABYTE // 100 else f"{num_bytes:,} bytes"


def blocks(num_rows: int, row_bytes: int) -> Iterator[slice]:
    """Consecutive slices of 0..num_rows - 1, each of some 16 MB: ways through an array without having all of it."""
    size = max(1, _BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(start + size, num_rows)) for start in range(0, num_rows, size))


def is_on_disk(images: np.ndarray) -> bool:
    """Whether it is one of `ImageStore.allocate`, or a part of one, that lies in a file."""
    return isinstance(images, np.memmap)
