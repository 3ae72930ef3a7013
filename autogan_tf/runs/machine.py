"""The machine that a run or a measurement was made on, in words."""

from __future__ import annotations

import os
import pathlib
import platform


def describe() -> dict[str, str | int | None]:
    """JSON-able: "system", "processor", "cores"."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count()}


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
