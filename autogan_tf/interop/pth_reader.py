"""Reads PyTorch's checkpoint files (.pth) without PyTorch, and without executing what is in them.

Both formats of `torch.save` are read: the zip file (PyTorch 1.6 and later) and the older sequence of pickles. The
unpickler admits tensors, plain containers, strings, numbers and NumPy scalars; whatever else a file wants to import is
refused by name.
"""

from __future__ import annotations

import collections
import io
import math
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from autogan_tf.config.errors import UserError

# torch/serialization.py, torch/storage.py: names of the storages; bfloat16 is the upper half of a float32
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LARGEST_REPETITION = 2**24  # entries of a tensor that shows the same data again and again (stride 0)
LARGEST_PICKLE = 64 * 2**20  # of the structure alone; the tensors' data is not in it


def read_checkpoint(path: str | pathlib.Path) -> dict[str, Any]:
    """The content of a .pth file: nested dicts and lists with NumPy arrays in place of tensors.

    Raises UserError when the file is missing, damaged, not a checkpoint, or wants anything imported that is not on the
    list of harmless things; nothing in it is executed.
    """
    path = pathlib.Path(path)
    try:
        with path.open("rb") as file:
            content = _read_zip(file) if zipfile.is_zipfile(file) else _read_legacy(file)
    except UserError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error}") from None
    except OSError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error.strerror or error}") from None
    except Exception as error:  # pickle, zipfile and zlib raise almost anything on damaged bytes
        what = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"cannot read the checkpoint {path}: it is damaged or not a PyTorch file ({what})") from None
    if not isinstance(content, dict):
        raise UserError(f"the checkpoint {path} holds a {type(content).__name__}; a dict of arrays is needed")
    return content


class _StorageType:
    """Stands for torch.FloatStorage and its like."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.itemsize = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize

    def array(self, data: bytes) -> np.ndarray:
        """One-dimensional, in this machine's byte order."""
        if self.dtype == "bfloat16":
            return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        array = np.frombuffer(data, self.dtype)
        return array.astype(array.dtype.newbyteorder("="))


class _Storage:
    """Data of tensors; in the older format it comes after the tensors that refer to it."""

    def __init__(self, kind: _StorageType, size: int) -> None:
        self.kind, self.size = kind, size
        self.array: np.ndarray | None = None

    def fill(self, data: bytes) -> None:
        """Takes the bytes, as many as `size` says."""
        if len(data) != self.size * self.kind.itemsize:
            raise UserError(f"a tensor's data has {len(data)} bytes, {self.size * self.kind.itemsize} were announced")
        self.array = self.kind.array(data)


class _Tensor:
    """A tensor whose storage may not be read yet."""

    def __init__(self, storage: _Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def __setstate__(self, state: object) -> NoReturn:
        raise UserError("a tensor with a state of its own is not supported")

    def numpy(self) -> np.ndarray:
        """A copy of its entries."""
        if self.storage.array is None:
            raise UserError("a tensor's data is missing")
        numbers = [self.offset, *self.size, *self.stride]
        if len(self.size) != len(self.stride) or any(type(n) is not int or n < 0 for n in numbers):
            raise UserError(f"a tensor has the impossible size {self.size}, stride {self.stride}, offset {self.offset}")
        empty = 0 in self.size
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if not empty and last >= len(self.storage.array):
            raise UserError(f"a tensor of size {self.size} reaches beyond its data")
        if math.prod(self.size) > max(len(self.storage.array), LARGEST_REPETITION):
            raise UserError(f"a tensor of size {self.size} repeats its {len(self.storage.array)} entries")
        if empty:
            return np.empty(self.size, self.storage.array.dtype)
        strides = [step * self.storage.array.itemsize for step in self.stride]
        view = np.lib.stride_tricks.as_strided(self.storage.array[self.offset :], self.size, strides, writeable=False)
        return np.array(view)


class _NumpyType:
    """Stands for a numpy.dtype of a number."""

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in "fiub" or not isinstance(name, str):
            raise UserError(f"a NumPy value of type {name!r} is not a number")

    def __setstate__(self, state: tuple) -> None:
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


def _latin1(text: str, encoding: str) -> bytes:
    """What pickle protocol 2 writes for bytes: _codecs.encode(text, "latin1")."""
    if encoding != "latin1":
        raise UserError(f"bytes in the encoding {encoding!r} are not supported")
    return text.encode("latin1")


def _rebuild_tensor(storage, offset, size, stride, *_unused) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise UserError("a tensor without a storage")
    return _Tensor(storage, offset, tuple(size), tuple(stride))


def _rebuild_parameter(data, *_unused) -> _Tensor:
    if not isinstance(data, _Tensor):
        raise UserError("a parameter that is no tensor")
    return data


ADMITTED: dict[tuple[str, str], Callable | type | _StorageType] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
    ("_codecs", "encode"): _latin1,
    **{(module, "set"): set for module in ("builtins", "__builtin__")},
    **{("torch", name): _StorageType(dtype) for name, dtype in STORAGES.items()},
    **{(f"numpy.{core}.multiarray", "scalar"): _numpy_scalar for core in ("core", "_core")},
    ("numpy", "dtype"): _NumpyType,
}


