"""The discriminator's size, its stages, and its function against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models import initializers
from autogan_tf.models.discriminator import Discriminator, downsample, minibatch_deviation


def drawn(**sizes) -> Discriminator:
    network = Discriminator(**sizes)
    initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(0, "test"))
    return network


def test_the_published_size():
    network = Discriminator(num_cells=3, df_dim=128, channels=3)
    assert sum(int(tf.size(variable)) for variable in network.trainable_variables) == 1_053_824


def test_the_published_layers():
    assert list(Discriminator(num_cells=3, df_dim=2).named_layers()) == [
        *("block1.c1", "block1.c2", "block1.c_sc", "block2.c1", "block2.c2", "block2.c_sc"),
        *("block3.c1", "block3.c2", "block4.c1", "block4.c2", "l5"),
    ]


def test_pooling_by_hand():
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)  # 0 1 2 3 / 4 5 6 7
    np.testing.assert_array_equal(downsample(x)[0, :, :, 0], [[(0 + 1 + 4 + 5) / 4, (2 + 3 + 6 + 7) / 4]])


@pytest.mark.parametrize(("num_cells", "bottom_width", "channels"), [(1, 4, 1), (2, 6, 3), (3, 4, 3), (4, 4, 1)])
def test_every_stage_looks_at_images_of_its_size_with_its_blocks(num_cells, bottom_width, channels):
    network = drawn(num_cells=num_cells, df_dim=3, channels=channels)
    for stage in range(num_cells):
        side = bottom_width * 2 ** (stage + 1)
        images = np.random.default_rng(stage).standard_normal((2, side, side, channels)).astype(np.float32)
        with tf.GradientTape() as tape:
            logits = network(images, stage=stage)
        assert logits.shape == (2, 1)
        gradients = tape.gradient(logits, network.trainable_variables)
        used = {v.name for v, g in zip(network.trainable_variables, gradients, strict=True) if g is not None}
        expected = [*network.blocks[: stage + 1], network.last_block, network.last_dense]
        assert used == {variable.name for block in expected for variable in block.trainable_variables}


def test_the_last_stage_is_the_default_and_others_can_be_set():
    images = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype(np.float32)
    network = drawn(num_cells=2, df_dim=3)
    np.testing.assert_array_equal(network(images), network(images, stage=1))
    np.testing.assert_array_equal(network(images, stage=0), drawn(num_cells=2, df_dim=3, stage=0)(images))


def test_global_pooling_is_a_sum():
    """An image tiled twice in both directions has about four times the logit, far from the borders' influence: with
    1x1 kernels there is none."""
    network = drawn(num_cells=1, df_dim=4)
    for layer in network.named_layers().values():
        if layer.kernel.shape[:2] == (3, 3):
            centre = np.zeros(layer.kernel.shape)
            centre[1, 1] = layer.kernel[1, 1]
            layer.kernel.assign(centre)
    images = np.random.default_rng(1).standard_normal((2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(network(np.tile(images, (1, 2, 2, 1))), 4 * network(images), rtol=1e-4)


def test_a_graph_computes_what_eager_execution_computes():
    network = drawn(num_cells=2, df_dim=3)
    images = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(tf.function(network)(images), network(images), atol=1e-5)


def test_every_call_in_training_iterates_once():
    network = drawn(num_cells=1, df_dim=3)
    images = np.zeros((1, 8, 8, 3), np.float32)
    before = network.last_dense.v.numpy()
    network(images)
    np.testing.assert_array_equal(network.last_dense.v, before)
    network(images, training=True)
    assert np.any(network.last_dense.v.numpy() != before)


def test_what_does_not_fit_is_refused_with_the_value():
    with pytest.raises(ValueError, match="num_cells=0"):
        Discriminator(num_cells=0)
    with pytest.raises(ValueError, match="stage must be from 0 to 1, got 2"):
        Discriminator(num_cells=2, df_dim=2)(np.zeros((1, 8, 8, 3), np.float32), stage=2)


def test_minibatch_deviation_by_hand():
    # two pixels of two images: deviations of (0, 2) and (1, 7) are 1 and 3, their mean 2
    x = np.array([[0, 1], [2, 7]], np.float32).reshape(2, 1, 2, 1)
    np.testing.assert_allclose(minibatch_deviation(x), 2.0, rtol=1e-6)
    assert float(minibatch_deviation(np.ones((3, 2, 2, 4), np.float32))) < 2e-4


def test_with_minibatch_deviation_the_logit_of_an_image_depends_on_its_neighbours():
    images = np.random.default_rng(0).standard_normal((4, 8, 8, 1)).astype(np.float32)
    plain, looking = (drawn(num_cells=1, df_dim=3, channels=1, minibatch_std=flag) for flag in (False, True))
    np.testing.assert_allclose(plain(images)[:2], plain(images[:2]), atol=1e-6)
    assert np.abs(looking(images)[:2] - looking(images[:2])).max() > 1e-4
    with tf.GradientTape() as tape:  # images that are all alike have a gradient, too
        alike = tf.Variable(np.repeat(images[:1], 4, axis=0))
        logits = tf.reduce_sum(looking(alike))
    assert np.isfinite(tape.gradient(logits, alike)).all()
