"""Layers of the generator, with the published implementation's semantics: convolutions, norms, upsampling.

Every layer is built when it is made, because a `tf.switch_case` branch may not create variables. Weights start at
zero; `models/initializers.py` draws them.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.models import batch_norm, instance_norm

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
        y, mean, variance = batch_norm.normalize(x, self.gamma, self.beta, epsilon=NORM_EPSILON)
        count = tf.cast(tf.size(x) // self.channels, tf.float32)
        unbiased = variance * (count / tf.maximum(count - 1.0, 1.0))
        self.moving_mean.assign_add((mean - self.moving_mean) * momentum)
        self.moving_variance.assign_add((unbiased - self.moving_variance) * momentum)
        return y


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


# Rows: the four taps of a stride-2 kernel; columns: the taps of the 3-tap kernel that add up to them.
_NEAREST_TAPS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
_POOLED_TAPS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]]) / 2


def _four_taps(kernel: tf.Tensor, taps: np.ndarray) -> tf.Tensor:
    """[3, 3, I, O] -> [4, 4, I, O], sums of the kernel's entries by `taps`, in both directions."""
    inputs, outputs = kernel.shape[2:]
    sums = tf.constant(np.kron(taps, taps), kernel.dtype)
    return tf.reshape(tf.matmul(sums, tf.reshape(kernel, [9, inputs * outputs])), [4, 4, inputs, outputs])


def nearest_upsampled_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`conv2d(nearest_upsample(x, 2), kernel)` as one transposed convolution, 4 x 4: 16 multiply-adds for 36.

    Args:
      x: [N, H, W, I].
      kernel: [3, 3, I, O].

    Returns:
      [N, 2H, 2W, O]: of two neighbouring outputs the first sees its pixel twice and the one before, the second its
      pixel twice and the one after.
    """
    transposed = tf.transpose(_four_taps(kernel, _NEAREST_TAPS), [0, 1, 3, 2])
    shape = [tf.shape(x)[0], 2 * x.shape[1], 2 * x.shape[2], kernel.shape[3]]
    return tf.nn.conv2d_transpose(x, transposed, shape, 2, "SAME")


def pooled_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """2 x 2 mean of a 3 x 3 convolution as one convolution with a 4 x 4 kernel and stride 2: 16 multiply-adds for 36.

    [N, H, W, I] with even H and W, kernel [3, 3, I, O] -> [N, H/2, W/2, O].
    """
    return tf.nn.conv2d(x, _four_taps(kernel, _POOLED_TAPS), 2, "SAME")


def bilinear_upsample(x: tf.Tensor, factor: int) -> tf.Tensor:
    """[N, H, W, C] -> [N, factor H, factor W, C], half-pixel centres, corners not aligned (PyTorch's default)."""
    return tf.image.resize(x, [factor * x.shape[1], factor * x.shape[2]], method="bilinear")
