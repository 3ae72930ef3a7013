"""TensorFlow's import without what its parts in C++ say then, which no setting keeps off the terminal."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
import types
from collections.abc import Iterator, Sequence

NAME = "tensorflow"


def install() -> None:
    """From now on the first import of TensorFlow in this process says nothing, unless it fails: then all of it.

    What is said later, and what Python code says through sys.stderr in other ways, stays as it is.
    """
    if NAME not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Quiet(spec.loader)
        return spec


class _Quiet(importlib.abc.Loader):
    """Another loader, whose module runs with standard error held back."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader  # as others find it
        with _standard_error_held_back():
            self._loader.exec_module(module)


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """What is written to file descriptor 2 meanwhile is lost, or written there after all where an exception ends it."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as file:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            file.seek(0)
            with contextlib.suppress(OSError):
                os.write(2, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
