"""Which array of the published implementation (PyTorch) each variable of ours is, by name and layout.

Two layouts of names exist for a generator: the supernet's (`models_search`: `cell1.pre_conv1.conv.weight`) and the
derived one (`models`: `cell1.c1.weight`). Kernels are OIHW there (transposed convolutions IOHW, dense layers [out, in])
and HWIO here (HWOI, [in, out]); feature maps are NCHW there and NHWC here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.models.controller import Controller
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, GeneratorBase, SupernetGenerator
from autogan_tf.models.layers import BatchNorm
from autogan_tf.models.spectral_norm import SpectralLayer

SUPERNET, DERIVED = "supernet", "derived"  # layouts of names
BATCHES = "num_batches_tracked"  # PyTorch counts the batches of a batch norm; nothing here needs the count


class Layout(NamedTuple):
    """How an array is laid out on either side; both functions only move entries."""

    to_ours: Callable[[np.ndarray], np.ndarray]
    to_official: Callable[[np.ndarray], np.ndarray]


class Entry(NamedTuple):
    """A variable, its name in the published implementation, and its layout."""

    variable: tf.Variable
    name: str
    layout: Layout

    @property
    def official_shape(self) -> tuple[int, ...]:
        """Shape of the array there."""
        return self.layout.to_official(np.empty(self.variable.shape, np.float32)).shape


SAME = Layout(lambda array: array, lambda array: array)
DENSE = Layout(np.transpose, np.transpose)
KERNEL = Layout(lambda array: array.transpose(2, 3, 1, 0), lambda array: array.transpose(3, 2, 0, 1))


def first_map_layout(side: int) -> Layout:
    """The first dense layer's weight or bias: its outputs are a map [C, side, side] there and [side, side, C] here."""

    def to_ours(array: np.ndarray) -> np.ndarray:
        array = array.reshape(-1, side, side, *array.shape[1:])
        array = array.transpose(1, 2, 0, *range(3, array.ndim))
        return array.reshape(-1, *array.shape[3:]).T

    def to_official(array: np.ndarray) -> np.ndarray:
        array = array.T.reshape(side, side, -1, *array.shape[:-1])
        array = array.transpose(2, 0, 1, *range(3, array.ndim))
        return array.reshape(-1, *array.shape[3:])

    return Layout(to_ours, to_official)


def right_vector_layout(kernel_shape: tuple[int, ...]) -> Layout:
    """Spectral norm's `v`, over a kernel's inputs: [I, H, W] flattened there, [H, W, I] here."""
    if len(kernel_shape) == 2:
        return SAME
    height, width, inputs, _ = kernel_shape
    return Layout(
        lambda array: array.reshape(inputs, height, width).transpose(1, 2, 0).ravel(),
        lambda array: array.reshape(height, width, inputs).transpose(2, 0, 1).ravel(),
    )


def supernet_name(path: str) -> str:
    """A generator layer's path here ("cell3.skip0_deconv1") -> its name in the supernet's layout."""
    path = path.replace("to_rgb_bn", "to_rgb.0").replace("to_rgb_conv", "to_rgb.2")
    match = re.fullmatch(r"cell(\d+)\.(?:sc|skip(\d+))_(?:conv|deconv(\d+))", path)
    if not match:
        return path
    cell, source, number = match.groups()
    if source is None:
        return f"cell{cell}.c_sc" if number is None else f"cell{cell}.deconv_sc"
    if number is None:
        return f"cell{cell}.skip_in_ops.{source}"
    doublings = int(cell) - 1 - int(source)
    return f"cell{cell}.skip_deconvx{2**doublings}" + (f".{number}" if doublings > 1 else "")


def derived_name(path: str, skips: Mapping[str, tuple[bool, ...]]) -> str:
    """A generator layer's path here -> its name in the derived layout, which has no deconvolutions.

    `skips`: each cell's incoming skips by the cell's name; there, only those that exist are counted.
    """
    path = re.sub(r"\.(?:post|pre)_conv(\d)\.conv", r".c\1", path)
    path = re.sub(r"\.(?:post|pre)_conv(\d)\.bn", r".n\1", path)
    match = re.fullmatch(r"(cell\d+)\.skip(\d+)_conv", path)
    if match:
        cell, source = match[1], int(match[2])
        return f"{cell}.skip_in_ops.{sum(skips[cell][:source])}"
    return supernet_name(path)


