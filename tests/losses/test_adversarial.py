"""The adversarial losses, worked by hand and beside TF-GAN's."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.features import tfgan
from autogan_tf.losses import adversarial
from autogan_tf.losses.adversarial import LOSSES, hinge_discriminator_loss


def column(*values: float, dtype: tf.DType = tf.float32) -> tf.Tensor:
    return tf.constant(values, dtype)[:, None]


LOG2, LOG3, LOG4 = math.log(2), math.log(3), math.log(4)


@pytest.mark.parametrize(
    ("name", "real", "fake", "expected"),
    [
        # real: (0 + 0.5 + 3) / 3; fake: (3 + 0.5 + 0) / 3
        ("hinge", (2.0, 0.5, -2.0), (2.0, -0.5, -3.0), 7 / 3),
        ("hinge", (1.0, 5.0), (-1.0, -5.0), 0.0),  # beyond both margins nothing is left
        ("hinge", (0.0,), (0.0, 0.0), 2.0),  # undecided; batches may differ in size
        ("non_saturating", (0.0,), (0.0, 0.0), 2 * LOG2),
        # sigmoid(log 3) = 3/4: real -log(3/4) and -log(1/4), fake -log(1/4)
        ("non_saturating", (LOG3, -LOG3), (LOG3,), (2 * LOG4 - LOG3) / 2 + LOG4),
        ("non_saturating", (-1000.0,), (1000.0,), 2000.0),  # no overflow where the sigmoid is 0
        ("least_squares", (1.0, 3.0), (0.0, -2.0, 1.0), (0 + 4) / 2 / 2 + (0 + 4 + 1) / 3 / 2),
        ("least_squares", (1.0, 1.0), (0.0,), 0.0),
        ("wasserstein", (2.0, 0.5, -2.0), (2.0, -3.0), -0.5 - 0.5 / 3),
    ],
)
def test_discriminator_losses(name, real, fake, expected):
    loss = LOSSES[name].discriminator(column(*real), column(*fake))
    assert loss.shape == [] and loss.dtype == tf.float32
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "fake", "expected"),
    [
        ("hinge", (1.0, -4.0), 1.5),
        ("non_saturating", (0.0,), LOG2),
        ("non_saturating", (LOG3, -LOG3), (2 * LOG4 - LOG3) / 2),
        ("non_saturating", (-1000.0,), 1000.0),
        ("least_squares", (1.0, -1.0, 4.0), (0 + 4 + 9) / 3 / 2),
        ("wasserstein", (1.0, -4.0), 1.5),
    ],
)
def test_generator_losses(name, fake, expected):
    loss = LOSSES[name].generator(column(*fake))
    assert loss.shape == [] and loss.dtype == tf.float32
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def gradients(loss, *logits: tf.Tensor) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(*logits)
    return [gradient.numpy()[:, 0] for gradient in tape.gradient(value, logits)]


def test_hinge_gradients_stop_at_the_margin():
    for_real, for_fake = gradients(hinge_discriminator_loss, column(2.0, 0.0), column(-2.0, 0.0))
    np.testing.assert_allclose(for_real, [0.0, -0.5])
    np.testing.assert_allclose(for_fake, [0.0, 0.5])


@pytest.mark.parametrize(
    ("name", "for_real", "for_fake", "for_generator"),
    [  # by the logits log 3 and -log 3, as real, as fake and as the generator's; every mean halves
        ("hinge", [0.0, -0.5], [0.5, 0.0], [-0.5, -0.5]),
        # sigmoid(x) - 1 for what should be real, sigmoid(x) for what should be fake
        ("non_saturating", [-0.125, -0.375], [0.375, 0.125], [-0.125, -0.375]),
        (
            "least_squares",
            [(LOG3 - 1) / 2, (-LOG3 - 1) / 2],
            [LOG3 / 2, -LOG3 / 2],
            [(LOG3 - 1) / 2, (-LOG3 - 1) / 2],
        ),
        ("wasserstein", [-0.5, -0.5], [0.5, 0.5], [-0.5, -0.5]),
    ],
)
def test_gradients(name, for_real, for_fake, for_generator):
    logits = column(LOG3, -LOG3)
    got = gradients(LOSSES[name].discriminator, logits, tf.identity(logits))
    np.testing.assert_allclose(got, [for_real, for_fake], rtol=1e-6)
    np.testing.assert_allclose(gradients(LOSSES[name].generator, logits), [for_generator], rtol=1e-6)


def test_a_lost_generator_still_gets_a_gradient_from_the_non_saturating_loss():
    np.testing.assert_allclose(gradients(LOSSES["non_saturating"].generator, column(-50.0)), [[-1.0]])


@pytest.mark.parametrize(
    ("name", "theirs", "options"),
    [
        ("hinge", "wasserstein_hinge", {}),
        ("non_saturating", "modified", {"label_smoothing": 0.0}),
        ("least_squares", "least_squares", {}),
        ("wasserstein", "wasserstein", {}),
    ],
)
def test_equal_to_tfgan(name, theirs, options):
    losses_impl = tfgan.module("losses.losses_impl")  # its `losses.wargs` lacks the hinge loss
    rng = np.random.default_rng(0)
    real, fake = (tf.constant(rng.normal(scale=3.0, size=(64, 1)), tf.float32) for _ in range(2))
    discriminator = getattr(losses_impl, f"{theirs}_discriminator_loss")(real, fake, **options)
    np.testing.assert_allclose(LOSSES[name].discriminator(real, fake), discriminator, rtol=1e-6)
    generator = getattr(losses_impl, f"{theirs}_generator_loss")(fake, **options)
    np.testing.assert_allclose(LOSSES[name].generator(fake), generator, rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_are_computed_in_float32(name, dtype):
    # 4096 logits of 100.25 sum past float16's range, and 1 + 100.25 is no bfloat16 number
    real, fake = tf.fill([4096, 1], tf.constant(-100.25, dtype)), tf.fill([4096, 1], tf.constant(100.25, dtype))
    pair = LOSSES[name]
    exact_real, exact_fake = tf.cast(real, tf.float32), tf.cast(fake, tf.float32)
    for got, exact in [
        (pair.discriminator(real, fake), pair.discriminator(exact_real, exact_fake)),
        (pair.generator(real), pair.generator(exact_real)),
    ]:
        assert got.dtype == tf.float32 and np.isfinite(got)
        assert got == exact


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_nan_is_not_hidden(name, jit_compile):
    """Also in the middle of a batch, where vector instructions work, and in graphs."""
    good, bad = tf.ones([1000, 1]), tf.tensor_scatter_nd_update(tf.ones([1000, 1]), [[500, 0]], [np.nan])

    @tf.function(jit_compile=jit_compile)
    def values(good, bad):
        pair = LOSSES[name]
        return pair.discriminator(bad, good), pair.discriminator(good, bad), pair.generator(bad)

    assert np.all(np.isnan(values(good, bad)))
    assert np.all(np.isnan(values.python_function(good, bad)))


def test_by_name():
    assert adversarial.by_name("hinge").discriminator is hinge_discriminator_loss
    assert all(adversarial.by_name(name).name == name for name in LOSSES)
    with pytest.raises(dataclasses.FrozenInstanceError):  # the same object is handed to everybody
        adversarial.by_name("hinge").name = "other"  # type: ignore[misc]
    with pytest.raises(ValueError, match="'hindge'.*hinge, non_saturating, least_squares, wasserstein"):
        adversarial.by_name("hindge")
