"""Files of pictures: reading their headers and pixels whatever lies beside these, naming those that cannot be read."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from autogan_tf.config.encoding import shown
from autogan_tf.data import jpeg_file, orientation, png_file

EXTENSIONS = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
)
_OTHER_FORMATS = ("WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF")
MAX_NAMED = 10
_HEADER_BYTES = 2**16  # enough for most; where it is not, the whole file is read
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0

_Result = TypeVar("_Result")
Opener = Callable[[str], BinaryIO]


class Header(NamedTuple):
    """What a file says before its pixels: whether it is grey, width and height in pixels as they are stored."""

    grey: bool
    width: int
    height: int


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps Pillow's warnings, which name its own source files, from the terminal; in all threads meanwhile."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _or_reason(function: Callable[..., _Result]) -> Callable[..., tuple[_Result | None, str | None]]:
    """Makes a reader return (result, None), or (None, why) when the file cannot be read."""

    @functools.wraps(function)
    def reading(*arguments) -> tuple[_Result | None, str | None]:
        try:
            return function(*arguments), None
        except MemoryError:
            raise
        except Image.UnidentifiedImageError:
            return None, "damaged, or not an image of a format that is read"
        except Image.DecompressionBombError:
            return None, f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
        except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
            reason = error.strerror if isinstance(error, OSError) else None
            return None, reason or " ".join(str(error).split()) or type(error).__name__

    return reading


@_or_reason
def read_header(opened: Opener, name: str) -> Header:
    """The header of the file that `opened` opens by its name, or why it cannot be read."""
    with opened(name) as file:
        start = file.read(_HEADER_BYTES)
        if not start.startswith((png_file.SIGNATURE, jpeg_file.SIGNATURE)):
            file.seek(0)
            with Image.open(file, formats=_OTHER_FORMATS) as image:
                return Header(_is_grey(image), image.width, image.height)
        try:
            return _png_or_jpeg_header(start)
        except Exception:  # as above; most likely its metadata are longer
            return _png_or_jpeg_header(start + file.read())


def _png_or_jpeg_header(data: bytes) -> Header:
    if data.startswith(png_file.SIGNATURE):
        png = png_file.parse(data)
        with png_file.opened(png) as image:
            return Header(png.grey, image.width, image.height)
    pixels, _ = jpeg_file.parse(data)
    with jpeg_file.opened(pixels) as image:
        return Header(_is_grey(image), image.width, image.height)


def _is_grey(image: Image.Image) -> bool:
    if image.format == "GIF" and image.mode == "P" and image.palette is not None:  # which has nothing but palettes
        colours = np.frombuffer(bytes(image.palette.palette), np.uint8)
        colours = colours[: len(colours) // 3 * 3].reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode in _GREY_MODES


@_or_reason
def decode_into(opened: Opener, name: str, target: np.ndarray) -> None:
    """Decodes a file into `target`, uint8 [H, W, 1 or 3] of its own size, or says why it cannot be read."""
    target[:] = np.asarray(_decoded(opened, name, target.shape[2])).reshape(target.shape)


@_or_reason
def decode_square_into(opened: Opener, name: str, target: np.ndarray) -> int:
    """Decodes a file's centre square, resized, into `target`, uint8 [S, S, 1 or 3].

    Returns:
      The side of that square before resizing, or why the file cannot be read.
    """
    image = _decoded(opened, name, target.shape[2])
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # resize(box=...) would let pixels from outside of the square bleed into its edge.
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((target.shape[1], target.shape[0]), Image.Resampling.BILINEAR)
    target[:] = np.asarray(image).reshape(target.shape)
    return side


def _decoded(opened: Opener, name: str, channels: int) -> Image.Image:
    """The first or only picture of a file: upright, on white where transparent, grey or RGB."""
    with opened(name) as file:
        data = file.read()
    if data.startswith(png_file.SIGNATURE):
        png = png_file.parse(data)
        image = png_file.decode(png)
        metadata: Mapping[Any, Any] = png.metadata
    elif data.startswith(jpeg_file.SIGNATURE):
        pixels, metadata = jpeg_file.parse(data)
        with jpeg_file.opened(pixels) as image:
            image.load()
    else:
        with Image.open(io.BytesIO(data), formats=_OTHER_FORMATS) as image:
            image.load()
        metadata = {} if image.format == "TIFF" else dict(image.info)  # which Pillow has turned by itself
        image = _of_eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return orientation.upright(image, metadata).convert("L" if channels == 1 else "RGB")


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """The upper 8 of up to 16 bits. Pillow's own conversion clips at 255 and would turn such a picture white.

    Raises:
      ValueError: numbers of which it is not known what white is.
    """
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        raise ValueError(f"its numbers ({image.mode}) have no known range: save it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    tags = getattr(image, "tag_v2", {})
    bits = min(tags.get(_TIFF_BITS, (16,))[0], 16)
    array = np.clip(np.asarray(image).astype(np.int64) >> (bits - 8), 0, 255).astype(np.uint8)
    return Image.fromarray(255 - array if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO else array)


def named(reasons: Mapping[str, str], *, of: int | None = None) -> str:
    """Up to 10 files with what is wrong with them, and how many more there are, for an error message.

    Args:
      reasons: path -> what is wrong.
      of: how many there are in all, if `reasons` is only the beginning.
    """
    told = "; ".join(f"{shown(path)} ({reason})" for path, reason in list(reasons.items())[:MAX_NAMED])
    more = (of or len(reasons)) - MAX_NAMED
    return told + (f"; and {more:,} more" if more > 0 else "")


def listed(names: Iterable[str]) -> str:
    """Up to 10 names, and how many more there are."""
    names = list(names)
    told = ", ".join(shown(name) for name in names[:MAX_NAMED])
    return told + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
