"""The hinge loss, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.losses.adversarial import hinge_discriminator_loss, hinge_generator_loss


def column(*values: float) -> tf.Tensor:
    return tf.constant(values, tf.float32)[:, None]


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        # real: (0 + 0.5 + 3) / 3; fake: (3 + 0.5 + 0) / 3
        ((2.0, 0.5, -2.0), (2.0, -0.5, -3.0), 7 / 3),
        ((1.0, 5.0), (-1.0, -5.0), 0.0),  # beyond both margins nothing is left
        ((0.0,), (0.0, 0.0), 2.0),  # undecided; batches may differ in size
    ],
)
def test_discriminator_loss(real, fake, expected):
    loss = hinge_discriminator_loss(column(*real), column(*fake))
    assert loss.shape == []
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_generator_loss():
    np.testing.assert_allclose(hinge_generator_loss(column(1.0, -4.0)), 1.5)


def test_gradients_stop_at_the_margin():
    real, fake = column(2.0, 0.0), column(-2.0, 0.0)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = hinge_discriminator_loss(real, fake)
    for_real, for_fake = tape.gradient(loss, [real, fake])
    np.testing.assert_allclose(for_real, [[0.0], [-0.5]])
    np.testing.assert_allclose(for_fake, [[0.0], [0.5]])


def test_nan_is_not_hidden():
    assert np.isnan(hinge_discriminator_loss(column(np.nan, 1.0), column(0.0)))
    assert np.isnan(hinge_discriminator_loss(column(1.0), column(np.nan, 0.0)))
    assert np.isnan(hinge_generator_loss(column(np.nan, 0.0)))
