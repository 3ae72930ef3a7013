"""Augmentation on the device: mirror images, and differentiable augmentation for GANs on little data.

Differentiable augmentation (Zhao et al. 2020, arXiv 2006.10738) shows the discriminator only augmented images, real and
generated alike, and the generator's gradient passes through. What happens to an image is drawn first and applied after,
so that parameters drawn for a whole batch can be split over replicas with the images. Every function works in eager
mode, in `tf.function` and under XLA, with the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds

TRANSLATION_FRACTION = 8  # of the side: shifts up to a 1/8
CUTOUT_FRACTION = 2  # of the side: windows of 1/2


def draw_flips(seed: tf.Tensor, num_images: int | tf.Tensor) -> tf.Tensor:
    """bool [N], each True with probability 1/2; seed int32 [2], of `seeds.stateless_seed`."""
    return seeds.unit(seed, [num_images]) < 0.5


def flip(images: tf.Tensor, flips: tf.Tensor) -> tf.Tensor:
    """Images [N, H, W, C] of any dtype, mirrored left to right where `flips` (bool [N]) says so."""
    return tf.where(flips[:, None, None, None], tf.reverse(images, axis=[2]), images)


class Parameters(NamedTuple):
    """What differentiable augmentation does to each of N images; every field has shape [N].

    A nest: `tf.nest.map_structure(lambda p: p[start:stop], parameters)` belongs to `images[start:stop]`.

    Attributes:
      brightness: float32, uniform in [-0.5, 0.5), added.
      saturation: float32, uniform in [0, 2), times each pixel's distance from the mean of its channels.
      contrast: float32, uniform in [0.5, 1.5), times each value's distance from the mean of its image.
      shift_y, shift_x: int32, uniform over -(S // 8) .. S // 8, pixels down and to the right.
      center_y, center_x: int32, uniform over 0 .. S (S - 1 if S // 2 is odd); the cut window covers rows (columns)
        center - w // 2 to center - w // 2 + w - 1, with w = S // 2, as far as they lie in the image.
    """

    brightness: tf.Tensor
    saturation: tf.Tensor
    contrast: tf.Tensor
    shift_y: tf.Tensor
    shift_x: tf.Tensor
    center_y: tf.Tensor
    center_x: tf.Tensor


def draw_parameters(seed: tf.Tensor, num_images: int | tf.Tensor, height: int, width: int) -> Parameters:
    """One image's parameters are independent of the others'; the ranges are those of the paper's code.

    Args:
      seed: int32 [2], of `seeds.stateless_seed`. Equal seeds give equal parameters, whatever the policy.
      num_images: N. Draws of another N need not begin with the same numbers.
      height, width: of the images.
    """
    # One draw for everything: a seed of its own for each field would need a fold-in, and would save nothing.
    numbers = tf.unstack(seeds.unit(seed, [num_images, len(Parameters._fields)]), axis=1)

    def whole(number: tf.Tensor, count: int) -> tf.Tensor:
        """[0, 1) -> 0 .. count - 1. Numbers end at 1 - 2^-24, whose product rounds to less than `count`."""
        return tf.cast(tf.floor(number * float(count)), tf.int32)

    def shift(number: tf.Tensor, side: int) -> tf.Tensor:
        largest = side // TRANSLATION_FRACTION
        return whole(number, 2 * largest + 1) - largest

    def center(number: tf.Tensor, side: int) -> tf.Tensor:
        # a window of even size has its centre between two pixels, one place more than there are pixels
        return whole(number, side + 1 - (side // CUTOUT_FRACTION) % 2)

    return Parameters(
        brightness=numbers[0] - 0.5,
        saturation=numbers[1] * 2.0,
        contrast=numbers[2] + 0.5,
        shift_y=shift(numbers[3], height),
        shift_x=shift(numbers[4], width),
        center_y=center(numbers[5], height),
        center_x=center(numbers[6], width),
    )


def color(images: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Brightness, saturation, contrast, in this order. Values may leave [-1, 1]; grey images have no saturation."""
    brightness, saturation, contrast = (p[:, None, None, None] for p in parameters[:3])
    images = images + brightness
    if images.shape[3] != 1:
        grey = tf.reduce_mean(images, axis=3, keepdims=True)
        images = (images - grey) * saturation + grey
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * contrast + mean


def translation(images: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Whole pixels down and to the right; what is uncovered is 0, mid-grey."""
    height, width = images.shape[1:3]

    def sources(shift: tf.Tensor, side: int) -> tf.Tensor:
        """int32 [N, side]: where each row comes from in the padded image; the padding is rows 0 and side + 1."""
        return tf.clip_by_value(tf.range(1, side + 1)[None, :] - shift[:, None], 0, side + 1)

    images = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    images = tf.gather(images, sources(parameters.shift_y, height), axis=1, batch_dims=1)
    return tf.gather(images, sources(parameters.shift_x, width), axis=2, batch_dims=1)


def cutout(images: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """A window of half the side becomes 0, mid-grey; its centre lies anywhere, so that a part may lie outside."""

    def outside(center: tf.Tensor, side: int) -> tf.Tensor:
        size = side // CUTOUT_FRACTION
        first = center[:, None] - size // 2
        places = tf.range(side)[None, :]
        return (places < first) | (places >= first + size)

    rows = outside(parameters.center_y, images.shape[1])[:, :, None]
    columns = outside(parameters.center_x, images.shape[2])[:, None, :]
    return images * tf.cast(rows | columns, images.dtype)[:, :, :, None]


AUGMENTATIONS = {"color": color, "translation": translation, "cutout": cutout}


def check_policy(policy: Sequence[str]) -> None:
    """Raises UserError (a ValueError) for names that are not in `AUGMENTATIONS`, and for one that comes twice."""
    for name in policy:
        if name not in AUGMENTATIONS:
            raise UserError(f"there is no augmentation {name!r}; choose among {', '.join(AUGMENTATIONS)}")
    if len(set(policy)) != len(policy):
        raise UserError(f"each augmentation may be named once, got {', '.join(policy)}")


def augment(images: tf.Tensor, parameters: Parameters, policy: Sequence[str]) -> tf.Tensor:
    """Applies drawn parameters. Real and generated images with the same ones are treated alike, image by image.

    Args:
      images: [N, H, W, C] of a floating dtype in [-1, 1], static H, W and C; computed in float32.
      parameters: of `draw_parameters`, for as many images of this size.
      policy: names from `AUGMENTATIONS`, applied in this order; none leaves the images as they are.

    Returns:
      float32 [N, H, W, C], affine in `images`, differentiable any number of times.

    Raises:
      ValueError: another dtype or rank.
      UserError: `policy` holds an unknown name, or one twice.
    """
    check_policy(policy)
    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating or images.shape.rank != 4:
        raise ValueError(f"images must be floating [N, H, W, C], got {images.dtype.name} {images.shape}; use to_float")
    images = tf.cast(images, tf.float32)
    for name in policy:
        images = AUGMENTATIONS[name](images, parameters)
    return images
