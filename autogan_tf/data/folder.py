"""A folder of PNG and JPEG files as a data set, with or without class folders."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_data

_T = TypeVar("_T")

PREFIX = "folder:"
_EXTENSIONS = (".png", ".jpg", ".jpeg")
_MAX_NAMED = 10
_TEST_SHARE = 0.1
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N")


def check_available(dataset: str) -> None:
    """Looks at names only: raises UserError as `load` does, but for files that turn out to be unreadable."""
    _list_files(dataset)


def load(*, dataset: str, resolution: int, split: str) -> image_data.ImageData:
    """All images of a folder, centre-cropped square and resized (bilinear; antialiased where it shrinks).

    Extensions are .png, .jpg and .jpeg in any case; other files, hidden ones included, are ignored. EXIF orientation
    is applied, transparent images are put on white, 16-bit grey keeps its upper 8 bits. The result is grey (C = 1)
    only if every image is grey, otherwise RGB.

    Images in at least two subfolders get that subfolder's position among the sorted names as label (images deeper
    inside count for the same class). Images in the folder itself, or in one subfolder only, have no labels. Images are
    ordered by their relative path in code point order, whatever the file system says.

    Args:
      dataset: 'folder:PATH'; a leading ~ is the home directory.
      resolution: side of the result.
      split: 'train' is everything; 'test' a fixed tenth of it (at least one image) and 'labelled' the rest.

    Returns:
      ImageData with uint8 [N, resolution, resolution, C].

    Raises:
      UserError: the folder is missing or not readable, has no images, has images both directly inside and in
        subfolders, has unreadable or truncated images (up to 10 are named, with their number), or is too small to be
        split.
    """
    root, relative_paths, labels, num_classes = _list_files(dataset)
    paths = [root / path for path in relative_paths]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The headers first: whether the result has one channel or three must be known before it can be allocated.
        headers = list(pool.map(lambda path: _try(lambda: _read_mode(path)), paths))
        channels = 1 if all(mode in _GREY_MODES for mode, _ in headers if mode is not None) else 3
        images = np.empty([len(paths), resolution, resolution, channels], np.uint8)

        results = list(pool.map(lambda path, target: _try(lambda: _decode_into(path, target)), paths, images))
    bad = {path: reason for path, (_, reason) in zip(relative_paths, results, strict=True) if reason is not None}
    if bad:
        named = "; ".join(f"{_printable(path)} ({reason})" for path, reason in list(bad.items())[:_MAX_NAMED])
        rest = f"; and {len(bad) - _MAX_NAMED} more" if len(bad) > _MAX_NAMED else ""
        raise UserError(
            f"--dataset={dataset}: {len(bad)} of {len(paths)} images cannot be read: {named}{rest}. "
            "Replace or remove these files."
        )
    sides = [side for side, _ in results if side is not None]
    image_data.warn_if_enlarged(
        name=PREFIX + root.name, num_enlarged=sum(side < resolution for side in sides), num_images=len(sides),
        smallest=min(sides), resolution=resolution,
    )  # fmt: skip
    data = image_data.ImageData(
        name=PREFIX + root.name, images=images, labels=labels, num_classes=num_classes, split="train"
    )
    if split == "train":
        return data
    if len(images) < 2:
        raise UserError(f"--dataset={dataset}: 1 image cannot be split into a labelled and a test part.")
    labelled, test = image_data.hold_out(data, max(1, int(len(images) * _TEST_SHARE)))
    return labelled if split == "labelled" else test


def _list_files(dataset: str) -> tuple[Path, list[str], np.ndarray | None, int]:
    """Root, sorted relative paths, labels int32 [N] or None, number of classes (0 without labels)."""
    text = dataset.removeprefix(PREFIX)
    if not text:
        raise UserError("--dataset=folder: names no folder; write --dataset=folder:PATH, e.g. --dataset=folder:photos")
    root = Path(text).expanduser().absolute()
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise UserError(f"--dataset={dataset}: {root} {problem}; give the path of a folder with PNG or JPEG images.")
    try:
        relative_paths = sorted(_walk(root))
    except OSError as error:
        raise UserError(f"--dataset={dataset}: {error.filename} cannot be read: {error.strerror}.") from error
    if not relative_paths:
        raise UserError(
            f"--dataset={dataset}: {root} holds no images; needed are files ending in {', '.join(_EXTENSIONS)}, "
            "directly inside it or in one subfolder for each class."
        )
    direct = [path for path in relative_paths if "/" not in path]
    if direct and len(direct) < len(relative_paths):
        raise UserError(
            f"--dataset={dataset}: {len(direct)} images lie directly in {root} (e.g. {_printable(direct[0])}) and "
            f"{len(relative_paths) - len(direct)} in subfolders, which would be classes. Use one of the two layouts."
        )
    if direct:
        return root, relative_paths, None, 0
    classes = [path.split("/", 1)[0] for path in relative_paths]
    names = sorted(set(classes))
    if len(names) == 1:
        return root, relative_paths, None, 0
    labels = np.array([names.index(name) for name in classes], np.int32)
    return root, relative_paths, labels, len(names)


def _walk(folder: Path, prefix: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths of the images under `folder`, relative to the first one. Raises OSError where a folder cannot be listed."""
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back up
        return
    for name in os.listdir(folder):
        path = folder / name
        if name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, f"{prefix}{name}/", above | {real})
        elif name.lower().endswith(_EXTENSIONS) and (path.is_file() or path.is_symlink()):
            # A link that leads nowhere counts as an image that cannot be read.
            yield prefix + name


def _try(function: Callable[[], _T]) -> tuple[_T | None, str | None]:
    """(result, None), or (None, why) when the file cannot be read."""
    try:
        return function(), None
    except MemoryError:
        raise
    except Image.UnidentifiedImageError:
        return None, "not a PNG or JPEG image"
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
        reason = error.strerror if isinstance(error, OSError) else None
        return None, reason or " ".join(str(error).split()) or type(error).__name__


def _read_mode(path: Path) -> str:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        return image.mode


def _decode_into(path: Path, target: np.ndarray) -> int:
    """Decodes one file into `target`, uint8 [S, S, C]; returns the side of its centre square before resizing."""
    with Image.open(path, formats=("PNG", "JPEG")) as opened:
        opened.load()
        image = ImageOps.exif_transpose(opened)
    mode = "L" if target.shape[2] == 1 else "RGB"
    if image.mode.startswith("I"):
        # Pillow's own conversion from 32-bit "I" clips at 255 and would turn a 16-bit picture white.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image = image.convert(mode)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # resize(box=...) would let pixels from outside of the square bleed into its edge.
    image = image.crop((left, top, left + side, top + side))
    image = image.resize((target.shape[1], target.shape[0]), Image.Resampling.BILINEAR)
    target[:] = np.asarray(image).reshape(target.shape)
    return side


def _printable(path: str) -> str:
    # Names that are not UTF-8 arrive with surrogates, which cannot be printed.
    return os.fsencode(path).decode("utf-8", "backslashreplace")
