"""Jobs done by a Ray cluster that is there already; Ray decides where, and does a lost node's jobs again elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import pathlib
import shutil
import signal
import socket
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autogan_tf.config.errors import UserError
from autogan_tf.runs import signals
from autogan_tf.runs.keeper import Interrupted, StopRequest

SECONDS_TO_CONNECT = 10.0
_SECONDS_BETWEEN_LOOKS = 0.5
_RETRIES = 3  # of a job whose node or process is lost, or is asked to end


class RayWorkers:
    """See `Workers`. Each job is one Ray task of one core; its folder is made on the node, and fetched when it is done.

    The program must be installed on every node, and files that a job names must be there.

    Args:
      make: called where a job is done, gives what does it, with a method `run(job, stop=...)`, see `Processes`.
      config: its argument.
      address: of the cluster, as `ray.init` takes it: "auto" for one that this machine belongs to.

    Raises:
      UserError: Ray is not installed, or the cluster cannot be reached within `SECONDS_TO_CONNECT`.
    """

    def __init__(self, make: Callable[[Any], Any], config: Any, *, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise UserError(
                "--workers=ray needs Ray, which is not installed; pip install 'autogan_tf[ray]', or give a number of "
                "processes of this machine"
            ) from None
        self._ray: Any = ray
        _connect(ray, address)
        self._task = self._ray.remote(num_cpus=1, max_retries=_RETRIES, retry_exceptions=[Interrupted])(_done_somewhere)
        self._make, self._config = make, config

    def map(self, jobs: Sequence[Any], *, wait: Callable[[], None]) -> Iterator[Any]:
        """As `Workers.map`. A job must be a dataclass with a `folder`, where what it writes comes to lie.

        Raises:
          UserError: a job's node or process was lost again and again.
        """
        ray = self._ray
        tasks = [self._task.remote(self._make, self._config, job) for job in jobs]
        waiting = list(tasks)
        try:
            for job, task in zip(jobs, tasks, strict=True):
                while task in waiting:
                    wait()
                    _, waiting = ray.wait(waiting, num_returns=1, timeout=_SECONDS_BETWEEN_LOOKS)
                try:
                    result, packed = ray.get(task)
                except ray.exceptions.RayTaskError as error:
                    raise error.as_instanceof_cause() from None
                except ray.exceptions.RayError as error:
                    raise UserError(
                        f"the Ray cluster ended a task {_RETRIES + 1} times before {job.goal}: "
                        f"{str(error).strip().splitlines()[0]}; the same command goes on"
                    ) from None
                _unpack(packed, pathlib.Path(job.folder))
                yield result
        finally:
            for task in waiting:
                with contextlib.suppress(Exception):
                    ray.cancel(task, force=True)

    def close(self) -> None:
        """As `Workers.close`: leaves the cluster."""
        self._ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    """For the main thread."""
    try:
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if port.isdecimal():  # where nothing answers Ray itself tries for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS_TO_CONNECT).close()
        ours = {number: signal.getsignal(number) for number in signals.ENDING}
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", ignore_reinit_error=True)
        for number, handler in ours.items():  # in whose place Ray puts its own, which end the process at once
            signal.signal(number, handler)
    except (OSError, RuntimeError, ValueError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
        raise UserError(
            f"the Ray cluster at --ray_address={address} cannot be reached: {said}; start one (ray start --head), or "
            "give the address of one"
        ) from None


def _done_somewhere(make: Callable[[Any], Any], config: Any, job: Any) -> tuple[Any, bytes]:
    """On a node: the job in a folder of its own there; its result, and all that it wrote, packed."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="autogan_tf-"))
    try:
        here = dataclasses.replace(job, folder=str(place / pathlib.Path(job.folder).name))
        result = make(config).run(here, stop=StopRequest())
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for path in sorted(place.iterdir()):
                archive.add(path, arcname=path.name)
        return result, buffer.getvalue()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unpack(packed: bytes, folder: pathlib.Path) -> None:
    """Beside where they belong first, so that a folder that is there is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetched-") as place:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(place, filter="data")
        for path in sorted(pathlib.Path(place).iterdir(), key=lambda path: path.is_dir()):
            target = folder.parent / path.name
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
