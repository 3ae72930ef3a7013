"""A script in another interpreter that answers each line with a line: how the benchmarks time PyTorch beside us."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
from collections.abc import Sequence

from autogan_tf.config.errors import UserError


def add_torch_python(parser: argparse.ArgumentParser, *, needs: str) -> None:
    """The flag that names the interpreter; `needs` says what it must have."""
    parser.add_argument("--torch_python", type=_interpreter, help=f"an interpreter with {needs}, to compare with")


def _interpreter(text: str) -> str:
    found = shutil.which(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be a Python interpreter that can be run, got {text!r}")
    return found


class OtherPython:
    """The process, for a `with` statement.

    Args:
      python: the interpreter, as `--torch_python` names it.
      arguments: what comes after it. The script prints a first line when it is ready, here `first`, then answers.
      needs: packages that it must have, for the message where it fails.
    """

    def __init__(self, python: str, arguments: Sequence[str], *, needs: str) -> None:
        self._needs = needs
        self._process = subprocess.Popen(
            [python, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.first = self._answer()
        except BaseException:
            self._close()
            raise

    def ask(self, line: str = "") -> str:
        """Its answer to `line`.

        Raises:
          UserError: it ended instead.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, and the missing answer says so
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> OtherPython:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise UserError(f"the interpreter given as --torch_python failed, see above; it needs {self._needs}")
        return answer

    def _close(self) -> None:
        try:
            self._process.communicate(timeout=10)  # closes its input, upon which it ends
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
