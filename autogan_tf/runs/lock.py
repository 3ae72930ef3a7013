"""One process at a time in a run's folder: a lock that ends with the process, however that ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import socket
from collections.abc import Iterator

from autogan_tf.config.errors import UserError
from autogan_tf.runs.folder import LOCK


class InUse(UserError):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds the folder's lock, a file .lock that says who; made with the folder, and taken away at the end.

    Raises:
      InUse: another process holds it.
      UserError: the folder cannot be made or written to.
    """
    path = folder / LOCK
    made = not folder.exists()
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(f"--run_dir={folder} cannot be written to: {error.strerror}; give another folder") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise InUse(
                f"--run_dir={folder} is in use by {holder}; wait until it has ended, stop it, or give another folder"
            ) from None
        except OSError as error:  # a file system without locks
            os.close(descriptor)
            raise UserError(f"--run_dir={folder} cannot be locked: {error.strerror}; give another folder") from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        os.close(descriptor)  # the one before has just taken its file away
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
        if made:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
