"""Puts the requests that wait while the model is busy into one batch: throughput of many clients, latency of one."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import dataclasses
from collections.abc import Mapping

import grpc
import numpy as np

from autogan_tf.serving.request_error import RequestError, invalid
from autogan_tf.serving.served_version import ServedVersion

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(eq=False)
class _Waiting:
    """A request in the queue."""

    version: ServedVersion
    signature: str
    inputs: Arrays
    answer: asyncio.Future

    @property
    def rows(self) -> int:
        return len(next(iter(self.inputs.values())))


class Batcher:
    """A queue before the model, which answers one batch at a time on a thread of its own.

    A request never waits for others to come: what came while the model was busy makes the next batch. Where a batch is
    refused its requests are tried one by one, so that a bad one spoils no other.

    Args:
      max_rows: of a batch, and so of a request.
      max_waiting: requests in the queue; further ones are refused (UNAVAILABLE), for the client to try again.
    """

    def __init__(self, *, max_rows: int, max_waiting: int) -> None:
        self.max_rows, self._max_waiting = max_rows, max_waiting
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "model")
        self._worker: asyncio.Task | None = None

    async def run(self, version: ServedVersion, signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs for one request.

        Raises:
          RequestError: the request does not fit the signature, has too many rows, or the queue is full.
        """
        request = _Waiting(
            version, signature, version.checked(signature, inputs), asyncio.get_running_loop().create_future()
        )
        self.check_rows(request.rows)
        if len(self._queue) >= self._max_waiting:
            raise RequestError(grpc.StatusCode.UNAVAILABLE, f"{self._max_waiting} requests are waiting; try again")
        self._queue.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await request.answer

    def check_rows(self, number: int) -> None:
        """RequestError for a request of more rows than a batch."""
        if number > self.max_rows:
            raise invalid(f"a request may have at most {self.max_rows} rows, got {number}; send several")

    def close(self) -> None:
        """Lets the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while self._queue:
            batch = self._next_batch()
            if not batch:
                continue
            loop = asyncio.get_running_loop()
            answers = await loop.run_in_executor(self._thread, _answers, batch)
            for request, answer in zip(batch, answers, strict=True):
                if request.answer.done():  # the client has gone
                    continue
                if isinstance(answer, Exception):
                    request.answer.set_exception(answer)
                else:
                    request.answer.set_result(answer)

    def _next_batch(self) -> list[_Waiting]:
        """The oldest request, and those of the same signature that fit beside it, in their order."""
        while self._queue and self._queue[0].answer.done():
            self._queue.popleft()
        if not self._queue:
            return []
        first = self._queue.popleft()
        if not first.version.is_batchable(first.signature):
            return [first]
        batch, rows, left = [first], first.rows, []
        for request in self._queue:
            alike = request.version is first.version and request.signature == first.signature
            if request.answer.done():
                continue
            if alike and rows + request.rows <= self.max_rows:
                batch.append(request)
                rows += request.rows
            else:
                left.append(request)
        self._queue = collections.deque(left)
        return batch


def _answers(batch: list[_Waiting]) -> list[dict[str, np.ndarray] | Exception]:
    """For each request its outputs, or what was wrong; on the model's thread."""
    first = batch[0]
    try:
        if len(batch) == 1:
            return [first.version.run(first.signature, first.inputs)]
        together = {name: np.concatenate([request.inputs[name] for request in batch]) for name in first.inputs}
        outputs = first.version.run(first.signature, together)
        ends = np.cumsum([request.rows for request in batch])[:-1]
        parts = {name: np.split(array, ends) for name, array in outputs.items()}
    except Exception as error:  # also what is nobody's fault: the worker must go on
        if len(batch) == 1:
            return [error]
        return [answer for request in batch for answer in _answers([request])]
    return [{name: arrays[place] for name, arrays in parts.items()} for place in range(len(batch))]
