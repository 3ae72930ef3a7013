"""A feature network whose numbers can be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf


class MeanColour:
    """Features: the mean of each channel in [-1, 1]. Logits: 1,000 times one-hot of the brightest channel."""

    name, num_features, num_logits = "mean-colour", 3, 3

    def __init__(self, digest: str = "0123") -> None:
        self.digest = digest
        self.traces = 0

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self.traces += 1
        features = tf.reduce_mean(tf.cast(images, tf.float32) / 127.5 - 1, axis=[1, 2])
        return features, 1e3 * tf.one_hot(tf.argmax(features, axis=1), 3)


@pytest.fixture
def mean_colour():
    """The network's class: its argument is the digest."""
    return MeanColour


@pytest.fixture
def plain():
    """A function from colours [n, 3] to uint8 [n, 4, 4, 3], one plain image of each."""
    return lambda colours: np.tile(np.array(colours, np.uint8)[:, None, None, :], (1, 4, 4, 1))
