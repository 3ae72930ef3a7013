"""The moving average of the weights, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.models.generator import Generator
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.averaging import WeightAverage


def networks(value: float) -> tuple[Generator, Generator]:
    """Two generators with batch norm; all weights and statistics of the first are `value`, of the second 100."""
    pair = [Generator(Genotype.from_string("0 1 1 0"), gf_dim=2, latent_dim=2) for _ in range(2)]
    for network, number in zip(pair, (value, 100.0), strict=True):
        fill(network, number)
    return pair[0], pair[1]


def fill(network: Generator, value: float) -> None:
    for variable in network.variables:
        variable.assign(tf.fill(variable.shape, value))


def assert_all(variables, expected: float) -> None:
    assert variables
    for variable in variables:
        np.testing.assert_allclose(variable, np.full(variable.shape, expected), rtol=1e-5)


def test_it_starts_as_a_copy():
    source, average = networks(3.0)
    WeightAverage(source=source, average=average, decay=0.999)
    assert_all(average.variables, 3.0)


def test_the_warm_up_by_hand():
    source, average = networks(0.0)
    mean = WeightAverage(source=source, average=average, decay=0.999)
    fill(source, 1.0)
    # d = 1/10, 2/11, 3/12: distances to 1 are 1/10, then 2/110, then 6/1320
    for count, distance in enumerate([1 / 10, 2 / 110, 6 / 1320]):
        mean.update(tf.constant(count, tf.int64))
        assert_all(average.variables, 1 - distance)  # running statistics as well


def test_the_decay_is_the_upper_limit():
    source, average = networks(0.0)
    mean = WeightAverage(source=source, average=average, decay=0.5)
    fill(source, 1.0)
    mean.update(tf.constant(100, tf.int64))  # 101/110 would be more
    assert_all(average.variables, 0.5)
    mean.update(tf.constant(0, tf.int64))  # 1/10 is less
    assert_all(average.variables, 0.95)


def test_in_a_graph():
    source, average = networks(0.0)
    mean = WeightAverage(source=source, average=average, decay=0.999)
    fill(source, 1.0)
    tf.function(mean.update)(tf.constant(0, tf.int64))
    assert_all(average.variables, 0.9)


@pytest.mark.parametrize("warm_up", [False, True])
@pytest.mark.parametrize("average_statistics", [False, True])
def test_without_warm_up_and_with_copied_statistics(warm_up, average_statistics):
    source, average = networks(0.0)
    mean = WeightAverage(
        source=source, average=average, decay=0.7, warm_up=warm_up, average_statistics=average_statistics
    )
    fill(source, 1.0)
    mean.update(tf.constant(0, tf.int64))
    moved = 0.9 if warm_up else 0.3  # 1 - 1/10, or 1 - decay
    assert_all(average.trainable_variables, moved)
    assert_all(average.non_trainable_variables, moved if average_statistics else 1.0)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay):
    source, average = networks(0.0)
    with pytest.raises(ValueError, match=str(decay)):
        WeightAverage(source=source, average=average, decay=decay)


def test_singular_vectors_are_copied_so_that_turning_ones_keep_their_length():
    """By hand: vectors that turn by 90 degrees at every update; their running mean would be shorter than 1."""
    source, average = (
        Generator(Genotype.from_string("0 0 1 0"), gf_dim=2, latent_dim=2, spectral_norm=True) for _ in range(2)
    )
    mean = WeightAverage(source=source, average=average, decay=0.999)
    for count in range(20):
        for layer in source.named_layers().values():
            for vector in (layer.u, layer.v) if hasattr(layer, "u") else ():
                vector.assign(tf.one_hot(count % 2, vector.shape[0]))
        mean.update(tf.constant(count, tf.int64))
    layers = [layer for layer in average.named_layers().values() if hasattr(layer, "u")]
    assert len(layers) == 4  # l1, two convolutions and the last one
    for layer in layers:
        np.testing.assert_array_equal(layer.u, np.eye(layer.u.shape[0])[1])
        np.testing.assert_array_equal(layer.v, np.eye(layer.v.shape[0])[1])
