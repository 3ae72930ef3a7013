"""Which array of the published implementation (PyTorch) each variable of ours is, by name and layout.

Two layouts of names exist for a generator: the supernet's (`models_search`: `cell1.pre_conv1.conv.weight`) and the
derived one (`models`: `cell1.c1.weight`). Kernels are OIHW there (transposed convolutions IOHW, dense layers [out, in])
and HWIO here (HWOI, [in, out]); feature maps are NCHW there and NHWC here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.models.controller import Controller
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import GeneratorBase
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import SearchSpace

SUPERNET, DERIVED = "supernet", "derived"  # layouts of names
BATCHES = "num_batches_tracked"  # PyTorch counts the batches of a batch norm; nothing here needs the count
# by the name that a layer has for it here; a kernel with spectral norm is "weight_orig"
_WEIGHTS = {
    "kernel": "weight", "bias": "bias", "u": "weight_u", "v": "weight_v",
    "gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip


class Layout(NamedTuple):
    """How an array is laid out on either side; both functions only move entries."""

    to_ours: Callable[[np.ndarray], np.ndarray]
    to_official: Callable[[np.ndarray], np.ndarray]


class OfficialArray(NamedTuple):
    """A variable, the name of its array in the published implementation, and that array's layout."""

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


def derived_name(path: str, paths: Collection[str]) -> str:
    """A generator layer's path here -> its name in the derived layout, which has no deconvolutions.

    `paths`: of all the generator's layers; of incoming skips only those that exist are counted there.
    """
    path = re.sub(r"\.(?:post|pre)_conv(\d)\.conv", r".c\1", path)
    path = re.sub(r"\.(?:post|pre)_conv(\d)\.bn", r".n\1", path)
    match = re.fullmatch(r"(cell\d+\.skip)(\d+)_conv", path)
    if match:
        cell = match[1]
        before = sum(f"{cell}{source}_conv" in paths for source in range(int(match[2])))
        return f"{cell}_in_ops.{before}"
    return supernet_name(path)


def has_derived_names(network: GeneratorBase) -> bool:
    """Whether the derived layout has a name for every layer: it has none for deconvolutions."""
    return not any(re.search(r"deconv\d*$", path) for path in network.named_layers())


def arrays_of_layers(
    layers: Mapping[str, tf.keras.layers.Layer], *, bottom_width: int = 0
) -> Iterator[OfficialArray]:
    """Every variable of the layers, which are given by their names there.

    `bottom_width`: of a generator, for its first dense layer, "l1".
    """
    for name, layer in layers.items():
        weights = layer.named_weights()
        for ours, variable in weights.items():
            theirs = "weight_orig" if ours == "kernel" and "u" in weights else _WEIGHTS[ours]
            if name == "l1" and bottom_width and "u" not in weights:
                layout = first_map_layout(bottom_width)
            elif ours == "kernel":
                layout = DENSE if len(variable.shape) == 2 else KERNEL
            else:
                layout = right_vector_layout(tuple(layer.kernel.shape)) if ours == "v" else SAME
            yield OfficialArray(variable, f"{name}.{theirs}", layout)


@functools.singledispatch
def arrays(network: tf.keras.Model, layout: str | None) -> Iterator[OfficialArray]:
    """Every variable of a network by the names of a layout, of which only generators have two; None: the layout that
    such a network has unless it was loaded from the other one.

    UserError where the network has something that the published implementation has not.
    """
    raise TypeError(f"state_dict takes a generator, a discriminator or a controller, got {type(network)}")


@arrays.register
def _of_generator(network: GeneratorBase, layout: str | None) -> Iterator[OfficialArray]:
    check_space(network.space, "this generator")
    _refuse_classes(network.num_classes)
    if network.l1.normalize:
        raise UserError("the published implementation has no spectral norm in the generator, and this one has")
    if layout is None:
        layout = DERIVED if has_derived_names(network) else SUPERNET
    ours = network.named_layers()
    named = {supernet_name(path) if layout == SUPERNET else derived_name(path, ours): ours[path] for path in ours}
    return arrays_of_layers(named, bottom_width=network.bottom_width)


@arrays.register
def _of_discriminator(network: Discriminator, layout: str | None) -> Iterator[OfficialArray]:
    _refuse_classes(network.num_classes)
    if network.minibatch_std or not network.last_dense.normalize:
        raise UserError(
            "the published discriminator has spectral norm and no minibatch standard deviation, and this one has "
            f"{'minibatch standard deviation' if network.minibatch_std else 'no spectral norm'}"
        )
    return arrays_of_layers(network.named_layers())


@arrays.register
def _of_controller(network: Controller, layout: str | None) -> Iterator[OfficialArray]:
    check_space(network.space, "this controller")
    # PyTorch's LSTM has Keras's order of gates
    yield OfficialArray(network.lstm.kernel, "lstm.weight_ih", DENSE)
    yield OfficialArray(network.lstm.recurrent_kernel, "lstm.weight_hh", DENSE)
    yield OfficialArray(network.lstm.bias, "lstm.bias_ih", SAME)
    yield OfficialArray(network.lstm.recurrent_bias, "lstm.bias_hh", SAME)
    yield OfficialArray(network.encoder.embeddings, "encoder.weight", SAME)
    for index, decoder in enumerate(network.decoders):
        yield OfficialArray(decoder.kernel, f"decoders.{index}.weight", DENSE)
        yield OfficialArray(decoder.bias, f"decoders.{index}.bias", SAME)


def check_space(space: SearchSpace, what: str) -> None:
    """UserError for a network or an architecture, `what`, of a space that the published code does not know."""
    if space.name != autogan.SPACE.name:
        raise UserError(
            f"the published implementation has the search space {autogan.SPACE.name}, and {what} is of "
            f"{space.name}; there is nothing to convert it from or to"
        )


def _refuse_classes(number: int) -> None:
    if number:
        raise UserError(f"the published implementation has no conditional networks, and this one has {number} classes")
