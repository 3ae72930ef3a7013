"""Gradient penalties by name: how steep the discriminator may be in its images.

A penalty differentiates the discriminator by the images, and a training step differentiates that again by the weights;
both work in eager mode, in `tf.function` and under XLA. `discriminate` maps images [N, S, S, C] to logits [N, 1] and
must treat each image by itself: the gradient of the summed logits is read as one gradient an image, which is wrong for
batch norm or minibatch standard deviation. It is called once. Bind training=False to leave spectral norms as they are.

The functions return the bare penalty; the weight is the caller's. In a training step:

    chosen = penalties.by_name("r1")
    loss += chosen.factor * weight * chosen.function(discriminate, real_images, fake_images, alpha)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from autogan_tf.config.errors import UserError

Discriminate: TypeAlias = Callable[[tf.Tensor], tf.Tensor]

# The square root has no finite slope at 0. TF-GAN's value: a norm of 0 becomes 1e-5, a norm of 1 stays to the last bit.
_NORM_EPSILON = 1e-10


def _squared_gradient_norms(discriminate: Discriminate, images: tf.Tensor) -> tf.Tensor:
    """[N, S, S, C] -> [N]: the squared Euclidean norm of each image's gradient of its own logit."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        logits = discriminate(images)
    gradients = tape.gradient(logits, images)
    if gradients is None:
        raise ValueError("discriminate does not depend on its images: its logits have no gradient by them")
    return tf.reduce_sum(gradients**2, axis=[1, 2, 3])


def wgan_gp(discriminate: Discriminate, real_images: tf.Tensor, fake_images: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
    """mean((|gradient| - 1)^2) at points between real and generated images.

    Gulrajani et al. 2017, equation 3; the paper's weight is 10. The points are real + alpha (fake - real).

    Args:
      discriminate: see the top of this file.
      real_images, fake_images: float32 [N, S, S, C].
      alpha: float32 [N, 1, 1, 1], uniform in [0, 1), one number an image.

    Returns:
      Scalar of the images' dtype.

    Raises:
      ValueError: alpha has another shape, or the logits do not depend on the images.
    """
    if alpha.shape.rank != 4 or any(size != 1 for size in alpha.shape[1:]):
        raise ValueError(f"alpha must be one number an image, shape [N, 1, 1, 1], got {list(alpha.shape)}")
    between = real_images + alpha * (fake_images - real_images)
    norms = tf.sqrt(_squared_gradient_norms(discriminate, between) + _NORM_EPSILON)
    return tf.reduce_mean((norms - 1.0) ** 2)


def r1(discriminate: Discriminate, real_images: tf.Tensor) -> tf.Tensor:
    """mean(|gradient|^2) at the real images: float32 [N, S, S, C] -> scalar of the images' dtype.

    Mescheder et al. 2018, equation 9, without its factor gamma / 2, which the caller applies; their gamma is 10.
    """
    return tf.reduce_mean(_squared_gradient_norms(discriminate, tf.convert_to_tensor(real_images)))


def _r1_of_both(
    discriminate: Discriminate, real_images: tf.Tensor, fake_images: tf.Tensor, alpha: tf.Tensor
) -> tf.Tensor:
    return r1(discriminate, real_images)


@dataclass(frozen=True)
class GradientPenalty:
    """A penalty that adds `factor * weight * function(...)` to the discriminator's loss.

    Attributes:
      name: what `by_name` finds it under.
      function: (discriminate, real_images, fake_images, alpha) -> scalar; what a penalty does not need it ignores.
      factor: what the paper writes before the weight: 1 for WGAN-GP's lambda, 1/2 for R1's gamma.
      default_weight: the paper's weight.
      uses_fakes: whether `fake_images` and `alpha` matter.
    """

    name: str
    function: Callable[[Discriminate, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
    factor: float
    default_weight: float
    uses_fakes: bool


PENALTIES: dict[str, GradientPenalty] = {
    penalty.name: penalty
    for penalty in (
        GradientPenalty("wgan_gp", wgan_gp, factor=1.0, default_weight=10.0, uses_fakes=True),
        GradientPenalty("r1", _r1_of_both, factor=0.5, default_weight=10.0, uses_fakes=False),
    )
}


def by_name(name: str) -> GradientPenalty:
    """The penalty called `name`. Raises UserError (a ValueError) that lists the valid names."""
    if name not in PENALTIES:
        raise UserError(f"there is no gradient penalty {name!r}; choose one of {', '.join(PENALTIES)}")
    return PENALTIES[name]
