"""The rows of an evaluation that some scores need all of, kept in memory, or above a limit in a temporary file.

Kernel distance, precision and recall and the memorisation check compare rows with rows, so moments do not do; 50,000
rows of 2048 features are 410 MB.
"""

from __future__ import annotations

import os
import tempfile
from types import TracebackType
from typing import IO

import numpy as np

from autogan_tf.config.errors import UserError


class FeatureStore:
    """Rows [N, D] in float32, features or logits, N unknown in advance.

    Use it as a context manager: what it holds is deleted at its end. The temporary file has no name where the system
    allows that, so not even a killed process leaves it behind.

        with FeatureStore() as store:
            for features, _ in blocks:
                store.append(features)
            distance, error = kernel_distance(store.array, real)
    """

    def __init__(self, *, limit_bytes: int = 2**27, directory: str | os.PathLike[str] | None = None) -> None:
        """
        Args:
          limit_bytes: the rows stay in memory up to this many bytes, at least 0.
          directory: where the temporary file goes; None for the system's own folder.
        """
        if limit_bytes < 0:
            raise ValueError(f"limit_bytes must be at least 0, got {limit_bytes}")
        self._limit = limit_bytes
        self._directory = directory
        self._count = 0
        self._width: int | None = None
        self._blocks: list[np.ndarray] = []
        self._file: IO[bytes] | None = None
        self._closed = False

    @property
    def count(self) -> int:
        """Number of rows, N."""
        return self._count

    @property
    def is_on_disk(self) -> bool:
        """Whether the limit was exceeded."""
        return self._file is not None

    def append(self, rows: np.ndarray) -> None:
        """Adds rows [n, D], copied and converted to float32; n may be 0.

        Raises:
          ValueError: another rank or D than before, or a closed store.
          UserError: no room on the disk; the store is closed then.
        """
        self._require_open()
        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] < 1 or self._width not in (None, rows.shape[1]):
            width = "D" if self._width is None else self._width
            raise ValueError(f"rows must have shape [images, {width}], got {list(rows.shape)}")
        self._width = rows.shape[1]
        if not len(rows):
            return
        block = np.array(rows, np.float32, order="C")  # a copy: the caller may use its array again
        needed = (self._count + len(block)) * self._width * block.itemsize
        try:
            if self._file is None and needed > self._limit:
                self._file = tempfile.TemporaryFile(dir=self._directory, prefix="autogan-features-")
                for kept in self._blocks:
                    self._file.write(kept.data)
                self._blocks = []
            if self._file is None:
                self._blocks.append(block)
            else:
                self._file.write(block.data)
        except OSError as error:
            raise self._no_room(needed, error) from error
        self._count += len(block)

    @property
    def array(self) -> np.ndarray:
        """float32 [N, D], read-only: the rows so far, memory-mapped if they are on disk; [0, 0] before any.

        Raises ValueError on a closed store, UserError if the disk has no room for what was still to be written.
        """
        self._require_open()
        if not self._count or self._width is None:
            return np.zeros((0, self._width or 0), np.float32)
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                raise self._no_room(self._count * self._width * 4, error) from error
            return np.memmap(self._file, np.float32, "r", shape=(self._count, self._width))
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        view = self._blocks[0].view()
        view.flags.writeable = False
        return view

    def close(self) -> None:
        """Forgets the rows and deletes the file. Arrays taken before stay readable. May be called twice."""
        self._closed = True
        self._blocks = []
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:  # buffered bytes for which a full disk has no room; they are not needed any more
                pass

    def __enter__(self) -> FeatureStore:
        self._require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("the feature store is closed")

    def _no_room(self, needed: int, error: OSError) -> UserError:
        self.close()
        folder = tempfile.gettempdir() if self._directory is None else os.fspath(self._directory)
        return UserError(
            f"cannot keep {needed:,} bytes of features in {folder}: {error}; free space there, set TMPDIR to another "
            "folder, or evaluate fewer images"
        )
