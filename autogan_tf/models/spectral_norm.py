"""Spectrally normalised convolution and dense layer (Miyato et al., ICLR 2018), gradient through sigma.

One power iteration per call in training mode, as the published implementation's PyTorch layer does it; Keras 2.15's and
tensorflow-addons' wrappers fail inside `tf.function` or cut the gradient.
"""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.models import layers

NORMALIZE_EPSILON = 1e-12


def l2_normalize(x: tf.Tensor) -> tf.Tensor:
    """x / max(|x|, 1e-12), PyTorch's normalize."""
    return x / tf.maximum(tf.norm(x), NORMALIZE_EPSILON)


class SpectralLayer(tf.keras.layers.Layer):
    """A kernel divided by its largest singular value, estimated by power iteration.

    The kernel is seen as a matrix [inputs, outputs]; `u` [outputs] and `v` [inputs] estimate its singular vectors.
    With `normalize` False it is a plain kernel, and there is no `u` and `v`.
    """

    def __init__(self, kernel_shape: tuple[int, ...], use_bias: bool, normalize: bool, name: str) -> None:
        super().__init__(name=name)
        self.normalize = normalize
        self.kernel = self.add_weight("kernel", kernel_shape, initializer="zeros")
        self.bias = self.add_weight("bias", kernel_shape[-1:], initializer="zeros") if use_bias else None
        self.built = True
        if not normalize:
            return
        outputs = kernel_shape[-1]
        inputs = self.kernel.shape.num_elements() // outputs
        self.u = self.add_weight("u", (outputs,), initializer="ones", trainable=False)
        self.v = self.add_weight("v", (inputs,), initializer="ones", trainable=False)

    def normalized_kernel(self, training: bool) -> tf.Tensor:
        """kernel / sigma, after one power iteration in training mode."""
        if not self.normalize:
            return tf.convert_to_tensor(self.kernel)
        matrix = tf.reshape(self.kernel, [-1, self.kernel.shape[-1]])
        u, v = tf.convert_to_tensor(self.u), tf.convert_to_tensor(self.v)
        if training:
            fixed = tf.stop_gradient(matrix)
            v = l2_normalize(tf.linalg.matvec(fixed, u))
            u = l2_normalize(tf.linalg.matvec(fixed, v, transpose_a=True))
            self.u.assign(u)
            self.v.assign(v)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        return self.kernel / sigma


class SpectralConv2D(SpectralLayer):
    """Convolution with bias, the size kept, or halved by 2 x 2 means: [N, H, W, inputs] -> [N, H', W', outputs]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, name: str, *, normalize: bool = True) -> None:
        super().__init__((kernel, kernel, inputs, outputs), use_bias=True, normalize=normalize, name=name)

    def call(self, x: tf.Tensor, training: bool = False, pool: bool = False) -> tf.Tensor:
        """Convolves with the normalised kernel; with `pool` (3x3 kernels only), 2 x 2 means of the result."""
        kernel = self.normalized_kernel(training)
        y = layers.pooled_conv2d(x, kernel) if pool else tf.nn.conv2d(x, kernel, 1, "SAME")
        return tf.nn.bias_add(y, self.bias)


class SpectralDense(SpectralLayer):
    """Dense layer without bias: [N, inputs] -> [N, outputs]."""

    def __init__(self, inputs: int, outputs: int, name: str, *, normalize: bool = True) -> None:
        super().__init__((inputs, outputs), use_bias=False, normalize=normalize, name=name)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Multiplies by the normalised kernel."""
        return tf.matmul(x, self.normalized_kernel(training))
