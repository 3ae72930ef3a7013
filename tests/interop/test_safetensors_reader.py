"""Safetensors files: one that PyTorch's own package wrote, ones put together by hand from the format, damaged ones."""

from __future__ import annotations

import json
import pathlib
import random
import struct

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.interop.official_pytorch import read_checkpoint

WRITTEN = pathlib.Path(__file__).with_name("checkpoints") / "kinds.safetensors"  # by tools/make_pth_fixtures.py


def test_every_kind_that_torch_wrote():
    kinds = read_checkpoint(WRITTEN)
    np.testing.assert_array_equal(kinds["half"], np.array([1.5, -2], np.float16))
    for name in ("bfloat16", "float8"):
        assert kinds[name].dtype == np.float32 and kinds[name].tolist() == [1.5, -2]
    assert kinds["double"].shape == () and kinds["double"] == np.pi
    assert kinds["bool"].tolist() == [True, False] and kinds["bytes"].tolist() == [0, 255]
    assert kinds["empty"].shape == (0, 3) and kinds["parameter"].shape == (2, 3)
    assert kinds["uint16"].tolist() == [65535]


def file(path: pathlib.Path, header: object, data: bytes = b"", length: int | None = None) -> pathlib.Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype: str, shape: list[int], start: int, stop: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize("name", ["a.safetensors", "A.SAFETENSORS", "without_an_ending"])
def test_by_hand(tmp_path, name):
    """1.0 is 0x3f80 in bfloat16, the upper half of float32's 0x3f800000; -2.5 is 0xc020."""
    header = {"b": entry("F32", [2, 1], 0, 8), "a": entry("BF16", [2], 8, 12), "__metadata__": {"step": "3"}}
    path = file(tmp_path / name, header, struct.pack("<2f", 0.5, -1) + struct.pack("<2H", 0x3F80, 0xC020))
    arrays = read_checkpoint(path)
    assert {name: array.tolist() for name, array in arrays.items()} == {"b": [[0.5], [-1]], "a": [1, -2.5]}
    assert all(array.dtype == np.float32 for array in arrays.values())


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        (b"", b"", 0),
        (b"", b"", None),
        (b"{", b"", None),
        (b"{}", b"", 2**62),
        (b"{}", b"", 3),
        ({"a": entry("F32", [2], 0, 4)}, bytes(4), None),
        ({"a": entry("F32", [1], 0, 4)}, bytes(8), None),
        ({"a": entry("F32", [1], 4, 8)}, bytes(8), None),
        ({"a": entry("F32", [-1], 0, 4)}, bytes(4), None),
        ({"a": entry("F32", [2**40, 2**40], 0, 4)}, bytes(4), None),
        ({"a": entry("F99", [1], 0, 4)}, bytes(4), None),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, bytes(4), None),
        ({"a": 1}, b"", None),
        ([], b"", None),
        (b'{"a": "\xff"}', b"", None),
    ],
)
def test_damaged_headers_are_one_error(tmp_path, header, data, length):
    path = file(tmp_path / "a.safetensors", header, data, length)
    with pytest.raises(UserError, match="it is damaged or no safetensors file") as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_and_types_without_values(tmp_path):
    with pytest.raises(UserError, match="none.safetensors: No such file"):
        read_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(UserError, match="directory"):
        read_checkpoint(tmp_path / "folder.safetensors")
    path = file(tmp_path / "a.safetensors", {"weight": entry("F8_E8M0", [1], 0, 1)}, bytes(1))
    with pytest.raises(UserError, match="weight has the type F8_E8M0; read are I8, .*BF16"):
        read_checkpoint(path)


def test_damage_gives_an_error_or_other_values_and_nothing_else(tmp_path):
    whole = WRITTEN.read_bytes()
    rng = random.Random(0)
    path = tmp_path / "a.safetensors"
    refused = 0
    for number in range(300):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if number % 4 == 0 else whole)
        for _ in range(rng.choice([0, 1, 4]) if damaged else 0):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_checkpoint(path)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100
