"""The classifier of a data set as a command's feature network: from the cache, or trained now, with its progress."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import sources
from autogan_tf.data.image_store import ImageStore
from autogan_tf.features import choice
from autogan_tf.features.classifier import load_or_train
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.runs.progress import Terminal


@dataclasses.dataclass(frozen=True)
class ClassifierSettings:
    """Names and units are those of the flags; sides: of the images that it learns, in pixels, the largest last."""

    classifier_steps: int
    classifier_batch_size: int
    classifier_width: int
    classifier_seed: int
    cache_dir: str
    sides: Sequence[int]


def classifier(
    settings: ClassifierSettings,
    where: Mapping[str, Any],
    *,
    resolution: int,
    store: ImageStore,
    terminal: Terminal,
    warn_enlarged: bool = True,
) -> FeatureNetwork:
    """The classifier of a data set.

    Args:
      where: the data set, as `sources.load` takes it.
      resolution: of the images, in pixels.
      warn_enlarged: says so where some of them are smaller.
    """
    train, test = sources.labelled_splits(resolution=resolution, warn_enlarged=warn_enlarged, store=store, **where)
    started = time.monotonic()
    terminal.phase("training the classifier", settings.classifier_steps, "steps")
    found = load_or_train(
        train=train,
        test=test,
        sizes=settings.sides,
        steps=settings.classifier_steps,
        batch_size=settings.classifier_batch_size,
        width=settings.classifier_width,
        seed=settings.classifier_seed,
        cache_dir=choice.cache_folder(settings.cache_dir),
        log=lambda numbers: terminal.done(numbers["step"]),
    )
    how = "from the cache" if found.from_cache else f"trained in {(time.monotonic() - started) / 60:.1f} minutes"
    accuracy = ", ".join(f"{value:.1%} at {size} pixels" for size, value in sorted(found.accuracy.items()))
    terminal.line(f"classifier {how}: test accuracy {accuracy}")
    return found


def network_of(
    config: SearchConfig | TrainConfig,
    where: Mapping[str, Any],
    *,
    num_cells: int,
    store: ImageStore,
    terminal: Terminal,
) -> FeatureNetwork:
    """The feature network that a search or a training names; a classifier learns the images' sizes at every cell, so
    that a training finds that of a search of the same data."""
    sides = image_sides(bottom_width=config.bottom_width, num_cells=num_cells)
    names = {field.name for field in dataclasses.fields(ClassifierSettings)} - {"sides"}
    settings = ClassifierSettings(sides=sides, **{name: getattr(config, name) for name in names})
    return choice.load(
        config.features,
        inception_weights=config.inception_weights,
        resolution=config.features_resolution,
        download=config.download,
        make_classifier=lambda: classifier(
            settings, where, resolution=sides[-1], store=store, terminal=terminal, warn_enlarged=False
        ),
    )
