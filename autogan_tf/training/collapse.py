"""Notices that a GAN has collapsed, because its losses stand still: the criterion of dynamic resetting (paper 3.4)."""

from __future__ import annotations

import tensorflow as tf


class CollapseDetector(tf.Module):
    """Windows of the newest discriminator and generator losses, kept and judged on the device.

    Collapse: the generator's window is full, and the standard deviation of either window is below the threshold.

    Args:
      window: losses in a full window (published: 500).
      threshold: standard deviation of the losses; 0 switches the detector off.
    """

    def __init__(self, *, window: int, threshold: float) -> None:
        super().__init__(name="collapse_detector")
        if window < 1 or threshold < 0:
            raise ValueError(f"window must be at least 1 and threshold at least 0, got {window} and {threshold}")
        self.window = window
        self.threshold = threshold
        self.losses = tf.Variable(tf.zeros([2, window]), trainable=False, name="losses")
        self.counts = tf.Variable(tf.zeros([2], tf.int64), trainable=False, name="counts")

    def _push(self, row: int, loss: tf.Tensor) -> None:
        self.losses.scatter_nd_update([[row, self.counts[row] % self.window]], [loss])
        self.counts.scatter_nd_add([[row]], [tf.constant(1, tf.int64)])

    def push_discriminator(self, loss: tf.Tensor) -> None:
        """Adds a discriminator loss, float32 scalar."""
        self._push(0, loss)

    def push_generator(self, loss: tf.Tensor) -> None:
        """Adds a generator loss, float32 scalar."""
        self._push(1, loss)

    def spread(self) -> tf.Tensor:
        """Standard deviation of the losses in each window (discriminator, generator): float32 [2]; 0 when empty."""
        filled = tf.minimum(self.counts, self.window)
        mask = tf.cast(tf.range(self.window, dtype=tf.int64)[None] < filled[:, None], tf.float32)
        number = tf.maximum(tf.cast(filled, tf.float32), 1.0)
        mean = tf.reduce_sum(self.losses * mask, axis=1) / number
        return tf.sqrt(tf.reduce_sum(mask * (self.losses - mean[:, None]) ** 2, axis=1) / number)

    def collapsed(self) -> tf.Tensor:
        """Boolean scalar."""
        return (self.counts[1] >= self.window) & tf.reduce_any(self.spread() < self.threshold)

    def clear(self) -> None:
        """Empties both windows."""
        self.counts.assign(tf.zeros_like(self.counts))
