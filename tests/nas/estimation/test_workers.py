"""Processes that train candidates: results come in order, and the end of a process, or of the search, is borne."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.nas.estimation import candidate_training
from autogan_tf.nas.estimation.candidate_training import Job
from autogan_tf.nas.estimation.workers import Inline, Processes
from autogan_tf.runs.keeper import Interrupted, StopRequest
from autogan_tf.runs.lock import locked
from tests.nas.estimation import pretended_training

ROOT = pathlib.Path(__file__).parents[3]


def jobs(*names: str) -> list[Job]:
    return [Job(f"x/{name}", (number,), 0, number, 2) for number, name in enumerate(names, 1)]


class Pool:
    """Two worker processes and the lines that their jobs write."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.log = folder / "log"
        self.processes = Processes(pretended_training.make, str(self.log), number=2)  # type: ignore[arg-type]

    def done(self, *names: str, wait=lambda: None) -> list[tuple[str, int]]:
        results = self.processes.map(jobs(*names), wait=wait)
        return [(result.scores["name"], result.step) for result in results]

    def lines(self, kind: str) -> list[str]:
        lines = [line.split() for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return [words[1] for words in lines if words[0] == kind]

    def pids(self) -> set[int]:
        return {int(line.split()[2]) for line in self.log.read_text().splitlines() if line.startswith("begins")}


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Iterator[Pool]:
    pool = Pool(tmp_path_factory.mktemp("workers"))
    yield pool
    pool.processes.close()


def gone(pid: int, *, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_results_come_in_the_order_of_the_jobs(pool):
    assert pool.done("first", "a", "b", "c") == [("first", 1), ("a", 2), ("b", 3), ("c", 4)]
    assert len(pool.pids()) == 2 and os.getpid() not in pool.pids()
    before = pool.pids()
    assert pool.done("d") == [("d", 1)]
    assert pool.pids() == before  # the processes stay, with what they have loaded
    assert pool.done() == []


def test_a_job_whose_process_is_killed_is_done_again(pool):
    assert pool.done("e", "killed-once", "f") == [("e", 1), ("killed-once", 2), ("f", 3)]
    assert pool.lines("begins").count("killed-once") == 2


@pytest.mark.slow
def test_three_times_is_enough(pool):
    with pytest.raises(UserError, match=r"ended 3 times before x/killed-always was trained to step 1: .* than 2, and"):
        pool.done("killed-always")
    assert pool.lines("begins").count("killed-always") == 3
    assert pool.done("g") == [("g", 1)]


def test_an_error_of_ours_reaches_the_search(pool):
    with pytest.raises(UserError, match="^it cannot be written to$"):
        pool.done("refused", "long")


def test_a_search_that_is_asked_to_end_lets_its_workers_save(pool):
    """The wish comes once the job has begun."""

    def wait() -> None:
        if "long" in pool.lines("begins")[begun:]:
            raise Interrupted(signal.SIGTERM, "the search")

    begun, saved = len(pool.lines("begins")), pool.lines("saved").count("long")
    with pytest.raises(Interrupted, match="saved as the search"):
        pool.done("long", "h", wait=wait)
    assert pool.lines("saved").count("long") == saved + 1
    assert all(gone(pid) for pid in pool.pids())
    assert pool.done("i") == [("i", 1)]  # and they can be started again


@pytest.mark.slow
def test_workers_of_a_search_that_is_killed_save_and_end(tmp_path):
    pool = Pool(tmp_path)
    module = "tests.nas.estimation.pretended_training"
    search = subprocess.Popen([sys.executable, "-m", module, str(pool.log)], cwd=ROOT)
    until = time.monotonic() + 120
    while "long" not in pool.lines("begins") or len(pool.pids()) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    search.kill()
    search.wait()
    assert all(gone(pid) for pid in pool.pids())
    assert pool.lines("saved").count("long") == 1


def test_inline_a_wish_to_end_is_answered_by_the_search(tmp_path):
    """A job that was stopped has saved itself; what is raised is what `wait` does, which saves the search."""
    stop = StopRequest()

    class Stopped(pretended_training.Pretended):
        def run(self, job: Job, *, stop: StopRequest):
            stop.signal = signal.SIGINT
            raise Interrupted(stop.signal, "the candidate")

    def wait() -> None:
        if stop.signal:
            raise Interrupted(stop.signal, "the search")

    done = Inline(pretended_training.Pretended(str(tmp_path / "log")), stop).map(jobs("a", "b"), wait=wait)
    assert [(result.scores["name"], result.step) for result in done] == [("a", 1), ("b", 2)]
    with pytest.raises(Interrupted, match="SIGINT; saved as the search"):
        list(Inline(Stopped(str(tmp_path / "log")), stop).map(jobs("c"), wait=wait))


def test_a_candidate_waits_for_a_folder_that_is_in_use_and_for_no_other(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(candidate_training.time, "sleep", waits.append)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"), candidate_training.locked_when_free(tmp_path / "file"):
        pass
    assert waits == []
    with locked(tmp_path / "run"):
        monkeypatch.setattr(candidate_training, "SECONDS_FOR_LOCK", 0.0)
        with pytest.raises(UserError, match="in use by"), candidate_training.locked_when_free(tmp_path / "run"):
            pass
    with candidate_training.locked_when_free(tmp_path / "run"):
        assert waits == []
