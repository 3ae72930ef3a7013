"""Paths that TensorFlow takes literally.

TensorFlow reads some characters of a path as a pattern, also where it is given a single file: a checkpoint that was
written to `runs/x [1]` is not found again, and what is removed may lie in other folders. Names that are not UTF-8 it
does not take at all. So it is given a symbolic link from a temporary folder instead, which the system follows:
what is written is written in its place, and renames stay within one disk.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from autogan_tf.config.errors import UserError

_PATTERN = frozenset("*?[]{}\\")
_LINK = "folder"
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # where the system's own choice will not do


@contextlib.contextmanager
def literal(path: str | os.PathLike[str]) -> Iterator[str]:
    """A path to the same place that TensorFlow takes literally, good while the block runs.

    Args:
      path: a file, a folder, or what file names begin with; its parent must exist, and where its last name is not
        literal itself, so must it. It may be relative. Where it is literal it is given back as it is.

    Raises:
      UserError: there is no place for a link.
    """
    path = pathlib.Path(path)
    if is_literal(path):
        yield str(path)
        return
    target, rest = (path.parent, (path.name,)) if is_literal(path.name) else (path, ())
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="autogan-", dir=_place()))
            os.symlink(target.absolute(), os.path.join(place, _LINK))
        except OSError as error:
            raise UserError(
                f"TensorFlow reads {path} as a pattern, and a link to it cannot be made in a temporary folder "
                f"({error.strerror}); name it without any of * ? [ ] {{ }} \\, or set TMPDIR to a folder that can be "
                "written to"
            ) from None
        yield os.path.join(place, _LINK, *rest)


def is_literal(path: str | os.PathLike[str]) -> bool:
    """Whether TensorFlow takes a path as it is."""
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _PATTERN.isdisjoint(text)


def _place() -> str:
    """A folder for temporary ones, itself literal; OSError where there is none."""
    for folder in (tempfile.gettempdir(), *_PLACES):
        if is_literal(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise FileNotFoundError(2, "there is none")
