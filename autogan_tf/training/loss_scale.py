"""Loss scaling for float16: small gradients are lifted into its range, and steps that overflow are left out."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from autogan_tf.models import replicas

INITIAL = 2.0**15
GROWTH_STEPS = 2000  # steps without overflow after which the scale doubles
SMALLEST = 1.0


def for_precision(precision: str) -> tuple[LossScale, LossScale] | None:
    """The scales of a generator and a discriminator that compute in `--precision`; None where that needs none."""
    return (LossScale("g_loss_scale"), LossScale("d_loss_scale")) if precision == "mixed_float16" else None


class LossScale(tf.Module):
    """A dynamic scale: halved by each step that overflows, doubled after 2,000 that did not.

    Source: Micikevicius et al. 2018, arXiv 1710.03740, section 3.2; numbers as in tf.keras.mixed_precision.
    """

    def __init__(self, name: str = "loss_scale") -> None:
        super().__init__(name=name)
        self.scale = tf.Variable(INITIAL, name="scale", **replicas.OWN_COPY)
        self.good_steps = tf.Variable(0, name="good_steps", **replicas.OWN_COPY)

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """What to differentiate in place of the float32 scalar `loss`."""
        return loss * self.scale

    def unscaled(self, gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """The gradients of the loss itself."""
        return [None if gradient is None else gradient / self.scale for gradient in gradients]

    def update(self, finite: tf.Tensor) -> tf.Tensor:
        """After a step, of which `finite` (boolean scalar) says whether no gradient overflowed.

        Returns:
          Whether the gradients overflowed though the scale was the smallest: then it is the training that diverges.
        """
        diverges = ~finite & (self.scale <= SMALLEST)
        good = tf.where(finite, self.good_steps + 1, 0)
        grows = good >= GROWTH_STEPS
        scale = tf.where(finite, tf.where(grows, self.scale * 2.0, self.scale), tf.maximum(self.scale / 2.0, SMALLEST))
        self.scale.assign(tf.where(tf.math.is_finite(scale), scale, self.scale))
        self.good_steps.assign(tf.where(grows, 0, good))
        return diverges

    def reset(self) -> None:
        """As at the start."""
        self.scale.assign(INITIAL)
        self.good_steps.assign(0)
