"""JPEG files without the segments that their pixels do not depend on, which may be damaged.

Source: ITU-T T.81, annex B (markers), and T.871 (JFIF); what EXIF and XMP are put into is APP1.
"""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image

SIGNATURE = b"\xff\xd8\xff"
_FIRST_APP, _LAST_APP, _COMMENT = 0xE0, 0xEF, 0xFE
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
# How the colours are meant is in the segments of JFIF (APP0) and Adobe (APP14): the content that makes them whole.
_NEEDED = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"


def parse(data: bytes) -> tuple[bytes, dict[str, Any]]:
    """Takes a file, or the beginning of one, apart.

    Returns:
      A JPEG file with the same pixels, and what may hold an orientation, under the names that Pillow has for it. From
      where the file cannot be followed, everything is in the former.
    """
    kept = [data[:2]]
    metadata: dict[str, Any] = {}
    start = 2
    while start + 4 <= len(data) and data[start] == 0xFF:
        marker = data[start + 1]
        if marker == 0xFF:  # fill
            start += 1
            continue
        if marker in _WITHOUT_LENGTH:
            kept.append(data[start : start + 2])
            start += 2
            continue
        stop = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if marker in (_SCAN, _END) or stop < start + 4:
            break
        content = data[start + 4 : stop]
        if marker == 0xE1 and content.startswith(_EXIF):
            metadata["exif"] = metadata.get("exif", _EXIF) + content[len(_EXIF) :]
        elif marker == 0xE1 and content.startswith(_XMP):
            metadata["xmp"] = content[len(_XMP) :]
        if _is_needed(marker, content):
            kept.append(data[start:stop])
        start = stop
    return b"".join([*kept, data[start:]]), metadata


def opened(pixels: bytes) -> Image.Image:
    """As Pillow opens it, before its pixels are read. ValueError where it is damaged."""
    try:
        return Image.open(io.BytesIO(pixels), formats=("JPEG",))
    except Image.UnidentifiedImageError:
        raise ValueError("a damaged JPEG file") from None


def _is_needed(marker: int, content: bytes) -> bool:
    if marker in _NEEDED:
        name, length = _NEEDED[marker]
        return content.startswith(name) and len(content) >= length
    return not (_FIRST_APP <= marker <= _LAST_APP or marker == _COMMENT)
