"""Instance norm through tensorflow-addons: the only module that imports that package."""

from __future__ import annotations

import functools
import warnings

import tensorflow as tf


@functools.lru_cache(maxsize=1)
def _layer_class() -> type:
    with warnings.catch_warnings():  # tensorflow-addons announces its end of life at every import
        warnings.simplefilter("ignore")
        from tensorflow_addons.layers import InstanceNormalization
    return InstanceNormalization


def normalize(x: tf.Tensor, *, epsilon: float) -> tf.Tensor:
    """[N, H, W, C] with every image's channels normalised to mean 0 and biased variance 1 over H, W; no parameters."""
    layer = _layer_class()(center=False, scale=False, epsilon=epsilon)
    return layer(x)
