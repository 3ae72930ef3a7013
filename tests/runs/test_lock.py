"""One process at a time in a run's folder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.runs.lock import locked

HOLD = (
    "import pathlib, sys, time\n"
    "from autogan_tf.runs.lock import locked\n"
    "with locked(pathlib.Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(60)\n"
)


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path):
    run = tmp_path / "run"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=f"in use by process {holder.pid}"), locked(run):
            pass
    finally:
        os.kill(holder.pid, signal.SIGKILL)  # it cannot tidy up
        holder.wait()
    assert (run / ".lock").exists()
    with locked(run):
        pass


def test_it_leaves_nothing(tmp_path):
    with locked(tmp_path / "a" / "run"):
        assert (tmp_path / "a" / "run" / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "a" / "run").exists()
    (tmp_path / "b").mkdir()
    with locked(tmp_path / "b"):
        (tmp_path / "b" / "config.json").touch()
    assert [entry.name for entry in (tmp_path / "b").iterdir()] == ["config.json"]


def test_the_same_process_twice(tmp_path):
    with locked(tmp_path), pytest.raises(UserError, match="in use by"), locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("autogan_tf.runs.lock.os.open", refuse)
    with pytest.raises(UserError, match="cannot be written to: Permission denied"), locked(tmp_path):
        pass


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("autogan_tf.runs.lock.fcntl.flock", refuse)
    with pytest.raises(UserError, match="cannot be locked: No locks available"), locked(tmp_path):
        pass
