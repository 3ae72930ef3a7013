"""How commands end: exit code and one line."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from autogan_tf.runs.checkpoints import SaveFailed
from autogan_tf.runs.ending import exit_code_of
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import Interrupted
from autogan_tf.runs.progress import Terminal
from tests.runs import written_run


def ended(error: Exception | None, capsys) -> tuple[int, str]:
    def body(stop) -> None:
        assert stop.signal == 0
        if error:
            raise error

    with Terminal(verbosity="quiet") as terminal:
        code = exit_code_of(body, folder=RunFolder("runs/a"), terminal=terminal, failures=(ZeroDivisionError,))
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "parts"),
    [
        (None, 0, []),
        (Interrupted(signal.SIGTERM, "x/ckpt-3"), 143, ["SIGTERM", "x/ckpt-3", "--run_dir=runs/a goes on"]),
        (Interrupted(signal.SIGINT, "x/ckpt-3"), 130, ["SIGINT"]),
        (SaveFailed("checkpoint 4 cannot be written"), 1, ["stopped: checkpoint 4", "make room", "goes on"]),
        (OSError(errno.ENOSPC, "No space left", "runs/a/x"), 1, ["stopped: runs/a/x cannot be", "No space left"]),
        (OSError(errno.ENOSPC, "No space left"), 1, ["a file in runs/a cannot be written"]),
        (ZeroDivisionError("a loss became nan"), 1, ["stopped: a loss became nan", "the last good state"]),
    ],
)
def test_the_code_and_what_is_said(error, code, parts, capsys):
    found, said = ended(error, capsys)
    assert found == code
    assert said.count("\n") == bool(parts) and all(part in said for part in parts)


def test_the_report_of_a_run_that_was_stopped_is_up_to_date(tmp_path):
    folder = written_run.write_search(tmp_path / "run", iterations=3)

    def body(stop) -> None:
        raise Interrupted(signal.SIGTERM, "ckpt-3")

    with Terminal(silent=True) as terminal:
        assert exit_code_of(body, folder=RunFolder(folder), terminal=terminal, failures=()) == 143
    assert "3 of 5 search iterations are done" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_is_no_ending_of_a_run_is_no_secret(capsys):
    for error in (OSError(errno.ENOENT, os.strerror(errno.ENOENT), "x"), KeyError("x")):
        with pytest.raises(type(error)):
            ended(error, capsys)
