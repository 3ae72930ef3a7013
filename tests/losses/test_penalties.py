"""The gradient penalties: closed forms, TF-GAN's, and second derivatives through the real discriminator."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.features import tfgan
from autogan_tf.losses import penalties
from autogan_tf.losses.penalties import PENALTIES, r1, wgan_gp
from autogan_tf.models import initializers
from autogan_tf.models.discriminator import Discriminator


def images(seed: int, n: int = 3, side: int = 2, channels: int = 1) -> tf.Tensor:
    numbers = np.random.default_rng(seed).uniform(-1, 1, (n, side, side, channels))
    return tf.constant(numbers, tf.keras.backend.floatx())


def alphas(*values: float) -> tf.Tensor:
    return tf.reshape(tf.constant(values, tf.keras.backend.floatx()), [-1, 1, 1, 1])


def linear(weights):
    """Logit <w, x> of 2x2 grey images, whose gradient is w everywhere."""
    return lambda x: tf.reshape(x, [-1, 4]) @ tf.reshape(weights, [4, 1])


def test_a_linear_discriminator():
    w = tf.Variable([3.0, 0.0, 4.0, 0.0])  # |w| = 5
    with tf.GradientTape(persistent=True) as tape:
        steepness, size = wgan_gp(linear(w), images(0), images(1), alphas(0.1, 0.5, 0.9)), r1(linear(w), images(0))
    np.testing.assert_allclose(steepness, (5 - 1) ** 2, rtol=1e-6)
    np.testing.assert_allclose(size, 25.0, rtol=1e-6)
    # d (|w| - 1)^2 / dw = 2 (|w| - 1) w / |w|, and d |w|^2 / dw = 2 w
    np.testing.assert_allclose(tape.gradient(steepness, w), 2 * 4 * np.array([3, 0, 4, 0]) / 5, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(size, w), [6.0, 0.0, 8.0, 0.0], rtol=1e-6)


def test_a_quadratic_discriminator():
    """Logit a |x|^2 / 2: the gradient is a x, so each image counts by its own length."""
    a = tf.Variable(2.0)

    def quadratic(x):
        return a * tf.reduce_sum(x**2, axis=[1, 2, 3])[:, None] / 2

    real, fake = tf.fill([2, 2, 2, 1], 1.0), tf.fill([2, 2, 2, 1], -1.0)
    with tf.GradientTape(persistent=True) as tape:
        # real + alpha (fake - real) is 1 - 2 alpha everywhere: 1 and -0.5, of length 2 and 1, times a: 4 and 2
        steepness = wgan_gp(quadratic, real, fake, alphas(0.0, 0.75))
        size = r1(quadratic, tf.concat([real[:1], 3 * real[:1]], axis=0))  # lengths 2 and 6, times a: 4 and 12
    np.testing.assert_allclose(steepness, (3**2 + 1**2) / 2, rtol=1e-6)
    np.testing.assert_allclose(size, (4**2 + 12**2) / 2, rtol=1e-6)
    # d/da of mean((2a - 1)^2, (a - 1)^2) = mean(4 (2a - 1), 2 (a - 1)), and of mean(4 a^2, 36 a^2) = 40 a
    np.testing.assert_allclose(tape.gradient(steepness, a), (12 + 2) / 2, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(size, a), 80.0, rtol=1e-6)


def test_a_flat_discriminator_has_finite_gradients():
    w = tf.Variable(tf.zeros([4]))
    with tf.GradientTape() as tape:
        penalty = wgan_gp(linear(w), images(0), images(1), alphas(0.0, 0.5, 1.0))
    np.testing.assert_allclose(penalty, 1.0, rtol=1e-4)
    np.testing.assert_array_equal(tape.gradient(penalty, w), np.zeros(4))


def test_a_discriminator_that_ignores_images_is_an_error():
    with pytest.raises(ValueError, match="does not depend on its images"):
        r1(lambda x: tf.ones([3, 1]), images(0))


def test_alpha_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"\[N, 1, 1, 1\], got \[3\]"):
        wgan_gp(linear(tf.ones([4])), images(0), images(1), tf.ones([3]))


def test_nan_is_not_hidden():
    bad = tf.constant([np.nan, 0.0, 0.0, 0.0])
    assert np.isnan(wgan_gp(linear(bad), images(0), images(1), alphas(0.1, 0.5, 0.9)))
    assert np.isnan(r1(linear(bad), images(0)))


def drawn_discriminator() -> Discriminator:
    network = Discriminator(num_cells=2, df_dim=4, channels=3)
    initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(0, "test"))
    network(images(9, side=16, channels=3), training=True)  # u and v are no longer those of the draw
    return network


def frozen(network: Discriminator) -> penalties.Discriminate:
    return lambda x: network(x, training=False)


def test_equal_to_tfgan(monkeypatch):
    """TF-GAN draws alpha itself; here it is handed ours. Twice real plus once fake checks which end alpha means."""
    network = drawn_discriminator()
    real, fake, alpha = images(0, side=16, channels=3), images(1, side=16, channels=3), alphas(0.1, 0.5, 0.8)
    discriminate, losses_impl = frozen(network), tfgan.module("losses.losses_impl")
    with monkeypatch.context() as patch:
        patch.setattr(tf.random, "uniform", lambda shape: tf.reshape(alpha, shape))
        theirs = tf.function(
            lambda: losses_impl.wasserstein_gradient_penalty(real, fake, None, lambda x, _: discriminate(x), "scope")
        )()
    np.testing.assert_allclose(wgan_gp(discriminate, real, fake, alpha), theirs, rtol=1e-6)
    assert not np.isclose(wgan_gp(discriminate, fake, real, alpha), theirs, rtol=1e-3)


@pytest.fixture
def float64_network():
    """Networks and images in float64, for finite differences. Yields a network with the usual weights."""
    weights = drawn_discriminator().get_weights()
    tf.keras.backend.set_floatx("float64")
    network = Discriminator(num_cells=2, df_dim=4, channels=3, compute_dtype="float64")
    network.set_weights(weights)
    yield network
    tf.keras.backend.set_floatx("float32")


def penalty_and_gradients(network: Discriminator, name: str, *batch: tf.Tensor):
    with tf.GradientTape() as tape:
        penalty = PENALTIES[name].function(frozen(network), *batch)
    # biases of the last convolutions and the like have no second derivative; zero is what an optimizer would see
    return penalty, tape.gradient(penalty, network.trainable_variables, unconnected_gradients="zero")


def batch() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    return images(0, side=16, channels=3), images(1, side=16, channels=3), alphas(0.1, 0.5, 0.8)


@pytest.mark.parametrize("name", PENALTIES)
def test_the_weights_gradients_are_finite_differences(name, float64_network):
    """Through spectral norm and its sigma, pooled convolutions (stride 2, 4x4), mean pooling and rectifiers."""
    network = float64_network
    assert {variable.dtype for variable in network.variables} == {tf.float64}
    _, gradients = penalty_and_gradients(network, name, *batch())
    rng = np.random.default_rng(5)
    scale = np.sqrt(sum(np.sum(g.numpy() ** 2) for g in gradients))
    assert scale > 1e-3
    for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
        start, direction = variable.numpy(), rng.standard_normal(variable.shape)
        values = []
        for sign in (1, -1):
            variable.assign(start + sign * 1e-6 * direction)
            values.append(float(PENALTIES[name].function(frozen(network), *batch())))
        variable.assign(start)
        difference = (values[0] - values[1]) / 2e-6
        expected = float(np.sum(gradient.numpy() * direction))
        assert difference == pytest.approx(expected, rel=1e-5, abs=1e-6 * scale), variable.name


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", PENALTIES)
def test_graph_and_xla_agree_with_eager_mode(name, jit_compile):
    network = drawn_discriminator()
    power_iteration = [layer.u.numpy() for layer in network.named_layers().values()]
    penalty, gradients = penalty_and_gradients(network, name, *batch())
    compiled = tf.function(lambda *b: penalty_and_gradients(network, name, *b), jit_compile=jit_compile)
    other_penalty, others = compiled(*batch())
    np.testing.assert_allclose(other_penalty, penalty, rtol=1e-5)
    scale = float(tf.linalg.global_norm(gradients))
    for gradient, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(other, gradient, rtol=1e-4, atol=1e-5 * scale)
    after = [layer.u.numpy() for layer in network.named_layers().values()]
    np.testing.assert_equal(after, power_iteration)  # training=False left spectral norm alone


def test_by_name():
    assert penalties.by_name("wgan_gp").function is wgan_gp
    assert {p.name: (p.factor, p.default_weight) for p in PENALTIES.values()} == {"wgan_gp": (1, 10), "r1": (0.5, 10)}
    with pytest.raises(ValueError, match="'r2'.*wgan_gp, r1"):
        penalties.by_name("r2")


def test_the_registry_calls_r1_with_real_images_only():
    discriminate = linear(tf.constant([3.0, 0.0, 4.0, 0.0]))
    fakes = tf.fill([3, 2, 2, 1], np.nan)
    assert not penalties.by_name("r1").uses_fakes
    np.testing.assert_allclose(penalties.by_name("r1").function(discriminate, images(0), fakes, alphas(0.0)), 25.0)
