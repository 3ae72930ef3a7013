"""Batches through a network: how often it is traced, and that networks which are not used any more are freed."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features.extraction import outputs_of


class Sums:
    """Features: the sum of each channel's levels, times a variable. Logits: their negatives."""

    name, digest, num_features, num_logits = "sums", "0", 3, 3

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = tf.Variable(factor)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self.shapes.append(tuple(images.shape))
        if images.shape[3] != 3:
            raise UserError(f"sums takes images of depth 3, got {images.shape}")
        features = self.factor * tf.reduce_sum(tf.cast(images, tf.float32), axis=[1, 2])
        return features, -features


def batch(number: int, side: int = 2) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (number, side, side, 3), np.uint8)


def test_each_larger_shape_is_traced_once_in_all_calls() -> None:
    network = Sums()
    batches = [batch(3), batch(2), batch(5), batch(0), batch(4)]
    for _ in range(7):
        outputs = list(outputs_of(batches, network))
        for images, (features, logits) in zip([b for b in batches if len(b)], outputs, strict=True):
            np.testing.assert_array_equal(features, images.sum(axis=(1, 2)))
            np.testing.assert_array_equal(logits, -features)
    assert network.shapes == [(3, 2, 2, 3), (5, 2, 2, 3)]
    list(outputs_of([batch(3, side=4)], network))
    assert network.shapes[2:] == [(3, 4, 4, 3)]


def test_two_networks_of_one_name_are_not_mixed_up() -> None:
    one, two = Sums(), Sums(2.0)
    (a,), (b,) = (list(outputs_of([batch(3)], network)) for network in (one, two))
    np.testing.assert_array_equal(2 * a[0], b[0])
    assert len(one.shapes) == len(two.shapes) == 1


def test_a_network_that_is_not_used_any_more_is_freed() -> None:
    network = Sums()
    list(outputs_of([batch(3)], network))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None


def test_a_network_made_for_the_call_alone_lives_as_long_as_it() -> None:
    assert len(list(outputs_of([batch(2), batch(3), batch(4)], Sums()))) == 3


def test_what_a_network_says_of_its_images_arrives_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^sums takes images of depth 3, got \(2, 4, 4, 1\)$"):
        list(outputs_of([np.zeros([2, 4, 4, 1], np.uint8)], Sums()))
    with pytest.raises(ValueError, match="uint8"):
        list(outputs_of([np.zeros([2, 4, 4, 3])], Sums()))


def test_the_next_batch_is_made_while_one_is_looked_at() -> None:
    made: list[int] = []
    second = threading.Event()

    def batches():
        for number in range(1, 4):
            if number == 2:
                second.set()
            made.append(number)
            yield batch(number)

    outputs = outputs_of(batches(), Sums())
    first = next(outputs)
    assert second.wait(10)  # nobody asked for it yet
    rest = list(outputs)
    assert made == [1, 2, 3]
    for number, (features, _) in enumerate([first, *rest], 1):
        np.testing.assert_array_equal(features, batch(number).sum(axis=(1, 2)))


def test_an_error_while_batches_are_made_comes_after_those_before_it() -> None:
    def batches():
        yield batch(1)
        raise UserError("the file is broken")

    outputs = outputs_of(batches(), Sums())
    next(outputs)
    with pytest.raises(UserError, match="the file is broken"):
        next(outputs)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("images")]


def test_nothing_is_made_any_more_when_nobody_looks() -> None:
    made: list[int] = []

    def batches():
        for number in range(1, 100):
            made.append(number)
            yield batch(1)

    outputs = outputs_of(batches(), Sums())
    next(outputs)
    outputs.close()
    assert len(made) <= 2 and not [t for t in threading.enumerate() if t.name.startswith("images")]
