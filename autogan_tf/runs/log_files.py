"""The files of a run that only grow: how far they are at a checkpoint, and back to there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from autogan_tf.config import json_text
from autogan_tf.runs.folder import RunFolder, write_atomically


def mark(folder: RunFolder) -> dict[str, Any]:
    """How far the logs are, as JSON: bytes of metrics.jsonl and of TensorBoard's files, by path within the folder, and
    the training's own lines of evaluations.jsonl."""
    lines = _lines(folder)
    return {"bytes": _sizes(folder), "evaluations": sum(map(_is_own, lines))}


def cut_back(folder: RunFolder, known: Mapping[str, Any]) -> None:
    """What was written after a checkpoint goes, so that the run writes it anew and no point appears twice.

    Args:
      known: the `mark` at the checkpoint; empty for the start. Of evaluations.jsonl the lines of the command
        `evaluate`, which other processes add at any time, stay.
    """
    sizes = known.get("bytes", {})
    for name, size in _sizes(folder).items():
        file = folder.path / name
        if name not in sizes:
            file.unlink()
        elif size > sizes[name]:
            os.truncate(file, sizes[name])
    left = known.get("evaluations", 0)
    lines, kept = _lines(folder), []
    for line in lines:
        own = _is_own(line)
        # the next line must begin one of its own: a half-written one goes, a whole one gets its end
        whole = line.endswith("\n") or bool(_row(line))
        if whole and (left > 0 or not own):
            kept.append(line.removesuffix("\n") + "\n")
        left -= own
    if kept != lines:
        write_atomically(folder.evaluations_file, "".join(kept))


def has_progress(folder: RunFolder) -> bool:
    """Whether the logs tell of more than a run's beginning: then there must have been checkpoints, too."""
    if any(map(_is_own, _lines(folder))):
        return True
    if not folder.metrics_file.exists():
        return False
    with folder.metrics_file.open(encoding="utf-8", errors="replace") as rows:
        return any(_phase(row) not in ("", "classifier") for row in rows)


def _sizes(folder: RunFolder) -> dict[str, int]:
    files = [folder.metrics_file, *sorted(folder.tensorboard.glob("events*"))]
    return {str(file.relative_to(folder.path)): file.stat().st_size for file in files if file.is_file()}


def _lines(folder: RunFolder) -> list[str]:
    if not folder.evaluations_file.exists():
        return []
    return folder.evaluations_file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)


def _row(line: str) -> dict[str, Any]:
    """What the line holds; nothing where it was half-written."""
    try:
        row = json_text.parse(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _phase(line: str) -> str:
    return _row(line).get("phase", "")


def _is_own(line: str) -> bool:
    """Whether the training wrote the line, and not the command `evaluate`."""
    row = _row(line)
    return bool(row) and "preset" not in row
