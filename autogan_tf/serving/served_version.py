"""One loaded version of an exported model: checks what a request gives and calls the signature."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from autogan_tf.config.errors import UserError
from autogan_tf.data.literal_path import literal
from autogan_tf.features import saved_model
from autogan_tf.serving import model_folder
from autogan_tf.serving.request_error import RequestError, invalid

DEFAULT_SIGNATURE = "serving_default"
_INTERNAL = "__saved_model_init_op"


class ServedVersion:
    """A SavedModel whose inputs and outputs all have the batch as their first dimension.

    Args:
      path: the version's folder.
      number: of the version.

    Attributes:
      description: what export says of it, as it was when it was loaded; empty for a model of another origin.
      signature_defs: its signatures by name.

    Raises:
      UserError: no SavedModel there, or one that cannot be read.
    """

    def __init__(self, path: pathlib.Path, *, number: int) -> None:
        self.path, self.number = path, number
        self.description = _description(path)
        self._model = saved_model.load_module(path)  # kept: a signature does not own its variables
        stored = saved_model_pb2.SavedModel.FromString((path / model_folder.SAVED_MODEL).read_bytes())
        found = stored.meta_graphs[0].signature_def.items()
        self.signature_defs: dict[str, meta_graph_pb2.SignatureDef] = {
            name: definition for name, definition in found if name != _INTERNAL
        }

    def inputs_of(self, signature: str) -> Mapping[str, meta_graph_pb2.TensorInfo]:
        """The inputs by name; RequestError where there is no such signature."""
        return self._definition(signature).inputs

    def is_batchable(self, signature: str) -> bool:
        """Whether rows of several requests may be put together: no size but the batch's depends on the request."""
        infos = self._definition(signature).outputs.values()
        return all(all(dim.size >= 0 for dim in info.tensor_shape.dim[1:]) for info in infos)

    def checked(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inputs, if names, types, shapes and numbers of rows fit.

        Raises:
          RequestError: which of them does not.
        """
        self.check_shapes(signature, {name: array.shape for name, array in inputs.items()})
        for name, info in self.inputs_of(signature).items():
            array, dtype = inputs[name], np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype)
            if array.dtype != dtype:
                raise invalid(f"{name} must be {dtype.name}, got {array.dtype.name}")
            if dtype.kind == "f" and not np.isfinite(array).all():
                raise invalid(f"{name} has NaN or infinite values; all must be finite")
        return dict(inputs)

    def check_shapes(self, signature: str, shapes: Mapping[str, Sequence[int]]) -> None:
        """RequestError where names, shapes or numbers of rows do not fit the signature, or there are no rows."""
        expected = self.inputs_of(signature)
        if set(shapes) != set(expected):
            given, needed = set(shapes), set(expected)
            raise invalid(
                f"input size does not match signature: {len(given)}!={len(needed)} len({_names(given)}) != "
                f"len({_names(needed)}). Sent extra: {_names(given - needed)}. Missing but required: "
                f"{_names(needed - given)}."
            )
        for name, shape in shapes.items():
            _check_shape(name, shape, expected[name])
        rows = {name: shape[0] for name, shape in shapes.items()}
        if len(set(rows.values())) > 1:
            raise invalid(f"all inputs must have equally many rows, got {rows}")
        if not next(iter(rows.values())):
            raise invalid("the batch is empty; give at least one row")

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name, for inputs of `checked`.

        Raises:
          RequestError: the graph refused them.
        """
        try:
            given = {name: tf.constant(array) for name, array in inputs.items()}
            outputs = self._model.signatures[signature](**given)
            return {name: tensor.numpy() for name, tensor in outputs.items()}
        except tf.errors.InvalidArgumentError as error:
            raise invalid(_reason(error)) from None
        except tf.errors.ResourceExhaustedError as error:
            raise RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, _reason(error)) from None

    def warm_up(self) -> None:
        """Answers the requests that export put beside the graph, so that the first client need not wait."""
        from tensorflow_serving.apis import prediction_log_pb2

        path = self.path / model_folder.WARMUP
        if not path.exists():
            return
        with literal(path) as given:
            records = [record.numpy() for record in tf.data.TFRecordDataset(given)]
        for record in records:
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
            self.run(signature, self.checked(signature, inputs))

    def _definition(self, signature: str) -> meta_graph_pb2.SignatureDef:
        found = self.signature_defs.get(signature)
        if found is None:
            raise invalid(f'Serving signature name: "{signature}" not found in signature def')
        return found


def _description(path: pathlib.Path) -> dict[str, Any]:
    try:
        described = model_folder.read_description(path)
    except UserError:
        return {}
    return described if isinstance(described, dict) else {}


def _check_shape(name: str, shape: Sequence[int], info: meta_graph_pb2.TensorInfo) -> None:
    needed = [dim.size for dim in info.tensor_shape.dim]  # -1 for any
    fits = len(shape) == len(needed) and all(
        got >= 0 and want in (-1, got) for want, got in zip(needed, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("N" if size < 0 else str(size) for size in needed)
        raise invalid(f"{name} must have the shape [{wanted}], got {list(shape)}")


def _names(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _reason(error: tf.errors.OpError) -> str:
    """What the graph's own check says, without the operations that it came through; else the first line."""
    found = re.search(r"assertion failed: \[(.+?)\]", error.message)
    return found[1].rstrip(". ") if found else error.message.strip().split("\n")[0]
