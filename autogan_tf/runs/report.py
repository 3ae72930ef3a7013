"""The report of a run, report.html and report.json in its folder; and a comparison of several."""

from __future__ import annotations

import json
import pathlib
import time
from collections.abc import Sequence

from absl import logging

from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.runs import history, report_data, report_page
from autogan_tf.runs.folder import RunFolder, check_can_be_made, write_atomically

# Between two reports of a run that goes on: so many times as long as the last one took, and at least so many seconds.
_TIMES, _SECONDS = 50, 60.0
_FIRST = 5.0  # seconds until the first one: runs that end before, as searches in the table, write it once
_COMPARISON = "autogan-comparison"
_MARKS = (b'<meta name="generator" content="autogan_tf.report">', f'"format": "{_COMPARISON}"'.encode())  # of our files


def write(path: str | pathlib.Path) -> list[pathlib.Path]:
    """Writes both files into the run's folder; their paths.

    Raises:
      UserError: the folder holds nothing of a run, or cannot be written to.
    """
    run = history.read(path)
    document = report_data.document(run)
    return _write(
        {
            run.folder.report_page: report_page.page(run, document),
            run.folder.report_file: json.dumps(document, allow_nan=False) + "\n",
        }
    )


def compare(paths: Sequence[str], output: pathlib.Path) -> list[pathlib.Path]:
    """Writes a comparison of several runs to `output`, and the same as JSON beside it; their paths.

    Raises:
      UserError: as `write`, or `output` is a file that is no report.
    """
    data = output.with_suffix(".json")
    if not output.exists():  # else it may be an earlier comparison
        check_can_be_made(output, flag="output")
    for file in (output, data):
        if file.exists() and not any(mark in file.read_bytes() for mark in _MARKS):
            raise UserError(f"--output={output}: {file} is there and is no report; give another name")
    documents = [report_data.document(history.read(path)) for path in paths]
    together = {"format": _COMPARISON, "version": report_data.VERSION, "runs": documents}
    return _write({output: report_page.comparison(documents), data: json.dumps(together, allow_nan=False) + "\n"})


def _write(files: dict[pathlib.Path, str]) -> list[pathlib.Path]:
    for path, content in files.items():
        try:
            write_atomically(path, shown(content))
        except OSError as error:
            raise UserError(f"cannot write {path}: {error}") from None
    return list(files)


class Refreshed:
    """Keeps the report of a run that goes on up to date; what goes wrong with it is a warning, never the run's end."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._not_before = time.monotonic() + _FIRST

    def now(self) -> None:
        """Writes it."""
        began = time.monotonic()
        try:
            write(self._folder.path)
        except Exception as error:  # the run is worth more than its report
            logging.warning("the report of %s is not written: %r", self._folder.path, error)
        took = time.monotonic() - began
        self._not_before = time.monotonic() + max(_SECONDS, _TIMES * took)

    def if_due(self) -> None:
        """Writes it, unless the last time was a short while ago."""
        if time.monotonic() >= self._not_before:
            self.now()
