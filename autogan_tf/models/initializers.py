"""Draws the weights of a network anew: every draw is a function of the seed and the layer's path.

Convolutions follow `init_type` (the published flag: normal, orth, xavier_uniform), batch norms start at gamma
N(1, 0.02) and beta 0; all the rest keeps PyTorch's defaults, which the published implementation relies on. A layer of
another kind, of a new norm or upsampling, says by itself how it begins: `draw_weights`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import tensorflow as tf

from autogan_tf.models.layers import BatchNorm
from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDeconv2D, SpectralLayer, l2_normalize

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

    A layer that is none of ours must have a method `draw_weights(draw: Draw)`, which assigns all of its variables.
    """
    if init_type not in INIT_TYPES:
        raise ValueError(f"init_type must be one of {', '.join(INIT_TYPES)}; got {init_type!r}")
    for path, layer in named_layers.items():
        draw = Draw(tf.random.experimental.stateless_fold_in(seed, zlib.crc32(path.encode()) & 0x7FFFFFFF))
        if isinstance(layer, BatchNorm):
            layer.gamma.assign(1.0 + 0.02 * draw.normal(layer.gamma.shape))
            layer.beta.assign(tf.zeros_like(layer.beta))
            layer.moving_mean.assign(tf.zeros_like(layer.moving_mean))
            layer.moving_variance.assign(tf.ones_like(layer.moving_variance))
            continue
        if not isinstance(layer, SpectralLayer):
            layer.draw_weights(draw)
            continue
        kernel, bias = layer.kernel, layer.bias
        fan_in = _pytorch_fan_in(layer)
        bound = 1.0 / math.sqrt(fan_in)  # PyTorch's default for weight (kaiming with a = sqrt 5) and bias alike
        if isinstance(layer, SpectralConv2D) and not (layer.normalize and spectral_default):
            kernel.assign(draw.kernel(init_type, kernel.shape))
        else:
            kernel.assign(draw.uniform(kernel.shape, bound))
        if bias is not None:
            bias.assign(draw.uniform(bias.shape, bound))
        if layer.normalize:
            layer.u.assign(l2_normalize(draw.normal(layer.u.shape)))
            layer.v.assign(l2_normalize(draw.normal(layer.v.shape)))


def _pytorch_fan_in(layer: tf.keras.layers.Layer) -> int:
    """Inputs per output as PyTorch counts them; of a transposed convolution (weight [in, out, k, k]) out k k."""
    shape = layer.kernel.shape  # of a transposed convolution: [k, k, out, in]
    if isinstance(layer, SpectralDeconv2D):
        return shape[0] * shape[1] * shape[2]
    return math.prod(shape[:-1])


class Draw:
    """Successive stateless draws from one seed."""

    def __init__(self, seed: tf.Tensor) -> None:
        self._seed = seed
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

    def kernel(self, init_type: str, shape) -> tf.Tensor:
        """float32 [k, k, inputs, outputs], as `init_type` says."""
        height, width, inputs, outputs = shape
        if init_type == "normal":
            return 0.02 * self.normal(shape)
        if init_type == "xavier_uniform":
            return self.uniform(shape, math.sqrt(6.0 / (height * width * (inputs + outputs))))
        rows, columns = outputs, height * width * inputs  # orthonormal rows or columns of the matrix [out, in k k]
        q, r = tf.linalg.qr(self.normal([max(rows, columns), min(rows, columns)]))
        q *= tf.sign(tf.linalg.diag_part(r))
        matrix = q if rows >= columns else tf.transpose(q)
        return tf.transpose(tf.reshape(matrix, [outputs, inputs, height, width]), [2, 3, 1, 0])

