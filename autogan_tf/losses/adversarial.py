"""The hinge loss (Lim and Ye 2017; Miyato et al. 2018), which AutoGAN trains with (paper section 4)."""

from __future__ import annotations

import tensorflow as tf


def hinge_discriminator_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """mean(max(0, 1 - real)) + mean(max(0, 1 + fake)): float32 logits [N, 1] each -> scalar."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real_logits)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_logits))


def hinge_generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(fake): float32 logits [N, 1] -> scalar."""
    return -tf.reduce_mean(fake_logits)
