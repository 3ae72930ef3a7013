"""PNG files: what their pixels need, without the chunks beside it that may be damaged, and transparency by one colour.

Source: Portable Network Graphics (PNG) Specification, third edition, sections 5 (chunks) and 11.3.2 (transparency).
"""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA = 0, 2, 3, 4
_MAX_TEXT = 2**20  # bytes of a text that may hold an orientation, unpacked
_EXIF_AS_TEXT, _XMP_AS_TEXT = b"Raw profile type exif", b"XML:com.adobe.xmp"


@dataclasses.dataclass(frozen=True)
class Png:
    """A file taken apart.

    Attributes:
      pixels: a PNG file of the chunks that the pixels depend on; those that do not count are left out unread.
      depth, colour_type: as in its header.
      key: the sample or the three samples, in the file's own depth, that mean transparent; None where there are none.
      metadata: what may hold an orientation, under the names that Pillow has for it.
    """

    pixels: bytes
    depth: int
    colour_type: int
    key: tuple[int, ...] | None
    metadata: dict[str, Any]

    @property
    def grey(self) -> bool:
        """Whether it has no colours, whatever its depth and transparency. A palette counts as colours."""
        return self.colour_type in (_GREY, _GREY_ALPHA)


def parse(data: bytes) -> Png:
    """Takes a file, or the beginning of one, apart. ValueError where it has no header, or no usable transparency."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise ValueError("the PNG header is damaged")
    depth, colour_type = data[24], data[25]
    kept: list[memoryview | bytes] = [SIGNATURE]
    key: tuple[int, ...] | None = None
    metadata: dict[str, Any] = {}
    before_pixels = True
    for kind, chunk, content in _chunks(memoryview(data)[len(SIGNATURE) :]):
        if not kind.isalpha():
            kept.append(chunk)
            break
        before_pixels = before_pixels and kind != b"IDAT"
        critical = kind[:1].isupper()
        if critical or (kind == b"tRNS" and colour_type == _PALETTE and before_pixels):
            kept.append(chunk)
        elif kind == b"tRNS" and colour_type in (_GREY, _RGB) and before_pixels:
            key = _key(content, depth=depth, samples=1 if colour_type == _GREY else 3, whole=_is_whole(chunk))
        elif kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt") and _is_whole(chunk):
            metadata.update(_metadata(kind, bytes(content)))
    return Png(b"".join(kept), depth, colour_type, key, metadata)


def decode(png: Png) -> Image.Image:
    """The pixels in a mode of 8 bits; those of the transparent colour are white, an alpha channel is still there."""
    image = _loaded(png)
    array = np.asarray(image) if image.mode.startswith("I") or png.key is not None else None
    if array is None:
        return image
    if image.mode.startswith("I"):
        upper = (array >> 8).astype(np.uint8)
    else:
        upper = np.asarray(image.convert("L")) if image.mode == "1" else array
    if png.key is None:
        return Image.fromarray(upper)
    if png.colour_type == _RGB:
        samples = array.astype(np.uint16)
        if png.depth == 16:
            # Pillow keeps the upper bytes of colours. Read with the other byte order it keeps the lower ones.
            samples = (samples << 8) | np.asarray(_loaded(png, "RGB;16L"))
        transparent = (samples == np.array(png.key, np.uint16)).all(axis=-1)
    elif png.depth == 16:
        transparent = array == png.key[0]
    else:
        transparent = upper == png.key[0] * (255 // (2**png.depth - 1))
    upper = upper.copy()
    upper[transparent] = 255
    return Image.fromarray(upper)


def opened(png: Png) -> ImageFile.ImageFile:
    """As Pillow opens it, before its pixels are read. ValueError where what these depend on is damaged."""
    try:
        return Image.open(io.BytesIO(png.pixels), formats=("PNG",))
    except Image.UnidentifiedImageError:
        raise ValueError("a damaged PNG file") from None


def _loaded(png: Png, raw_mode: str = "") -> Image.Image:
    with opened(png) as image:
        if raw_mode:
            image.tile = [tile._replace(args=raw_mode) for tile in image.tile]
        image.load()
        return image


def _chunks(data: memoryview) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Kind, whole chunk and content of each; the last may be cut off."""
    start = 0
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        stop = start + 12 + length
        yield kind, data[start:stop], data[start + 8 : stop - 4]
        start = stop


def _is_whole(chunk: memoryview) -> bool:
    length = struct.unpack_from(">I", chunk)[0]
    return len(chunk) == length + 12 and zlib.crc32(chunk[4:-4]) == struct.unpack_from(">I", chunk, len(chunk) - 4)[0]


def _key(content: memoryview, *, depth: int, samples: int, whole: bool) -> tuple[int, ...]:
    if not whole or len(content) != 2 * samples:
        raise ValueError("its transparent colour (tRNS) is damaged")
    return tuple(value & (2**depth - 1) for value in struct.unpack(f">{samples}H", content))


def _metadata(kind: bytes, content: bytes) -> dict[str, Any]:
    """Texts and EXIF as Pillow's `info` has them, as far as they may hold an orientation; {} where they do not."""
    if kind == b"eXIf":
        return {"exif": b"Exif\0\0" + content}
    keyword, _, rest = content.partition(b"\0")
    try:
        if keyword == _EXIF_AS_TEXT and kind in (b"tEXt", b"zTXt"):
            text = rest if kind == b"tEXt" else _unpacked(rest[1:])
            return {_EXIF_AS_TEXT.decode(): text.decode("latin-1")}
        if keyword == _XMP_AS_TEXT and kind == b"iTXt":
            text = rest[2:].split(b"\0", 2)[2]  # after the language and the translated keyword
            return {"xmp": _unpacked(text) if rest[0] else text}
    except (zlib.error, IndexError):
        pass
    return {}


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, _MAX_TEXT)
