"""Grids of images as one PNG."""

from __future__ import annotations

import io
import math
import pathlib

import numpy as np
from PIL import Image

from autogan_tf.runs.folder import write_atomically

SIDE = 64  # pixels that an image of a grid has at least, unless a scale is given


def grid(images: np.ndarray, *, columns: int | None = None, scale: int = 0) -> np.ndarray:
    """Lays images out row by row with a border of one pixel in mid grey.

    Args:
      images: uint8 [N, S, S, C], N at least 1, C 1 or 3.
      columns: images in a row; default: about the square root of N.
      scale: every pixel is repeated this often in both directions; 0: as often as gives images of at least 64 pixels.

    Returns:
      uint8 [H, W, C].
    """
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) < 1:
        raise ValueError(f"images must be uint8 [N >= 1, S, S, C], got {images.dtype} {list(images.shape)}")
    number, side, _, channels = images.shape
    columns = columns or math.ceil(math.sqrt(number))
    scale = scale or math.ceil(SIDE / side)
    rows = math.ceil(number / columns)
    canvas = np.full((rows * (side + 1) + 1, columns * (side + 1) + 1, channels), 128, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (side + 1) + 1, (index % columns) * (side + 1) + 1
        canvas[top : top + side, left : left + side] = image
    return canvas.repeat(scale, axis=0).repeat(scale, axis=1)


def write_png(path: pathlib.Path, pixels: np.ndarray) -> None:
    """Writes a picture, uint8 [H, W, C] with C 1 or 3."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
