"""The feature network that `--features` names."""

from __future__ import annotations

import functools
import pathlib
import tempfile
from collections.abc import Callable

from absl import logging

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError
from autogan_tf.data.image_store import ImageStore
from autogan_tf.features.protocol import FeatureNetwork

_SAVED_MODEL = "saved_model:"


def cache_folder(cache_dir: str) -> pathlib.Path | None:
    """Where what is expensive to make is kept: `cache_dir`, or ~/.cache/autogan_tf when that is empty.

    None, with a warning, where there is no home folder: then nothing is kept.
    """
    if cache_dir:
        return pathlib.Path(paths.resolve(cache_dir, given=f"--cache_dir={cache_dir}"))
    home = paths.home()
    if home is None:
        _warn_of_no_home()
        return None
    return pathlib.Path(home, ".cache", "autogan_tf")


@functools.cache
def _warn_of_no_home() -> None:
    logging.warning(
        "the home folder is not known, so nothing is kept for later commands; give --cache_dir=FOLDER, or set HOME"
    )


def image_store(cache_dir: str, *, memory_gb: float, keeps_decoded: bool = True) -> ImageStore:
    """The store of a command's images, with its files in the cache folder, or without that in a temporary one."""
    cache = cache_folder(cache_dir)
    return ImageStore(
        folder=cache or tempfile.gettempdir(), memory_gb=memory_gb, keeps_decoded=keeps_decoded and cache is not None
    )


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
      make_classifier: called for "classifier"; trains it, or finds it in its cache (`classifier.load_or_train`).

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

        handle = paths.resolve(inception_weights, given=f"--inception_weights={inception_weights}")
        if pathlib.Path(handle).is_file() or handle.endswith((".pth", ".pt")):
            return inception.load(handle)
        return tfgan_inception.load(handle, download=download)
    if features.startswith(_SAVED_MODEL):
        from autogan_tf.features import saved_model

        return saved_model.load(paths.resolve(features.removeprefix(_SAVED_MODEL), given=f"--features={features}"))
    raise UserError(f"there is no feature network {features!r} here")
