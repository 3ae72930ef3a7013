"""The evaluator with a feature network whose numbers can be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.evaluator import evaluate_images, reference_statistics


class MeanColour:
    """Features: the mean of each channel in [-1, 1]. Logits: 1,000 times one-hot of the brightest channel."""

    name, digest, num_features, num_logits = "mean-colour", "0123", 3, 3

    def __init__(self) -> None:
        self.traces = 0

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self.traces += 1
        features = tf.reduce_mean(tf.cast(images, tf.float32) / 127.5 - 1, axis=[1, 2])
        return features, 1e3 * tf.one_hot(tf.argmax(features, axis=1), 3)


def plain(colours: list[list[int]]) -> np.ndarray:
    """uint8 [n, 4, 4, 3]: one image of each colour."""
    return np.tile(np.array(colours, np.uint8)[:, None, None, :], (1, 4, 4, 1))


RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]


def test_three_certain_classes_equally_often_score_three() -> None:
    result = evaluate_images([plain([RED, GREEN]), plain([BLUE])], MeanColour(), seed=5)
    assert result["inception_score"] == pytest.approx(3.0, rel=1e-12)
    assert result == {
        "inception_score": result["inception_score"],
        "inception_score_std": 0.0,
        "inception_score_splits": 1,
        "num_images": 3,
        "feature_network": "mean-colour/0123",
        "seed": 5,
    }


def test_distance_of_shifted_images_is_the_squared_shift() -> None:
    # The same images, each channel 51 levels (0.4 on the network's scale) brighter: equal covariances, 3 * 0.4^2.
    rng = np.random.default_rng(0)
    images = plain(rng.integers(0, 200, size=(20, 3)).tolist())
    network = MeanColour()
    reference = reference_statistics([images[:11], images[11:]], network, source="plain/train")
    result = evaluate_images([images + np.uint8(51)], network, reference)
    assert result["frechet_distance"] == pytest.approx(3 * 0.4**2, rel=1e-5)
    assert (result["reference"], result["reference_images"], result["num_images"]) == ("plain/train", 20, 20)


def test_batch_sizes_change_nothing_and_a_short_batch_costs_no_trace() -> None:
    images = plain(np.random.default_rng(1).integers(0, 256, size=(30, 3)).tolist())
    network = MeanColour()
    reference = reference_statistics([images[::-1]], network, source="r")
    whole = evaluate_images([images], network, reference)
    network.traces = 0
    ragged = evaluate_images([images[:8], images[8:16], images[16:23], images[23:23], images[23:]], network, reference)
    assert network.traces == 1
    assert ragged["num_images"] == 30
    for name in ("inception_score", "frechet_distance"):
        assert ragged[name] == pytest.approx(whole[name], rel=1e-10, abs=1e-12)


def test_several_splits_are_ordered() -> None:
    # One class in the first half, two in the second: scores 1 and 2.
    images = plain([RED, RED, GREEN, BLUE])
    result = evaluate_images([images], MeanColour(), splits=2)
    assert result["inception_score"] == pytest.approx(1.5, rel=1e-12)
    assert result["inception_score_std"] == pytest.approx(0.5, rel=1e-12)


def test_a_reference_of_another_network_is_refused_by_both_names() -> None:
    network, other = MeanColour(), MeanColour()
    other.digest = "9999"
    reference = reference_statistics([plain([RED, GREEN])], other, source="plain/train")
    with pytest.raises(UserError, match="mean-colour/9999.*mean-colour/0123"):
        evaluate_images([plain([RED, GREEN])], network, reference)


def test_too_few_images_and_wrong_arrays_are_refused() -> None:
    with pytest.raises(UserError, match="at least 2 images, got 1"):
        evaluate_images([plain([RED])], MeanColour())
    with pytest.raises(UserError, match="at least 4 images, got 2"):
        evaluate_images([plain([RED, BLUE])], MeanColour(), splits=4)
    with pytest.raises(ValueError, match="uint8"):
        evaluate_images([plain([RED, BLUE]).astype(np.float32)], MeanColour())
