"""What shared weights say of every two-cell architecture: its scores with the weights of some supernets, as they are.

    from autogan_tf.bench import shared_scores
    said = shared_scores.load()
    said.scores("uniform", 0, "frechet_distance")  # by architecture
    said.cost("uniform", 0).trained
"""

from __future__ import annotations

import functools
import io
import json
import math
import pathlib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from autogan_tf.bench.table import FOLDER, LOW_IS_GOOD
from autogan_tf.config.errors import UserError

FILE = "2-cells-shared.npz"
# scores, and what they are called in the rows that make_bench.py writes
COLUMNS = {"inception_score": "is", "frechet_distance": "fid", "kernel_distance": "kid"}
Tokens = tuple[int, ...]


class Cost(NamedTuple):
    """What a supernet has cost, in images: with which it was trained, and which were generated for scores meanwhile; of
    those of one cell, which are smaller, each counts by its pixels."""

    trained: float
    scored: float


class SharedScores:
    """From `load`, or `of_rows`.

    Attributes:
      supernets: sampling and seed of each. Sampling: which architectures it was trained on, "published" for those that
        AutoGAN's controller proposes while the architectures grow by a cell, "uniform" for any of whole ones.
      architectures: all that were scored, with every supernet.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], samplings: Sequence[str]) -> None:
        self._arrays, self._samplings = arrays, tuple(samplings)
        pairs = zip(arrays["sampling"].tolist(), arrays["seed"].tolist(), strict=True)
        self.supernets = tuple((self._samplings[place], seed) for place, seed in pairs)
        self.architectures = tuple(map(tuple, arrays["tokens"].tolist()))

    def seeds(self, sampling: str) -> tuple[int, ...]:
        """Of the supernets that were trained so."""
        return tuple(seed for name, seed in self.supernets if name == sampling)

    def scores(self, sampling: str, seed: int, score: str = "frechet_distance") -> dict[Tokens, float]:
        """A score of every architecture with the weights of a supernet; of one that could not be scored the worst that
        there is.

        Raises:
          UserError: a supernet or a score that there is not; it says which there are.
        """
        if score not in LOW_IS_GOOD:
            raise UserError(f"shared weights were scored by {', '.join(LOW_IS_GOOD)}, not by {score}")
        found = self._arrays[score][self._place(sampling, seed)].tolist()
        known = [value for value in found if not math.isnan(value)]
        worst = (max if LOW_IS_GOOD[score] else min)(known, default=math.nan)
        return {
            tokens: worst if math.isnan(value) else value
            for tokens, value in zip(self.architectures, found, strict=True)
        }

    def cost(self, sampling: str, seed: int) -> Cost:
        """Of a supernet, without these scores; UserError as for `scores`."""
        place = self._place(sampling, seed)
        return Cost(*(float(self._arrays[name][place]) for name in ("trained_images", "scored_images")))

    def _place(self, sampling: str, seed: int) -> int:
        if (sampling, seed) not in self.supernets:
            there = ", ".join(f"{name} {number}" for name, number in self.supernets)
            raise UserError(f"the bench has no supernet {sampling} with seed {seed}; it has {there}")
        return self.supernets.index((sampling, seed))

    def to_bytes(self) -> bytes:
        """As `read` takes it."""
        buffer = io.BytesIO()
        samplings = np.frombuffer(json.dumps(self._samplings).encode(), np.uint8)
        np.savez_compressed(buffer, samplings=samplings, **cast(dict[str, Any], self._arrays))
        return buffer.getvalue()


def of_rows(rows: Iterable[Mapping[str, Any]]) -> SharedScores:
    """Of rows as `make_bench.py shared` writes them.

    Raises:
      UserError: no rows, or supernets that have not scored the same architectures.
    """
    found: dict[tuple[str, int], dict[Tokens, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["sampling"], row["seed"]), {}).setdefault(tuple(row["tokens"]), row)
    every = sorted(set().union(*found.values()))
    if not every or any(len(of_supernet) < len(every) for of_supernet in found.values()):
        raise UserError("shared scores are made of rows of every architecture for each supernet, and some are missing")
    supernets = sorted(found)
    samplings = sorted({sampling for sampling, _ in supernets})
    firsts = [found[supernet][every[0]] for supernet in supernets]
    arrays: dict[str, np.ndarray] = {
        "tokens": np.array(every, np.uint8),
        "sampling": np.array([samplings.index(sampling) for sampling, _ in supernets], np.uint8),
        "seed": np.array([seed for _, seed in supernets], np.uint8),
    }
    for name in ("trained_images", "scored_images"):
        arrays[name] = np.array([row[name] for row in firsts], np.float32)
    for name, key in COLUMNS.items():
        values = [[found[supernet][tokens][key] for tokens in every] for supernet in supernets]
        arrays[name] = np.array(values, np.float32)  # a score that is missing, None, becomes NaN
    return SharedScores(arrays, samplings)


def read(path: pathlib.Path) -> SharedScores:
    """From a file; UserError where it is missing or damaged."""
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        return SharedScores(arrays, json.loads(arrays.pop("samplings").tobytes()))
    except (OSError, EOFError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as error:
        raise UserError(f"cannot read the bench's shared scores {path}: {error!r}") from None


@functools.cache
def load(folder: pathlib.Path | None = None) -> SharedScores:
    """From a folder or, with None, those that come with the program; UserError where there are none."""
    path = (folder or FOLDER) / FILE
    if not path.exists():
        raise UserError(
            f"the bench has no shared scores{f' in {folder}' if folder else ''} yet: tools/make_bench.py makes them, "
            "see docs/bench/README.md"
        )
    return read(path)
