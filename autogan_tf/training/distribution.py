"""Where steps run: on one device, or on the replicas of a tf.distribute strategy that split every batch."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data.image_data import ImageData
from autogan_tf.runs import signals
from autogan_tf.training import agreement, cluster, joining

Nest = TypeVar("Nest")


@dataclasses.dataclass(frozen=True)
class Share:
    """One replica's share of a batch: part `index`, from 0, of `number` equal ones."""

    index: int = 0
    number: int = 1

    def of(self, rows: tf.Tensor) -> tf.Tensor:
        """Its rows of [N, ...], N divisible by `number`."""
        if self.number == 1:
            return rows
        size = tf.shape(rows)[0] // self.number
        return rows[self.index * size : (self.index + 1) * size]


class Distribution:
    """A strategy, and what the outer loop needs of it; without one, everything happens on one device.

    Every replica computes its part of each batch, and gradients, losses and batch norm's moments are means over all of
    them, so that N replicas follow one replica with the whole batch, but for rounding.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        self._strategy = strategy
        self.count: int = strategy.num_replicas_in_sync if strategy else 1
        self._workers, self._index = _cluster(strategy)
        self.is_chief = self._index == 0  # of workers of one kind the first is the chief
        self._sum: tf.types.experimental.GenericFunction | None = None

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Variables made in it are every replica's."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def split(self, make: Callable[[Share], Nest]) -> Nest:
        """For `run`: what `make` gives for each replica's part."""
        if self._strategy is None:
            return make(Share())
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: make(Share(context.replica_id_in_sync_group, context.num_replicas_in_sync))
        )

    def run(self, step: Callable[..., Nest], **arguments: Any) -> Nest:
        """Calls `step` in every replica; the results of the first, which should be those of all."""
        if self._strategy is None:
            return step(**arguments)
        results = self._strategy.run(step, kwargs=arguments)
        return tf.nest.map_structure(lambda value: self._strategy.experimental_local_results(value)[0], results)

    def agreed(self, array: np.ndarray) -> np.ndarray:
        """The chief's values, on every worker, all of which must call this in the same order: where they would differ,
        in the last digits of what each computes or in what they read off the clock."""
        if self._workers == 1:
            return array
        mine = array.ravel() if self.is_chief else np.zeros(array.size)
        return self._total(mine).astype(array.dtype).reshape(array.shape)

    def chiefs(self, answer: bool) -> bool:
        """The chief's answer, on every worker, as `agreed`."""
        return bool(self.agreed(np.array(answer)))

    @property
    def any_worker(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Where there are several workers, a function to be called by all of them in the same order: booleans [N] to
        what is true on any of them."""
        return (lambda wishes: self._total(wishes) > 0) if self._workers > 1 else None

    def gathered(self, text: str) -> list[str]:
        """Every worker's text, the chief's first; on every worker, all of which must call this in the same order."""
        if self._workers == 1:
            return [text]
        mine = np.frombuffer(text.encode(), np.uint8)
        sizes = np.zeros(self._workers)
        sizes[self._index] = len(mine)
        sizes = self._total(sizes).astype(int)
        rows = np.zeros([self._workers, int(max(sizes))])
        rows[self._index, : len(mine)] = mine
        rows = self._total(rows.ravel()).reshape(rows.shape).astype(np.uint8)
        return [row[:size].tobytes().decode() for row, size in zip(rows, sizes, strict=True)]

    def _total(self, mine: np.ndarray) -> np.ndarray:
        """Of an array [N] of each worker the sum over all of them; float64, which holds exactly all that is shared."""
        if self._sum is None:  # one graph for arrays of every kind
            signature = [tf.TensorSpec([None], tf.float64)]
            self._sum = tf.function(self._summed, input_signature=signature, autograph=False)
        return self._sum(tf.constant(mine, tf.float64)).numpy()

    def _summed(self, mine: tf.Tensor) -> tf.Tensor:
        assert self._strategy is not None
        replicas_of_worker = self.count // self._workers

        def once() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = tf.equal(context.replica_id_in_sync_group % replicas_of_worker, 0)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(first, mine, tf.zeros_like(mine)))

        return self._strategy.experimental_local_results(self._strategy.run(once))[0]

    def check_same(self, values: Mapping[str, str], *, what: str) -> None:
        """Raises UserError on every worker where one has other values than the chief.

        Args:
          values: by name, in words, what decides the computation.
          what: these are, for the wait until all workers have come as far.
        """
        if self._workers == 1:
            return
        with joining.telling(lambda: f"the other workers' {what}"):
            found = [json.loads(text) for text in self.gathered(json.dumps(dict(values)))]
        differing = agreement.differences(found)
        if differing:
            self._refuse(
                f"the workers would not compute the same: {differing}; start all of them again with the same settings, "
                "images and program"
            )

    def check_same_settings(self, command: str, config: Any, *, architecture: str = "") -> None:
        """`check_same` of what `agreement.settings` tells."""
        if self._workers > 1:
            self.check_same(agreement.settings(command, config, architecture=architecture), what="settings")

    def check_same_images(self, data: ImageData) -> None:
        """`check_same` of the images and their classes."""
        if self._workers > 1:
            shape = f"{len(data.images):,} of {data.resolution} pixels in {data.channels} channels"
            self.check_same({"the set of images": f"{shape}, digest {data.digest()[:12]},"}, what="images")

    def check_same_checkpoint(self, number: int, *, folder: object) -> None:
        """Raises UserError on every worker where one goes on from another checkpoint than the chief.

        number: 0 for none.
        """
        found = [json.loads(text) for text in self.gathered(json.dumps([number, str(folder)]))]
        for index, (other, where) in enumerate(found):
            if other != found[0][0]:
                names = [f"checkpoint {n}" if n else "none" for n in (found[0][0], other)]
                self._refuse(
                    f"the chief goes on from {names[0]}, and worker {index} found {names[1]} in {where}; the run's "
                    "folder must be one that all workers see"
                )

    def _refuse(self, message: str) -> NoReturn:
        """UserError, once all workers know as much: TensorFlow ends what others still wait for when one is gone."""
        with contextlib.suppress(tf.errors.OpError):
            self._total(np.zeros(1))
        raise UserError(message)

    def check_batches(self, **sizes: int) -> None:
        """Raises UserError where a batch, given by its flag's name, cannot be divided among the replicas."""
        for flag, size in sizes.items():
            if size % self.count:
                nearest = max(self.count, size // self.count * self.count)
                raise UserError(
                    f"--{flag}={size} cannot be divided among {self.count} replicas; give a multiple of {self.count}, "
                    f"such as {nearest}"
                )


def _cluster(strategy: tf.distribute.Strategy | None) -> tuple[int, int]:
    """How many worker processes there are, and which this one is."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1, 0
    resolver = strategy.cluster_resolver
    return len(resolver.cluster_spec().as_dict()["worker"]), resolver.task_id


def start(name: str, *, replicas: int = 0) -> Distribution:
    """The distribution that the flags ask for; to be called before TensorFlow computes anything.

    Args:
      name: "one": one device; "mirrored": all accelerators of this machine; "multi_worker": every process that
        TF_CONFIG names; "tpu": the TPU that its environment names.
      replicas: for "mirrored", how many; 0 for all accelerators. On a machine that has none, so many logical devices
        on its CPU.

    Raises:
      UserError: fewer accelerators than replicas, TF_CONFIG missing or damaged, no TPU.
    """
    if name == "mirrored":
        return Distribution(tf.distribute.MirroredStrategy(_devices(replicas)))
    if name == "multi_worker":
        return Distribution(_multi_worker(os.environ.get(cluster.VARIABLE, "")))
    if name == "tpu":
        return Distribution(_tpu())
    return Distribution()


def _devices(replicas: int) -> list[str]:
    accelerators = tf.config.list_physical_devices("GPU")
    if accelerators:
        if replicas > len(accelerators):
            raise UserError(f"--replicas={replicas} asks for more than the {len(accelerators)} GPUs of this machine")
        return [f"GPU:{number}" for number in range(replicas or len(accelerators))]
    if not replicas:
        raise UserError(
            "--distribution=mirrored found no GPU; give --distribution=one, or --replicas=2 to split the steps over "
            "two logical devices on the CPU, which tries the setting out but is not faster"
        )
    cpu = tf.config.list_physical_devices("CPU")[0]
    present = tf.config.get_logical_device_configuration(cpu) or []
    if len(present) < replicas:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        except RuntimeError as error:
            raise RuntimeError("the distribution must be started before TensorFlow computes anything") from error
    return [f"CPU:{number}" for number in range(replicas)]


def _multi_worker(tf_config: str) -> tf.distribute.Strategy:
    workers = cluster.parse(tf_config)
    try:
        with joining.waiting_for(workers):
            return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError) as error:
        raise UserError(
            f"--distribution=multi_worker cannot join the workers of TF_CONFIG={tf_config}: {_in_a_line(error)}"
        ) from None


@contextlib.contextmanager
def as_a_worker(name: str) -> Iterator[None]:
    """Around a command that computes with the distribution `name`. Among several workers, a signal ends the process at
    once whatever it waits for, where no `StopRequest` listens; and what TensorFlow raises when another one is gone is a
    UserError."""
    with contextlib.ExitStack() as stack:
        if name == "multi_worker":
            stack.enter_context(signals.heard(_end_at_once))
        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
            raise UserError(
                "another worker has ended or cannot be reached, of which its own messages tell more; all workers must "
                "be started again, and a run that has begun then goes on from its newest checkpoint; TensorFlow "
                f"says: {_in_a_line(error)}"
            ) from None


def _end_at_once(number: int) -> None:
    signals.tell(f"stopped by {signal.Signals(number).name}")
    signals.end_at_once(number)


def _in_a_line(error: Exception) -> str:
    """The first line of an error's text that says something, without the operation's name and without its full stop."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = (re.sub(r"^\{\{.*?\}\}", "", line.strip()).strip() for line in text.splitlines())
    told = next((line for line in lines if line and not line.startswith(_SAYS_NOTHING)), type(error).__name__)
    return told.rstrip(". ")


_SAYS_NOTHING = ("Graph execution error", "Detected at node", 'File "', "Additional GRPC error information")


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(
            f"--distribution=tpu found no TPU: {_in_a_line(error)}; give --distribution=one or mirrored"
        ) from None
    return tf.distribute.TPUStrategy(resolver)
