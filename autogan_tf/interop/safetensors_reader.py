"""Reads safetensors files: a JSON header with names, types and shapes, then the arrays' bytes.

The format: https://huggingface.co/docs/safetensors. The package `safetensors` checks the header.
"""

from __future__ import annotations

import pathlib

import ml_dtypes
import numpy as np
import safetensors

from autogan_tf.config.errors import UserError

# the format's names; types that NumPy lacks are read as float32
_TYPES = {
    **{f"{sign}{bits}": f"<{sign.lower()}{bits // 8}" for sign in "IU" for bits in (8, 16, 32, 64)},
    **{"F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8", "BOOL": "?"},
}
_WIDENED = {"BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}


def is_safetensors(path: pathlib.Path) -> bool:
    """Whether the file begins as the format does, with the header's length and a brace, or is named so."""
    if path.suffix.lower() == ".safetensors":
        return True
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays by name, in the file's order; OSError, or UserError for a damaged file or a type that is not read."""
    try:
        parts = safetensors.deserialize(path.read_bytes())
    except safetensors.SafetensorError as error:
        raise UserError(f"it is damaged or no safetensors file ({error})") from None
    return {name: _array(name, part["dtype"], part["shape"], part["data"]) for name, part in parts}


def _array(name: str, dtype: str, shape: list[int], data: bytes) -> np.ndarray:
    if dtype in _WIDENED:
        return np.frombuffer(data, _WIDENED[dtype]).astype(np.float32).reshape(shape)
    if dtype not in _TYPES:
        raise UserError(f"{name} has the type {dtype}; read are {', '.join([*_TYPES, *_WIDENED])}")
    array = np.frombuffer(data, _TYPES[dtype]).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="))
