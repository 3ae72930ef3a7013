"""What workers must have in common so that together they compute one training, and where they differ in it."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

import autogan_tf
from autogan_tf.config import resume_settings
from autogan_tf.config.fields import to_text


def program() -> dict[str, str]:
    """Versions by name; of this program, with a digest of its source, as it may have been changed."""
    source = hashlib.sha256()
    root = pathlib.Path(autogan_tf.__file__).parent
    for file in sorted(root.rglob("*.py")):
        source.update(f"{file.relative_to(root).as_posix()} {file.stat().st_size} ".encode() + file.read_bytes())
    return {
        "autogan_tf": f"{autogan_tf.__version__} (source {source.hexdigest()[:12]})",
        "TensorFlow": tf.__version__,
        "NumPy": np.__version__,
    }


def settings(command: str, config: Any, *, architecture: str = "") -> dict[str, str]:
    """What a worker was started with, by name and in words: program, command and the settings that change what is
    computed.

    architecture: where it is given, whose file may lie anywhere and which may be written in two ways.
    """
    found = program() | {"the command": command} | resume_settings.computing(config)
    found["--dry_run"] = to_text(config.dry_run)
    if architecture:
        found = {name: value for name, value in found.items() if name not in ("--arch", "--genotype")}
        found["the architecture"] = architecture
    return found


def differences(found: Sequence[Mapping[str, str]]) -> str:
    """In words, where the values by name that the workers have are not the same: "--seed is 3 on worker 0 and 4 on
    workers 1, 2"; empty where all are."""
    names = dict.fromkeys(name for values in found for name in values)
    told = []
    for name in names:
        by_value: dict[str, list[int]] = {}
        for index, values in enumerate(found):
            by_value.setdefault(values.get(name, "missing"), []).append(index)
        if len(by_value) > 1:
            told.append(f"{name} is " + " and ".join(f"{value} on {_workers(of)}" for value, of in by_value.items()))
    return "; ".join(told)


def _workers(indices: Sequence[int]) -> str:
    return f"worker{'s' * (len(indices) > 1)} {', '.join(map(str, indices))}"