class _Unpickler(pickle.Unpickler):
    """Admits what ADMITTED lists, with stand-ins, and storages through `storage_of`."""

    def __init__(self, file: io.BufferedIOBase, storage_of: Callable[[tuple], _Storage]) -> None:
        super().__init__(file, encoding="latin1")
        self._storage_of = storage_of

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise UserError(
                f"it wants to import {module}.{name}, which is refused: only tensors, plain containers, strings and "
                "numbers are read from a checkpoint, and nothing in it is executed"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], _StorageType):
            raise UserError(f"it refers to {pid!r}, which is no tensor's data")
        return self._storage_of(pid)


def _resolved(value: Any) -> Any:
    """The same structure with arrays for tensors."""
    if isinstance(value, _Tensor):
        return value.numpy()
    if isinstance(value, dict):
        return {_resolved(key): _resolved(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_resolved(part) for part in value)
    if value is None or isinstance(value, (str, bytes, bool, int, float, complex)):
        return value
    raise UserError(f"it holds a {type(value).__name__.strip('_')}, which has no place in a checkpoint")


def _read_zip(file: Any) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UserError("a zip file without data.pkl, hence not PyTorch's")
        root = pickles[0].removesuffix("data.pkl")
        if root + "byteorder" in names and archive.read(root + "byteorder").strip() != b"little":
            raise UserError("it was written on a big-endian machine, which is not supported")
        if archive.getinfo(pickles[0]).file_size > LARGEST_PICKLE:
            raise UserError(f"its structure alone is larger than {LARGEST_PICKLE:,} bytes")
        storages: dict[str, _Storage] = {}

        def storage_of(pid: tuple) -> _Storage:
            _, kind, key, _, size = pid[:5]
            if key not in storages:
                storage = _Storage(kind, size)
                name = f"{root}data/{key}"
                if name not in names:
                    raise UserError(f"the record {name} is missing")
                if archive.getinfo(name).file_size != size * kind.itemsize:
                    raise UserError(f"the record {name} has not the {size * kind.itemsize} bytes that were announced")
                storage.fill(archive.read(name))
                storages[key] = storage
            return storages[key]

        return _resolved(_Unpickler(io.BytesIO(archive.read(pickles[0])), storage_of).load())


def _read_legacy(file: Any) -> Any:
    storages: dict[str, _Storage] = {}

    def storage_of(pid: tuple) -> _Storage:
        _, kind, key, _, size, *view = pid
        if view and view[0] is not None:
            raise UserError("it uses views of storages, which PyTorch wrote before 0.4; save it anew with a later one")
        return storages.setdefault(key, _Storage(kind, size))

    def load() -> Any:
        return _Unpickler(file, storage_of).load()

    file.seek(0)
    if load() != LEGACY_MAGIC:
        raise UserError("neither a zip file nor one that begins with PyTorch's number")
    if load() != LEGACY_PROTOCOL:
        raise UserError("it has an unknown version of PyTorch's format")
    if load().get("little_endian") is not True:
        raise UserError("it was written on a big-endian machine, which is not supported")
    content = load()
    for key in load():
        if key not in storages:
            raise UserError(f"it holds data {key!r} that no tensor refers to")
        (size,) = struct.unpack("<q", file.read(8))
        if size != storages[key].size:
            raise UserError(f"data {key!r} has {size} entries, {storages[key].size} were announced")
        storages[key].fill(file.read(size * storages[key].kind.itemsize))
    return _resolved(content)
