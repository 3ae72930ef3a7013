"""Norms and resizing, with the published implementation's semantics. What has a kernel is in `spectral_norm.py`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.models import batch_norm, instance_norm, replicas
from autogan_tf.models.initializers import Draw

NORM_EPSILON = 1e-5  # PyTorch's default for both norms
BATCH_NORM_MOMENTUM = 0.1  # weight of the newest batch in the running statistics


class Pass(NamedTuple):
    """What all layers of a generator share in one forward pass.

    training: batch norms use (and record) the batch's statistics, spectral norms iterate; momentum: weight of this
    batch in the running statistics; labels: int32 [N], for a conditional network.
    """

    training: bool = False
    momentum: float | tf.Tensor = BATCH_NORM_MOMENTUM
    labels: tf.Tensor | None = None


class BatchNorm(tf.keras.layers.Layer):
    """Batch norm over N, H, W with PyTorch's constants (eps 1e-5, unbiased variance in the running statistics).

    Input and output: [N, H, W, channels]. On several replicas the moments are those of all their images.

    Args:
      channels: C.
      num_classes: 0, or class-conditional batch norm: every class has a gamma and a beta of its own (Dumoulin et al.
        2017, arXiv 1610.07629; for GANs Miyato and Koyama 2018).
    """

    def __init__(self, channels: int, name: str, *, num_classes: int = 0) -> None:
        super().__init__(name=name, autocast=False)
        self.channels = channels
        self.num_classes = num_classes
        shape = (num_classes, channels) if num_classes else (channels,)
        self.gamma = self.add_weight("gamma", shape, initializer="ones")
        self.beta = self.add_weight("beta", shape, initializer="zeros")
        self.moving_mean = self.add_weight("moving_mean", (channels,), initializer="zeros", **replicas.OWN_COPY)
        self.moving_variance = self.add_weight("moving_variance", (channels,), initializer="ones", **replicas.OWN_COPY)
        self.built = True

    def named_weights(self) -> dict[str, tf.Variable]:
        """Every variable by its name here."""
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {name: getattr(self, name) for name in names}

    def draw_weights(self, draw: Draw) -> None:
        """gamma N(1, 0.02), beta 0, and a running mean of 0 and variance of 1."""
        self.gamma.assign(1.0 + 0.02 * draw.normal(self.gamma.shape))
        self.beta.assign(tf.zeros_like(self.beta))
        self.moving_mean.assign(tf.zeros_like(self.moving_mean))
        self.moving_variance.assign(tf.ones_like(self.moving_variance))

    def call(self, x: tf.Tensor, mode: Pass = Pass()) -> tf.Tensor:  # noqa: B008 (immutable)
        """Normalises by the batch's moments when training, and moves the running statistics; else by these."""
        if not mode.training:
            return self._by_running_statistics(x, mode.labels)
        if replicas.count() > 1:
            return self.train_with_moments(x, batch_norm.over_replicas(batch_norm.moments(x)), mode)
        y, mean, variance = batch_norm.normalize(x, *self._plain_affine(), epsilon=NORM_EPSILON)
        self._record(mean, variance, tf.size(x) // self.channels, mode.momentum)
        return self._of_class(y, mode.labels)

    def train_with_moments(self, x: tf.Tensor, moments: tuple[tf.Tensor, tf.Tensor], mode: Pass) -> tf.Tensor:
        """The call in training on several replicas, given the `batch_norm.moments` of all of them."""
        gamma, beta = self._plain_affine()
        y = batch_norm.normalize_by(x, moments, gamma, beta, epsilon=NORM_EPSILON)
        mean, variance = (tf.cast(tf.stop_gradient(moment), tf.float32) for moment in moments)
        self._record(mean, variance, tf.size(x) // self.channels * replicas.count(), mode.momentum)
        return self._of_class(y, mode.labels)

    def _by_running_statistics(self, x: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        gamma, beta = self._plain_affine()
        y = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=gamma,
            offset=beta,
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=NORM_EPSILON,
            is_training=False,
        ).y
        return self._of_class(y, labels)

    def _plain_affine(self) -> tuple[tf.Tensor, tf.Tensor]:
        """gamma and beta where there are no classes."""
        if self.num_classes:
            return tf.ones([self.channels]), tf.zeros([self.channels])
        return tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)

    def _of_class(self, y: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        if not self.num_classes:
            return y
        if labels is None:
            raise ValueError(f"{self.name} has {self.num_classes} classes and needs labels, int32 [N]; got None")
        chosen = tf.one_hot(labels, self.num_classes)
        gamma, beta = (tf.matmul(chosen, parameter)[:, None, None, :] for parameter in (self.gamma, self.beta))
        # in float32, which their gradients are then summed in
        return tf.cast(tf.cast(y, tf.float32) * gamma + beta, y.dtype)

    def _record(self, mean: tf.Tensor, variance: tf.Tensor, count: tf.Tensor, momentum: float | tf.Tensor) -> None:
        count = tf.cast(count, tf.float32)
        unbiased = variance * (count / tf.maximum(count - 1.0, 1.0))
        self.moving_mean.assign_add((mean - self.moving_mean) * momentum)
        self.moving_variance.assign_add((unbiased - self.moving_variance) * momentum)


def instance_normalized(x: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] with each image's channels at mean 0 and (biased) variance 1 over H, W; computed in float32."""
    return tf.cast(instance_norm.normalize(tf.cast(x, tf.float32), epsilon=NORM_EPSILON), x.dtype)


def nearest_upsample(x: tf.Tensor, factor: int) -> tf.Tensor:
    """[N, H, W, C] -> [N, factor H, factor W, C], every pixel repeated.

    Concatenation and reshape: copies of memory blocks, fast on CPUs, and with an XLA gradient, which
    `tf.image.resize` lacks for this method.
    """
    height, width, channels = x.shape[1:]
    x = tf.reshape(tf.concat([x] * factor, axis=3), [-1, height, factor * width * channels])
    return tf.reshape(tf.concat([x] * factor, axis=2), [-1, factor * height, factor * width, channels])


# Rows: the four taps of a stride-2 transposed kernel; columns: the taps of the 3-tap kernel that add up to them.
_NEAREST_TAPS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])


