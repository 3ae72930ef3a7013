"""EfficientNet-Lite0's layers in inference mode, with batch norm folded into the convolutions before it.

Tan and Le 2019 (arXiv 1905.11946), table 1, in the Lite variant of the authors' code (tensorflow/tpu,
efficientnet/lite): no squeeze-and-excitation, ReLU6 for swish, TensorFlow's SAME padding, which for stride 2 is
asymmetric. 4,652,008 parameters; 385 M multiply-adds at 224 x 224, 127 M at 128, 33 M at 64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError

NUM_FEATURES = 1280
NUM_LOGITS = 1000
BATCH_NORM_EPSILON = 1e-3
# What the weights were trained with (lite/efficientnet_lite_builder.py: MEAN_RGB, STDDEV_RGB), for levels 0..255.
MEAN, DEVIATION = 127.0, 128.0

NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
BATCHES = ".num_batches_tracked"  # counters in PyTorch's files, which inference has no use for

# repeats, kernel, stride of the first, expansion, channels in, channels out
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


@dataclasses.dataclass(frozen=True)
class _Convolution:
    """One convolution with the batch norm behind it, and their names in PyTorch's state."""

    name: str
    norm: str
    kernel: int
    stride: int
    inputs: int
    outputs: int
    depthwise: bool = False
    activate: bool = True

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of PyTorch's weight: outputs, inputs of a group, kernel, kernel."""
        return (self.outputs, 1 if self.depthwise else self.inputs, self.kernel, self.kernel)


@dataclasses.dataclass(frozen=True)
class _Block:
    """Inverted bottleneck: widen (unless the expansion is 1), filter each channel, narrow; perhaps add the input."""

    convolutions: tuple[_Convolution, ...]
    residual: bool


def _blocks() -> tuple[_Block, ...]:
    blocks: list[_Block] = []
    for repeats, kernel, first_stride, expansion, first_inputs, outputs in _STAGES:
        for repeat in range(repeats):
            stride, inputs = (first_stride, first_inputs) if repeat == 0 else (1, outputs)
            prefix, middle = f"_blocks.{len(blocks)}.", inputs * expansion
            parts = (
                _Convolution(f"{prefix}_expand_conv", f"{prefix}_bn0", 1, 1, inputs, middle),
                _Convolution(
                    f"{prefix}_depthwise_conv", f"{prefix}_bn1", kernel, stride, middle, middle, depthwise=True
                ),
                _Convolution(f"{prefix}_project_conv", f"{prefix}_bn2", 1, 1, middle, outputs, activate=False),
            )
            blocks.append(_Block(parts[expansion == 1 :], residual=stride == 1 and inputs == outputs))
    return tuple(blocks)


_STEM = _Convolution("_conv_stem", "_bn0", 3, 2, 3, 32)
_BLOCKS = _blocks()
_HEAD = _Convolution("_conv_head", "_bn1", 1, 1, 320, NUM_FEATURES)
_CONVOLUTIONS = (_STEM, *(part for block in _BLOCKS for part in block.convolutions), _HEAD)


def array_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array that the network needs, as efficientnet_lite_pytorch names and lays them out."""
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in _CONVOLUTIONS:
        shapes[f"{convolution.name}.weight"] = convolution.shape
        shapes.update({f"{convolution.norm}.{part}": (convolution.outputs,) for part in NORM_PARTS})
    return shapes | {"_fc.weight": (NUM_LOGITS, NUM_FEATURES), "_fc.bias": (NUM_LOGITS,)}


def checked(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The network's arrays as float32, without PyTorch's counters of batches.

    Raises:
      UserError: arrays that are missing, unknown, of another shape or not finite numbers; all of them are listed.
    """
    arrays = {name: np.asarray(array) for name, array in state.items() if not name.endswith(BATCHES)}
    shapes = array_shapes()
    problems = [f"{name} is missing" for name in shapes if name not in arrays]
    for name, array in arrays.items():
        if name not in shapes:
            problems.append(f"{name} is unknown")
        elif array.shape != shapes[name]:
            problems.append(f"{name} has the shape {array.shape} instead of {shapes[name]}")
        elif array.dtype.kind != "f":
            problems.append(f"{name} holds {array.dtype}, not floating-point numbers")
        elif not np.all(np.isfinite(array)):
            problems.append(f"{name} has entries that are not finite")
        elif name.endswith("running_var") and np.any(array < 0):
            problems.append(f"{name} has negative entries")
    if problems:
        raise UserError(
            f"the weights do not fit efficientnet_lite0: {'; '.join(problems)}; the state_dict of "
            "efficientnet_lite_pytorch's 'efficientnet-lite0' is needed"
        )
    return {name: arrays[name].astype(np.float32) for name in shapes}


class Network:
    """The layers with their weights.

    Args:
      arrays: as `checked` returns them.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._weights = {part.name: _folded(part, arrays) for part in _CONVOLUTIONS}
        self._dense = tf.constant(arrays["_fc.weight"].T), tf.constant(arrays["_fc.bias"])

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits.

        Args:
          images: float32 [N, S, S, 3], (level - MEAN) / DEVIATION of levels 0..255; any S from 1 on.

        Returns:
          float32 [N, 1280], the mean over space after the last activation, in [0, 6]; float32 [N, 1000], with bias.
        """
        x = self._convolve(images, _STEM)
        for block in _BLOCKS:
            before = x
            for part in block.convolutions:
                x = self._convolve(x, part)
            if block.residual:
                x = x + before
        features = tf.reduce_mean(self._convolve(x, _HEAD), axis=[1, 2])
        kernel, bias = self._dense
        return features, tf.matmul(features, kernel) + bias

    def _convolve(self, x: tf.Tensor, part: _Convolution) -> tf.Tensor:
        kernel, bias = self._weights[part.name]
        if part.depthwise:
            x = tf.nn.depthwise_conv2d(x, kernel, strides=[1, part.stride, part.stride, 1], padding="SAME")
        else:
            x = tf.nn.conv2d(x, kernel, strides=part.stride, padding="SAME")
        x = tf.nn.bias_add(x, bias)
        return tf.nn.relu6(x) if part.activate else x


def _folded(part: _Convolution, arrays: Mapping[str, np.ndarray]) -> tuple[tf.Tensor, tf.Tensor]:
    """Kernel [k, k, in, out] (depthwise: [k, k, channels, 1]) and bias that do what convolution and norm do."""
    gamma, beta, mean, variance = (arrays[f"{part.norm}.{name}"].astype(np.float64) for name in NORM_PARTS)
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    kernel = arrays[f"{part.name}.weight"].astype(np.float64) * scale[:, None, None, None]
    kernel = kernel.transpose(2, 3, 0, 1) if part.depthwise else kernel.transpose(2, 3, 1, 0)
    return tf.constant(kernel, tf.float32), tf.constant(beta - mean * scale, tf.float32)
