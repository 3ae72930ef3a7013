"""The files of a run that only grow: how long they are at a checkpoint, and back to that length."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from autogan_tf.runs.folder import RunFolder, write_atomically


def sizes(folder: RunFolder) -> dict[str, int]:
    """Bytes of metrics.jsonl and of TensorBoard's files, by path within the folder."""
    files = [folder.metrics_file, *sorted(folder.tensorboard.glob("events*"))]
    return {str(file.relative_to(folder.path)): file.stat().st_size for file in files if file.is_file()}


def cut_back(folder: RunFolder, known: Mapping[str, int], *, step: int) -> None:
    """What was written after a checkpoint goes, so that the run writes it anew and no point appears twice.

    Args:
      known: the `sizes` at the checkpoint; a file that is not among them is removed.
      step: of the checkpoint: the training's own lines of evaluations.jsonl beyond it go. Those of the command
        `evaluate`, which other processes add at any time, stay.
    """
    for name, size in sizes(folder).items():
        file = folder.path / name
        if name not in known:
            file.unlink()
        elif size > known[name]:
            os.truncate(file, known[name])
    if not folder.evaluations_file.exists():
        return
    lines = folder.evaluations_file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not _is_own_after(line, step)]
    if len(kept) < len(lines):
        write_atomically(folder.evaluations_file, "".join(kept))


def _is_own_after(line: str, step: int) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return not line.endswith("\n")  # half-written, and the next one must begin a line of its own
    return isinstance(row, dict) and "preset" not in row and isinstance(row.get("step"), int) and row["step"] > step
