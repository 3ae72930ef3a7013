"""Layers with a kernel, each with spectral norm on request (Miyato et al., ICLR 2018), gradient through sigma.

One power iteration per call in training mode, as the published implementation's PyTorch layer does it; Keras 2.15's and
tensorflow-addons' wrappers fail inside `tf.function` or cut the gradient.

Every layer is built when it is made, because a `tf.switch_case` branch may not create variables. Weights start at zero,
until `draw_weights`. Weights and spectral norm are float32; what a layer computes has its input's type.
"""

from __future__ import annotations

import math

import tensorflow as tf

from autogan_tf.models import layers, replicas
from autogan_tf.models.initializers import Draw

NORMALIZE_EPSILON = 1e-12


def l2_normalize(x: tf.Tensor) -> tf.Tensor:
    """x / max(|x|, 1e-12), PyTorch's normalize."""
    return x / tf.maximum(tf.norm(x), NORMALIZE_EPSILON)


class SpectralLayer(tf.keras.layers.Layer):
    """A kernel divided by its largest singular value, estimated by power iteration.

    The kernel is seen as a matrix [inputs, outputs]; `u` [outputs] and `v` [inputs] estimate its singular vectors.
    With `normalize` False it is a plain kernel, and there is no `u` and `v`.
    """

    def __init__(
        self, kernel_shape: tuple[int, ...], *, outputs: int, use_bias: bool, normalize: bool, name: str
    ) -> None:
        super().__init__(name=name, autocast=False)
        self.normalize = normalize
        self.kernel = self.add_weight("kernel", kernel_shape, initializer="zeros")
        self.bias = self.add_weight("bias", (outputs,), initializer="zeros") if use_bias else None
        self.built = True
        if not normalize:
            return
        inputs = self.kernel.shape.num_elements() // outputs
        self.u = self.add_weight("u", (outputs,), initializer="ones", **replicas.OWN_COPY)
        self.v = self.add_weight("v", (inputs,), initializer="ones", **replicas.OWN_COPY)

    def named_weights(self) -> dict[str, tf.Variable]:
        """Every variable by its name here: kernel, with spectral norm u and v, and where there is one bias."""
        vectors = {"u": self.u, "v": self.v} if self.normalize else {}
        return {"kernel": self.kernel} | vectors | ({} if self.bias is None else {"bias": self.bias})

    def draw_weights(self, draw: Draw) -> None:
        """As PyTorch's defaults are, except for the kernels of convolutions."""
        self.kernel.assign(self._drawn_kernel(draw))
        if self.bias is not None:
            self.bias.assign(draw.pytorch_default(self.bias.shape, fan_in=self._fan_in()))
        if self.normalize:
            self.u.assign(l2_normalize(draw.normal(self.u.shape)))
            self.v.assign(l2_normalize(draw.normal(self.v.shape)))

    def _drawn_kernel(self, draw: Draw) -> tf.Tensor:
        return draw.pytorch_default(self.kernel.shape, fan_in=self._fan_in())

    def _fan_in(self) -> int:
        """Inputs of one output as PyTorch counts them: of a transposed convolution its outputs, which come third."""
        return math.prod(self.kernel.shape[:-1])

    def _matrix(self) -> tf.Tensor:
        return tf.reshape(self.kernel, [-1, self.kernel.shape[-1]])

    def normalized_kernel(self, training: bool) -> tf.Tensor:
        """kernel / sigma, after one power iteration in training mode; float32."""
        if not self.normalize:
            return tf.convert_to_tensor(self.kernel)
        matrix = self._matrix()
        u, v = tf.convert_to_tensor(self.u), tf.convert_to_tensor(self.v)
        if training:
            fixed = tf.stop_gradient(matrix)
            v = l2_normalize(tf.linalg.matvec(fixed, u))
            u = l2_normalize(tf.linalg.matvec(fixed, v, transpose_a=True))
            self.u.assign(u)
            self.v.assign(v)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        return self.kernel / sigma

    def _with_bias(self, y: tf.Tensor) -> tf.Tensor:
        return y if self.bias is None else tf.nn.bias_add(y, tf.cast(self.bias, y.dtype))


class SpectralConv2D(SpectralLayer):
    """Convolution with bias: [N, H, W, inputs] -> [N, H', W', outputs], the size kept, halved or doubled.

    Args:
      kernel: side of the kernel; 3 where a size changes.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, name: str, *, normalize: bool = True) -> None:
        super().__init__(
            (kernel, kernel, inputs, outputs), outputs=outputs, use_bias=True, normalize=normalize, name=name
        )

    def _drawn_kernel(self, draw: Draw) -> tf.Tensor:
        return draw.kernel(self.kernel.shape, normalized=self.normalize)

    def call(
        self,
        x: tf.Tensor,
        training: bool = False,
        pool: bool = False,
        nearest: bool = False,
        deconv: SpectralDeconv2D | None = None,
    ) -> tf.Tensor:
        """Convolves; with `pool`, 2 x 2 means of the result; with `nearest`, of x with every pixel repeated 2 x 2; with
        `deconv`, of what that layer makes of x."""
        if deconv is not None and layers.is_worth_joining(x, self.kernel):
            kernels = deconv.normalized_kernel(training), deconv.bias, self.normalized_kernel(training)
            return self._with_bias(layers.deconvolved_conv2d(x, *kernels))
        if deconv is not None:
            x = deconv(x, training=training)
        kernel = tf.cast(self.normalized_kernel(training), x.dtype)
        if pool:
            return self._with_bias(layers.pooled_conv2d(x, kernel))
        if nearest:
            return self._with_bias(layers.nearest_upsampled_conv2d(x, kernel))
        return self._with_bias(tf.nn.conv2d(x, kernel, 1, "SAME"))


class SpectralDeconv2D(SpectralLayer):
    """Transposed convolution with bias, kernel 2 and stride 2: [N, H, W, C] -> [N, 2H, 2W, C]."""

    def __init__(self, channels: int, name: str, *, normalize: bool = True) -> None:
        super().__init__((2, 2, channels, channels), outputs=channels, use_bias=True, normalize=normalize, name=name)

    def _matrix(self) -> tf.Tensor:
        rows_of_outputs = tf.transpose(self.kernel, [0, 1, 3, 2])  # the kernel's layout is [2, 2, outputs, inputs]
        return tf.reshape(rows_of_outputs, [-1, self.kernel.shape[2]])

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Each pixel becomes 2 x 2."""
        return self._with_bias(layers.doubling_conv2d(x, tf.cast(self.normalized_kernel(training), x.dtype)))


class SpectralDense(SpectralLayer):
    """Dense layer: [N, inputs] -> [N, outputs]."""

    def __init__(
        self, inputs: int, outputs: int, name: str, *, use_bias: bool = False, normalize: bool = True
    ) -> None:
        super().__init__((inputs, outputs), outputs=outputs, use_bias=use_bias, normalize=normalize, name=name)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Multiplies by the kernel; in inference each row by itself, so that it does not depend on the batch's size.

        A product of matrices adds in another order for some sizes, and an image would then change in a last digit.
        """
        kernel = tf.cast(self.normalized_kernel(training), x.dtype)
        return self._with_bias(tf.matmul(x, kernel) if training else tf.matmul(x[:, None, :], kernel)[:, 0])
