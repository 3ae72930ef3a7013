"""The model that a local server answers for: its newest version, which is followed as versions come and go."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import numpy as np
from absl import logging
from tensorflow_serving.apis import get_model_status_pb2

from autogan_tf.config.errors import UserError
from autogan_tf.serving import model_folder
from autogan_tf.serving.batching import Batcher
from autogan_tf.serving.request_error import RequestError, not_found
from autogan_tf.serving.served_version import ServedVersion

_Result = TypeVar("_Result")
State = get_model_status_pb2.ModelVersionStatus.State


class ServedModel:
    """Requests by model and version, as TF Serving takes them; one version is loaded at a time, the newest.

    Version 0 asks for it, too, as OpenVINO's client does by itself.

    Args:
      path: the model's folder of versions, or one version, which is then served whatever else there is.
      batcher: runs the requests.
      timeout: seconds after which a request is given up.

    Raises:
      UserError: no SavedModel there, or one that cannot be read.
    """

    def __init__(self, path: pathlib.Path, *, batcher: Batcher, timeout: float) -> None:
        first = model_folder.newest(path, flag="saved_model").absolute()
        self._follows = first != path.absolute()
        number = model_folder.version_number(first.name)
        self.folder = first if number is None else first.parent
        self.name = self.folder.name
        self._batcher, self._timeout = batcher, timeout
        self.states: dict[int, tuple[int, str]] = {}  # version -> state, error
        self._failed: dict[int, float] = {}  # version -> when its files had changed last
        self._graph: tuple[int, int] | None = None  # which file the loaded version was read from
        self._told = ""
        self.version: ServedVersion | None = self._load(first, 1 if number is None else number)

    @property
    def max_rows(self) -> int:
        """Of a request."""
        return self._batcher.max_rows

    def check(self, name: str, version: int | None) -> ServedVersion:
        """The version that is loaded; RequestError (NOT_FOUND) where a request means another one or another model."""
        if name != self.name:
            which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise not_found(f"Servable not found for request: {which}")
        if version and (self.version is None or version != self.version.number):
            raise not_found(f"Servable not found for request: Specific({name}, {version})")
        if self.version is None:
            raise not_found(f"Servable not found for request: Latest({name})")
        return self.version

    async def predict(
        self, version: ServedVersion, signature: str, inputs: Mapping[str, np.ndarray], *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """The signature's outputs; RequestError where the request does not fit, or takes too long."""
        return await self.within(self._batcher.run(version, signature, inputs), "the answer", timeout=timeout)

    async def within(self, work: Coroutine[Any, Any, _Result], what: str, *, timeout: float | None = None) -> _Result:
        """The result of `work`; RequestError (DEADLINE_EXCEEDED) where it takes longer than the server allows."""
        limit = self._timeout if timeout is None else min(timeout, self._timeout)
        try:
            return await asyncio.wait_for(work, limit)
        except asyncio.TimeoutError:
            raise RequestError(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"{what} was not there within {limit:g} seconds"
            ) from None

    def check_sizes(self, version: ServedVersion, signature: str, shapes: Mapping[str, Sequence[int]]) -> None:
        """RequestError where inputs of these shapes do not fit, before memory is taken for them."""
        version.check_shapes(signature, shapes)
        self._batcher.check_rows(next(iter(shapes.values()))[0])

    def status(self, name: str, version: int | None) -> get_model_status_pb2.GetModelStatusResponse:
        """States of the versions seen so far, newest first; RequestError for a model or version that is none."""
        chosen = {n: s for n, s in self.states.items() if n == version} if version else self.states
        if name != self.name or not chosen:
            where = f"{name}" if version is None else f"{name}, version {version}"
            raise not_found(f"Could not find any versions of model {where}")
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in sorted(chosen, reverse=True):
            state, error = chosen[number]
            status = response.model_version_status.add(version=number, state=state)
            status.status.error_code = 0 if not error else grpc.StatusCode.UNKNOWN.value[0]
            status.status.error_message = error
        return response

    async def follow(self, *, every: float) -> None:
        """Looks every so many seconds which versions are there, and takes the newest; does not end.

        As TF Serving does: a newer version replaces the loaded one when it is loaded and warm; where the loaded one is
        gone, the newest that is left is taken; where none is left, there is nothing more to answer with. A version
        whose files are replaced while it is loaded stays as it was loaded. Each of these is logged.
        """
        while self._follows:
            await asyncio.sleep(every)
            try:
                await self._take_newest()
            except Exception as error:  # a folder that cannot be read now may be read the next time
                self._tell(f"nothing changes: {error}")

    async def _take_newest(self) -> None:
        there = model_folder.versions(self.folder)
        before = self.version.number if self.version else None
        if not there:
            if not self.folder.is_dir():
                raise FileNotFoundError(f"there is no folder {self.folder}")
            if before is not None:
                self.version, self.states[before] = None, (State.END, "")
                self._tell(f"version {before} is gone from {self.folder}, which holds no other: none is served")
            return
        number = next((n for n in reversed(there) if n == before or self._is_worth_a_try(n, there[n])), None)
        if number is None:
            return
        if number == before:
            if _graph(there[number]) != self._graph:
                self._tell(
                    f"the files of version {number} have changed, and it is served as it was loaded; "
                    "a new model needs a new number"
                )
            return
        self.version = await asyncio.to_thread(self._load, there[number], number)
        if before is None:
            self._tell(f"version {number} is served")
            return
        self.states[before] = (State.END, "")
        why = "replaces" if before in there else "is served instead of the removed"
        self._tell(f"version {number} {why} {before}")

    def _tell(self, what: str) -> None:
        """Logs it, but not at every look the same."""
        if what != self._told:
            logging.warning("%s: %s", self.name, what)
        self._told = what

    def _is_worth_a_try(self, number: int, path: pathlib.Path) -> bool:
        """Not where it could not be loaded, and its files are what they were then."""
        return number not in self._failed or _newest_change(path) != self._failed[number]

    def _load(self, path: pathlib.Path, number: int) -> ServedVersion:
        self.states[number] = (State.LOADING, "")
        changed, graph = _newest_change(path), _graph(path)
        try:
            version = ServedVersion(path, number=number)
            version.warm_up()
            if (_newest_change(path), _graph(path)) != (changed, graph):  # half of the one and half of the other
                raise UserError("its files changed while they were read")
        except Exception as error:  # a folder that is being copied, damaged protocol buffers: nearly every type occurs
            reason = str(error).strip().split("\n")[0]
            self.states[number] = (State.END, reason)
            self._failed[number] = changed
            raise UserError(f"version {number} in {path} cannot be served: {reason}") from error
        self.states[number] = (State.AVAILABLE, "")
        self._graph = graph
        return version


def _graph(version: pathlib.Path) -> tuple[int, int]:
    """Tells the file of its graph from any other."""
    status = (version / model_folder.SAVED_MODEL).stat()
    return status.st_ino, status.st_mtime_ns


def _newest_change(folder: pathlib.Path) -> float:
    """Seconds since 1970 of the last change of its files, or 0."""
    return max((path.stat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)
