"""The evaluator with a feature network whose numbers can be worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data.image_data import ImageData
from autogan_tf.metrics import reference
from autogan_tf.metrics.evaluator import METRICS, evaluate_images

RED, GREEN, BLUE = [255, 0, 0], [0, 255, 0], [0, 0, 255]
ENGINES = pytest.mark.parametrize("engine", ["fast", "tfgan"])


def real(images: np.ndarray, network, *, with_features: bool = True) -> reference.Reference:
    data = ImageData(name="plain", images=images, labels=None, num_classes=0, split="train")
    return reference.of_images(data, network, with_features=with_features)


def random_colours(number: int, seed: int, below: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, below, size=(number, 3))


@ENGINES
def test_three_certain_classes_equally_often_score_three(mean_colour, plain, engine) -> None:
    result = evaluate_images([plain([RED, GREEN]), plain([BLUE])], mean_colour(), seed=5, engine=engine)
    assert result["inception_score"] == pytest.approx(3.0, rel=1e-12)
    assert result == {
        "inception_score": result["inception_score"],
        "inception_score_std": 0.0,
        "inception_score_splits": 1,
        "num_images": 3,
        "feature_network": "mean-colour/0123",
        "seed": 5,
        "engine": engine,
    }


@ENGINES
def test_distance_of_shifted_images_is_the_squared_shift(mean_colour, plain, engine) -> None:
    # The same images, each channel 51 levels (0.4 on the network's scale) brighter: equal covariances, 3 * 0.4^2.
    images = plain(random_colours(20, 0, below=200))
    network = mean_colour()
    result = evaluate_images([images + np.uint8(51)], network, real(images, network), engine=engine)
    assert result["frechet_distance"] == pytest.approx(3 * 0.4**2, rel=1e-5)
    assert (result["reference"], result["reference_images"], result["num_images"]) == ("plain/train", 20, 20)
    assert result["reference_digest"] == real(images, network).statistics.digest


def test_batch_sizes_change_nothing_and_a_short_batch_costs_no_trace(mean_colour, plain) -> None:
    images = plain(random_colours(300, 1))
    network = mean_colour()
    against = real(images[::-1][:250], network)
    whole = evaluate_images([images], network, against, metrics=METRICS, engine="fast", seed=0)
    network.traces = 0
    parts = [images[:80], images[80:160], images[160:230], images[230:230], images[230:]]
    ragged = evaluate_images(parts, network, against, metrics=METRICS, engine="fast", seed=0)
    assert network.traces == 1
    assert ragged["num_images"] == 300 and ragged.keys() == whole.keys()
    for name, value in whole.items():
        if isinstance(value, float):
            assert ragged[name] == pytest.approx(value, rel=1e-10, abs=1e-12), name
        else:
            assert ragged[name] == value


def test_both_engines_agree(mean_colour, plain) -> None:
    network = mean_colour()
    against = real(plain(random_colours(2500, 2)), network)
    images = plain(random_colours(2100, 3, below=200))
    fast, tfgan = (
        evaluate_images([images], network, against, metrics=("is", "fid", "kid"), engine=engine)
        for engine in ("fast", "tfgan")
    )
    for name in ("inception_score", "frechet_distance", "kernel_distance", "kernel_distance_error"):
        assert fast[name] == pytest.approx(tfgan[name], rel=1e-9), name


def test_images_like_the_real_ones_and_images_unlike_them(mean_colour, plain) -> None:
    network = mean_colour()
    against = real(plain(random_colours(400, 2)), network)
    metrics = ("fid", "kid", "prdc", "fid_inf")
    alike, dark = (
        evaluate_images([plain(random_colours(400, 3, below))], network, against, metrics=metrics, engine="fast")
        for below in (256, 60)
    )
    for name in ("frechet_distance", "kernel_distance", "frechet_distance_infinity"):
        assert alike[name] < 0.1 * dark[name]
    for name in ("precision", "recall", "coverage"):
        assert alike[name] > 0.8
    assert dark["recall"] < 0.2 and dark["coverage"] < 0.2 and dark["prdc_images"] == 400


def test_copies_of_the_real_images_are_noticed(mean_colour, plain) -> None:
    network = mean_colour()
    colours = random_colours(300, 4)
    against = real(plain(colours), network)
    found = evaluate_images([plain(colours[:100])], network, against, metrics=("memorization",), engine="fast")
    fresh = evaluate_images([plain(random_colours(100, 5))], network, against, metrics=("memorization",), engine="fast")
    assert found["memorization"]["copies"] == 100 and found["memorization"]["share_closer"] == 1.0
    assert fresh["memorization"]["copies"] < 5 and fresh["memorization"]["share_closer"] < 0.1
    assert found["memorization"]["z_score"] < -10 < -5 < fresh["memorization"]["z_score"]


def test_several_splits_are_ordered(mean_colour, plain) -> None:
    # One class in the first half, two in the second: scores 1 and 2.
    result = evaluate_images([plain([RED, RED, GREEN, BLUE])], mean_colour(), splits=2)
    assert result["inception_score"] == pytest.approx(1.5, rel=1e-12)
    assert result["inception_score_std"] == pytest.approx(0.5, rel=1e-12)


def test_a_reference_of_another_network_is_refused_by_both_names(mean_colour, plain) -> None:
    against = real(plain([RED, GREEN]), mean_colour("9999"))
    with pytest.raises(UserError, match="mean-colour/9999.*mean-colour/0123"):
        evaluate_images([plain([RED, GREEN])], mean_colour(), against)


def test_too_few_images_and_wrong_arrays_are_refused(mean_colour, plain) -> None:
    with pytest.raises(UserError, match="at least 2 images, got 1"):
        evaluate_images([plain([RED])], mean_colour())
    with pytest.raises(UserError, match="at least 4 images, got 2"):
        evaluate_images([plain([RED, BLUE])], mean_colour(), splits=4)
    with pytest.raises(ValueError, match="uint8"):
        evaluate_images([plain([RED, BLUE]).astype(np.float32)], mean_colour())


def test_a_second_evaluation_of_the_same_shapes_costs_no_trace(mean_colour, plain) -> None:
    network = mean_colour()
    parts = [plain(random_colours(number, number)) for number in (40, 40, 25)]
    first = evaluate_images(parts, network)
    assert network.traces == 1
    assert evaluate_images(parts, network) == first and network.traces == 1
    evaluate_images([plain(random_colours(50, 0))], network)
    assert network.traces == 2


@ENGINES
@pytest.mark.parametrize("metrics", [("is",), ("is_inf",), ("is", "fid")])
def test_logits_that_are_not_finite_are_refused_by_name(mean_colour, plain, engine, metrics) -> None:
    class Broken(mean_colour):
        def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            features, logits = super().__call__(images)
            return features, tf.where(features[:, :1] > 0, np.float32(np.inf), logits)

    network = Broken()
    against = real(plain(random_colours(20, 0)), network)
    images = plain([RED, GREEN, BLUE, RED])
    with pytest.raises(UserError, match="logits must be finite, got 2 of 4 rows"):
        evaluate_images([images], network, against, metrics=metrics, engine=engine)


@ENGINES
def test_results_are_json_without_nan(mean_colour, plain, engine) -> None:
    # The third class, logits 1,000 below, never appears, and of 2 images the kernel distance has no standard error.
    network = mean_colour()
    against = real(plain(random_colours(60, 0)), network)
    colours = random_colours(40, 1)
    colours[:, 2] = 0
    colours[:, :2] += 1
    result = evaluate_images([plain(colours)], network, against, metrics=METRICS, engine=engine)
    assert result["kernel_distance_error"] > 0 and 1 < result["inception_score"] <= 2
    json.dumps(result, allow_nan=False)
    of_two = evaluate_images([plain(colours[:2])], network, against, metrics=["kid"], engine=engine)
    assert of_two["kernel_distance_error"] is None
    json.dumps(of_two, allow_nan=False)


@pytest.mark.parametrize(
    ("metrics", "warnings"), [(("fid",), 1), (("fid_inf",), 1), (("fid", "fid_inf"), 1), (("is",), 0)]
)
def test_few_images_are_warned_of_once(mean_colour, plain, monkeypatch, metrics, warnings) -> None:
    told = []
    monkeypatch.setattr(logging, "log_first_n", lambda level, message, n, *values: told.append((message % values, n)))
    network = mean_colour()
    images = plain(random_colours(100, 0))
    evaluate_images([images], network, real(plain(random_colours(2100, 1)), network), metrics=metrics, engine="fast")
    assert len(told) == warnings
    assert all("of 100 images is biased upwards" in message and n == 1 for message, n in told)


@ENGINES
def test_too_few_for_the_comparisons_names_both_sides(mean_colour, plain, engine) -> None:
    network = mean_colour()
    many = real(plain(random_colours(2100, 0)), network)
    five = [plain(random_colours(5, 1))]
    with pytest.raises(UserError, match="between 2,100 and 5 images.*3 blocks.*at least 6 images, got 5"):
        evaluate_images(five, network, many, metrics=("kid",), engine=engine)
    with pytest.raises(UserError, match="at least 6 images of each side, got 2,100 real and 5 generated"):
        evaluate_images(five, network, many, metrics=("prdc",), engine=engine)


def test_further_scores_see_the_features_and_logits_of_all_images(mean_colour, plain) -> None:
    """Of two batches in one; without any other score that would keep them."""
    network = mean_colour()
    images = plain(random_colours(20, 0))
    features, logits = (part.numpy() for part in network(tf.constant(images)))
    seen = []

    def score(*arrays: np.ndarray) -> float:
        seen.extend(np.array(array) for array in arrays)
        return 2.5

    result = evaluate_images([images[:12], images[12:]], network, real(images, network), metrics=["fid"],
                             more={"mine": score})  # fmt: skip
    assert result["mine"] == 2.5 and "inception_score" not in result
    np.testing.assert_allclose(seen[0], features, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(seen[1], logits, rtol=1e-6, atol=1e-6)
