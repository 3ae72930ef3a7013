"""Which way up a picture is: the one number that is read of its metadata.

Source: Exif 2.3 (CIPA DC-008), section 4.6.4, tag 274; a TIFF header with its first directory, see TIFF 6.0, section 2.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image

_TAG = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I"}  # by the type of the tag's value
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, metadata: Mapping[str, Any]) -> Image.Image:
    """The image as it is to be looked at.

    Args:
      image: as it is stored.
      metadata: EXIF and XMP under the names that Pillow's `info` has for them; what else is in them, and whether it is
        in order, does not matter.
    """
    turn = _TURNS.get(_orientation(metadata))
    return image if turn is None else image.transpose(turn)


def _orientation(metadata: Mapping[str, Any]) -> int:
    exif = metadata.get("exif")
    if exif is None and "Raw profile type exif" in metadata:
        exif = _from_hexadecimal(metadata["Raw profile type exif"])
    found = _from_exif(exif) if isinstance(exif, bytes) else None
    xmp = metadata.get("xmp")
    if found is None and isinstance(xmp, bytes):
        match = re.search(rb'tiff:Orientation(?:="|>)([0-9])', xmp)
        found = int(match[1]) if match else None
    return 1 if found is None else found


def _from_exif(exif: bytes) -> int | None:
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return None
    (directory,) = struct.unpack_from(f"{order}I", exif, 4)
    if directory + 2 > len(exif):
        return None
    (entries,) = struct.unpack_from(f"{order}H", exif, directory)
    for start in range(directory + 2, min(directory + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", exif, start)
        if tag == _TAG and kind in _FORMATS and count == 1:
            return struct.unpack_from(order + _FORMATS[kind], exif, start + 8)[0]
    return None


def _from_hexadecimal(text: str) -> bytes | None:
    """ImageMagick's way to put it into a PNG file: a name, a length and hexadecimal digits, in lines."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return None
