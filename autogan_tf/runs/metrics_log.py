"""metrics.jsonl and TensorBoard: the numbers of a run as it goes, the same ones in both."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from autogan_tf.runs import image_grid
from autogan_tf.runs.folder import RunFolder, open_to_append
from autogan_tf.runs.tensorboard_log import TensorBoardLog


class MetricsLog:
    """Appends numbers to a run's `metrics.jsonl` and to its TensorBoard log; a context manager.

    A line is {"step", "phase", "time" (seconds since 1970), and numbers by name}; what is not finite becomes null,
    and what JSON does not know a text.

    Attributes:
      tensorboard: for what is there only, pictures and texts.
    """

    def __init__(self, folder: RunFolder) -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        self._samples = folder.samples
        self._file = open_to_append(folder.metrics_file)
        self.tensorboard = TensorBoardLog(folder.tensorboard)

    def write(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        """Adds one line; flushed, so that it survives the process."""
        row = {"step": step, "phase": phase, "time": round(time.time(), 3)}
        row |= {name: _jsonable(value) for name, value in numbers.items() if name not in row}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        self.tensorboard.scalars(step=step, phase=phase, numbers=numbers)

    def picture(self, tag: str, pixels: np.ndarray, *, file: str, step: int = 0) -> None:
        """Writes samples/`file`, and shows the same, uint8 [H, W, C], in TensorBoard."""
        image_grid.write_png(self._samples / file, pixels)
        self.tensorboard.image(tag, pixels, step=step)

    def flush(self) -> None:
        """Everything so far is in the files."""
        self._file.flush()
        self.tensorboard.flush()

    def close(self, *, complete: bool = True) -> None:
        """Ends both files; `complete`: the run is, and has not failed."""
        try:
            self._file.close()
        finally:
            self.tensorboard.close(complete=complete)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # what ended the run is worth more than that a full disk does not take the rest
        with contextlib.suppress(*([OSError] if error else [])):
            self.close(complete=error is None)


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):  # as a plugin may well tell
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(entry) for entry in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)
