"""What `make_bench.py` measures of an architecture: its training by the bench's recipe, looked at on the way."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence

import numpy as np

from autogan_tf.bench import recipe
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.train import TrainConfig
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.features.extraction import outputs_of
from autogan_tf.metrics import reference
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.loop import TrainingDiverged
from autogan_tf.training.trainer import Trainer

KEYS = {"is": "inception_score", "fid": "frechet_distance", "kid": "kernel_distance"}
LOSSES = ("d_loss", "g_loss")


@dataclasses.dataclass(frozen=True)
class Length:
    """Of trainings: generator steps at which each is looked at, the last one being its end; images for the scores."""

    points: tuple[int, ...]
    num_images: int


class Measurements:
    """Trains architectures of `num_cells` cells, one after the other, in one graph.

    Args:
      settings: of the training.
      num_cells: of all architectures.
      seed: of weights, latents and the order of images.
      length: how long, and when they are looked at.
    """

    def __init__(self, settings: TrainConfig, *, num_cells: int, seed: int, length: Length) -> None:
        side = image_sides(bottom_width=settings.bottom_width, num_cells=num_cells)[-1]
        data = recipe.images(side)
        self._judge = recipe.judge(max(side, 16))
        self._reference = reference.of_images(data, self._judge, with_features=True)
        self._length = length
        self._trainer = Trainer(
            genotype=Genotype.from_tokens([0] * (5 * num_cells - 1)),
            stream=ImageStream(images=data.images, batch_size=settings.dis_batch_size, seed=seed),
            gf_dim=settings.gf_dim,
            df_dim=settings.df_dim,
            latent_dim=settings.latent_dim,
            bottom_width=settings.bottom_width,
            channels=data.channels,
            gen_batch_size=settings.gen_batch_size,
            n_critic=settings.n_critic,
            g_lr=settings.g_lr,
            d_lr=settings.d_lr,
            beta1=settings.beta1,
            beta2=settings.beta2,
            init_type=settings.init_type,
            steps=length.points[-1],
            lr_decay=False,
            ema_decay=settings.ema_decay,
            seed=seed,
            distribution=Distribution(),
            changeable=True,
        )

    def of(self, tokens: Sequence[int]) -> dict[str, object]:
        """A training, from its beginning.

        Returns:
          "tokens", "seed"; lists of as many numbers as there are points: "is", "fid", "kid" of the weight average,
          "d_loss", "g_loss" of the last step, "seconds" of training and "scoring" in all so far; at the end "mean", of
          the features. Points after a loss became NaN have None, and "failure" says so.
        """
        trainer = self._trainer
        trainer.become(Genotype.from_tokens(tokens))
        row: dict[str, object] = {"tokens": list(tokens), "seed": trainer.seed, "failure": ""}
        lists: dict[str, list[float | None]] = {name: [] for name in (*KEYS, *LOSSES, "seconds", "scoring")}
        start, seconds, scoring = 0, 0.0, 0.0
        for point in self._length.points:
            began = time.monotonic()
            try:
                losses = self._train(start, point)
                seconds += time.monotonic() - began
                began = time.monotonic()
                batches = list(trainer.sample(self._length.num_images, purpose="evaluation"))
                scores = evaluate_images(batches, self._judge, self._reference, metrics=tuple(KEYS))
            except (TrainingDiverged, UserError) as error:  # of images with NaN
                row["failure"] = row["failure"] or str(error)
                for values in lists.values():
                    values.append(None)
                continue
            scoring += time.monotonic() - began
            found = {name: scores[key] for name, key in KEYS.items()} | losses
            found |= {"seconds": seconds, "scoring": scoring}
            for name, values in lists.items():
                values.append(_short(found[name]))
            start = point
        row |= lists
        if not row["failure"]:
            features = np.concatenate([features for features, _ in outputs_of(batches, self._judge)])
            row["mean"] = [_short(value) for value in features.mean(axis=0, dtype=np.float64)]
        return row

    def _train(self, start: int, end: int) -> dict[str, float]:
        seen: dict[str, float] = {}
        self._trainer.run(report=lambda step, numbers: seen.update(numbers), start=start, until=end)
        return {name: seen[name] for name in LOSSES}


def _short(value: float) -> float | None:
    """Seven digits, more than float32 has."""
    return float(f"{value:.7g}") if math.isfinite(value) else None
