"""What architectures are worth by trainings of their own: each is trained with the same fresh seeds by one recipe.

The recipe is the final training of the searches. No search is told of these trainings, so that what was chosen by luck
gains nothing by it.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config import fields
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.runs.folder import RunFolder
from autogan_tf.training.training_run import scores_if_complete

Tokens = tuple[int, ...]
LOG_DISTANCE = "log Fréchet distance"
# what is told of a training: its name, the score's key, and how one makes of it a number of which low is good
_MEASURES: dict[str, tuple[str, Callable[[float], Any]]] = {
    LOG_DISTANCE: ("frechet_distance", np.log),
    "kernel distance": ("kernel_distance", np.asarray),
    "negative Inception score": ("inception_score", np.negative),
}


def recipe(search: SearchConfig) -> TrainConfig:
    """Of the searches' final training, or where they make none of as many steps as their budget counts in; scored at
    its end alone."""
    steps = search.train_steps or search.full_training_steps
    return dataclasses.replace(search.final, max_iter=steps, eval_steps=steps)


def flags_of(settings: TrainConfig, tokens: Tokens, seed: int) -> tuple[str, ...]:
    """What `train` is called with, but for the folder."""
    chosen = dataclasses.replace(settings, arch=" ".join(map(str, tokens)), seed=seed)
    return tuple(fields.to_flags(chosen))


def scores(settings: TrainConfig, folder: pathlib.Path) -> dict[str, Any]:
    """The scores of a training that is complete, as `train` tells them; else nothing."""
    if not folder.is_dir():
        return {}
    return scores_if_complete(RunFolder(folder), steps=settings.max_iter, num_images=settings.num_eval_imgs)


class TrainedWorth:
    """Means over the seeds.

    Args:
      told: by architecture the `scores` of its trainings. One that failed has none, and counts as the worst of all.

    Raises:
      ValueError: no training has scores.
    """

    def __init__(self, told: Mapping[Tokens, Sequence[Mapping[str, Any]]]) -> None:
        self._worth: dict[str, dict[Tokens, float]] = {}
        for name, (key, low_is_good) in _MEASURES.items():
            if all(key not in one for of_one in told.values() for one in of_one):
                continue
            numbers = {
                tokens: [float(low_is_good(one[key])) if one else np.nan for one in of_one]
                for tokens, of_one in told.items()
            }
            worst = np.nanmax([number for of_one in numbers.values() for number in of_one])
            self._worth[name] = {
                tokens: float(np.mean(np.nan_to_num(of_one, nan=worst))) for tokens, of_one in numbers.items()
            }
        if LOG_DISTANCE not in self._worth:
            raise ValueError("no training has been scored")
        self.measures = tuple(self._worth)

    def worth(self, tokens: Tokens, measure: str = LOG_DISTANCE) -> float | None:
        """One of `measures`, low being good; None of an architecture that was not trained."""
        return self._worth[measure].get(tokens)
