"""The front of a search with several objectives, as genotype files: front/01.json the best in the first of them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from autogan_tf.models.cost import Cost
from autogan_tf.nas.estimation.objectives import OBJECTIVES
from autogan_tf.runs.folder import RunFolder, write_atomically
from autogan_tf.runs.front import Front, OnFront
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace


class FrontFiles:
    """Writes them.

    Args:
      folder: of the run.
      space: of the architectures.
      cost_of: what the trained generator of a genotype costs.
      seen: what stands beside all scores: what they were taken from.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        space: SearchSpace,
        cost_of: Callable[[Genotype], Cost],
        seen: Mapping[str, Any],
    ) -> None:
        self._folder, self._space, self._cost_of, self._seen = folder, space, cost_of, dict(seen)

    def write(self, front: Front) -> list[pathlib.Path]:
        """One file for each architecture, in the front's order, in place of those of an earlier front; their paths."""
        digits = max(2, len(str(len(front.architectures))))
        written = []
        for place, entry in enumerate(front.architectures, 1):
            path = self._folder.front / f"{place:0{digits}d}.json"
            write_atomically(path, self._text(entry, path.stem))
            written.append(path)
        for file in self._folder.front.glob("*.json"):
            if file not in written:
                file.unlink()
        return written

    def _text(self, entry: OnFront, place: str) -> str:
        tokens = [int(token) for token in entry.architecture.split()]
        genotype = Genotype.from_tokens(tokens, self._space, name=f"{self._folder.path.name}-front-{place}")
        scores = {OBJECTIVES[name].key if name in OBJECTIVES else name: value for name, value in entry.scores.items()}
        reward = {} if entry.reward is None else {"reward": entry.reward}
        return genotype.to_json(scores=reward | scores | self._seen, cost=dataclasses.asdict(self._cost_of(genotype)))


def in_words(front: Front, files: list[pathlib.Path]) -> str:
    """How many there are, in which files, and what the first and the last of them are worth."""
    number = f"{len(files)} architecture{'s' * (len(files) > 1)}"
    ends = [f"{files[place]} ({_worth(front.architectures[place])})" for place in sorted({0, len(files) - 1})]
    return f"front of {', '.join(front.objectives)}: {number}, {' to '.join(ends)}"


def _worth(entry: OnFront) -> str:
    def text(value: float) -> str:
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.4g}"

    return ", ".join(f"{name} {text(float(value))}" for name, value in entry.scores.items())
