"""Whole commands of another checkout beside this one's, for the benchmarks that take `--against`."""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from autogan_tf.config.errors import UserError

OTHER = "the other checkout"  # its name in the tables


def checkout(text: str) -> pathlib.Path:
    """An argparse type: a folder with another version of the program."""
    folder = pathlib.Path(text)
    if not (folder / "autogan_tf" / "search.py").is_file():
        raise argparse.ArgumentTypeError(f"must be a checkout of this program, got {text!r}")
    return folder.resolve()


def add_against(parser: argparse.ArgumentParser, *, flagfile: str, what: str) -> None:
    """`--against` and `--flagfile`: another checkout, whose `what` are timed, too, and the run they are taken from."""
    parser.add_argument("--flagfile", default=flagfile, help=f"the run whose {what} are timed (default {flagfile})")
    parser.add_argument("--against", type=checkout, help=f"another checkout, whose {what} are timed, too")


def logged(root: pathlib.Path, command: str, flags: Sequence[str]) -> list[dict]:
    """The lines of metrics.jsonl that `command` of the checkout `root` writes; the run is deleted.

    Raises:
      UserError: the command failed; with what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", f"autogan_tf.{command}", *flags, f"--run_dir={folder}/run"]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"{' '.join(words)} failed in {root}:\n{done.stderr}")
        return [json.loads(line) for line in (pathlib.Path(folder) / "run" / "metrics.jsonl").read_text().splitlines()]
