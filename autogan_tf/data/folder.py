"""A folder or zip file of pictures as a data set, with or without classes."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from absl import logging

from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.data import dataset_json, decoded_cache, image_data, image_files, image_store, image_tree

PREFIX = "folder:"
_TEST_SHARE = 0.1
_FILES_AT_ONCE = 10_000

_Result = TypeVar("_Result")


class _Listing(NamedTuple):
    """What the names tell, and a file of labels: `labels` is int32 [N] or None, and `class_names` [] without labels.

    `labels_file` is the path of that file in the tree, or ""; `unused` names pictures in it that are not there.
    """

    tree: image_tree.ImageTree
    labels: np.ndarray | None
    class_names: list[str]
    labels_file: str
    unused: list[str]

    @property
    def name(self) -> str:
        return PREFIX + shown(self.tree.where.name)


def check_available(dataset: str) -> str:
    """Looks at names, and a file of labels, only; says in the log what is left out.

    Returns:
      How many images there are and which classes, in a line.

    Raises:
      UserError: as `load`, but for files that turn out to be unreadable.
    """
    listing = _list_files(dataset)
    left_out = image_tree.left_out(listing.tree, but=listing.labels_file)
    if left_out:
        logging.warning("data set %s: left out what is no image that is read: %s", listing.name, left_out)
    if listing.unused:
        logging.warning(
            "data set %s: %d files in %s are not there: %s",
            listing.name, len(listing.unused), listing.labels_file, image_files.listed(listing.unused),
        )  # fmt: skip
    found = f"data set {listing.name}: {len(listing.tree.images):,} images"
    if listing.labels is None:
        return f"{found} without classes"
    counts = np.bincount(listing.labels, minlength=len(listing.class_names))
    sizes = [f"{name} ({count:,})" for name, count in zip(listing.class_names, counts, strict=True)]
    classes = "class" if len(sizes) == 1 else "classes"
    of_file = f" of {listing.labels_file}" if listing.labels_file else ""
    return f"{found} in {len(sizes):,} {classes}{of_file}: {image_files.listed(sizes)}"


def load(
    *,
    dataset: str,
    resolution: int,
    split: str,
    warn_enlarged: bool = True,
    store: image_store.ImageStore = image_store.IN_MEMORY,
) -> image_data.ImageData:
    """All images of a folder or zip file, centre-cropped square and resized (bilinear; antialiased where it shrinks).

    Read is what ends in one of `image_files.EXTENSIONS`, in any case, whatever format it turns out to be in; of
    animations the first picture. Hidden files and folders, and those of operating systems (`@eaDir`), are skipped.
    The orientation is applied, transparent images are put on white, of 16 bits the upper 8 are kept. The result is
    grey (C = 1) only if every image is grey, otherwise RGB; a palette counts as colours, except in a GIF with greys
    alone.

    Labels are those of a file dataset.json, as in StyleGAN's data sets (see `dataset_json`). Without it, images in at
    least two subfolders get that subfolder's position among the sorted names as label (images deeper inside count for
    the same class). Images in the folder itself, or in one subfolder only, have no labels. In a zip file a folder that
    everything is in does not count. Images are ordered by their relative path in code point order, whatever the file
    system says.

    Args:
      dataset: 'folder:PATH'; a leading ~ is the home directory.
      resolution: side of the result.
      split: 'train' is everything; 'test' a fixed tenth of it (at least one image) and 'labelled' the rest.
      warn_enlarged: whether the log says so where images were enlarged; see `image_data.warn_if_enlarged`.
      store: keeps the images, and decoded ones for the next time, see `decoded_cache`.

    Returns:
      ImageData with uint8 [N, resolution, resolution, C] and the names of the files.

    Raises:
      UserError: the folder or zip file is missing, not readable or dangerous, has no images, has images both directly
        inside and in subfolders, has unreadable or truncated images (up to 10 are named, with their number) or labels
        that cannot be used, or is too small to be split.
    """
    listing = _list_files(dataset)
    data = decoded_cache.load_or_read(
        lambda: _read(dataset, listing, resolution, store),
        files=listing.tree.files(),
        content=listing.tree.content,
        part=f"folder {listing.tree.where}",
        resolution=resolution,
        store=store,
    )
    # The labels are read anew each time: they may be others than when the images were kept.
    data = dataclasses.replace(
        data, labels=listing.labels, num_classes=len(listing.class_names), files=listing.tree.images
    )
    if warn_enlarged:
        image_data.warn_if_enlarged(data)
    if split == "train":
        return data
    if len(data.images) < 2:
        raise UserError(f"--dataset={dataset}: 1 image cannot be split into a labelled and a test part.")
    return image_data.hold_out(data, max(1, int(len(data.images) * _TEST_SHARE)), split=split, store=store)


def _read(dataset: str, listing: _Listing, resolution: int, store: image_store.ImageStore) -> image_data.ImageData:
    tree = listing.tree
    names = tree.images
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, image_files.quiet():
        # The headers first: whether the result has one channel or three must be known before it can be allocated.
        headers = list(_mapped(pool, functools.partial(image_files.read_header, tree.open), names))
        coloured = [name for name, (header, _) in zip(names, headers, strict=True) if header and not header.grey]
        channels = 3 if coloured else 1
        images = store.allocate([len(names), resolution, resolution, channels])
        decode = functools.partial(image_files.decode_square_into, tree.open)
        results = list(_mapped(pool, decode, names, np.asarray(images)))
    bad = {name: reason for name, (_, reason) in zip(names, results, strict=True) if reason is not None}
    if bad:
        raise UserError(
            f"--dataset={dataset}: {len(bad)} of {len(names)} images cannot be read: {image_files.named(bad)}. "
            "Replace or remove these files."
        )
    sides = np.array([side for side, _ in results])
    return image_data.ImageData(
        name=listing.name,
        images=images,
        labels=listing.labels,
        num_classes=len(listing.class_names),
        split="train",
        smallest_side=int(sides.min()),
        enlarged=image_data.smaller_ones(sides, resolution, name_of=names.__getitem__),
        coloured=image_data.coloured_ones(coloured, of=len(names)),
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
    setting = f"--dataset={dataset}"
    tree = image_tree.open_tree(text, setting=setting)
    given = dataset_json.find(tree, setting=setting)
    if given is not None:
        class_names = [str(value) for value in range(given.num_classes)]
        return _Listing(tree, given.values, class_names, given.path, given.unused)
    paths = [path.removeprefix(tree.base) for path in tree.images]
    direct = [path for path in paths if "/" not in path]
    deeper = [path for path in paths if "/" in path]
    if direct and deeper:
        raise UserError(
            f"--dataset={dataset}: {len(direct)} images lie directly in {tree.where / tree.base} "
            f"({image_files.listed(direct)}) and {len(deeper)} in subfolders, which would be classes "
            f"({image_files.listed(deeper)}). Use one of the two layouts."
        )
    classes = [path.split("/", 1)[0] for path in deeper]
    names = sorted(set(classes))
    if len(names) < 2:
        return _Listing(tree, None, [], "", [])
    positions = {name: position for position, name in enumerate(names)}
    return _Listing(tree, np.array([positions[name] for name in classes], np.int32), names, "", [])
