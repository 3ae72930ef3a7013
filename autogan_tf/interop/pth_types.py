"""What a PyTorch checkpoint may hold, as harmless stand-ins: the list of PyTorch's own weights-only loader.

Tensors of every kind with data become NumPy arrays; types, devices and the like become their names. Of what is admitted
nothing is PyTorch's, no class can be reached, and no call has an effect beyond its result.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.interop.pth_tensors import DTYPES, Inert, Name, Quantized, Storage, StorageType, Tensor

_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "ComplexDouble": "complex128",
    "ComplexFloat": "complex64",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
}
_QUANTIZED_STORAGES = {"QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32"}
# without data of a kind that is read here; as names they are harmless
_OTHER_DTYPES = (
    *("complex32", "float4_e2m1fn_x2", "float8_e8m0fnu", "quint4x2", "quint2x4"),
    *(f"bits{kind}" for kind in ("1x8", "2x4", "4x2", "8", "16")),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)),
)
_SCHEMES = (
    *("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    "per_channel_affine_float_qparams",
)


class _Call(Inert):
    """Stands for a class or function that a pickle calls."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


class _NumpyType(Inert):
    """Stands for a numpy.dtype of a number."""

    __slots__ = ("dtype",)

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in "fiub" or not isinstance(name, str):
            raise UserError(f"a NumPy value of type {name!r} is not a number")

    def __setstate__(self, state: tuple) -> None:  # type: ignore[override]
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise UserError(f"a NumPy type has the unknown byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)


def _numpy_scalar(kind: _NumpyType, data: bytes | str) -> int | float | bool:
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(kind, _NumpyType) or len(data) != kind.dtype.itemsize:
        raise UserError("a NumPy number is malformed")
    return np.frombuffer(data, kind.dtype)[0].item()


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """What pickle protocol 2 writes for bytes: _codecs.encode(text, "latin1")."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise UserError(f"bytes in the encoding {encoding!r} are not supported")
    return text.encode("latin1")


def _bytes(content: bytes | str = b"", encoding: str = "latin1") -> bytes:
    """Of a bytearray; not of a number, which would be a size."""
    return content if isinstance(content, bytes) else _latin1(content, encoding)


def _ordered(pairs: Any = ()) -> collections.OrderedDict:
    return collections.OrderedDict(pairs)


def _counter(counts: Any = ()) -> dict:
    return dict(counts)


def _complex(real: float = 0.0, imaginary: float = 0.0) -> complex:
    return complex(real, imaginary)


def _device(kind: str, index: int | None = None) -> str:
    """torch.device("cuda", 1) -> "cuda:1"."""
    return str(kind) if index is None else f"{kind}:{index}"


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_unused: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise UserError("a tensor without a storage")
    return Tensor(storage, offset, tuple(size), tuple(stride))


def _tensor_v2(
    storage: Any, offset: int, size: Any, stride: Any, _grad: Any = False, _hooks: Any = (), marks: Any = None
) -> Tensor:
    """`marks`: that the numbers are stored before a conjugation or a change of sign."""
    tensor = _tensor(storage, offset, size, stride)
    tensor.marks = frozenset(name for name in ("conj", "neg") if marks and marks.get(name))
    return tensor


def _tensor_v3(
    storage: Any, offset: int, size: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_unused: Any
) -> Tensor:
    if not isinstance(dtype, StorageType):
        raise UserError(f"a tensor of the type {getattr(dtype, 'text', dtype)} is not supported")
    tensor = _tensor(storage, offset, size, stride)
    tensor.kind = dtype
    return tensor


def _quantized(storage: Any, offset: int, size: Any, stride: Any, quantizer: Any, *_unused: Any) -> Quantized:
    scheme, *numbers = quantizer
    if scheme.text not in ("torch.per_tensor_affine", "torch.per_channel_affine") or len(numbers) not in (2, 3):
        raise UserError(f"a tensor quantised by {scheme.text} is not supported")
    scale, zero, axis = (*numbers, None)[:3]
    return Quantized(_tensor(storage, offset, size, stride), scale, zero, axis)


def _same(data: Any, *_unused: Any) -> Any:
    """A parameter, or a tensor of another device, is the tensor that it was made of."""
    if not isinstance(data, Tensor | Quantized):
        raise UserError("a parameter that is no tensor")
    return data


def _of_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor with attributes of its own, which are left out."""
    if not isinstance(function, _Call):
        raise UserError("a tensor that is made by no function of PyTorch's")
    return function(*arguments)


def _parts(*parts: Any) -> tuple:
    """Sparse and nested tensors stay what they are stored as."""
    return parts


def _nothing(*_unused: Any) -> None:
    """A tensor without data (device meta)."""


def _storage_names(name: str) -> list[tuple[str, str]]:
    return [(module, f"{name}Storage") for module in ("torch", "torch.cuda")]


_REBUILT: dict[str, Callable] = {
    "_rebuild_tensor": _tensor,
    "_rebuild_tensor_v2": _tensor_v2,
    "_rebuild_tensor_v3": _tensor_v3,
    "_rebuild_parameter": _same,
    "_rebuild_parameter_with_state": _same,
    "_rebuild_device_tensor_from_cpu_tensor": _same,
    "_rebuild_qtensor": _quantized,
    "_rebuild_sparse_tensor": _parts,
    "_rebuild_nested_tensor": _parts,
    "_rebuild_meta_tensor_no_storage": _nothing,
}
_BUILTINS: dict[str, Callable] = {"set": set, "bytearray": _bytes, "complex": _complex}
ADMITTED: Mapping[tuple[str, str], _Call | Name] = {
    ("collections", "OrderedDict"): _Call(_ordered),
    ("collections", "Counter"): _Call(_counter),
    ("_codecs", "encode"): _Call(_latin1),
    **{
        (module, name): _Call(function)
        for module in ("builtins", "__builtin__")
        for name, function in _BUILTINS.items()
    },
    ("torch", "Size"): _Call(tuple),
    ("torch", "device"): _Call(_device),
    ("torch.serialization", "_get_layout"): _Call(str),
    ("torch._tensor", "_rebuild_from_type_v2"): _Call(_of_type),
    **{("torch._utils", name): _Call(function) for name, function in _REBUILT.items()},
    ("torch", "Tensor"): Name("torch.Tensor"),
    ("torch.nn.parameter", "Parameter"): Name("torch.nn.parameter.Parameter"),
    **{
        (module, f"{name}Tensor"): Name(f"{module}.{name}Tensor")
        for module in ("torch", "torch.cuda", "torch.sparse", "torch.cuda.sparse")
        for name in _STORAGES
    },
    **{("torch", name): Name(f"torch.{name}") for name in (*_OTHER_DTYPES, *_SCHEMES)},
    **{("torch", name): StorageType(f"torch.{name}", name) for name in DTYPES},
    **{
        place: StorageType(".".join(place), dtype)
        for name, dtype in (_STORAGES | _QUANTIZED_STORAGES).items()
        for place in _storage_names(name)
    },
    ("torch.storage", "UntypedStorage"): StorageType("torch.storage.UntypedStorage", "uint8"),
    **{(f"numpy.{core}.multiarray", "scalar"): _Call(_numpy_scalar) for core in ("core", "_core")},
    ("numpy", "dtype"): _Call(_NumpyType),
}


def resolved(value: Any) -> Any:
    """The same structure with arrays for tensors and storages, and names for types."""
    if isinstance(value, Tensor | Quantized):
        return value.numpy()
    if isinstance(value, Storage):
        return value.array
    if isinstance(value, Name):
        return value.text
    if isinstance(value, dict):
        # not value.items(), which an attribute from the file may hide
        return {resolved(key): resolved(part) for key, part in dict.items(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(resolved(part) for part in value)
    if isinstance(value, bytearray):
        return bytes(value)
    if value is None or isinstance(value, (str, bytes, bool, int, float, complex)):
        return value
    raise UserError(f"it holds a {type(value).__name__.strip('_')}, which has no place in a checkpoint")
