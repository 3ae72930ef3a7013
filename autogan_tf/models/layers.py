"""Layers of the generator, with the published implementation's semantics: convolutions, norms, upsampling.

Every layer is built when it is made, because a `tf.switch_case` branch may not create variables. Weights start at
zero; `models/initializers.py` draws them.
"""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.models import instance_norm

NORM_EPSILON = 1e-5  # PyTorch's default for both norms
BATCH_NORM_MOMENTUM = 0.1  # weight of the newest batch in the running statistics


def conv2d(inputs: int, outputs: int, kernel: int, name: str) -> tf.keras.layers.Conv2D:
    """A built `kernel` x `kernel` convolution with bias, stride 1: [N, H, W, inputs] -> [N, H, W, outputs]."""
    layer = tf.keras.layers.Conv2D(outputs, kernel, padding="same", kernel_initializer="zeros", name=name)
    layer.build((None, None, None, inputs))
    return layer


def deconv2d(channels: int, name: str) -> tf.keras.layers.Conv2DTranspose:
    """A built transposed convolution with kernel 2 and stride 2: [N, H, W, C] -> [N, 2H, 2W, C]."""
    layer = tf.keras.layers.Conv2DTranspose(channels, 2, strides=2, kernel_initializer="zeros", name=name)
    layer.build((None, None, None, channels))
    return layer


def dense(inputs: int, outputs: int, name: str) -> tf.keras.layers.Dense:
    """A built dense layer with bias: [N, inputs] -> [N, outputs]."""
    layer = tf.keras.layers.Dense(outputs, kernel_initializer="zeros", name=name)
    layer.build((None, inputs))
    return layer


class BatchNorm(tf.keras.layers.Layer):
    """Batch norm over N, H, W with PyTorch's constants (eps 1e-5, unbiased variance in the running statistics).

    Input and output shape: [N, H, W, channels].
    """

    def __init__(self, channels: int, name: str) -> None:
        super().__init__(name=name)
        self.channels = channels
        self.gamma = self.add_weight("gamma", (channels,), initializer="ones")
        self.beta = self.add_weight("beta", (channels,), initializer="zeros")
        self.moving_mean = self.add_weight("moving_mean", (channels,), initializer="zeros", trainable=False)
        self.moving_variance = self.add_weight("moving_variance", (channels,), initializer="ones", trainable=False)
        self.built = True

    def call(
        self, x: tf.Tensor, training: bool = False, momentum: float | tf.Tensor = BATCH_NORM_MOMENTUM
    ) -> tf.Tensor:
        """Normalises by the batch's moments when training (and moves the running statistics towards them by
        `momentum`), else by the running statistics."""
        if not training:
            return tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=self.gamma,
                offset=self.beta,
                mean=self.moving_mean,
                variance=self.moving_variance,
                epsilon=NORM_EPSILON,
                is_training=False,
            ).y
        out = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=NORM_EPSILON, is_training=True
        )
        self.moving_mean.assign_add((out.batch_mean - self.moving_mean) * momentum)
        self.moving_variance.assign_add((out.batch_variance - self.moving_variance) * momentum)
        return out.y


class InstanceNorm(tf.keras.layers.Layer):
    """Instance norm over H, W without affine parameters, eps 1e-5. Shape is kept: [N, H, W, C]."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Each image's channels with mean 0 and (biased) variance 1."""
        return instance_norm.normalize(x, epsilon=NORM_EPSILON)


def nearest_upsample(x: tf.Tensor, factor: int) -> tf.Tensor:
    """[N, H, W, C] -> [N, factor H, factor W, C], every pixel repeated.

    Concatenation and reshape: copies of memory blocks, fast on CPUs, and with an XLA gradient, which
    `tf.image.resize` lacks for this method.
    """
    height, width, channels = x.shape[1:]
    x = tf.reshape(tf.concat([x] * factor, axis=3), [-1, height, factor * width * channels])
    return tf.reshape(tf.concat([x] * factor, axis=2), [-1, factor * height, factor * width, channels])


def bilinear_upsample(x: tf.Tensor, factor: int) -> tf.Tensor:
    """[N, H, W, C] -> [N, factor H, factor W, C], half-pixel centres, corners not aligned (PyTorch's default)."""
    return tf.image.resize(x, [factor * x.shape[1], factor * x.shape[2]], method="bilinear")
