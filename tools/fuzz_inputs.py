"""What tools/fuzz.py feeds in: files as users have them, and then damaged, nonsensical or hostile."""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image

from autogan_tf.search_space.genotype import Genotype

CHECKPOINTS = pathlib.Path(__file__).resolve().parents[1] / "tests" / "interop" / "checkpoints"
TOKENS = "1 0 1 1  1 0 0 1 1  1 0 1 0 3"


class Hostile:
    """Makes a file where it is unpickled: what no reader may do."""

    def __init__(self, canary: pathlib.Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str, int]]:
        return os.open, (str(self.canary), os.O_CREAT)


@st.composite
def damaged(draw: st.DrawFn, whole: Sequence[bytes]) -> bytes:
    """One of `whole` with up to six changes: bytes replaced, taken out, put in, repeated, or the end cut off."""
    data = draw(st.sampled_from(whole))
    changes = st.tuples(
        st.sampled_from(("replace", "remove", "insert", "repeat", "cut")),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=8),
        st.integers(1, 64),
    )
    for how, place, given, length in draw(st.lists(changes, max_size=6)):
        at = int(place * len(data))
        match how:
            case "replace":
                data = data[:at] + given + data[at + len(given) :]
            case "remove":
                data = data[:at] + data[at + length :]
            case "insert":
                data = data[:at] + given + data[at:]
            case "repeat":
                data = data[:at] + data[at : at + length] * 3 + data[at + length :]
            case "cut":
                data = data[:at]
    return data


def _json_values() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
        max_leaves=8,
    )


@st.composite
def _changed_json(draw: st.DrawFn, document: str) -> bytes:
    """The document with up to three of its values replaced or taken out."""
    content = json.loads(document)
    for _ in range(draw(st.integers(0, 3))):
        place = content
        while place:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or draw(st.booleans()):
                break
            place = place[key]
        if place and draw(st.booleans()):
            place[key] = draw(_json_values())
        elif place:
            del place[key]
    return json.dumps(content).encode()


def genotypes() -> st.SearchStrategy[bytes]:
    """Genotype files."""
    whole = Genotype.from_string(TOKENS, name="found").to_json(scores={"inception_score": 8.5})
    nested = st.builds(lambda mark, depth: mark * depth, st.sampled_from([b"[", b'{"cells":']), st.integers(1, 200_000))
    return damaged([whole.encode()]) | _changed_json(whole) | nested


def flag_files(names: Sequence[str], own_path: pathlib.Path) -> st.SearchStrategy[bytes]:
    """Flag files with settings of these names, true and misspelt, and values that fit and do not."""
    values = st.one_of(
        st.text(max_size=20),
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["", "true", "none", "0", "1", "-1", "1e999", "nan", "9" * 5000, "1,2,3", "~", "\x00", '"']),
    )
    own = st.sampled_from([f"--flagfile={own_path}", "--flagfile=cifar10.flags", "--undefok=seed", "--help", "--", "#"])
    line = st.builds("--{}={}".format, st.sampled_from(names), values) | own | st.text(max_size=30)
    shipped = [path.read_bytes() for path in sorted((CHECKPOINTS.parents[2] / "configs").glob("*.flags"))]
    return st.lists(line, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")) | damaged(
        shipped
    )


@st.composite
def _archives(draw: st.DrawFn, canary: pathlib.Path) -> bytes:
    """.npz files with the right names and odd arrays."""
    entries: dict[str, Any] = {"mu": np.zeros(3), "sigma": np.eye(3), "count": 10, "source": "x", "network": "y"}
    odd = arrays_of.arrays(
        arrays_of.scalar_dtypes() | arrays_of.array_dtypes(max_size=2),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
    for name in draw(st.lists(st.sampled_from([*entries, "other"]), max_size=3)):
        match draw(st.sampled_from(("odd", "gone", "hostile"))):
            case "odd":
                entries[name] = draw(odd)
            case "gone":
                entries.pop(name, None)
            case "hostile":
                entries[name] = np.array([Hostile(canary)], object)
    buffer = io.BytesIO()
    np.savez(buffer, **entries)
    return buffer.getvalue()


def statistics(canary: pathlib.Path) -> st.SearchStrategy[bytes]:
    """Files of Fréchet statistics."""
    buffer = io.BytesIO()
    np.savez(buffer, mu=np.zeros(3), sigma=np.eye(3), count=10, source="x", network="y")
    return damaged([buffer.getvalue()]) | _archives(canary)


@st.composite
def _repacked(draw: st.DrawFn, whole: Sequence[bytes], canary: pathlib.Path) -> bytes:
    """PyTorch zip files with another structure in them, and right check sums around it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(draw(st.sampled_from(whole)))) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                hostile = st.just(pickle.dumps({"state": Hostile(canary)}, protocol=2))
                content = draw(damaged([content]) | hostile)
            elif draw(st.integers(0, 20)) == 0:
                content = draw(damaged([content]))
            target.writestr(name, content)
    return buffer.getvalue()


def checkpoints(canary: pathlib.Path) -> st.SearchStrategy[bytes]:
    """.pth files of both formats, and safetensors."""
    whole = {path.name: path.read_bytes() for path in sorted(CHECKPOINTS.iterdir())}
    zipped = [content for content in whole.values() if zipfile.is_zipfile(io.BytesIO(content))]
    return damaged(list(whole.values())) | _repacked(zipped, canary)


def _drawn_image(kind: str, mode: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 4)).astype(np.uint8)
    through = "RGB" if mode in ("RGBA", "P", "CMYK") else "L"  # not every mode becomes every other one
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").convert(through).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def _with_size(png: bytes, width: int, height: int) -> bytes:
    """A PNG whose header tells of another size, with the right check sum."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def images() -> st.SearchStrategy[bytes]:
    """Files of all formats in several modes, and PNG headers of any size."""
    png = [_drawn_image("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")]
    jpeg = [_drawn_image("JPEG", mode) for mode in ("RGB", "L", "CMYK")]
    others = [_drawn_image(kind, "RGB") for kind in ("WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")]
    sides = st.integers(0, 2**31 - 1) | st.integers(0, 5000)
    return damaged(png + jpeg) | damaged(others) | st.builds(_with_size, st.sampled_from(png), sides, sides)


@st.composite
def zips(draw: st.DrawFn) -> bytes:
    """Zip files of two images and their labels, packed whole or damaged, and damaged afterwards."""
    labels = json.dumps({"labels": [["cat/1.png", 1], ["dog/2.png", 0]]})
    names = draw(
        st.lists(st.sampled_from(["cat/1.png", "dog/2.png", "../3.png", "/4.png", "a\\5.png", "6"]), max_size=4)
    )
    image = _drawn_image("PNG", "RGB")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as file:
        for name in dict.fromkeys(["cat/1.png", "dog/2.png", *names]):
            file.writestr(name, draw(damaged([image])) if name in names else image)
        file.writestr("dataset.json", draw(_changed_json(labels)))
    return draw(damaged([buffer.getvalue()]))
