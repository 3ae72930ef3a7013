"""Files that appear whole or not at all: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets
from collections.abc import Iterator
from typing import BinaryIO

_MODE = 0o644
_NAME_LENGTH = 50  # characters of up to 4 bytes


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file to be written, which takes the place of `path` when the block ends without an exception.

        with replacing("scores.npz") as file:
            np.savez(file, **scores)

    Readers see the old file or the new whole one, and of several writers the last wins. The content is on the disk
    before the rename, so that a power cut leaves no empty file. The folder is made where it is missing. The file's
    mode is 0644 less the umask. After an exception, the block's own or one of the disk, `path` is as it was and the
    temporary file is gone.

    Raises:
      OSError: the folder cannot be made or written to, or the disk is full.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # of its own for each writer; of a long name the beginning, as a file system takes names of 255 bytes
    temporary = path.with_name(f".{path.name[:_NAME_LENGTH]}.{secrets.token_hex(8)}.tmp")
    # os.open, not tempfile: that would make a file for the owner only, and the umask can be read only by setting it
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
