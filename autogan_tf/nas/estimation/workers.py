"""Who does jobs such as training candidates: this process, one after the other, or several processes at once."""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from typing import Any, Protocol

from autogan_tf.config.errors import UserError
from autogan_tf.nas.estimation.candidate_training import CandidateTraining, Job, Result
from autogan_tf.runs.keeper import Interrupted, StopRequest

TRIES = 3  # of a job whose process ends before it does
_SECONDS_BETWEEN_LOOKS = 0.5


class Workers(Protocol):
    """Does jobs: those of candidates, whose results are `Result`s, or others."""

    def map(self, jobs: Sequence[Any], *, wait: Callable[[], None]) -> Iterator[Any]:
        """What comes of the jobs, in their order, whoever finishes first.

        wait: called again and again meanwhile; an exception that it raises ends the jobs, which save what they have.
        """

    def close(self) -> None:
        """Ends what was started."""


class Inline:
    """One job after the other in this process; `stop`: notes the wish to end, which a job heeds."""

    def __init__(self, training: CandidateTraining, stop: StopRequest | None = None) -> None:
        self._training, self._stop = training, stop

    def map(self, jobs: Sequence[Job], *, wait: Callable[[], None]) -> Iterator[Result]:
        """As `Workers.map`."""
        for job in jobs:
            wait()
            try:
                yield self._training.run(job, stop=self._stop)
            except Interrupted:
                wait()  # which saves and ends the search for the same reason
                raise

    def close(self) -> None:
        """As `Workers.close`."""


class Processes:
    """Several jobs at once, each in one of `number` processes, which are started when they are needed.

    A process that is killed, or that takes more memory than there is, costs what its job had not saved: the others
    begin anew with it.

    Args:
      make: called in each process, gives what does the jobs, with a method `run(job, stop=...)`; must be importable, as
        its argument must be picklable. A job says by `goal` what is so when it is done.
      config: its argument.
      number: of processes.
    """

    def __init__(self, make: Callable[[Any], Any], config: Any, *, number: int) -> None:
        self._make, self._config, self._number = make, config, number
        self._context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
        self._stop: Event = self._context.Event()
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def map(self, jobs: Sequence[Any], *, wait: Callable[[], None]) -> Iterator[Any]:
        """As `Workers.map`.

        Raises:
          UserError: a job's process has ended three times before the job was done.
        """
        results: dict[int, Any] = {}
        tries = [0] * len(jobs)
        told = 0
        while told < len(jobs):
            left = [number for number in range(len(jobs)) if number not in results]
            futures = {self._started().submit(_run, jobs[number]): number for number in left}
            try:
                for done in _finished(futures, wait):
                    result = done.result()
                    if result is None:  # asked to end, by a signal that may have come to all processes: this one, too?
                        wait()
                        tries[futures[done]] += 1
                        self._check(jobs, tries)
                        continue
                    results[futures[done]] = result
                    while told in results:
                        yield results[told]
                        told += 1
            except BrokenProcessPool:
                self._end()
                wait()  # whoever ended the process may have meant the search
                for number in left:
                    tries[number] += number not in results
                self._check(jobs, tries)
            except BaseException:  # what `wait` raises, too
                for future in futures:
                    future.cancel()
                self.close()
                raise

    def _check(self, jobs: Sequence[Any], tries: Sequence[int]) -> None:
        worn = next((job for job, count in zip(jobs, tries, strict=True) if count >= TRIES), None)
        if worn is not None:
            raise UserError(
                f"a worker process ended {TRIES} times before {worn.goal}: it was killed, or there was not enough "
                f"memory; give fewer --workers than {self._number}, and the same --run_dir to go on"
            )

    def _started(self) -> concurrent.futures.ProcessPoolExecutor:
        if self._pool is None:
            self._stop.clear()
            self._pool = concurrent.futures.ProcessPoolExecutor(
                self._number,
                mp_context=self._context,
                initializer=_begin,
                initargs=(self._make, self._config, self._stop),
            )
        return self._pool

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def close(self) -> None:
        """As `Workers.close`: jobs save what they have, and end."""
        self._stop.set()
        self._end()


def _finished(
    futures: dict[concurrent.futures.Future[Any], int], wait: Callable[[], None]
) -> Iterator[concurrent.futures.Future[Any]]:
    """The futures as they are done."""
    waiting = set(futures)
    while waiting:
        wait()
        done, waiting = concurrent.futures.wait(
            waiting, _SECONDS_BETWEEN_LOOKS, concurrent.futures.FIRST_COMPLETED
        )
        yield from sorted(done, key=lambda future: futures[future])


class _StopOfWorker(StopRequest):
    """In a worker process: its search wishes to end, or has been killed."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self._event = event
        self._parent = multiprocessing.parent_process()

    @property
    def signal(self) -> int:  # type: ignore[override]
        alone = self._parent is not None and not self._parent.is_alive()
        return signal.SIGTERM if alone or self._event.is_set() else 0

    @signal.setter
    def signal(self, number: int) -> None:
        """Workers get no signals of their own."""


_made: Callable[[], Any]
_stop: _StopOfWorker
_busy = threading.Lock()


def _begin(make: Callable[[Any], Any], config: Any, event: Event) -> None:
    """Runs once in each process; an error in it would not be told, so that what may fail comes with the first job."""
    global _made, _stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the search asks its workers to end
    _stop = _StopOfWorker(event)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _made = functools.cache(functools.partial(make, config))


def _end_with_parent() -> None:
    """A search that was killed does not leave its workers behind: they end when their job has saved what it has."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    with _busy:
        os._exit(1)


def _run(job: Any) -> Any:
    with _busy:
        try:
            return _made().run(job, stop=_stop)
        except Interrupted:
            return None  # the search has ended, and nobody asks
