"""Reads PyTorch's checkpoint files (.pth) and safetensors files without PyTorch, and without executing what is in them.

Both formats of `torch.save` are read: the zip file (PyTorch 1.6 and later) and the older sequence of pickles. The
unpickler admits what PyTorch's weights-only loader does, and NumPy scalars (`pth_types.py`); whatever else a file wants
to import is refused by name.
"""

from __future__ import annotations

import io
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from autogan_tf.config.errors import UserError
from autogan_tf.interop import safetensors_reader
from autogan_tf.interop.pth_tensors import Storage, StorageType
from autogan_tf.interop.pth_types import ADMITTED, resolved

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LARGEST_PICKLE = 64 * 2**20  # of the structure alone; the tensors' data is not in it


def read_checkpoint(path: str | pathlib.Path) -> dict[str, Any]:
    """The content of a .pth or safetensors file: nested dicts and lists with NumPy arrays in place of tensors.

    Raises UserError when the file is missing, damaged, not a checkpoint, or wants anything imported that is not on the
    list of harmless things; nothing in it is executed.
    """
    path = pathlib.Path(path)
    try:
        if safetensors_reader.is_safetensors(path):
            return dict(safetensors_reader.read(path))
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


class _Unpickler(pickle.Unpickler):
    """Admits what ADMITTED lists, with stand-ins, and storages through `storage_of`."""

    def __init__(self, file: io.BufferedIOBase, storage_of: Callable[[tuple], Storage]) -> None:
        super().__init__(file, encoding="latin1")
        self._storage_of = storage_of

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise UserError(
                f"it wants to import {module}.{name}, which is refused: only what PyTorch's weights-only loader admits "
                "(tensors, plain containers, strings and numbers) is read, and nothing in the file is executed"
            ) from None

    def persistent_load(self, pid: Any) -> Storage:
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], StorageType):
            raise UserError(f"it refers to {pid!r}, which is no tensor's data")
        return self._storage_of(pid)


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
        storages: dict[str, Storage] = {}

        def storage_of(pid: tuple) -> Storage:
            _, kind, key, _, size = pid[:5]
            if key not in storages:
                storage = Storage(kind, size)
                name = f"{root}data/{key}"
                if name not in names:
                    raise UserError(f"the record {name} is missing")
                if archive.getinfo(name).file_size != size * kind.itemsize:
                    raise UserError(f"the record {name} has not the {size * kind.itemsize} bytes that were announced")
                storage.fill(archive.read(name))
                storages[key] = storage
            return storages[key]

        return resolved(_Unpickler(io.BytesIO(archive.read(pickles[0])), storage_of).load())


def _read_legacy(file: Any) -> Any:
    storages: dict[str, Storage] = {}

    def storage_of(pid: tuple) -> Storage:
        _, kind, key, _, size, *view = pid
        if view and view[0] is not None:
            raise UserError("it uses views of storages, which PyTorch wrote before 0.4; save it anew with a later one")
        return storages.setdefault(key, Storage(kind, size))

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
    return resolved(content)
