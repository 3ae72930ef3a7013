"""PNG files of every colour type and depth, written from the specification and without Pillow."""

from __future__ import annotations

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
# The seven passes of Adam7: first column and row, and the steps between columns and rows.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, content: bytes = b"", *, checksum: int | None = None) -> bytes:
    """One chunk; `checksum` in place of the right one."""
    right = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", right if checksum is None else checksum)


def write(
    samples: np.ndarray,
    colour_type: int,
    depth: int,
    *,
    before: bytes = b"",
    after: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """A file of integer samples [H, W, SAMPLES[colour_type]]; `before` and `after` are chunks around the pixels."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    parts = [samples[y::down, x::right] for x, y, right, down in _PASSES] if interlaced else [samples]
    lines = b"".join(_lines(part, depth) for part in parts if part.size)
    return b"".join(
        [SIGNATURE, chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(lines)), after, chunk(b"IEND")]
    )


def _lines(samples: np.ndarray, depth: int) -> bytes:
    """Each line packed into whole bytes, after the number of its filter (0: none)."""
    lines = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = lines.astype(">u2").view(np.uint8).reshape(len(lines), -1)
    else:
        bits = np.unpackbits(lines.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(lines), -1), axis=1)
    return np.pad(packed, [(0, 0), (1, 0)]).tobytes()
