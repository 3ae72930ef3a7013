"""Adversarial losses by name: for each, what the discriminator minimises and what the generator minimises.

Logits are the discriminator's raw outputs, high for real; any floating dtype is computed in float32. Every loss is a
mean over all elements, so the two batches may differ in size, and NaN in any logit makes the loss NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from autogan_tf.config.errors import UserError


def _float32(logits: tf.Tensor) -> tf.Tensor:
    return tf.cast(logits, tf.float32)


def hinge_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """mean(max(0, 1 - real)) + mean(max(0, 1 + fake)): logits [N, 1] each -> float32 scalar.

    Lim and Ye 2017; Miyato et al. 2018. AutoGAN trains with it (paper section 4).
    """
    return tf.reduce_mean(tf.nn.relu(1.0 - _float32(real_logits))) + tf.reduce_mean(
        tf.nn.relu(1.0 + _float32(fake_logits))
    )


def hinge_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(fake): logits [N, 1] -> float32 scalar."""
    return -tf.reduce_mean(_float32(fake_logits))


def non_saturating_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(log sigmoid(real)) - mean(log(1 - sigmoid(fake))): logits [N, 1] each -> float32 scalar.

    Goodfellow et al. 2014, equation 1, as softplus(-real) + softplus(fake), which does not overflow. No label smoothing
    (TF-GAN's `modified_discriminator_loss` smooths by 0.25 unless told not to).
    """
    return tf.reduce_mean(tf.nn.softplus(-_float32(real_logits))) + tf.reduce_mean(
        tf.nn.softplus(_float32(fake_logits))
    )


def non_saturating_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(log sigmoid(fake)): logits [N, 1] -> float32 scalar. Goodfellow et al. 2014, section 3."""
    return tf.reduce_mean(tf.nn.softplus(-_float32(fake_logits)))


def least_squares_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """mean((real - 1)^2) / 2 + mean(fake^2) / 2: logits [N, 1] each -> float32 scalar.

    Mao et al. 2017, equation 9: targets 1 for real and 0 for fake, and the factor 1/2, as in TF-GAN.
    """
    return tf.reduce_mean((_float32(real_logits) - 1.0) ** 2) / 2.0 + tf.reduce_mean(_float32(fake_logits) ** 2) / 2.0


def least_squares_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """mean((fake - 1)^2) / 2: logits [N, 1] -> float32 scalar. Mao et al. 2017, equation 9, factor as in TF-GAN."""
    return tf.reduce_mean((_float32(fake_logits) - 1.0) ** 2) / 2.0


def wasserstein_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """mean(fake) - mean(real): logits [N, 1] each -> float32 scalar.

    Arjovsky et al. 2017, equation 3. It has no lower bound of its own: the discriminator's slope must be held by
    clipped weights, a gradient penalty or spectral norm.
    """
    return tf.reduce_mean(_float32(fake_logits)) - tf.reduce_mean(_float32(real_logits))


def wasserstein_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(fake): logits [N, 1] -> float32 scalar. Arjovsky et al. 2017."""
    return -tf.reduce_mean(_float32(fake_logits))


@dataclass(frozen=True)
class AdversarialLoss:
    """A pair of losses.

    Attributes:
      name: what `by_name` finds it under.
      discriminator: (real_logits, fake_logits) -> float32 scalar.
      generator: (fake_logits) -> float32 scalar.
    """

    name: str
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]


LOSSES: dict[str, AdversarialLoss] = {
    loss.name: loss
    for loss in (
        AdversarialLoss("hinge", hinge_discriminator_loss, hinge_generator_loss),
        AdversarialLoss("non_saturating", non_saturating_discriminator_loss, non_saturating_generator_loss),
        AdversarialLoss("least_squares", least_squares_discriminator_loss, least_squares_generator_loss),
        AdversarialLoss("wasserstein", wasserstein_discriminator_loss, wasserstein_generator_loss),
    )
}


def by_name(name: str) -> AdversarialLoss:
    """The losses called `name`. Raises UserError (a ValueError) that lists the valid names."""
    if name not in LOSSES:
        raise UserError(f"there is no adversarial loss {name!r}; choose one of {', '.join(LOSSES)}")
    return LOSSES[name]
