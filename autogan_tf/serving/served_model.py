"""The model that a local server answers for: its newest version, which is followed as new ones are exported."""

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
        self.folder = first.parent if first.name.isdigit() else first
        self.name = self.folder.name
        self._batcher, self._timeout = batcher, timeout
        self.states: dict[int, tuple[int, str]] = {}  # version -> state, error
        self._failed: dict[int, float] = {}  # version -> when its files had changed last
        self.version = self._load(first)

    @property
    def max_rows(self) -> int:
        """Of a request."""
        return self._batcher.max_rows

    def check(self, name: str, version: int | None) -> ServedVersion:
        """The version that is loaded; RequestError (NOT_FOUND) where a request means another one or another model."""
        if name != self.name:
            which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise not_found(f"Servable not found for request: {which}")
        if version and version != self.version.number:
            raise not_found(f"Servable not found for request: Specific({name}, {version})")
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
        """Looks for a newer version every so many seconds and takes it when it is loaded and warm; does not end."""
        while self._follows:
            await asyncio.sleep(every)
            try:
                await self._take_newer()
            except Exception as error:  # a folder that cannot be read now may be read the next time
                logging.warning("%s: version %d stays: %s", self.name, self.version.number, error)

    async def _take_newer(self) -> None:
        found = model_folder.versions(self.folder)
        newer = [number for number in found if number > self.version.number and self._has_changed(number)]
        if newer:
            before = self.version.number
            self.version = await asyncio.to_thread(self._load, self.folder / str(newer[-1]))
            self.states[before] = (State.END, "")
            logging.info("%s: version %d replaces %d", self.name, self.version.number, before)

    def _has_changed(self, number: int) -> bool:
        """Whether it was never tried, or its files have changed since it could not be loaded."""
        return _newest_change(self.folder / str(number)) > self._failed.get(number, -1.0)

    def _load(self, path: pathlib.Path) -> ServedVersion:
        number = int(path.name) if path.name.isdigit() else 1
        self.states[number] = (State.LOADING, "")
        seen = _newest_change(path)
        try:
            version = ServedVersion(path, number=number)
            version.warm_up()
        except Exception as error:  # a folder that is being copied, damaged protocol buffers: nearly every type occurs
            reason = str(error).strip().split("\n")[0]
            self.states[number] = (State.END, reason)
            self._failed[number] = seen
            raise UserError(f"version {number} in {path} cannot be served: {reason}") from error
        self.states[number] = (State.AVAILABLE, "")
        return version


def _newest_change(folder: pathlib.Path) -> float:
    """Seconds since 1970 of the last change of its files, or 0."""
    return max((path.stat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)
