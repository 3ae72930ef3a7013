"""From an array of images to training batches: stage sizes, the scale [-1, 1], and an order that is a pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from autogan_tf.data import image_store, read_ahead, seeds

# TensorFlow's public `index_shuffle` uses 4 rounds of its cipher. From about 16,000 images on that is visibly not
# random: over 50,000 indices neighbours two apart are correlated at 40 standard errors, and classes are spread too
# evenly over the batches of a class-sorted data set. With 8 rounds all of this is gone, for a few microseconds a batch.
_SHUFFLE_ROUNDS = 8
IMAGE_ORDER = "image_order"  # what the order of images is drawn for, unless it is told
_RESIZE_BLOCK_BYTES = 16 * 1024 * 1024


def reduce(
    images: np.ndarray, size: int, *, store: image_store.ImageStore = image_store.IN_MEMORY
) -> np.ndarray:
    """Whole images at a smaller size: bilinear (triangle filter) with antialiasing, rounded to the nearest level.

    Args:
      images: uint8 [N, S, S, C].
      size: side of the result, 1 <= size <= S.
      store: keeps the result.

    Returns:
      uint8 [N, size, size, C]; `images` itself if that is its size already.

    Raises:
      ValueError: another dtype or rank, images that are not square, or a size out of range.
    """
    side = _square_side(images)
    if not 1 <= size <= side:
        raise ValueError(f"size must lie in 1..{side}, the side of the images to be reduced, got {size}")
    return resize(images, size, store=store)


def resize(
    images: np.ndarray, size: int, *, store: image_store.ImageStore = image_store.IN_MEMORY
) -> np.ndarray:
    """As `reduce`, but enlarges too (plain bilinear). Beyond the result it needs memory for one block of images."""
    side = _square_side(images)
    if size == side:
        return images
    num_images, channels = images.shape[0], images.shape[3]
    result = store.allocate([num_images, size, size, channels])
    block = max(1, _RESIZE_BLOCK_BYTES // (4 * max(side, size) ** 2 * channels))
    for start in range(0, num_images, block):
        stop = start + block
        resized = tf.image.resize(images[start:stop], [size, size], method="bilinear", antialias=True)
        result[start:stop] = tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 255.0)), tf.uint8).numpy()
    return result


def _square_side(images: np.ndarray) -> int:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images must be uint8 [N, S, S, C], got {images.dtype} {list(images.shape)}")
    return images.shape[1]


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """uint8 levels 0..255 -> float32 in [-1, 1], x / 127.5 - 1 to the last bit but one; any shape."""
    # In this form a level has the same bits everywhere: graphs replace the division by a product, XLA fuses a product
    # with a following sum, but the difference here is exact and the product comes last.
    return (tf.cast(images, tf.float32) - 127.5) * (1.0 / 127.5)


def to_uint8(images: tf.Tensor | np.ndarray, *, truncate: bool = False) -> tf.Tensor:
    """The inverse of `to_float`: [-1, 1] -> uint8 0..255, (x + 1) * 127.5 rounded to the nearest level (half to even).

    Values outside are clipped before the cast, which would wrap them around. NaN becomes 0. Any shape. With `truncate`
    the level below is taken instead of the nearest one, as the published implementation does before it scores images.
    """
    images = tf.cast(images, tf.float32)
    # the published implementation multiplies first, which rounds some levels to the other side of a whole number
    levels = tf.clip_by_value(images * 127.5 + 127.5 if truncate else (images + 1.0) * 127.5, 0.0, 255.0)
    # What a float NaN becomes as an integer depends on the processor.
    levels = tf.where(tf.math.is_nan(levels), tf.zeros_like(levels), levels)
    return tf.cast(levels if truncate else tf.round(levels), tf.uint8)


def batch_indices(
    *,
    seed: seeds.Seed,
    first_position: int | tf.Tensor,
    batch_size: int,
    num_images: int,
    purpose: str = IMAGE_ORDER,
) -> tf.Tensor:
    """The images of one batch, cut from an endless stream of permutations.

    Position p of the stream is image perm_e(p mod N) of epoch e = p div N; each epoch has a permutation of its own, so
    batches are always full and every image comes exactly once an epoch. Nothing is remembered between calls.

    Args:
      seed, purpose: which stream, see `seeds.stateless_seed`.
      first_position: position of the batch's first image, >= 0; Python integer or scalar integer tensor (int64).
      batch_size, num_images: Python integers >= 1. A batch may span several epochs.

    Returns:
      int64 [batch_size], values 0..num_images-1. On the host; call it outside of what XLA compiles.
    """
    if batch_size < 1 or num_images < 1:
        raise ValueError(f"batch_size and num_images must be at least 1, got {batch_size} and {num_images}")
    with tf.device("CPU:0"):
        positions = tf.cast(first_position, tf.int64) + tf.range(batch_size, dtype=tf.int64)
        epochs = positions // num_images
        first_epoch = epochs[0]
        # How many epochs a batch can touch is known while tracing; for N >= batch_size it is two.
        num_epochs = (batch_size - 1) // num_images + 2
        epoch_seeds = tf.stack([seeds.stateless_seed(seed, purpose, first_epoch + k) for k in range(num_epochs)])
        # The operation takes three words; the third is free, as in TensorFlow's own wrapper.
        epoch_seeds = tf.pad(epoch_seeds, [[0, 0], [1, 0]])
        return tf.raw_ops.RandomIndexShuffle(
            index=positions % num_images,
            seed=tf.gather(epoch_seeds, epochs - first_epoch),
            max_index=tf.constant(num_images - 1, tf.int64),
            rounds=_SHUFFLE_ROUNDS,
        )


Share: TypeAlias = Callable[[tf.Tensor], tf.Tensor]


def whole(rows: tf.Tensor) -> tf.Tensor:
    """The share of the only one."""
    return rows


class ImageStream:
    """Endless training batches as a function of the step alone.

    Args:
      images: uint8 [N, S, S, C]. Those in memory are copied to TensorFlow once; a `tf.function` that calls `batch`
        captures them by reference, its graph stays small. Those on the disk (see `image_store`) stay there: each batch
        is read when it is asked for or, where the steps go up by one, while the step before it is at work. The batches
        are the same. Reading is Python's work on the host; call `batch` outside of what XLA compiles.
      batch_size: images a batch.
      seed, purpose: which order, see `seeds.stateless_seed`; two streams with equal arguments give equal batches, so
        the same data at two sizes stay in step.
      labels: int32 [N] or None.
    """

    def __init__(
        self,
        *,
        images: np.ndarray,
        batch_size: int,
        seed: seeds.Seed,
        purpose: str = IMAGE_ORDER,
        labels: np.ndarray | None = None,
    ) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) < 1:
            raise ValueError(f"images must be uint8 [N >= 1, S, S, C], got {images.dtype} {list(images.shape)}")
        if labels is not None and labels.shape != (len(images),):
            raise ValueError(f"labels must have shape [{len(images)}], one for each image, got {list(labels.shape)}")
        self.num_images = len(images)
        self.batch_size = batch_size
        self._seed = seed
        self._purpose = purpose
        self._image_shape = images.shape[1:]
        self._images, self._on_disk = None, None
        if image_store.is_on_disk(images):
            self._on_disk = read_ahead.ReadAhead(images)
        else:
            with tf.device("CPU:0"):  # an accelerator gets the batches, and may be too small for all images
                self._images = tf.constant(images)
        self._labels = None if labels is None else tf.constant(labels, tf.int32)

    def indices(self, step: int | tf.Tensor) -> tf.Tensor:
        """int64 [batch_size]: which images batch number `step` (0, 1, ...; integer or scalar integer tensor) holds."""
        return batch_indices(
            seed=self._seed,
            first_position=tf.cast(step, tf.int64) * self.batch_size,
            batch_size=self.batch_size,
            num_images=self.num_images,
            purpose=self._purpose,
        )

    def batch(self, step: int | tf.Tensor, share: Share = whole) -> tf.Tensor:
        """float32 [batch_size, S, S, C] in [-1, 1]: batch number `step`, or the share of it that `share` cuts out."""
        upcoming = None if self._on_disk is None else share(self.indices(tf.cast(step, tf.int64) + 1))
        return to_float(self._gather(share(self.indices(step)), upcoming))

    def labels(self, step: int | tf.Tensor, share: Share = whole) -> tf.Tensor:
        """int32 [batch_size]: the labels of `batch(step, share)`. Raises ValueError if the stream has no labels."""
        return tf.gather(self._require_labels(), share(self.indices(step)))

    def drawn_labels(self, step: int | tf.Tensor, number: int) -> tf.Tensor:
        """int32 [number]: labels for generated images, in another order; each class as often as among the images."""
        indices = batch_indices(
            seed=self._seed,
            first_position=tf.cast(step, tf.int64) * number,
            batch_size=number,
            num_images=self.num_images,
            purpose=f"{self._purpose}/generated",
        )
        return tf.gather(self._require_labels(), indices)

    def _require_labels(self) -> tf.Tensor:
        if self._labels is None:
            raise ValueError("this stream has no labels; pass labels= when making it")
        return self._labels

    def _gather(self, indices: tf.Tensor, upcoming: tf.Tensor | None) -> tf.Tensor:
        """uint8 [n, S, S, C]: the images at `indices`, int64 [n]; those at `upcoming` are likely to be next."""
        with tf.device("CPU:0"):
            if self._on_disk is None:
                return tf.gather(self._images, indices)
            # Not stateful: what it gives depends on `indices` alone.
            images = tf.numpy_function(self._on_disk.read, [indices, upcoming], tf.uint8, stateful=False)
        return tf.ensure_shape(images, [*indices.shape, *self._image_shape])
