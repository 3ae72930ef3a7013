"""Pictures of what the best and the worst architectures of two cells draw, for `make_bench.py pictures`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from bench_page_parts import Known, sound
from bench_pieces import TABLES, best_and_worst, piece
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
    known = Known(sound(row for name in TABLES[2] for row in rows_of(folder, name)))
    if not known.worth:
        raise SystemExit("what architectures are worth is not known yet: make the sweep and the replicates first")
    best, worst = best_and_worst(known.worth)
    wanted = list(dict.fromkeys([*best, *worst]))
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
