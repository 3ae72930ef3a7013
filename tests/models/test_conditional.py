"""Conditional networks: a class's own gamma and beta in batch norm, its embedding in the discriminator's logit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models import initializers, layers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, generator_cost
from autogan_tf.search_space.genotype import Genotype

LABELS = tf.constant([2, 0, 2])
SIZES = {"gf_dim": 3, "latent_dim": 4, "channels": 1}
Z = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (3, 8, 8, 1)).astype(np.float32)


def drawn(network):
    initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    return network


def test_each_class_has_its_own_gamma_and_beta_by_hand():
    norm = layers.BatchNorm(1, "bn", num_classes=3)
    norm.gamma.assign([[2.0], [5.0], [3.0]])
    norm.beta.assign([[0.5], [9.0], [-1.0]])
    # values 1, 3, 2, 6: mean 3, biased variance (4 + 0 + 1 + 9) / 4 = 3.5
    x = np.array([1, 3, 2, 6], np.float32).reshape(2, 1, 2, 1)
    out = norm(x, layers.Pass(training=True, labels=tf.constant([0, 2])))
    standard = ((x - 3) / np.sqrt(3.5 + 1e-5)).reshape(2, 2)
    np.testing.assert_allclose(out[0, 0, :, 0], 2 * standard[0] + 0.5, rtol=1e-6)
    np.testing.assert_allclose(out[1, 0, :, 0], 3 * standard[1] - 1, rtol=1e-6)
    np.testing.assert_allclose(norm.moving_mean, [0.3], rtol=1e-6)  # the statistics are those of all classes
    later = norm(x, layers.Pass(labels=tf.constant([1, 1])))
    expected = 5 * (x - 0.3) / np.sqrt(norm.moving_variance.numpy() + 1e-5) + 9
    np.testing.assert_allclose(later, expected, rtol=1e-5)


def test_equal_classes_are_no_classes():
    plain, conditional = (
        drawn(Generator(Genotype.from_string("0 1 1 1"), num_classes=classes, **SIZES)) for classes in (0, 3)
    )
    for name, layer in conditional.named_layers().items():
        for variable, value in zip(layer.variables, plain.named_layers()[name].variables, strict=True):
            variable.assign(tf.broadcast_to(value, variable.shape))
    for training in (True, False):
        np.testing.assert_allclose(conditional(Z, LABELS, training=training), plain(Z, training=training), atol=1e-6)


@pytest.mark.parametrize("arch", ["0 1 1 1", "1 0 0 0", "0 2 2 1"])
def test_the_class_changes_the_image_of_every_architecture(arch):
    network = drawn(Generator(Genotype.from_string(arch), num_classes=3, **SIZES))
    assert not np.allclose(network(Z, LABELS), network(Z, tf.constant([1, 0, 2])))
    np.testing.assert_array_equal(network(Z, LABELS)[1:], network(Z, tf.constant([1, 0, 2]))[1:])
    cost = generator_cost(Genotype.from_string(arch), num_classes=3, **SIZES)
    assert cost.parameters == sum(np.prod(variable.shape) for variable in network.trainable_variables)


def test_the_projection_is_added_to_the_logit():
    network = drawn(Discriminator(num_cells=1, df_dim=5, channels=1, num_classes=3, spectral_norm=False))
    plain = Discriminator(num_cells=1, df_dim=5, channels=1, spectral_norm=False)
    for name, layer in plain.named_layers().items():
        for variable, value in zip(layer.variables, network.named_layers()[name].variables, strict=True):
            variable.assign(value)
    # a last layer that copies shows what it sees: the sums over the picture
    seen = []
    for place in range(5):
        plain.last_dense.kernel.assign(np.eye(5)[:, place : place + 1])
        seen.append(plain(IMAGES).numpy()[:, 0])
    features = np.stack(seen, axis=1)
    expected = features @ network.last_dense.kernel.numpy()
    expected += np.sum(network.embedding.kernel.numpy()[LABELS.numpy()] * features, axis=1, keepdims=True)
    np.testing.assert_allclose(network(IMAGES, labels=LABELS), expected, rtol=1e-5, atol=1e-5)


def test_the_embedding_is_normalised_with_the_rest():
    network = drawn(Discriminator(num_cells=1, df_dim=5, channels=1, num_classes=3))
    for _ in range(50):
        network(IMAGES, training=True, labels=LABELS)
    normalized = network.embedding.normalized_kernel(training=False)
    np.testing.assert_allclose(np.linalg.norm(normalized, ord=2), 1, rtol=1e-3)


def test_labels_belong_to_conditional_networks():
    generator = Generator(Genotype.from_string("0 1 1 1"), **SIZES)
    with pytest.raises(ValueError, match="a generator of 0 classes takes no labels"):
        generator(Z, LABELS)
    with pytest.raises(ValueError, match="a generator of 3 classes needs labels"):
        Generator(Genotype.from_string("0 1 1 1"), num_classes=3, **SIZES)(Z)
    with pytest.raises(ValueError, match="a discriminator of 0 classes takes no labels"):
        Discriminator(num_cells=1, df_dim=5, channels=1)(IMAGES, labels=LABELS)
    with pytest.raises(ValueError, match="a discriminator of 3 classes needs labels"):
        Discriminator(num_cells=1, df_dim=5, channels=1, num_classes=3)(IMAGES)


def test_a_class_s_gradients_are_summed_in_float32():
    """Sums over many pixels, of which bfloat16 would keep two or three digits."""
    norm = layers.BatchNorm(2, "bn", num_classes=1)
    x = np.random.default_rng(0).standard_normal((1, 64, 64, 2)).astype(np.float32)
    upstream = np.random.default_rng(1).integers(1, 9, x.shape).astype(np.float32)  # which bfloat16 holds exactly
    with tf.GradientTape() as tape:
        y = norm(tf.cast(x, tf.bfloat16), layers.Pass(labels=tf.constant([0])))
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * upstream)
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tape.gradient(loss, norm.beta), [upstream.sum(axis=(0, 1, 2))], rtol=1e-6)
