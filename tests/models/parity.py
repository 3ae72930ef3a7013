"""Numbers recorded from the published PyTorch implementation (tests/parity), by the names and layouts of this project.

The fixtures hold PyTorch's parameter names, images as NCHW, kernels as OIHW (transposed convolutions IOHW).
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.models.controller import Controller
from autogan_tf.models.layers import BatchNorm
from autogan_tf.models.spectral_norm import SpectralLayer

FOLDER = pathlib.Path(__file__).parents[1] / "parity"
BOTTOM_WIDTH = 4  # of all recorded networks


class Entry(NamedTuple):
    """A variable, the parameter's name in PyTorch, and how PyTorch's array becomes ours."""

    variable: tf.Variable
    name: str
    convert: Callable[[np.ndarray], np.ndarray]


def load(name: str) -> dict[str, np.ndarray]:
    """All arrays of tests/parity/<name>.npz."""
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


def nhwc(images: np.ndarray) -> np.ndarray:
    """NCHW -> NHWC."""
    return images.transpose(0, 2, 3, 1)


def published_name(path: str) -> str:
    """A layer's path in this project -> its path in the published implementation (the supernet's names)."""
    path = path.replace("to_rgb_bn", "to_rgb.0").replace("to_rgb_conv", "to_rgb.2")
    match = re.fullmatch(r"cell(\d+)\.(sc|skip(\d+))_(conv|deconv(\d+))", path)
    if not match:
        return path
    cell, target, source, kind, number = match[1], int(match[1]) - 1, match[3], match[4], match[5]
    if source is None:
        return f"cell{cell}.c_sc" if kind == "conv" else f"cell{cell}.deconv_sc"
    if kind == "conv":
        return f"cell{cell}.skip_in_ops.{source}"
    doublings = target - int(source)
    return f"cell{cell}.skip_deconvx{2**doublings}" + (f".{number}" if doublings > 1 else "")


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _kernel(array: np.ndarray) -> np.ndarray:
    return array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0)


def _first_map(array: np.ndarray) -> np.ndarray:
    """The first dense layer's outputs, which PyTorch reads as [C, H, W] and we as [H, W, C]; weights or bias."""
    side = BOTTOM_WIDTH
    array = array.reshape(-1, side, side, *array.shape[1:])
    array = array.transpose(1, 2, 0, *range(3, array.ndim))
    return array.reshape(-1, *array.shape[3:]).T


def _right_vector(kernel_shape: tf.TensorShape) -> Callable[[np.ndarray], np.ndarray]:
    def convert(array: np.ndarray) -> np.ndarray:
        if len(kernel_shape) == 2:
            return array
        height, width, inputs, _ = kernel_shape
        return array.reshape(inputs, height, width).transpose(1, 2, 0).ravel()

    return convert


def entries(named_layers: dict[str, tf.keras.layers.Layer]) -> Iterator[Entry]:
    """Every variable of a generator's or discriminator's layers."""
    for path, layer in named_layers.items():
        name = published_name(path)
        if isinstance(layer, BatchNorm):
            yield Entry(layer.gamma, f"{name}.weight", _same)
            yield Entry(layer.beta, f"{name}.bias", _same)
            yield Entry(layer.moving_mean, f"{name}.running_mean", _same)
            yield Entry(layer.moving_variance, f"{name}.running_var", _same)
        elif isinstance(layer, SpectralLayer):
            yield Entry(layer.kernel, f"{name}.weight_orig", _kernel)
            yield Entry(layer.u, f"{name}.weight_u", _same)
            yield Entry(layer.v, f"{name}.weight_v", _right_vector(layer.kernel.shape))
            if layer.bias is not None:
                yield Entry(layer.bias, f"{name}.bias", _same)
        else:
            first = path == "l1"
            yield Entry(layer.kernel, f"{name}.weight", _first_map if first else _kernel)
            yield Entry(layer.bias, f"{name}.bias", _first_map if first else _same)


def controller_entries(controller: Controller) -> Iterator[Entry]:
    """Every variable of a controller; PyTorch's LSTM has the same order of gates."""
    yield Entry(controller.lstm.kernel, "lstm.weight_ih", np.transpose)
    yield Entry(controller.lstm.recurrent_kernel, "lstm.weight_hh", np.transpose)
    yield Entry(controller.lstm.bias, "lstm.bias_ih", _same)
    yield Entry(controller.lstm.recurrent_bias, "lstm.bias_hh", _same)
    yield Entry(controller.encoder.embeddings, "encoder.weight", _same)
    for index, decoder in enumerate(controller.decoders):
        yield Entry(decoder.kernel, f"decoders.{index}.weight", np.transpose)
        yield Entry(decoder.bias, f"decoders.{index}.bias", _same)


def assert_close(actual: tf.Tensor | np.ndarray, expected: np.ndarray, tolerance: float, what: str = "") -> None:
    """Largest difference at most `tolerance` x max(1, largest entry)."""
    actual = np.asarray(actual)
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    error = np.abs(actual - expected).max() / max(1.0, float(np.abs(expected).max()))
    assert error <= tolerance, f"{what}: {error:.2e}"


def assert_gradient_close(
    actual: tf.Tensor | np.ndarray, expected: np.ndarray, *, largest: float, what: str = ""
) -> None:
    """Largest difference at most 1e-4 of the largest entry.

    `largest`: the network's largest gradient. What is below 2e-5 of it is rounding (a bias right before a norm has none
    in theory), and has to be as small here.
    """
    actual = np.asarray(tf.convert_to_tensor(actual))
    assert actual.shape == expected.shape, (what, actual.shape, expected.shape)
    size, noise = float(np.abs(expected).max()), 2e-5 * largest
    error = np.abs(actual).max() if size < noise else np.abs(actual - expected).max()
    assert error <= (noise if size < noise else 1e-4 * size), f"{what}: {error:.2e}, largest entry {size:.2e}"
