"""The trainings that belong to each piece of the bench, for `make_bench.py`."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Mapping, Sequence

import bench_rows
from bench_page_parts import Known, sound
from bench_rows import rows_of
from bench_training import Length

from autogan_tf.bench import recipe
from autogan_tf.bench.judging import FRESH
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import seeds
from autogan_tf.search_space import autogan

Tokens = tuple[int, ...]
PIECES = ("gate", "one-cell", "sweep", "replicates", "best", "full-size")
AGAIN = "again-"  # and the name of a piece: its rows that were made again on another machine
TUNED = 24  # architectures that a recipe is tuned on unless it is told how many
TUNE = "tune-"  # and a name: trainings of another recipe
# of the packed tables, by number of cells, which rows: not those of tuning and gate
TABLES = {1: ("one-cell",), 2: ("sweep", "replicates", "best"), 3: ("full-size",)}
REPLICATED, BEST = 300, 200  # architectures that are trained with further seeds
FULL_SIZE = 3  # cells of the architectures of full size


@dataclasses.dataclass(frozen=True)
class Piece:
    """Trainings: `jobs` are tokens and seed of each (see `recipe.training_seed`), seed by seed; all with the same
    settings, but for the seed, and looked at equally often."""

    jobs: tuple[tuple[Tokens, int], ...]
    settings: TrainConfig
    length: Length


def piece(
    name: str, folder: pathlib.Path, *, flags: Sequence[str] = (), num_cells: int = 2, architectures: int = TUNED
) -> Piece:
    """What belongs to a piece.

    Args:
      name: one of PIECES, or what begins with TUNE or AGAIN.
      folder: of the rows that it follows from.
      flags: of `train`, beside those of the recipe.
      num_cells: of the architectures that a recipe is tuned on.
      architectures: how many these are.
    """
    if name.startswith(TUNE):
        jobs = _crossed(_drawn(architectures, "bench_tune", num_cells), (91, 92))
    else:
        jobs = _jobs(name, folder)
    cells = autogan.SPACE.num_cells_of(len(jobs[0][0])) if jobs else num_cells
    settings = recipe.settings(flags, num_cells=cells)
    steps = settings.max_iter  # looked at on the ladder of successive halving by thirds
    return Piece(jobs, settings, Length((steps // 27, steps // 9, steps // 3, steps), 2000))


def _jobs(name: str, folder: pathlib.Path) -> tuple[tuple[Tokens, int], ...]:
    if name == "gate":
        return _crossed(_drawn(60, "bench_gate_4"), (201, 202))
    if name == "one-cell":
        return _crossed(every(1), tuple(range(10)))
    if name == "sweep":
        return _crossed(every(2), (0,))
    if name == "replicates":
        return _crossed(every(2)[:REPLICATED], (1, 2))
    if name == "full-size":
        sample = _drawn(200, "bench_full_size", FULL_SIZE)
        return (*_crossed(sample, (0,)), *_crossed(sample[:30], (1, 2)))
    if name.startswith(AGAIN):
        here = bench_rows.machine_name()
        others = [row for row in rows_of(folder, name.removeprefix(AGAIN)) if row["machine"] != here]
        return tuple((tuple(row["tokens"]), row["seed"]) for row in others[:30])
    assert name == "best", name
    rows = [row for known in ("sweep", "replicates") for row in rows_of(folder, known)]
    missing = len(every(2)) + 2 * REPLICATED - len({(tuple(row["tokens"]), row["seed"]) for row in rows})
    if missing:
        raise SystemExit(
            f"the best are not known yet: {missing:,} rows of sweep and replicates are missing; make them first"
        )
    worth = Known(sound(rows)).worth
    return _crossed(sorted(worth, key=lambda tokens: worth[tokens])[:BEST], FRESH)


def best_and_worst(worth: Mapping[Tokens, float], *, number: int = 10) -> tuple[list[Tokens], list[Tokens]]:
    """Of what `Known.worth` tells the architectures that are best and those that are worst; best first, worst last."""
    ranked = sorted(worth, key=lambda tokens: worth[tokens])
    return ranked[:number], ranked[-number:]


def every(num_cells: int) -> tuple[Tokens, ...]:
    """All architectures, in an order drawn once, so that the first ones are a random sample, too."""
    found = list(itertools.product(*map(range, autogan.SPACE.counts(num_cells))))
    order = seeds.numpy_rng(0, "bench_order", num_cells).permutation(len(found))
    return tuple(found[place] for place in order)


def _crossed(architectures: Sequence[Tokens], seeds: Sequence[int]) -> tuple[tuple[Tokens, int], ...]:
    """Every architecture with every seed."""
    return tuple((tokens, seed) for seed in seeds for tokens in architectures)


def _drawn(number: int, purpose: str, num_cells: int = 2) -> tuple[Tokens, ...]:
    """Different architectures."""
    rng = seeds.numpy_rng(0, purpose)
    found: dict[Tokens, None] = {}
    while len(found) < number:
        found[tuple(autogan.SPACE.sample(rng, num_cells=num_cells, number=1)[0].tolist())] = None
    return tuple(found)
