"""The layers of the FID Inception of 2015-12-05: which convolutions it has, how images enter it, how they are wired.

It is the graph that Heusel et al. (2017, arXiv 1706.08500) measured with, in the names of its PyTorch publications
(pytorch-fid, torch-fidelity). Three things set it apart from the Inception v3 of other collections, and each moves the
scores: images are resized as TensorFlow 1 did, its average pools leave the padding out of the mean, and the pool of its
last block takes maxima.

Batch norm is folded into the convolutions. Merging the 1x1 convolutions that read the same tensor, and pooling after
the 1x1 convolution instead of before it, are exact, too, but make no measurable difference.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError

RESOLUTION = 299
NUM_FEATURES = 2048
NUM_LOGITS = 1008
BATCH_NORM_EPSILON = 1e-3
_NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
Shape = tuple[int, ...]


def weight_shapes() -> dict[str, Shape]:
    """The shape of every weight by its published name; kernels [outputs, inputs, height, width]."""
    shapes: dict[str, Shape] = {}
    for name, shape in _convolution_shapes().items():
        shapes[f"{name}.conv.weight"] = shape
        shapes |= {f"{name}.bn.{part}": shape[:1] for part in _NORM_PARTS}
    return shapes | {"fc.weight": (NUM_LOGITS, NUM_FEATURES), "fc.bias": (NUM_LOGITS,)}


def _convolution_shapes() -> dict[str, Shape]:
    shapes: dict[str, Shape] = {
        "Conv2d_1a_3x3": (32, 3, 3, 3),
        "Conv2d_2a_3x3": (32, 32, 3, 3),
        "Conv2d_2b_3x3": (64, 32, 3, 3),
        "Conv2d_3b_1x1": (80, 64, 1, 1),
        "Conv2d_4a_3x3": (192, 80, 3, 3),
    }
    blocks: dict[str, dict[str, Shape]] = {
        "Mixed_5b": _shapes_a(192, pool=32),
        "Mixed_5c": _shapes_a(256, pool=64),
        "Mixed_5d": _shapes_a(288, pool=64),
        "Mixed_6a": {"branch3x3": (384, 288, 3, 3), **_double_3x3(288)},
        "Mixed_6b": _shapes_c(128),
        "Mixed_6c": _shapes_c(160),
        "Mixed_6d": _shapes_c(160),
        "Mixed_6e": _shapes_c(192),
        "Mixed_7a": {
            "branch3x3_1": (192, 768, 1, 1),
            "branch3x3_2": (320, 192, 3, 3),
            "branch7x7x3_1": (192, 768, 1, 1),
            "branch7x7x3_2": (192, 192, 1, 7),
            "branch7x7x3_3": (192, 192, 7, 1),
            "branch7x7x3_4": (192, 192, 3, 3),
        },
        "Mixed_7b": _shapes_e(1280),
        "Mixed_7c": _shapes_e(2048),
    }
    return shapes | {f"{block}.{name}": shape for block, inner in blocks.items() for name, shape in inner.items()}


def _double_3x3(inputs: int) -> dict[str, Shape]:
    return {
        "branch3x3dbl_1": (64, inputs, 1, 1),
        "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    }


def _shapes_a(inputs: int, *, pool: int) -> dict[str, Shape]:
    return {
        "branch1x1": (64, inputs, 1, 1),
        "branch5x5_1": (48, inputs, 1, 1),
        "branch5x5_2": (64, 48, 5, 5),
        **_double_3x3(inputs),
        "branch_pool": (pool, inputs, 1, 1),
    }


def _shapes_c(width: int) -> dict[str, Shape]:
    return {
        "branch1x1": (192, 768, 1, 1),
        "branch7x7_1": (width, 768, 1, 1),
        "branch7x7_2": (width, width, 1, 7),
        "branch7x7_3": (192, width, 7, 1),
        "branch7x7dbl_1": (width, 768, 1, 1),
        "branch7x7dbl_2": (width, width, 7, 1),
        "branch7x7dbl_3": (width, width, 1, 7),
        "branch7x7dbl_4": (width, width, 7, 1),
        "branch7x7dbl_5": (192, width, 1, 7),
        "branch_pool": (192, 768, 1, 1),
    }


def _shapes_e(inputs: int) -> dict[str, Shape]:
    return {
        "branch1x1": (320, inputs, 1, 1),
        "branch3x3_1": (384, inputs, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (448, inputs, 1, 1),
        "branch3x3dbl_2": (384, 448, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (192, inputs, 1, 1),
    }


def prepared(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Images of any size as the first convolution wants them: (x - 128) / 128 of levels 0..255, 299 x 299.

    Scaling comes before resizing, on fewer pixels; up to rounding the two commute, and for bytes scaling is exact.

    Args:
      images: [N, H, W, C], uint8 or float32 in [-1, 1]; C is 3, or 1 for grey images, which become three equal
        channels. In a graph C must be known.

    Returns:
      float32 [N, 299, 299, 3].

    Raises:
      UserError: another rank, depth or type, or images without pixels.
    """
    images = tf.convert_to_tensor(images)
    if images.dtype not in (tf.uint8, tf.float32):
        raise UserError(f"Inception takes images of uint8, or float32 in [-1, 1], got {images.dtype.name}; cast them")
    if images.shape.rank != 4 or images.shape[3] not in (1, 3) or 0 in images.shape[1:3]:
        raise UserError(
            f"Inception takes NHWC images [N, height, width, 3], or 1 for grey ones, with a known depth, "
            f"got shape {images.shape}"
        )
    levels = tf.cast(images, tf.float32) if images.dtype == tf.uint8 else (images + 1.0) * 127.5
    pixels = resized((levels - 128.0) / 128.0)
    return tf.repeat(pixels, 3, axis=3) if images.shape[3] == 1 else pixels


