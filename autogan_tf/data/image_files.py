"""PNG and JPEG files: finding them in a folder, reading their headers and pixels, naming those that cannot be read."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

EXTENSIONS = (".png", ".jpg", ".jpeg")
_MAX_NAMED = 10
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Header:
    """What a file says before its pixels: whether it is grey, width and height in pixels."""

    grey: bool
    width: int
    height: int


def walk(folder: Path, prefix: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths of the images under `folder`, relative to the first one. Raises OSError where a folder cannot be listed."""
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back up
        return
    for name in os.listdir(folder):
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from walk(path, f"{prefix}{name}/", above | {real})
        elif name.lower().endswith(EXTENSIONS) and (path.is_file() or path.is_symlink()):
            # A link that leads nowhere counts as an image that cannot be read.
            yield prefix + name


def _or_reason(function: Callable[..., _Result]) -> Callable[..., tuple[_Result | None, str | None]]:
    """Makes a reader return (result, None), or (None, why) when the file cannot be read."""

    @functools.wraps(function)
    def reading(*arguments) -> tuple[_Result | None, str | None]:
        try:
            return function(*arguments), None
        except MemoryError:
            raise
        except Image.UnidentifiedImageError:
            return None, "not a PNG or JPEG image"
        except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
            reason = error.strerror if isinstance(error, OSError) else None
            return None, reason or " ".join(str(error).split()) or type(error).__name__

    return reading


@_or_reason
def read_header(path: Path) -> Header:
    """The header of a file, or why it cannot be read."""
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        return Header(grey=image.mode in _GREY_MODES, width=image.width, height=image.height)


@_or_reason
def decode_into(path: Path, target: np.ndarray) -> None:
    """Decodes a file into `target`, uint8 [H, W, 1 or 3] of its own size, or says why it cannot be read."""
    target[:] = np.asarray(_opened(path, target.shape[2])).reshape(target.shape)


@_or_reason
def decode_square_into(path: Path, target: np.ndarray) -> int:
    """Decodes a file's centre square, resized, into `target`, uint8 [S, S, 1 or 3].

    Returns:
      The side of that square before resizing, or why the file cannot be read.
    """
    image = _opened(path, target.shape[2])
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # resize(box=...) would let pixels from outside of the square bleed into its edge.
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((target.shape[1], target.shape[0]), Image.Resampling.BILINEAR)
    target[:] = np.asarray(image).reshape(target.shape)
    return side


def _opened(path: Path, channels: int) -> Image.Image:
    """Upright, on white where transparent, grey or RGB."""
    with Image.open(path, formats=("PNG", "JPEG")) as opened:
        opened.load()
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        # Pillow's own conversion from 32-bit "I" clips at 255 and would turn a 16-bit picture white.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def named(reasons: Mapping[str, str]) -> str:
    """Up to 10 files with what is wrong with them, and how many more there are, for an error message."""
    shown = "; ".join(f"{printable(path)} ({reason})" for path, reason in list(reasons.items())[:_MAX_NAMED])
    return shown + (f"; and {len(reasons) - _MAX_NAMED} more" if len(reasons) > _MAX_NAMED else "")


def printable(path: str) -> str:
    """A path that can be printed: names that are not UTF-8 arrive with surrogates, which cannot."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
