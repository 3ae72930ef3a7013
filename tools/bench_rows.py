"""The bench's rows in their files, NAME-SHARE-of-SHARES.jsonl: one JSON object a line, written as they are made."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping

from autogan_tf.runs import machine


def rows_of(folder: pathlib.Path, name: str) -> Iterator[dict]:
    """All that are there; a line that was cut by a kill is left out."""
    files = [path for path in folder.glob("*.jsonl") if re.fullmatch(rf"{re.escape(name)}-\d+-of-\d+", path.stem)]
    for path in sorted(files):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def names(folder: pathlib.Path) -> list[str]:
    """What there are rows of."""
    return sorted({path.name.rpartition("-of-")[0].rpartition("-")[0] for path in folder.glob("*-of-*.jsonl")})


@contextlib.contextmanager
def appending(folder: pathlib.Path, name: str, *, share: int, shares: int) -> Iterator[Callable[[Mapping], None]]:
    """Gives what writes a row, so that it is there when the call ends."""
    path = folder / f"{name}-{share}-of-{shares}.jsonl"
    with path.open("a") as file:
        if path.stat().st_size and not path.read_text().endswith("\n"):
            file.write("\n")

        def write(row: Mapping) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        yield write


def machine_name() -> str:
    """What results depend on: the processor, and which vector instructions it has."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return str(machine.describe()["processor"])
    pairs = (line.split(":", 1) for line in reversed(lines) if ":" in line)
    found = {name.strip(): value for name, value in pairs}
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in found.get("flags", "").split()]
    return " ".join([str(machine.describe()["processor"]), f"model {found.get('model', '?').strip()}", *known])