def layer_entries(layers: Mapping[str, tf.keras.layers.Layer], *, bottom_width: int = 0) -> Iterator[Entry]:
    """Every variable of the layers, which are given by their names there.

    `bottom_width`: of a generator, for its first dense layer, "l1".
    """
    for name, layer in layers.items():
        if isinstance(layer, BatchNorm):
            yield Entry(layer.gamma, f"{name}.weight", SAME)
            yield Entry(layer.beta, f"{name}.bias", SAME)
            yield Entry(layer.moving_mean, f"{name}.running_mean", SAME)
            yield Entry(layer.moving_variance, f"{name}.running_var", SAME)
            continue
        kernel = DENSE if len(layer.kernel.shape) == 2 else KERNEL
        if isinstance(layer, SpectralLayer) and layer.normalize:
            yield Entry(layer.kernel, f"{name}.weight_orig", kernel)
            yield Entry(layer.u, f"{name}.weight_u", SAME)
            yield Entry(layer.v, f"{name}.weight_v", right_vector_layout(tuple(layer.kernel.shape)))
            if layer.bias is not None:
                yield Entry(layer.bias, f"{name}.bias", SAME)
        elif name == "l1" and bottom_width:
            yield Entry(layer.kernel, f"{name}.weight", first_map_layout(bottom_width))
            yield Entry(layer.bias, f"{name}.bias", first_map_layout(bottom_width))
        else:
            yield Entry(layer.kernel, f"{name}.weight", kernel)
            if layer.bias is not None:
                yield Entry(layer.bias, f"{name}.bias", SAME)


def _of_derived(network: Generator, layout: str | None) -> Iterable[Entry]:
    _refuse_classes(network.num_classes)
    if network.l1.normalize:
        raise UserError("the published implementation has no spectral norm in the generator, and this one has")
    if layout is None:
        layout = SUPERNET if any(cell["up"] == "deconv" for cell in network.genotype.cells) else DERIVED
    if layout == SUPERNET:
        return _of_supernet(network, layout)
    skips = {f"cell{number}": cell.get("skips", ()) for number, cell in enumerate(network.genotype.cells, 1)}
    layers = {derived_name(path, skips): layer for path, layer in network.named_layers().items()}
    return layer_entries(layers, bottom_width=network.bottom_width)


def _of_supernet(network: GeneratorBase, layout: str | None) -> Iterable[Entry]:
    layers = {supernet_name(path): layer for path, layer in network.named_layers().items()}
    return layer_entries(layers, bottom_width=network.bottom_width)


def _of_discriminator(network: Discriminator, layout: str | None) -> Iterable[Entry]:
    _refuse_classes(network.num_classes)
    if network.minibatch_std or not network.last_dense.normalize:
        raise UserError(
            "the published discriminator has spectral norm and no minibatch standard deviation, and this one has "
            f"{'minibatch standard deviation' if network.minibatch_std else 'no spectral norm'}"
        )
    return layer_entries(network.named_layers())


def _of_controller(network: Controller, layout: str | None) -> Iterable[Entry]:
    # PyTorch's LSTM has Keras's order of gates
    yield Entry(network.lstm.kernel, "lstm.weight_ih", DENSE)
    yield Entry(network.lstm.recurrent_kernel, "lstm.weight_hh", DENSE)
    yield Entry(network.lstm.bias, "lstm.bias_ih", SAME)
    yield Entry(network.lstm.recurrent_bias, "lstm.bias_hh", SAME)
    yield Entry(network.encoder.embeddings, "encoder.weight", SAME)
    for index, decoder in enumerate(network.decoders):
        yield Entry(decoder.kernel, f"decoders.{index}.weight", DENSE)
        yield Entry(decoder.bias, f"decoders.{index}.bias", SAME)


def _refuse_classes(number: int) -> None:
    if number:
        raise UserError(f"the published implementation has no conditional networks, and this one has {number} classes")


_ENTRIES: Mapping[type, Callable[[Any, str | None], Iterable[Entry]]] = {
    Generator: _of_derived,
    SupernetGenerator: _of_supernet,
    Discriminator: _of_discriminator,
    Controller: _of_controller,
}


def entries(network: tf.keras.Model, layout: str | None) -> list[Entry]:
    """Every variable of a network by the names of a layout, of which only derived generators have two; None: the layout
    that such a network has unless it was loaded from the other one.

    UserError where the network has something that the published implementation has not.
    """
    of_kind = _ENTRIES.get(type(network))
    if of_kind is None:
        *others, last = (kind.__name__ for kind in _ENTRIES)
        raise TypeError(f"state_dict takes a {', '.join(others)} or {last}, got {type(network)}")
    return list(of_kind(network, layout))