def resized(images: tf.Tensor) -> tf.Tensor:
    """To 299 x 299 by TensorFlow 1's rule: output pixel i reads at i * size / 299, without half-pixel centres."""
    return tf.raw_ops.ResizeBilinear(
        images=images, size=[RESOLUTION, RESOLUTION], align_corners=False, half_pixel_centers=False
    )


def average_pool(x: tf.Tensor) -> tf.Tensor:
    """3 x 3, stride 1; at the border the mean is over the pixels that exist, which is TensorFlow's way."""
    return tf.nn.avg_pool2d(x, 3, 1, "SAME")


def last_pool(x: tf.Tensor) -> tf.Tensor:
    """Of the last block, where average pooling would be expected: a particularity of this graph."""
    return tf.nn.max_pool2d(x, 3, 1, "SAME")


class InceptionNetwork:
    """The network from prepared images to its activations, at fixed weights."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """Takes checked weights by the names of `weight_shapes`."""
        self._kernels: dict[str, tf.Tensor] = {}
        self._biases: dict[str, tf.Tensor] = {}
        for name in _convolution_shapes():
            gamma, beta, mean, variance = (weights[f"{name}.bn.{part}"].astype(np.float64) for part in _NORM_PARTS)
            scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
            kernel = weights[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * scale
            self._kernels[name] = tf.constant(kernel, tf.float32)
            self._biases[name] = tf.constant(beta - mean * scale, tf.float32)
        self._logits = tf.constant(weights["fc.weight"].T, tf.float32)

    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """All that scores are taken from.

        Args:
          x: float32 [N, 299, 299, 3], as `prepared` returns it.

        Returns:
          float32 by torch-fidelity's names: "64", "192", "768" and "2048", each [N, that many], means over space of the
          activations before the blocks named Conv2d_3, Mixed_5, Mixed_7 and at the end; "logits_unbiased" [N, 1008],
          without the last layer's bias.
        """
        means = {}
        x = self._conv("Conv2d_1a_3x3", x, stride=2, padding="VALID")  # 149 x 149 x 32
        x = self._conv("Conv2d_2a_3x3", x, padding="VALID")  # 147 x 147 x 32
        x = self._conv("Conv2d_2b_3x3", x)  # 147 x 147 x 64
        x = _halved(x)  # 73 x 73 x 64
        means["64"] = tf.reduce_mean(x, [1, 2])
        x = self._conv("Conv2d_3b_1x1", x)  # 73 x 73 x 80
        x = self._conv("Conv2d_4a_3x3", x, padding="VALID")  # 71 x 71 x 192
        x = _halved(x)  # 35 x 35 x 192
        means["192"] = tf.reduce_mean(x, [1, 2])
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._block_a(block, x)  # 35 x 35 x 256, 288, 288
        x = self._block_b("Mixed_6a", x)  # 17 x 17 x 768
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._block_c(block, x)
        means["768"] = tf.reduce_mean(x, [1, 2])
        x = self._block_d("Mixed_7a", x)  # 8 x 8 x 1280
        x = self._block_e("Mixed_7b", x, average_pool(x))  # 8 x 8 x 2048
        x = self._block_e("Mixed_7c", x, last_pool(x))
        means["2048"] = tf.reduce_mean(x, [1, 2])
        return means | {"logits_unbiased": tf.matmul(means["2048"], self._logits)}

    def _conv(self, name: str, x: tf.Tensor, *, stride: int = 1, padding: str = "SAME") -> tf.Tensor:
        x = tf.nn.conv2d(x, self._kernels[name], stride, padding)
        return tf.nn.relu(tf.nn.bias_add(x, self._biases[name]))

    def _chain(self, branch: str, steps: range, x: tf.Tensor) -> tf.Tensor:
        for step in steps:
            x = self._conv(f"{branch}_{step}", x)
        return x

    def _block_a(self, block: str, x: tf.Tensor) -> tf.Tensor:
        branches = [
            self._conv(f"{block}.branch1x1", x),
            self._chain(f"{block}.branch5x5", range(1, 3), x),
            self._chain(f"{block}.branch3x3dbl", range(1, 4), x),
            self._conv(f"{block}.branch_pool", average_pool(x)),
        ]
        return tf.concat(branches, axis=3)

    def _block_b(self, block: str, x: tf.Tensor) -> tf.Tensor:
        double = self._chain(f"{block}.branch3x3dbl", range(1, 3), x)
        branches = [
            self._conv(f"{block}.branch3x3", x, stride=2, padding="VALID"),
            self._conv(f"{block}.branch3x3dbl_3", double, stride=2, padding="VALID"),
            _halved(x),
        ]
        return tf.concat(branches, axis=3)

    def _block_c(self, block: str, x: tf.Tensor) -> tf.Tensor:
        branches = [
            self._conv(f"{block}.branch1x1", x),
            self._chain(f"{block}.branch7x7", range(1, 4), x),
            self._chain(f"{block}.branch7x7dbl", range(1, 6), x),
            self._conv(f"{block}.branch_pool", average_pool(x)),
        ]
        return tf.concat(branches, axis=3)

    def _block_d(self, block: str, x: tf.Tensor) -> tf.Tensor:
        small = self._chain(f"{block}.branch3x3", range(1, 2), x)
        large = self._chain(f"{block}.branch7x7x3", range(1, 4), x)
        branches = [
            self._conv(f"{block}.branch3x3_2", small, stride=2, padding="VALID"),
            self._conv(f"{block}.branch7x7x3_4", large, stride=2, padding="VALID"),
            _halved(x),
        ]
        return tf.concat(branches, axis=3)

    def _block_e(self, block: str, x: tf.Tensor, pooled: tf.Tensor) -> tf.Tensor:
        single = self._chain(f"{block}.branch3x3", range(1, 2), x)
        double = self._chain(f"{block}.branch3x3dbl", range(1, 3), x)
        branches = [
            self._conv(f"{block}.branch1x1", x),
            self._conv(f"{block}.branch3x3_2a", single),
            self._conv(f"{block}.branch3x3_2b", single),
            self._conv(f"{block}.branch3x3dbl_3a", double),
            self._conv(f"{block}.branch3x3dbl_3b", double),
            self._conv(f"{block}.branch_pool", pooled),
        ]
        return tf.concat(branches, axis=3)


def _halved(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(x, 3, 2, "VALID")
