"""Tensors of PyTorch's checkpoints while they are read: storages, views of them, quantised numbers."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import ml_dtypes
import numpy as np

from autogan_tf.config.errors import UserError

# torch/storage.py, torch/_utils.py: the types of numbers; those that NumPy lacks are read as float32
DTYPES: dict[str, Any] = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "float8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "complex64": "<c8",
    "complex128": "<c16",
    **{f"{sign}int{bits}": f"<{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "bool": "?",
    # quantised
    "qint8": "<i1",
    "quint8": "<u1",
    "qint32": "<i4",
}
LARGEST_REPETITION = 2**24  # entries of a tensor that shows the same data again and again (stride 0)


class Inert:
    """No pickle can change it, which admitted classes and functions of Python's own would allow."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise UserError(f"a {type(self).__name__.strip('_').lower()} with a state of its own is not supported")


class Name(Inert):
    """Stands for a type, a scheme ...: becomes its name."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class StorageType(Name):
    """Stands for torch.FloatStorage and its like, and for the types of numbers that are read."""

    __slots__ = ("_dtype", "_widens")

    def __init__(self, text: str, dtype: str) -> None:
        super().__init__(text)
        self._dtype = np.dtype(DTYPES[dtype])
        self._widens = not isinstance(DTYPES[dtype], str)

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return self._dtype.itemsize

    def array(self, data: bytes) -> np.ndarray:
        """One-dimensional, in this machine's byte order."""
        array = np.frombuffer(data, self._dtype)
        if self._widens:
            return array.astype(np.float32)
        return array.astype(array.dtype.newbyteorder("="))


class Storage(Inert):
    """Data of tensors; in the older format it comes after the tensors that refer to it."""

    __slots__ = ("array", "data", "kind", "size")

    def __init__(self, kind: StorageType, size: int) -> None:
        self.kind, self.size = kind, size
        self.data: bytes | None = None
        self.array: np.ndarray | None = None

    def fill(self, data: bytes) -> None:
        """Takes the bytes, as many as `size` says."""
        if len(data) != self.size * self.kind.itemsize:
            raise UserError(f"a tensor's data has {len(data)} bytes, {self.size * self.kind.itemsize} were announced")
        self.data, self.array = data, self.kind.array(data)


class Tensor(Inert):
    """A tensor whose storage may not be read yet.

    kind: of its numbers, where the storage is of bytes; marks: of "conj" and "neg", what is still to be done to them.
    """

    __slots__ = ("kind", "marks", "offset", "size", "storage", "stride")

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride
        self.kind: StorageType | None = None
        self.marks: frozenset[str] = frozenset()

    def numpy(self) -> np.ndarray:
        """A copy of its entries."""
        if self.storage.array is None or self.storage.data is None:
            raise UserError("a tensor's data is missing")
        array = self.storage.array
        if self.kind is not None:
            whole = len(self.storage.data) // self.kind.itemsize * self.kind.itemsize
            array = self.kind.array(self.storage.data[:whole])
        numbers = [self.offset, *self.size, *self.stride]
        if len(self.size) != len(self.stride) or any(type(n) is not int or n < 0 for n in numbers):
            raise UserError(f"a tensor has the impossible size {self.size}, stride {self.stride}, offset {self.offset}")
        empty = 0 in self.size
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if not empty and last >= len(array):
            raise UserError(f"a tensor of size {self.size} reaches beyond its data")
        if math.prod(self.size) > max(len(array), LARGEST_REPETITION):
            raise UserError(f"a tensor of size {self.size} repeats its {len(array)} entries")
        if empty:
            return np.empty(self.size, array.dtype)
        strides = [step * array.itemsize for step in self.stride]
        view = np.lib.stride_tricks.as_strided(array[self.offset :], self.size, strides, writeable=False)
        view = np.conj(view) if "conj" in self.marks else view
        return np.array(-view if "neg" in self.marks else view)


class Quantized(Inert):
    """A quantised tensor: (number - zero point) * scale, float32; both are one for all or one for each channel."""

    __slots__ = ("axis", "numbers", "scale", "zero")

    def __init__(self, numbers: Tensor, scale: Any, zero: Any, axis: int | None) -> None:
        self.numbers, self.scale, self.zero, self.axis = numbers, scale, zero, axis

    def numpy(self) -> np.ndarray:
        """Its values."""
        numbers = self.numbers.numpy()
        scale, zero = (np.asarray(_number(part), np.float64) for part in (self.scale, self.zero))
        if self.axis is not None:
            shape = [1] * numbers.ndim
            shape[self.axis] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return ((numbers - zero) * scale).astype(np.float32)


def _number(value: Any) -> Any:
    return value.numpy() if isinstance(value, Tensor) else value
