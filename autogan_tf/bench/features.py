"""The mean features of what each two-cell architecture draws after its training, as the bench's classifier sees it:
for strategies and surrogates that look at more than scores.

    from autogan_tf.bench import features
    features.load()[0, 1, 1, 0, 1, 0, 0, 0, 1]  # float32 [64]
"""

from __future__ import annotations

import functools
import io
import pathlib
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from autogan_tf.bench.table import FOLDER
from autogan_tf.config.errors import UserError

FILE = "2-cells-features.npz"
SEED = 0  # of the trainings
Tokens = tuple[int, ...]


def packed(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The file of rows as make_bench.py writes them, those with `SEED` that did not fail; in float16."""
    found: dict[Tokens, list[float]] = {}
    for row in rows:
        if row["seed"] == SEED and not row["failure"]:
            found.setdefault(tuple(row["tokens"]), row["mean"])
    every = sorted(found)
    buffer = io.BytesIO()
    means = np.array([found[tokens] for tokens in every], np.float16)
    np.savez_compressed(buffer, tokens=np.array(every, np.uint8), means=means)
    return buffer.getvalue()


@functools.cache
def load(folder: pathlib.Path | None = None) -> dict[Tokens, np.ndarray]:
    """By architecture, float32 [F], with three significant digits; an architecture whose training failed has none.

    Args:
      folder: of the file; None for the one that comes with the program.

    Raises:
      UserError: there is no such file, or it is damaged.
    """
    path = (folder or FOLDER) / FILE
    if not path.exists():
        raise UserError(
            f"the bench has no mean features{f' in {folder}' if folder else ''} yet: tools/make_bench.py makes them, "
            "see docs/bench/README.md"
        )
    try:
        with np.load(path) as file:
            tokens, means = file["tokens"].tolist(), file["means"].astype(np.float32)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read the bench's mean features {path}: {error!r}") from None
    return dict(zip(map(tuple, tokens), means, strict=True))
