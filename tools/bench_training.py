"""What `make_bench.py` measures of an architecture: its training by the bench's recipe, looked at on the way."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from autogan_tf.bench import recipe
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.features import choice, classifier_choice
from autogan_tf.features.extraction import outputs_of
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import reference
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.nas.estimation.reward import some_real
from autogan_tf.runs.progress import Terminal
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import assembly
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.loop import TrainingDiverged

KEYS = {"is": "inception_score", "fid": "frechet_distance", "kid": "kernel_distance"}
LOSSES = ("d_loss", "g_loss")
COLUMNS = (*KEYS, *LOSSES, "seconds", "scoring")


@dataclasses.dataclass(frozen=True)
class Length:
    """Of trainings: generator steps at which each is looked at, the last one being its end; images for the scores."""

    points: tuple[int, ...]
    num_images: int


class Measurements:
    """Trains architectures of `num_cells` cells, one after the other, in one graph.

    Args:
      settings: of the training, but for its length and its seed.
      num_cells: of all architectures.
      length: how long, and when they are looked at.
    """

    def __init__(self, settings: TrainConfig, *, num_cells: int, length: Length) -> None:
        data, self._judge = _images_and_judge(settings, num_cells)
        real = reference.of_images(data, self._judge, with_features=True)
        assert real.features is not None
        # the kernel distance is to as many as a search's rewards look at
        self._reference = dataclasses.replace(real, features=some_real(real.features, seed=0))
        self._length = length
        self._trainer = assembly.new_trainer(
            dataclasses.replace(settings, max_iter=length.points[-1]),
            Genotype.from_tokens([0] * len(autogan.SPACE.counts(num_cells))),
            data,
            Distribution(),
            changeable=True,
        )

    def of(self, tokens: Sequence[int], *, seed: int) -> dict[str, object]:
        """A training, from its beginning; seed: which one of this architecture's, see `recipe.training_seed`.

        Returns:
          "tokens", "seed", "training_seed"; lists with a number for each point: "is", "fid", "kid" of the weight
          average, "d_loss", "g_loss" of the last step, "seconds" of training and of "scoring" so far; "mean" of the
          features at the end; "failure": "", or why the lists are shorter, and there is no "mean": a loss or an image
          became NaN.
        """
        training_seed = recipe.training_seed(tokens, seed)
        self._trainer.become(Genotype.from_tokens(tokens), seed=training_seed)
        lists: dict[str, list[float]] = {name: [] for name in COLUMNS}
        row: dict[str, object] = {"tokens": list(tokens), "seed": seed, "training_seed": training_seed}
        row |= {"failure": "", **lists}
        start, seconds, scoring = 0, 0.0, 0.0
        batches: list[np.ndarray] = []
        for point in self._length.points:
            began = time.process_time()
            try:
                losses = self._train(start, point)
                seconds += time.process_time() - began
                began = time.process_time()
                batches = list(self._trainer.sample(self._length.num_images, purpose="evaluation"))
            except (TrainingDiverged, UserError) as error:  # the latter of images with NaN
                return row | {"failure": str(error)}
            scores = evaluate_images(batches, self._judge, self._reference, metrics=tuple(KEYS), engine="fast")
            scoring += time.process_time() - began
            found = {name: scores[key] for name, key in KEYS.items()} | losses
            for name, value in (found | {"seconds": seconds, "scoring": scoring}).items():
                lists[name].append(_short(value))
            start = point
        features = np.concatenate([features for features, _ in outputs_of(batches, self._judge)])
        return row | {"mean": [float(f"{value:.4g}") for value in features.mean(axis=0, dtype=np.float64)]}

    def pictures(self, number: int) -> np.ndarray:
        """uint8 [number, S, S, C]: what the weight average draws after the training, always on the same latents."""
        return np.concatenate(list(self._trainer.sample(number, purpose="grid")))

    def _train(self, start: int, end: int) -> dict[str, float]:
        seen: dict[str, float] = {}
        self._trainer.run(report=lambda step, numbers: seen.update(numbers), start=start, until=end)
        return {name: seen[name] for name in LOSSES}


def _images_and_judge(settings: TrainConfig, num_cells: int) -> tuple[ImageData, FeatureNetwork]:
    """With the bench's judge, or where a recipe is tried on another data set with a classifier of that."""
    side = image_sides(bottom_width=settings.bottom_width, num_cells=num_cells)[-1]
    where: dict[str, Any] = {"dataset": settings.dataset, "data_dir": settings.data_dir, "download": settings.download}
    store = choice.image_store(settings.cache_dir, memory_gb=settings.data_memory_gb)
    data = sources.load(resolution=side, store=store, **where)
    if settings.dataset == recipe.DATASET:
        return data, recipe.judge(side)
    silent = Terminal(silent=True)
    return data, classifier_choice.network_of(settings, where, num_cells=num_cells, store=store, terminal=silent)


def _short(value: float) -> float:
    """Seven digits, about as many as float32 has."""
    return float(f"{value:.7g}")
