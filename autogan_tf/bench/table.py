"""The bench's table: what trainings from scratch came to, asked for by architecture, length and seed.

    from autogan_tf.bench import table
    trainings = table.load(num_cells=2)
    trainings.query("0 1 0 0 1 2 1 0 0", steps=180).frechet_distance
    trainings.expected_best(20)
"""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import math
import pathlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype

FOLDER = pathlib.Path(__file__).parent / "table"
WHOLE = 2  # cells up to which a table is to have every architecture; of more there is a sample
# columns of a row of numbers for each point, and what they are called in the rows that make_bench.py writes
_COLUMNS = {
    "inception_score": "is",
    "frechet_distance": "fid",
    "kernel_distance": "kid",
    "d_loss": "d_loss",
    "g_loss": "g_loss",
    "seconds": "seconds",
    "scoring_seconds": "scoring",
}
_WORDS = {"failures": "failure", "machines": "machine"}  # lists of words, and columns with places in them
LOW_IS_GOOD = {"inception_score": False, "frechet_distance": True, "kernel_distance": True}
Tokens = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Training:
    """A training, as it was after some steps.

    tokens, seed: of what, and which of its trainings; from both follow weights, latents and the order of images
      (`recipe.training_seed`).
    steps: generator steps, at which it was scored; fewer than were asked for where it failed before, and 0 where it
      failed before it was scored at all: then scores, losses and seconds are NaN.
    inception_score, frechet_distance, kernel_distance: of the weight average's images through the bench's classifier.
    d_loss, g_loss: of the last step.
    seconds, scoring_seconds: of one core, for training so far and for all scorings so far.
    parameters, multiply_adds: of the generator.
    failure: why it was not trained as far as was asked for, or "".
    machine: the processor that it was trained on.
    """

    tokens: Tokens
    seed: int
    steps: int
    inception_score: float
    frechet_distance: float
    kernel_distance: float
    d_loss: float
    g_loss: float
    seconds: float
    scoring_seconds: float
    parameters: int
    multiply_adds: int
    failure: str
    machine: str


