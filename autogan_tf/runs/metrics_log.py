"""metrics.jsonl and TensorBoard: the numbers of a run as it goes, the same ones in both."""

from __future__ import annotations

import json
import math
import pathlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import tensorflow as tf


class MetricsLog:
    """Appends numbers to `metrics.jsonl` and to the run's TensorBoard log; a context manager.

    A line is {"step", "phase", "time" (seconds since 1970), and numbers by name}; what is not finite becomes null.
    """

    def __init__(self, path: pathlib.Path, tensorboard: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._writer = tf.summary.create_file_writer(str(tensorboard))

    def write(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        """Adds one line; flushed, so that it survives the process."""
        row = {"step": step, "phase": phase, "time": round(time.time(), 3)}
        row |= {name: _jsonable(value) for name, value in numbers.items()}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        with self._writer.as_default():
            for name, value in numbers.items():
                if isinstance(value, int | float):
                    tf.summary.scalar(f"{phase}/{name}", float(value), step=step)

    def close(self) -> None:
        """Ends both files."""
        self._file.close()
        self._writer.close()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _jsonable(entry) for key, entry in value.items()}
    return value
