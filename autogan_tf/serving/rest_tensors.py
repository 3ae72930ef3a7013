"""TF Serving's JSON: row and column format, both ways.

The format and its errors follow TF Serving's documentation ("RESTful API") and tensorflow_serving/util/json_tensor.cc.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from autogan_tf.config import json_text
from autogan_tf.serving.request_error import invalid

_BYTES = "_bytes"  # outputs of such names are written in base64
_SHOWN = 100  # characters of a value in an error
_LOST = 2**24  # whole numbers from here on have no float32 of their own

Infos = Mapping[str, meta_graph_pb2.TensorInfo]


def parse(body: bytes) -> dict[str, Any]:
    """The request as an object; RequestError for what is none."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json_text.parse(body)
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that is asked for, or an empty string."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def inputs(document: Mapping[str, Any], infos: Infos) -> tuple[dict[str, np.ndarray], bool]:
    """Arrays by name, and whether the request was written in rows ("instances") and not in columns ("inputs")."""
    if "instances" in document and "inputs" in document:
        raise invalid("JSON Value: Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in document:
        return _of_rows(document["instances"], infos), True
    if "inputs" in document:
        return _of_columns(document["inputs"], infos), False
    raise invalid("Missing 'inputs' or 'instances' key")


def outputs(arrays: Mapping[str, np.ndarray], *, rows: bool) -> bytes:
    """The answer in the format of the request.

    Numbers are the shortest decimals that give the same float32. NaN and infinities, which JSON does not know, are
    written as TF Serving writes them: NaN, Infinity.
    """
    if all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        columns = {
            name: _texts(name, a) if a.dtype.kind == "O" else np.ascontiguousarray(a) for name, a in arrays.items()
        }
        return orjson.dumps(_answer(columns, rows=rows), option=orjson.OPT_SERIALIZE_NUMPY)
    columns = {name: _texts(name, a) if a.dtype.kind == "O" else _numbers(a) for name, a in arrays.items()}
    return json.dumps(_answer(columns, rows=rows), separators=(",", ":")).encode()


def _answer(columns: Mapping[str, Any], *, rows: bool) -> dict[str, Any]:
    if not rows:
        return {"outputs": next(iter(columns.values())) if len(columns) == 1 else dict(columns)}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _of_rows(instances: Any, infos: Infos) -> dict[str, np.ndarray]:
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {_shown(instances)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid("JSON Value: No values in 'instances' array")
    named = isinstance(instances[0], dict) and not _is_base64(instances[0])
    if not named and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    if not named:
        (name, info), = infos.items()
        return {name: _array(name, instances, info)}
    for place, row in enumerate(instances):
        if not isinstance(row, dict):
            raise invalid(f"Expecting object but got list at item {place} of input list")
        if set(row) != set(infos):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: {_shown(row)} keys must be "
                f"equal to: {','.join(sorted(infos))}"
            )
    return {name: _array(name, [row[name] for row in instances], info) for name, info in infos.items()}


def _of_columns(columns: Any, infos: Infos) -> dict[str, np.ndarray]:
    if not isinstance(columns, dict) or _is_base64(columns):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        (name, info), = infos.items()
        return {name: _array(name, columns, info)}
    for name in infos:
        if name not in columns:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(name, columns[name], info) for name, info in infos.items()}


def _array(name: str, value: Any, info: meta_graph_pb2.TensorInfo) -> np.ndarray:
    """The array that a nested list writes, in the type of the signature."""
    dtype = tf.as_dtype(info.dtype)
    shape = _shape(value)
    leaves: list[Any] = []
    _collect(leaves, value, 0, shape)
    for leaf in leaves:
        _check_leaf(leaf, dtype, name)
    if dtype == tf.string:
        made = np.empty(len(leaves), object)
        made[:] = [_decoded(leaf) if isinstance(leaf, dict) else leaf.encode() for leaf in leaves]
        return made.reshape(shape)
    return np.array(leaves, dtype.as_numpy_dtype).reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    """As the first elements tell."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value or len(shape) > 8:
            break
        value = value[0]
    return tuple(shape)


def _collect(leaves: list[Any], value: Any, level: int, shape: tuple[int, ...]) -> None:
    """Appends what is not a list, in order; the memory is that of the document, whatever its first elements promise."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                f"level: {len(shape)}"
            )
        leaves.append(value)
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        _collect(leaves, element, level + 1, shape)


def _check_leaf(leaf: Any, dtype: tf.DType, name: str) -> None:
    number = isinstance(leaf, (int, float)) and not isinstance(leaf, bool)
    if dtype.is_integer:
        fits = number and isinstance(leaf, int) and dtype.min <= leaf <= dtype.max
    elif dtype.is_floating:
        fits = number
        if fits and isinstance(leaf, int) and abs(leaf) >= _LOST or number and abs(leaf) > float(dtype.max):
            raise invalid(f"Cannot convert JSON value: {_shown(leaf)} to float without loss of precision.")
    else:
        fits = isinstance(leaf, str) or _is_base64(leaf)
    if not fits:
        raise invalid(f"JSON Value: {_shown(leaf)} of {name} is not of expected type: {dtype.name}")


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"b64"} and isinstance(value["b64"], str)


def _decoded(value: dict[str, str]) -> bytes:
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error:
        raise invalid("Unable to base64 decode") from None


def _texts(name: str, array: np.ndarray) -> list:
    """Nested lists of bytes: {"b64": ...} where the name says so, else text."""
    written = np.empty(array.size, object)
    for place, value in enumerate(array.reshape(-1)):
        written[place] = {"b64": base64.b64encode(value).decode()} if name.endswith(_BYTES) else value.decode()
    return written.reshape(array.shape).tolist()


def _numbers(array: np.ndarray) -> list:
    """Nested lists."""
    if array.dtype == np.float32:
        array = np.array([float(text) for text in array.astype(str).reshape(-1)]).reshape(array.shape)
    return array.tolist()


def _shown(value: Any) -> str:
    """A value in an error, cut where it is long."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
