"""Draws the weights of a network anew: every draw is a function of the seed and the layer's path.

Every layer with weights says by itself how they begin, in a method `draw_weights(draw)`. Convolutions follow the
published flag `init_type` (normal, orth, xavier_uniform), batch norms start at gamma N(1, 0.02) and beta 0; the
rest has PyTorch's defaults, on which the published implementation relies.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import tensorflow as tf

INIT_TYPES = ("normal", "orth", "xavier_uniform")


def initialize(
    named_layers: Mapping[str, tf.keras.layers.Layer],
    *,
    seed: tf.Tensor,
    init_type: str = "xavier_uniform",
    spectral_default: bool = False,
) -> None:
    """Assigns fresh values to every variable of the layers.

    Args:
      named_layers: path -> layer; the path enters the seed, so a layer's weights do not depend on its neighbours.
      seed: int32 [2], from `seeds.stateless_seed`.
      init_type: one of INIT_TYPES, for the kernels of convolutions.
      spectral_default: leave PyTorch's default in spectrally normalised convolutions, as the published
        implementation does (its initialisation misses their real weights).

    Every layer has a method `draw_weights(draw: Draw)`, which assigns all of its variables.
    """
    if init_type not in INIT_TYPES:
        raise ValueError(f"init_type must be one of {', '.join(INIT_TYPES)}; got {init_type!r}")
    for path, layer in named_layers.items():
        of_layer = tf.random.experimental.stateless_fold_in(seed, zlib.crc32(path.encode()) & 0x7FFFFFFF)
        layer.draw_weights(Draw(of_layer, init_type=init_type, spectral_default=spectral_default))


class Draw:
    """Successive stateless draws from one seed; `init_type`, `spectral_default`: as for `initialize`."""

    def __init__(self, seed: tf.Tensor, *, init_type: str, spectral_default: bool) -> None:
        self._seed = seed
        self._init_type = init_type
        self._spectral_default = spectral_default
        self._count = 0

    def _next(self) -> tf.Tensor:
        self._count += 1
        return tf.random.experimental.stateless_fold_in(self._seed, self._count)

    def normal(self, shape) -> tf.Tensor:
        """float32 of that shape, mean 0 and standard deviation 1."""
        return tf.random.stateless_normal(shape, self._next(), alg="philox")

    def uniform(self, shape, bound: float) -> tf.Tensor:
        """float32 of that shape, from -bound to bound."""
        return tf.random.stateless_uniform(shape, self._next(), -bound, bound, alg="philox")

    def pytorch_default(self, shape, *, fan_in: int) -> tf.Tensor:
        """float32 of that shape, as PyTorch draws weights and biases alike; `fan_in`: inputs of one output."""
        return self.uniform(shape, 1.0 / math.sqrt(fan_in))  # kaiming with a = sqrt 5

    def kernel(self, shape, *, normalized: bool = False) -> tf.Tensor:
        """float32 [k, k, inputs, outputs] of a convolution, as `init_type` says; `normalized`: spectrally."""
        height, width, inputs, outputs = shape
        if normalized and self._spectral_default:
            return self.pytorch_default(shape, fan_in=height * width * inputs)
        if self._init_type == "normal":
            return 0.02 * self.normal(shape)
        if self._init_type == "xavier_uniform":
            return self.uniform(shape, math.sqrt(6.0 / (height * width * (inputs + outputs))))
        rows, columns = outputs, height * width * inputs  # orthonormal rows or columns of the matrix [out, in k k]
        q, r = tf.linalg.qr(self.normal([max(rows, columns), min(rows, columns)]))
        q *= tf.sign(tf.linalg.diag_part(r))
        matrix = q if rows >= columns else tf.transpose(q)
        return tf.transpose(tf.reshape(matrix, [outputs, inputs, height, width]), [2, 3, 1, 0])