class Table:
    """All trainings of generators of so many cells; from `load`, or `of_rows`.

    Attributes:
      num_cells: of every architecture.
      points: generator steps at which each training was scored, rising.
      architectures: all that have a training, each once.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], words: Mapping[str, Sequence[str]]) -> None:
        self._arrays, self._words = arrays, words
        self.points = tuple(arrays["points"].tolist())
        self._places = {
            (tuple(tokens), seed): place
            for place, (tokens, seed) in enumerate(
                zip(arrays["tokens"].tolist(), arrays["seed"].tolist(), strict=True)
            )
        }
        self._seeds: dict[Tokens, list[int]] = {}
        for tokens, seed in self._places:
            self._seeds.setdefault(tokens, []).append(seed)
        self.architectures = tuple(self._seeds)
        self.num_cells = autogan.SPACE.num_cells_of(arrays["tokens"].shape[1])

    def seeds(self, architecture: Genotype | str | Sequence[int]) -> tuple[int, ...]:
        """Seeds with which it was trained; none where it is not in the table."""
        tokens = self._tokens(architecture)
        return tuple(sorted(self._seeds.get(tokens, ())))

    def query(
        self, architecture: Genotype | str | Sequence[int], *, steps: int | None = None, seed: int = 0
    ) -> Training:
        """What a training came to.

        Args:
          architecture: a genotype, or its integers.
          steps: one of `points`; None for the last.
          seed: of the training.

        Raises:
          UserError: an architecture, seed or number of steps that is not in the table; it says which are.
        """
        tokens = self._tokens(architecture)
        place = self._places.get((tokens, seed))
        if place is None:
            seeds = self.seeds(tokens)
            there = f"with seeds {', '.join(map(str, seeds))}" if seeds else "with no seed"
            raise UserError(
                f"the bench has no training of {' '.join(map(str, tokens))} with seed {seed}; it was trained {there}, "
                "see Table.architectures"
            )
        point = len(self.points) - 1 if steps is None else self._point(steps)
        finite = np.flatnonzero(np.isfinite(self._arrays["frechet_distance"][place, : point + 1]))
        last = int(finite[-1]) if len(finite) else 0  # there NaN stands, too
        return Training(
            tokens=tokens,
            seed=seed,
            steps=self.points[last] if len(finite) else 0,
            **{name: float(self._arrays[name][place, last]) for name in _COLUMNS},
            parameters=int(self._arrays["parameters"][place]),
            multiply_adds=int(self._arrays["multiply_adds"][place]),
            failure=self._words["failures"][self._arrays["failure"][place]] if last < point or not len(finite) else "",
            machine=self._words["machines"][self._arrays["machine"][place]],
        )

    def values(
        self, score: str = "frechet_distance", *, steps: int | None = None, seed: int = 0
    ) -> dict[Tokens, float]:
        """A score of every architecture that was trained with the seed; of one that failed the last that it had, or the
        worst that there is where it had none."""
        found = {
            tokens: getattr(self.query(tokens, steps=steps, seed=seed), score)
            for tokens in self.architectures
            if (tokens, seed) in self._places
        }
        scored = [value for value in found.values() if not math.isnan(value)]
        worst = (max if LOW_IS_GOOD[score] else min)(scored, default=math.nan)
        return {tokens: worst if math.isnan(value) else value for tokens, value in found.items()}

    def best(self, score: str = "frechet_distance", *, seed: int = 0) -> Training:
        """The best of all, what an oracle would find, of fully trained ones with the seed."""
        values = self.values(score, seed=seed)
        tokens = min(values, key=lambda tokens: values[tokens] if LOW_IS_GOOD[score] else -values[tokens])
        return self.query(tokens, seed=seed)

    def expected_best(
        self,
        number: int,
        score: str = "frechet_distance",
        *,
        seed: int = 0,
        judged: Mapping[Tokens, float] | None = None,
    ) -> float:
        """What random search finds on average: of `number` different architectures the best one's score.

        Args:
          number: of full trainings, from 1 to all that there are.
          score, seed: by which the best is chosen.
          judged: by architecture, what it is then worth, as by fresh seeds: the best of noisy scores is partly luck.
            Architectures that are not in it are not drawn. None for the score by which it was chosen.

        Returns:
          The exact expectation: the i-th best of N is the best of n drawn ones with probability
          binomial(N - i, n - 1) / binomial(N, n).
        """
        values = self.values(score, seed=seed)
        drawn = [tokens for tokens in values if judged is None or tokens in judged]
        if not 1 <= number <= len(drawn):
            raise UserError(f"number must be from 1 to {len(drawn):,}, as many as can be drawn, got {number:,}")
        drawn.sort(key=lambda tokens: values[tokens] if LOW_IS_GOOD[score] else -values[tokens])
        worth = values if judged is None else judged
        count, chance, sum_ = len(drawn), number / len(drawn), 0.0
        for place, tokens in enumerate(drawn, 1):
            sum_ += chance * worth[tokens]
            if place < count:
                chance *= max(0, count - place - number + 1) / (count - place)
        return sum_

    def _point(self, steps: int) -> int:
        if steps not in self.points:
            raise UserError(f"the bench was scored after {', '.join(map(str, self.points))} steps, not {steps}")
        return self.points.index(steps)

    def _tokens(self, architecture: Genotype | str | Sequence[int]) -> Tokens:
        if isinstance(architecture, str):
            architecture = Genotype.from_string(architecture)
        elif not isinstance(architecture, Genotype):
            architecture = Genotype.from_tokens(architecture)
        if architecture.space.name != autogan.SPACE.name or len(architecture.cells) != self.num_cells:
            raise UserError(
                f"the table has {self.num_cells} cells of the space {autogan.SPACE.name}, and the architecture "
                f"{len(architecture.cells)} of {architecture.space.name}"
            )
        return architecture.tokens

    def check_complete(self) -> None:
        """UserError where an architecture of so many cells has not been trained with seed 0."""
        trained, size = sum(seed == 0 for _, seed in self._places), autogan.SPACE.size(self.num_cells)
        if self.num_cells > WHOLE:
            raise UserError(
                f"the bench's table of {self.num_cells} cells is a random sample, {trained:,} of {size:,} "
                f"architectures, and a search needs all of them; there are to be all of up to {WHOLE} cells"
            )
        if trained < size:
            raise UserError(
                f"the bench's table has {trained:,} of the {size:,} architectures of {self.num_cells} cells, and a "
                "search needs all of them; tools/make_bench.py makes the others"
            )

    def to_bytes(self) -> bytes:
        """As `read` takes it."""
        buffer = io.BytesIO()
        words = np.frombuffer(json.dumps(dict(self._words)).encode(), np.uint8)
        np.savez_compressed(buffer, words=words, **cast(dict[str, Any], self._arrays))
        return buffer.getvalue()


def of_rows(rows: Iterable[Mapping[str, Any]], cost_of: Any) -> Table:
    """The table of rows as make_bench.py writes them, of architectures of as many cells.

    Args:
      rows: with the same points; of an architecture and seed that comes twice the first one counts.
      cost_of: gives the `Cost` of a `Genotype`'s generator.
    """
    found: dict[tuple[Tokens, int], Mapping[str, Any]] = {}
    for row in rows:
        found.setdefault((tuple(row["tokens"]), row["seed"]), row)
    kept = [found[key] for key in sorted(found)]
    points = kept[0]["points"]
    if any(row["points"] != points for row in kept):
        raise UserError("the rows were scored after different numbers of steps; a table has the same for all")
    words = {name: [""] + sorted({row[key] for row in kept} - {""}) for name, key in _WORDS.items()}
    costs = [cost_of(Genotype.from_tokens(row["tokens"])) for row in kept]
    arrays: dict[str, np.ndarray] = {
        "points": np.array(points, np.int32),
        "tokens": np.array([row["tokens"] for row in kept], np.uint8),
        "seed": np.array([row["seed"] for row in kept], np.uint8),
        "parameters": np.array([cost.parameters for cost in costs], np.uint32),
        "multiply_adds": np.array([cost.multiply_adds for cost in costs], np.uint32),
    }
    for name, key in _WORDS.items():
        arrays[key] = np.array([words[name].index(row[key]) for row in kept], np.uint8)
    for name, key in _COLUMNS.items():
        arrays[name] = np.full([len(kept), len(points)], np.nan, np.float32)
        for place, row in enumerate(kept):
            arrays[name][place, : len(row[key])] = row[key]
    return Table(arrays, words)


def read(path: pathlib.Path) -> Table:
    """A table from a file; UserError where it is missing or damaged."""
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        return Table(arrays, json.loads(arrays.pop("words").tobytes()))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read the bench's table {path}: {error!r}") from None


@functools.cache
def load(*, num_cells: int = 2, folder: pathlib.Path | None = None) -> Table:
    """The table of one cell or two, or of three, which is a sample; from a folder or, with None, of those that come
    with the program.

    Raises UserError where there is none of so many cells.
    """
    where = folder or FOLDER
    path = where / f"{num_cells}-cells.npz"
    if not path.exists():
        there = sorted(int(file.name.partition("-")[0]) for file in where.glob("*-cells.npz"))
        raise UserError(
            f"the bench has no table of {num_cells} cells{f' in {folder}' if folder else ''}; it has "
            + (f"those of {', '.join(map(str, there))}" if there else "none yet: tools/make_bench.py makes them, see "
               "docs/bench/README.md")
        )
    return read(path)
