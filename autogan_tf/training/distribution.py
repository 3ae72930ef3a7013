"""Where steps run: on one device, or on the replicas of a tf.distribute strategy that split every batch."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from autogan_tf.config import json_text
from autogan_tf.config.errors import UserError

Nest = TypeVar("Nest")


@dataclasses.dataclass(frozen=True)
class Part:
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
        self._workers, task = _cluster(strategy)
        self.is_chief = task == 0  # of workers of one kind the first is the chief
        self._share: tf.types.experimental.GenericFunction | None = None
        self._sum: tf.types.experimental.GenericFunction | None = None

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Variables made in it are every replica's."""
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def split(self, make: Callable[[Part], Nest]) -> Nest:
        """For `run`: what `make` gives for each replica's part."""
        if self._strategy is None:
            return make(Part())
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: make(Part(context.replica_id_in_sync_group, context.num_replicas_in_sync))
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
        if self._strategy is None or self._workers == 1:
            return array
        if self._share is None:  # one graph for arrays of every kind; float64 holds all that is shared exactly
            signature = [tf.TensorSpec([None], tf.float64)]
            self._share = tf.function(self._shared, input_signature=signature, autograph=False)
        mine = array.astype(np.float64).ravel() if self.is_chief else np.zeros(array.size)
        return self._share(tf.constant(mine, tf.float64)).numpy().astype(array.dtype).reshape(array.shape)

    @property
    def any_worker(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Where there are several workers, a function to be called by all of them in the same order: booleans [N] to
        what is true on any of them."""
        return self._any_worker if self._workers > 1 else None

    def _any_worker(self, wishes: np.ndarray) -> np.ndarray:
        if self._sum is None:
            signature = [tf.TensorSpec([None], tf.float64)]
            self._sum = tf.function(self._total, input_signature=signature, autograph=False)
        return self._sum(tf.constant(wishes, tf.float64)).numpy() > 0

    def _shared(self, mine: tf.Tensor) -> tf.Tensor:
        """Of the first replica's values the sum over all replicas: those of the chief."""

        def once() -> tf.Tensor:
            first = tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0)
            return tf.where(first, mine, tf.zeros_like(mine))

        return self._all_reduced(once)

    def _total(self, mine: tf.Tensor) -> tf.Tensor:
        return self._all_reduced(lambda: tf.identity(mine))  # a tensor of the replica's own

    def _all_reduced(self, of_replica: Callable[[], tf.Tensor]) -> tf.Tensor:
        assert self._strategy is not None

        def total() -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, of_replica())

        return self._strategy.experimental_local_results(self._strategy.run(total))[0]

    def check_same_checkpoint(self, number: int, *, folder: object) -> None:
        """Raises UserError on a worker that goes on from another checkpoint than the chief; number: 0 for none."""
        chiefs = int(self.agreed(np.array(number)))
        if number != chiefs:
            names = [f"checkpoint {n}" if n else "none" for n in (chiefs, number)]
            raise UserError(
                f"the chief goes on from {names[0]}, and this worker found {names[1]} in {folder}; the run's folder "
                "must be one that all workers see"
            )

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


def start(strategy: str, *, replicas: int = 0) -> Distribution:
    """The distribution that the flags ask for; to be called before TensorFlow computes anything.

    Args:
      strategy: "one": one device; "mirrored": all accelerators of this machine; "multi_worker": every process that
        TF_CONFIG names; "tpu": the TPU that its environment names.
      replicas: for "mirrored", how many; 0 for all accelerators. On a machine that has none, so many logical devices
        on its CPU.

    Raises:
      UserError: fewer accelerators than replicas, TF_CONFIG missing or damaged, no TPU.
    """
    if strategy == "mirrored":
        return Distribution(tf.distribute.MirroredStrategy(_devices(replicas)))
    if strategy == "multi_worker":
        return Distribution(_multi_worker(os.environ.get("TF_CONFIG", "")))
    if strategy == "tpu":
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
            "--strategy=mirrored found no GPU; give --strategy=one, or --replicas=2 to split the steps over two "
            "logical devices on the CPU, which tries the setting out but is not faster"
        )
    cpu = tf.config.list_physical_devices("CPU")[0]
    present = tf.config.get_logical_device_configuration(cpu) or []
    if len(present) < replicas:
        try:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
        except RuntimeError as error:
            raise RuntimeError("the distribution must be started before TensorFlow computes anything") from error
    return [f"CPU:{number}" for number in range(replicas)]


_EXAMPLE = (
    """TF_CONFIG='{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'"""
)


def _multi_worker(tf_config: str) -> tf.distribute.Strategy:
    _check_tf_config(tf_config)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError, ValueError, TypeError) as error:
        raise UserError(
            f"--strategy=multi_worker cannot join the workers of TF_CONFIG={tf_config}: {_first_line(error)}"
        ) from None


@contextlib.contextmanager
def told_when_another_worker_ends() -> Iterator[None]:
    """Turns what TensorFlow raises when another worker is gone into a UserError."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise UserError(
            f"another worker has ended or cannot be reached, see its messages; here: {_first_line(error)}"
        ) from None


def _first_line(error: Exception) -> str:
    """Without the full stop, as more may follow."""
    return (str(error).splitlines()[0] if str(error) else repr(error)).rstrip(". ")


def _check_tf_config(text: str) -> None:
    if not text:
        raise UserError(f"--strategy=multi_worker needs the environment variable TF_CONFIG, for example {_EXAMPLE}")
    try:
        config = json_text.parse(text)
        cluster, task = config["cluster"], config["task"]
        workers = cluster["worker"]
        fits = set(cluster) == {"worker"} and isinstance(workers, list) and task["type"] == "worker"
        fits = fits and all(isinstance(worker, str) and re.fullmatch(r".+:\d+", worker) for worker in workers)
        fits = fits and 0 <= int(task["index"]) < len(workers)
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise UserError(f"TF_CONFIG is not of a cluster of workers: got {text!r}; needed is, for example, {_EXAMPLE}")


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect()
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(f"--strategy=tpu found no TPU: {_first_line(error)}; give --strategy=one or mirrored") from None
    return tf.distribute.TPUStrategy(resolver)
