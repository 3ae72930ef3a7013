"""The feature network that `--features` names."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autogan_tf.config.errors import UserError
from autogan_tf.data import sources
from autogan_tf.features.classifier import Classifier, load_or_train
from autogan_tf.features.protocol import FeatureNetwork

_SAVED_MODEL = "saved_model:"


def cache_folder(cache_dir: str) -> pathlib.Path:
    """Where what is expensive to make is kept: `cache_dir`, or ~/.cache/autogan_tf when that is empty."""
    return pathlib.Path(cache_dir or "~/.cache/autogan_tf").expanduser()


def load(
    features: str,
    *,
    inception_weights: str = "",
    resolution: int = 0,
    download: bool = False,
    make_classifier: Callable[[], FeatureNetwork] | None = None,
) -> FeatureNetwork:
    """A feature network by name.

    Args:
      features: "inception", "efficientnet_lite0", "classifier", or "saved_model:FOLDER".
      inception_weights: for inception; a .pth file, or TF-GAN's module as a SavedModel folder or a hub handle.
      resolution: for efficientnet_lite0; 0 for its own.
      download: allows a hub handle to be fetched.
      make_classifier: called for "classifier", usually with `data_classifier`.

    Raises:
      UserError: another name, weights that are not there or do not fit.
    """
    if features == "classifier" and make_classifier is not None:
        return make_classifier()
    # imported where they are used: each brings a network's worth of code
    if features == "efficientnet_lite0":
        from autogan_tf.features import efficientnet_lite

        return efficientnet_lite.load(resolution=resolution or efficientnet_lite.DEFAULT_RESOLUTION)
    if features == "inception":
        from autogan_tf.features import inception, tfgan_inception

        path = pathlib.Path(inception_weights).expanduser()
        if path.is_file() or path.suffix in (".pth", ".pt"):
            return inception.load(path)
        return tfgan_inception.load(inception_weights, download=download)
    if features.startswith(_SAVED_MODEL):
        from autogan_tf.features import saved_model

        return saved_model.load(features.removeprefix(_SAVED_MODEL))
    raise UserError(f"there is no feature network {features!r} here")


def data_classifier(
    where: Mapping[str, Any],
    *,
    resolution: int,
    sizes: Sequence[int],
    steps: int,
    batch_size: int,
    width: int,
    seed: int,
    cache_dir: pathlib.Path,
    log: Callable[[dict], None] | None = None,
) -> Classifier:
    """The classifier of a data set, from the cache or trained now.

    Args:
      where: `dataset`, `data_dir` and `download` as for `sources.load`.
      resolution: side of the images in pixels.
      sizes, steps, batch_size, width, seed, cache_dir, log: as for `classifier.load_or_train`.

    Raises:
      UserError: data without labels, or that are not there.
    """
    train, test = sources.labelled_splits(resolution=resolution, **where)
    return load_or_train(
        train=train,
        test=test,
        sizes=sizes,
        steps=steps,
        batch_size=batch_size,
        width=width,
        seed=seed,
        cache_dir=cache_dir,
        log=log,
    )