def nearest_upsampled_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`conv2d(nearest_upsample(x, 2), kernel)` as one transposed convolution, 4 x 4: 16 multiply-adds for 36.

    Args:
      x: [N, H, W, I].
      kernel: [3, 3, I, O].

    Returns:
      [N, 2H, 2W, O]: of two neighbouring outputs the first sees its pixel twice and the one before, the second its
      pixel twice and the one after.
    """
    inputs, outputs = kernel.shape[2:]
    sums = tf.constant(np.kron(_NEAREST_TAPS, _NEAREST_TAPS), kernel.dtype)
    taps = tf.matmul(sums, tf.reshape(tf.transpose(kernel, [0, 1, 3, 2]), [9, outputs * inputs]))
    return doubling_conv2d(x, tf.reshape(taps, [4, 4, outputs, inputs]))


def doubling_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A transposed convolution with stride 2: [N, H, W, I] and [k, k, O, I], k = 2 or 4 -> [N, 2H, 2W, O].

    With k = 4 and a batch whose size is known, oneDNN's transposed convolution is the fastest, forward and backward,
    but its last digits depend on that size. Where it is not known, as in what is served, an image must be the same in
    any batch: there, it is a convolution for each place in a square of outputs, which are then interleaved, up to 1.7
    times slower. With k = 2, where outputs do not overlap, a matrix product for each of two rows is as fast in float32
    and a third faster in bfloat16, forward and backward together.
    """
    height, width, inputs = x.shape[1:]
    side, _, outputs, _ = kernel.shape
    if side == 4 and x.shape[0] is not None:
        return tf.nn.conv2d_transpose(x, kernel, [x.shape[0], 2 * height, 2 * width, outputs], 2, "SAME")

    def at(i: int, j: int) -> tf.Tensor:
        """[N, H, W, O]: the outputs with row 2h + i and column 2w + j."""
        # not `padding=[...]`: the gradients of such a convolution go not to oneDNN but to kernels that are slower in
        # float32 and a hundred times slower in bfloat16
        padded = tf.pad(x, [[0, 0], [1 - i, i], [1 - j, j], [0, 0]])
        taps = tf.transpose(kernel[3 - i :: -2, 3 - j :: -2], [0, 1, 3, 2])
        return tf.nn.conv2d(padded, taps, 1, "VALID")

    def row(i: int) -> tf.Tensor:
        """[N, H, W, 2O]: the outputs in row 2h + i."""
        if side == 4:
            return tf.concat([at(i, 0), at(i, 1)], 3)
        matrix = tf.reshape(tf.transpose(kernel[i], [2, 0, 1]), [1, 1, inputs, 2 * outputs])
        return tf.nn.conv2d(x, matrix, 1, "VALID")

    rows = [tf.reshape(row(i), [-1, height, 2 * width * outputs]) for i in (0, 1)]
    return tf.reshape(tf.concat(rows, 2), [-1, 2 * height, 2 * width, outputs])


