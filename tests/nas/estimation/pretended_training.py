"""What worker processes are given in tests: jobs that sleep, fail or are killed, as their folder's name says."""

from __future__ import annotations

import os
import pathlib
import signal
import time

from autogan_tf.config.errors import UserError
from autogan_tf.nas.estimation.candidate_training import Job, Result
from autogan_tf.runs.keeper import Interrupted, StopRequest


class Pretended:
    """Writes a line into the file `log` for each thing that it does."""

    def __init__(self, log: str) -> None:
        self._log = pathlib.Path(log)

    def _note(self, *words: object) -> None:
        with self._log.open("a") as file:
            file.write(" ".join(map(str, words)) + "\n")

    def _lines(self, kind: str) -> list[str]:
        return [line for line in self._log.read_text().splitlines() if line.startswith(kind)]

    def run(self, job: Job, *, stop: StopRequest) -> Result:
        name = pathlib.Path(job.folder).name
        self._note("begins", name, os.getpid())
        tries = sum(line.split()[1] == name for line in self._lines("begins"))
        if name == "killed-once" and tries == 1 or name == "killed-always":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "refused":
            raise UserError("it cannot be written to")
        while name == "first" and len({line.split()[2] for line in self._lines("begins")}) < 2:
            time.sleep(0.05)  # until the other process has begun a job, too
        until = time.monotonic() + (60 if name == "long" else 1.5 if name == "slow" else 0)
        while time.monotonic() < until:
            if stop.signal:
                self._note("saved", name)
                raise Interrupted(stop.signal, "there")
            time.sleep(0.05)
        return Result({"name": name}, job.steps)


def make(log: str) -> Pretended:
    """As `candidate_training.for_worker`, of which the configuration is the log's path."""
    return Pretended(log)


def main() -> None:
    """A search that is killed while its workers train: python pretended_training.py LOG."""
    import sys

    from autogan_tf.nas.estimation.workers import Processes

    jobs = [Job(f"x/{name}", (0,), 0, 1, 2) for name in ("long", "slow", "slow")]
    for _ in Processes(make, sys.argv[1], number=2).map(jobs, wait=lambda: None):  # type: ignore[arg-type]
        pass


if __name__ == "__main__":
    main()
