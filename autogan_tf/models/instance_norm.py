"""Instance norm through tensorflow-addons, or where that has no release, for Python 3.12 and later, through Keras."""

from __future__ import annotations

import functools
import warnings

import tensorflow as tf


@functools.lru_cache(maxsize=1)
def _layer_class() -> type | None:
    with warnings.catch_warnings():  # tensorflow-addons announces its end of life at every import
        warnings.simplefilter("ignore")
        try:
            from tensorflow_addons.layers import InstanceNormalization
        except ImportError:
            return None
    return InstanceNormalization


def normalize(x: tf.Tensor, *, epsilon: float) -> tf.Tensor:
    """[N, H, W, C] with every image's channels normalised to mean 0 and biased variance 1 over H, W; no parameters."""
    kind = _layer_class()
    if kind is None:  # as many groups as channels
        return tf.keras.layers.GroupNormalization(groups=-1, center=False, scale=False, epsilon=epsilon)(x)
    return kind(center=False, scale=False, epsilon=epsilon)(x)
