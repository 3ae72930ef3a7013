"""The machine that a run or a measurement is made on: in words, and how much of it TensorFlow may use."""

from __future__ import annotations

import os
import pathlib
import platform
import resource
import sys


def describe() -> dict[str, str | int | None]:
    """JSON-able: "system", "processor", "cores"."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def share_gpus() -> None:
    """GPU memory is taken as it is needed, not all at once, so that other processes have some; called before TensorFlow
    computes anything."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


def use_threads(number: int) -> None:
    """Limits TensorFlow to so many threads, before it computes anything; 0 leaves it all cores."""
    if number:
        import tensorflow as tf  # late: the report, which reads what `describe` said, needs none of it

        tf.config.threading.set_intra_op_parallelism_threads(number)
        tf.config.threading.set_inter_op_parallelism_threads(number)
