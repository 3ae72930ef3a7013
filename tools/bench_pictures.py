"""Pictures of what the sweep's best and worst architectures draw, for `make_bench.py pictures`; rows have none."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from bench_pieces import Tokens, best_and_worst, piece
from bench_rows import rows_of
from bench_training import Measurements

from autogan_tf.runs import machine
from autogan_tf.runs.image_grid import grid, write_png
from autogan_tf.search_space import autogan

IMAGES = 20  # in a row


def file_of(folder: pathlib.Path, tokens: Sequence[int]) -> pathlib.Path:
    """The picture of an architecture; `folder`: of the rows."""
    return folder / "pictures" / f"{'-'.join(map(str, tokens))}.png"


def work(folder: pathlib.Path, flags: Sequence[str] = (), *, share: int, shares: int) -> None:
    """Trains every `shares`-th of those again, with the sweep's seed, and draws those of which there is no picture.

    flags: of `train`, that say where the images are.
    """
    machine.use_threads(1)
    best, worst = best_and_worst([row for row in rows_of(folder, "sweep") if not row["failure"]])
    wanted: list[Tokens] = list(dict.fromkeys(tuple(row["tokens"]) for row in [*best, *worst]))
    missing = [tokens for tokens in wanted[share::shares] if not file_of(folder, tokens).exists()]
    if not missing:
        return
    (folder / "pictures").mkdir(exist_ok=True)
    swept = piece("sweep", folder, flags=flags)
    cells = autogan.SPACE.num_cells_of(len(missing[0]))
    measurements = Measurements(swept.settings, num_cells=cells, length=swept.length)
    for tokens in missing:
        measurements.of(tokens, seed=swept.jobs[0][1])
        write_png(file_of(folder, tokens), grid(measurements.pictures(IMAGES), columns=IMAGES, scale=2))
