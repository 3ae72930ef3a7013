"""A set of images at hand, with what every source and every user of images needs: content key, parts, size checks."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files, image_store, seeds


@dataclasses.dataclass(frozen=True, eq=False)
class ImageData:
    """Images of one size, and their classes where these are known.

    Attributes:
      name: where they come from: 'cifar10', 'folder:photos', 'mnist5k'.
      images: uint8 [N, S, S, C] with C 1 or 3 and S the resolution that was asked for. In memory or, as a np.memmap,
        on the disk: whoever looks at all of them does so in blocks.
      labels: int32 [N], values 0..num_classes-1, or None.
      num_classes: 0 exactly when `labels` is None.
      split: which part of the source: 'train', 'labelled' or 'test', see `sources.load`.
      smallest_side: in pixels, of the images as they were found; less than S where images were enlarged. None: as S.
      enlarged: which images these were, in words, see `smaller_ones`; "" where none was.
      coloured: which images have colours where others are grey, in words, see `coloured_ones`; else "".
      files: the images' paths inside of the folder or zip file that they come from, [N]; None where they are no files.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    num_classes: int
    split: str
    smallest_side: int | None = None
    enlarged: str = ""
    coloured: str = ""
    files: Sequence[str] | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise ValueError(f"images must be uint8 [N, S, S, 1 or 3], got {images.dtype} {list(images.shape)}")
        if images.shape[1] != images.shape[2]:
            raise ValueError(f"images must be square, got {list(images.shape)}")
        if labels is not None and (labels.dtype != np.int32 or labels.shape != (len(images),)):
            raise ValueError(f"labels must be int32 [{len(images)}], got {labels.dtype} {list(labels.shape)}")
        if (self.num_classes == 0) != (labels is None):
            raise ValueError(f"num_classes must be 0 exactly when labels are None, got {self.num_classes}")
        if self.files is not None and len(self.files) != len(images):
            raise ValueError(f"files must name each of the {len(images)} images, got {len(self.files)} names")

    @property
    def resolution(self) -> int:
        """Side of the images in pixels."""
        return self.images.shape[1]

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.images.shape[3]

    def called(self, index: int) -> str:
        """What an image is called in messages: its file, else its position, as "image 17", counted from 0."""
        return f"image {index}" if self.files is None else self.files[index]

    def digest(self) -> str:
        """SHA-256 (64 hex digits) over shape, images, labels and number of classes: the key under which results that
        depend on nothing but this content may be cached. Names and split do not enter."""
        return self._digest

    @functools.cached_property
    def _digest(self) -> str:
        content = hashlib.sha256(f"{self.images.shape} {self.num_classes}".encode())
        for block in image_store.blocks(len(self.images), self.images[:1].nbytes):
            content.update(np.ascontiguousarray(self.images[block]).data)
        if self.labels is not None:
            content.update(np.ascontiguousarray(self.labels, dtype="<i4").data)
        return content.hexdigest()


def take(
    data: ImageData, indices: np.ndarray, split: str, *, store: image_store.ImageStore = image_store.IN_MEMORY
) -> ImageData:
    """The images at `indices` (integers [M] into N, in that order) as a split of their own; copies, kept in `store`."""
    images = store.allocate([len(indices), *data.images.shape[1:]])
    for block in image_store.blocks(len(indices), data.images[:1].nbytes):
        images[block] = data.images[indices[block]]
    labels = None if data.labels is None else data.labels[indices]
    files = None if data.files is None else [data.files[index] for index in indices]
    return dataclasses.replace(data, images=images, labels=labels, split=split, files=files)


def hold_out(
    data: ImageData, num_test: int, *, split: str, store: image_store.ImageStore = image_store.IN_MEMORY
) -> ImageData:
    """One part of data of which `num_test` images are held out, drawn the same way every time.

    Which images are held out belongs to the data, so no run's seed enters.

    Args:
      data: the whole.
      num_test: 1..N-1.
      split: 'test' for the held-out images, 'labelled' for the rest.
      store: keeps the result.

    Returns:
      The part, a copy, in the order of `data`.
    """
    if not 1 <= num_test < len(data.images):
        raise ValueError(f"num_test must lie in 1..{len(data.images) - 1}, got {num_test}")
    order = seeds.numpy_rng(0, "hold_out", len(data.images)).permutation(len(data.images))
    chosen = order[:num_test] if split == "test" else order[num_test:]
    return take(data, np.sort(chosen), split, store=store)


def require_at_least(data: ImageData, batch_size: int, flag_name: str) -> None:
    """Raises UserError if `data` has fewer images than one batch of `batch_size`, which the flag `flag_name` set."""
    num_images = len(data.images)
    if num_images < batch_size:
        raise UserError(
            f"data set {data.name} has {num_images} images in its {data.split} split, fewer than one batch: "
            f"--{flag_name}={batch_size}. Give --{flag_name} a value of at most {num_images}, or more images."
        )


def smaller_ones(sides: np.ndarray, resolution: int, *, name_of: Callable[[int], str]) -> str:
    """Which images are smaller than `resolution`: their number and up to ten names with sizes; "" where none is.

    Args:
      sides: integers [N], in pixels.
      resolution: that they should have at least.
      name_of: index -> what the image is called.
    """
    (smaller,) = np.nonzero(sides < resolution)
    if not len(smaller):
        return ""
    first = {name_of(int(index)): f"{sides[index]} pixels" for index in smaller[: image_files.MAX_NAMED]}
    return f"{len(smaller):,} of {len(sides):,}: {image_files.named(first, of=len(smaller))}"


def coloured_ones(names: Sequence[str], *, of: int) -> str:
    """Which of a mixture's `of` images have colours: their number and up to ten names; "" where all or none have."""
    if not 0 < len(names) < of:
        return ""
    return f"{len(names):,} of its {of:,} images are in colour: {image_files.listed(names)}"


def warn_if_enlarged(data: ImageData) -> None:
    """Logs one warning if images had to be enlarged: legitimate, but the result holds no detail of that size."""
    if data.smallest_side is not None and data.smallest_side < data.resolution:
        logging.warning(
            "data set %s: images of fewer than %d pixels (the smallest has %d) were enlarged, %s",
            data.name, data.resolution, data.smallest_side, data.enlarged,
        )  # fmt: skip


def some_of(images: np.ndarray, *, seed: int, number: int = 100) -> np.ndarray:
    """`number` different images to look at, drawn with `seed`; all of them where there are fewer. uint8 [n, S, S, C]"""
    picked = seeds.numpy_rng(seed, "images_to_look_at").permutation(len(images))[:number]
    return np.stack([images[index] for index in picked])
