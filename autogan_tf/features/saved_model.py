"""`--features=FOLDER`: any network that was exported as a SavedModel, such as a classifier of one's own domain.

What the folder must hold: the signature `serving_default` (or a single one by any name) with one input, images
[N, H, W, C] of uint8 or of float32 in [-1, 1], and the outputs `features` [N, F] and `logits` [N, K] among its outputs.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import pathlib
import weakref
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline
from autogan_tf.data.literal_path import literal
from autogan_tf.models import finite

SIGNATURE = "serving_default"
FEATURES = "features"
LOGITS = "logits"
_UNKNOWN_SIDE = 32  # of the trial image for a network of any resolution
_BLOCK = 1 << 20


class SavedModelNetwork:
    """A SavedModel's signature as a `FeatureNetwork`.

    Attributes:
      name: "saved_model:<folder name>".
      digest: 16 hexadecimal digits of the folder's graph and variables.
      num_features, num_logits: columns of the two outputs.
      height, width, channels: of the images that the signature takes; None where it takes any.
    """

    def __init__(self, module: Any, signature: Any, *, images: tf.TensorSpec, name: str, digest: str) -> None:
        """Takes a loaded module, a checked signature of it and the signature's input; `load` is the way in."""
        self.name = name
        self.digest = digest
        self._module = module  # a signature alone does not keep its variables alive
        self._signature = signature
        self._images = images
        _, self.height, self.width, self.channels = images.shape
        trial = tf.zeros(
            [1, self.height or _UNKNOWN_SIDE, self.width or _UNKNOWN_SIDE, self.channels or 3], images.dtype
        )
        outputs = signature(**{images.name: trial})
        shapes = {key: tuple(outputs[key].shape) for key in (FEATURES, LOGITS)}
        for key, shape in shapes.items():
            if len(shape) != 2 or shape[0] != 1 or shape[1] < 1:
                raise UserError(f"the output {key!r} must have the shape [N, columns], got {shape} for one image")
        self.num_features, self.num_logits = shapes[FEATURES][1], shapes[LOGITS][1]

    def __call__(self, images: tf.Tensor | np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits of images, eagerly or inside `tf.function`.

        Args:
          images: [N, H, W, C], uint8 or float32 in [-1, 1]; converted to the signature's type, and resized bilinearly
            (half-pixel centres) to its resolution if it has one. Inside `tf.function`, H, W and C must be known.

        Returns:
          float32 features [N, num_features] and logits [N, num_logits].

        Raises:
          UserError: another rank, depth or type.
        """
        images = tf.convert_to_tensor(images)
        if images.dtype not in (tf.uint8, tf.float32):
            raise UserError(f"{self.name} takes images of uint8, or float32 in [-1, 1], got {images.dtype.name}")
        if images.shape.rank != 4 or None in images.shape[1:] or self.channels not in (None, images.shape[3]):
            raise UserError(
                f"{self.name} takes NHWC images of depth {self.channels or 'any'}, got shape {images.shape}; "
                f"convert them or choose another feature network"
            )
        outputs = self._signature(**{self._images.name: self._fitted(images)})
        return tf.cast(outputs[FEATURES], tf.float32), tf.cast(outputs[LOGITS], tf.float32)

    def _fitted(self, images: tf.Tensor) -> tf.Tensor:
        """In the signature's resolution and type."""
        size = [self.height or images.shape[1], self.width or images.shape[2]]
        resize = size != list(images.shape[1:3])
        if images.dtype == self._images.dtype and not resize:
            return images
        pixels = pipeline.to_float(images) if images.dtype == tf.uint8 else images
        if resize:
            pixels = tf.image.resize(pixels, size, method="bilinear")
        return pipeline.to_uint8(pixels) if self._images.dtype == tf.uint8 else pixels


def load(folder: str | os.PathLike[str]) -> SavedModelNetwork:
    """The network in a SavedModel folder; see the top of this file for what it must hold.

    Raises:
      UserError: no SavedModel folder, a damaged one, no such signature, an input that is no batch of images, or outputs
        that are not there (those that are, are listed).
    """
    path = pathlib.Path(folder)
    module = load_module(path)
    try:
        name, signature = _signature(module)
        spec = _image_spec(name, signature)
        missing = [output for output in (FEATURES, LOGITS) if output not in signature.structured_outputs]
        if missing:
            raise UserError(
                f"its signature {name!r} has no output named {' or '.join(map(repr, missing))}; "
                f"it has {_names(signature.structured_outputs)}"
            )
        folder_name = shown(path.resolve().name)
        return SavedModelNetwork(
            module, signature, images=spec, name=f"saved_model:{folder_name}", digest=files_digest(path)
        )
    except UserError as error:
        raise UserError(f"the SavedModel {path} cannot serve as a feature network: {error}") from None
    except tf.errors.OpError as error:
        raise UserError(f"the SavedModel {path} fails on a trial image: {_one_line(error)}") from None


def load_module(path: pathlib.Path) -> Any:
    """`tf.saved_model.load`, with what goes wrong as UserError, and so are weights that are not finite."""
    with contextlib.ExitStack() as stack:
        given = stack.enter_context(literal(path))
        if not tf.saved_model.contains_saved_model(given):
            what = "it has no saved_model.pb" if path.is_dir() else "there is no such folder"
            raise UserError(f"{path} is not a SavedModel folder: {what}")
        try:
            module = tf.saved_model.load(given)
        except Exception as error:  # damaged protocol buffers, missing variables: nearly every type occurs
            raise UserError(f"the SavedModel {path} cannot be loaded: {_one_line(error)}") from None
        finite.check(_weights(module), of=f"the SavedModel {path}", remedy="export it anew from weights that are")
        weakref.finalize(module, stack.pop_all().close)  # as its functions may read files beside it
        return module


def _weights(module: Any) -> dict[str, Any]:
    """What the signatures read, by name: variables, and constants with NaN (infinity may be meant, as in a mask)."""
    variables = {id(variable): variable for signature in module.signatures.values() for variable in signature.variables}
    weights: dict[str, Any] = {
        f"{variable.name.partition(':')[0]} {variable.shape}, variable {place}": variable
        for place, variable in enumerate(variables.values(), 1)
    }
    for signature in module.signatures.values():
        graph = signature.graph.as_graph_def()
        for node in itertools.chain(graph.node, *(function.node_def for function in graph.library.function)):
            if node.op == "Const" and tf.as_dtype(node.attr["dtype"].type).is_floating:
                array = tf.make_ndarray(node.attr["value"].tensor)
                if np.isnan(array).any():
                    weights[node.name] = array
    return weights


def files_digest(folder: str | os.PathLike[str]) -> str:
    """16 hexadecimal digits of the names and bytes of a SavedModel's graph and variables, wherever it lies."""
    root = pathlib.Path(folder)
    files = [*root.glob("saved_model.pb*"), *(path for path in root.glob("variables/**/*") if path.is_file())]
    sha = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        sha.update(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                sha.update(block)
    return sha.hexdigest()[:16]


def _signature(module: Any) -> tuple[str, Any]:
    signatures = dict(module.signatures)
    if SIGNATURE in signatures:
        return SIGNATURE, signatures[SIGNATURE]
    if len(signatures) == 1:
        return next(iter(signatures.items()))
    raise UserError(f"a signature named {SIGNATURE!r}, or a single one, is needed; it has {_names(signatures)}")


def _image_spec(name: str, signature: Any) -> tf.TensorSpec:
    """The one input, with the keyword as its name."""
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise UserError(f"its signature {name!r} must have one input, the images; it has {_names(inputs)}")
    ((keyword, spec),) = inputs.items()
    fits = isinstance(spec, tf.TensorSpec) and spec.dtype in (tf.uint8, tf.float32) and spec.shape.rank == 4
    if not fits or spec.shape[0] is not None:
        raise UserError(
            f"the input {keyword!r} of its signature {name!r} must be [N, H, W, C] for any N, of uint8 or float32; "
            f"it is {spec}"
        )
    return tf.TensorSpec(spec.shape, spec.dtype, name=keyword)


def _names(things: Any) -> str:
    return ", ".join(sorted(things)) or "none"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