def pooled_conv2d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """2 x 2 mean of a 3 x 3 convolution, as each second pixel of a convolution of 2 x 2 means: 9 multiply-adds for 36.

    [N, H, W, I] with even H and W, kernel [3, 3, I, O] -> [N, H/2, W/2, O].
    """
    means = tf.nn.avg_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2, 1, "VALID")
    return tf.nn.conv2d(means, kernel, 2, "VALID")


def joint_kernel(deconv: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The kernel of a transposed convolution (stride 2) that does what one (2 x 2) and a convolution after it do.

    Args:
      deconv: [2, 2, M, I].
      kernel: [k, k, M, O], k = 1 or 3.

    Returns:
      [k + 1, k + 1, O, I].
    """
    side, _, middle, outputs = kernel.shape
    inputs = deconv.shape[3]
    # a transposed convolution spreads, a convolution collects: the latter's taps in reverse order
    rows = tf.reshape(tf.transpose(deconv, [0, 1, 3, 2]), [4 * inputs, middle])
    columns = tf.reshape(tf.transpose(kernel[::-1, ::-1], [2, 0, 1, 3]), [middle, side * side * outputs])
    products = tf.reshape(tf.matmul(rows, columns), [2, 2, inputs, side, side, outputs])
    shifted = [tf.pad(products[i, j], [[0, 0], [i, 1 - i], [j, 1 - j], [0, 0]]) for i in (0, 1) for j in (0, 1)]
    return tf.transpose(tf.add_n(shifted), [1, 2, 3, 0])


def deconvolved_conv2d(x: tf.Tensor, deconv: tf.Tensor, between: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A convolution of a transposed convolution (2 x 2, stride 2, with bias) as one transposed convolution.

    With a 3 x 3 kernel that takes 16 multiply-adds instead of 40, with 1 x 1 4 instead of 8; the `joint_kernel` is
    computed once for all images, which pays where there are many pixels, see `is_worth_joining`.

    Args:
      x: [N, H, W, I].
      deconv: [2, 2, M, I], the transposed convolution's kernel.
      between: [M], its bias.
      kernel: [k, k, M, O], k = 1 or 3, zeros around.

    Returns:
      [N, 2H, 2W, O] of x's type; the kernels may be of a wider one.
    """
    y = doubling_conv2d(x, tf.cast(joint_kernel(deconv, kernel), x.dtype))
    return y + tf.cast(_convolved_constant(between, kernel, *y.shape[1:3]), x.dtype)


def is_worth_joining(x: tf.Tensor, kernel: tf.Tensor) -> bool:
    """Whether `deconvolved_conv2d` saves more on the pixels of x than the joint kernel costs; the batch must be known.

    A pixel of the result saves 6 (3 x 3) or 1 (1 x 1) products of all channels with all others, the joint kernel takes
    36 or 4 for each middle channel; twice that for good measure, because it also has to be moved.
    """
    side, _, middle, _ = kernel.shape
    if not x.shape.is_fully_defined():
        return False
    saved, cost = (6, 36) if side == 3 else (1, 4)
    return saved * 4 * x.shape[0] * x.shape[1] * x.shape[2] > 2 * cost * middle


def _convolved_constant(vector: tf.Tensor, kernel: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """A map of `vector` [M] everywhere, convolved with [k, k, M, O], zeros around it: [1, height, width, O]."""
    taps = tf.einsum("m,stmo->sto", vector, kernel)
    inside = [_taps_inside(side, kernel.shape[0], taps.dtype) for side in (height, width)]
    return tf.einsum("hs,wt,sto->hwo", *inside, taps)[None]


def _taps_inside(side: int, taps: int, dtype: tf.DType) -> tf.Tensor:
    """[side, taps]: 1 where a tap of a kernel that is centred on a pixel lies inside the map, else 0."""
    place = np.arange(side)[:, None] + np.arange(taps) - taps // 2
    return tf.constant((place >= 0) & (place < side), dtype)


def bilinear_upsample(x: tf.Tensor, factor: int) -> tf.Tensor:
    """[N, H, W, C] -> [N, factor H, factor W, C], half-pixel centres, corners not aligned (PyTorch's default)."""
    # it is computed in float32 anyway, but of half precision XLA makes a gradient of another type than x
    resized = tf.image.resize(tf.cast(x, tf.float32), [factor * x.shape[1], factor * x.shape[2]], method="bilinear")
    return tf.cast(resized, x.dtype)
