"""A folder of PNG and JPEG files as a data set, with or without class folders."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from autogan_tf.config import paths
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.data import decoded_cache, image_data, image_files, image_store

PREFIX = "folder:"
_TEST_SHARE = 0.1
_FILES_AT_ONCE = 10_000

_Result = TypeVar("_Result")


class _Listing(NamedTuple):
    """What the names tell: `labels` is int32 [N] or None, and `num_classes` 0 without labels."""

    root: Path
    relative_paths: list[str]
    labels: np.ndarray | None
    num_classes: int

    @property
    def paths(self) -> list[Path]:
        return [self.root / path for path in self.relative_paths]


def check_available(dataset: str) -> None:
    """Looks at names only: raises UserError as `load` does, but for files that turn out to be unreadable."""
    _list_files(dataset)


def load(
    *, dataset: str, resolution: int, split: str, store: image_store.ImageStore = image_store.IN_MEMORY
) -> image_data.ImageData:
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
      store: keeps the images, and decoded ones for the next time, see `decoded_cache`.

    Returns:
      ImageData with uint8 [N, resolution, resolution, C].

    Raises:
      UserError: the folder is missing or not readable, has no images, has images both directly inside and in
        subfolders, has unreadable or truncated images (up to 10 are named, with their number), or is too small to be
        split.
    """
    listing = _list_files(dataset)
    data = decoded_cache.load_or_read(
        lambda: _read(dataset, listing, resolution, store),
        files=listing.paths,
        part=f"folder {listing.root}",
        resolution=resolution,
        store=store,
    )
    image_data.warn_if_enlarged(data)
    if split == "train":
        return data
    if len(data.images) < 2:
        raise UserError(f"--dataset={dataset}: 1 image cannot be split into a labelled and a test part.")
    return image_data.hold_out(data, max(1, int(len(data.images) * _TEST_SHARE)), split=split, store=store)


def _read(dataset: str, listing: _Listing, resolution: int, store: image_store.ImageStore) -> image_data.ImageData:
    root, relative_paths, labels, num_classes = listing
    paths = listing.paths
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The headers first: whether the result has one channel or three must be known before it can be allocated.
        headers = list(_mapped(pool, image_files.read_header, paths))
        channels = 1 if all(header.grey for header, _ in headers if header is not None) else 3
        images = store.allocate([len(paths), resolution, resolution, channels])
        results = list(_mapped(pool, image_files.decode_square_into, paths, np.asarray(images)))
    bad = {path: reason for path, (_, reason) in zip(relative_paths, results, strict=True) if reason is not None}
    if bad:
        raise UserError(
            f"--dataset={dataset}: {len(bad)} of {len(paths)} images cannot be read: {image_files.named(bad)}. "
            "Replace or remove these files."
        )
    return image_data.ImageData(
        name=PREFIX + shown(root.name),
        images=images,
        labels=labels,
        num_classes=num_classes,
        split="train",
        smallest_side=min(side for side, _ in results if side is not None),
    )


def _mapped(
    pool: concurrent.futures.Executor, function: Callable[..., _Result], *columns: Sequence | np.ndarray
) -> Iterator[_Result]:
    """`pool.map`, which by itself would make an object for each call before the first result."""
    for start in range(0, len(columns[0]), _FILES_AT_ONCE):
        yield from pool.map(function, *(column[start : start + _FILES_AT_ONCE] for column in columns))


def _list_files(dataset: str) -> _Listing:
    text = dataset.removeprefix(PREFIX)
    if not text:
        raise UserError("--dataset=folder: names no folder; write --dataset=folder:PATH, e.g. --dataset=folder:photos")
    root = Path(paths.resolve(text, given=f"--dataset={dataset}")).absolute()
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise UserError(f"--dataset={dataset}: {root} {problem}; give the path of a folder with PNG or JPEG images.")
    try:
        relative_paths = sorted(image_files.walk(root))
    except OSError as error:
        raise UserError(f"--dataset={dataset}: {error.filename} cannot be read: {error.strerror}.") from error
    if not relative_paths:
        raise UserError(
            f"--dataset={dataset}: {root} holds no images; needed are files ending in "
            f"{', '.join(image_files.EXTENSIONS)}, directly inside it or in one subfolder for each class."
        )
    direct = [path for path in relative_paths if "/" not in path]
    if direct and len(direct) < len(relative_paths):
        raise UserError(
            f"--dataset={dataset}: {len(direct)} images lie directly in {root} (e.g. "
            f"{image_files.printable(direct[0])}) and {len(relative_paths) - len(direct)} in subfolders, which would "
            "be classes. Use one of the two layouts."
        )
    if direct:
        return _Listing(root, relative_paths, None, 0)
    classes = [path.split("/", 1)[0] for path in relative_paths]
    names = sorted(set(classes))
    if len(names) == 1:
        return _Listing(root, relative_paths, None, 0)
    labels = np.array([names.index(name) for name in classes], np.int32)
    return _Listing(root, relative_paths, labels, len(names))
