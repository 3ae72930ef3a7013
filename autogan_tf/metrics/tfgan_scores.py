"""Scores by TF-GAN's own functions: the yardstick of our fast ones, and with engine=tfgan the numbers themselves."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.features import tfgan
from autogan_tf.metrics import kernel
from autogan_tf.metrics.frechet import FrechetStatistics
from autogan_tf.runs.tensorflow_warnings import silenced

_FARTHEST = 690.0  # e to its negative power, over 1,000 classes, is still a normal number in float64


@silenced()
def inception_score(logits: np.ndarray) -> float:
    """TF-GAN's `classifier_score_from_logits` in float64: one split of all [N, K] logits.

    TF-GAN's own result is NaN where a class's probability underflows in every image (logits some 745 below the
    largest); the distance from the row's largest is therefore limited to 690, which changes nothing else in float64.
    """
    logits = np.asarray(logits, np.float64)
    with np.errstate(over="ignore"):
        shifted = np.maximum(logits - logits.max(axis=1, keepdims=True), -_FARTHEST)
    return float(tfgan.module("eval").classifier_score_from_logits(tf.constant(shifted)))


@silenced()
def frechet_distance(statistics_a: FrechetStatistics, statistics_b: FrechetStatistics) -> float:
    """TF-GAN's Fréchet distance from moments, as `frechet_classifier_distance_from_activations` computes it from rows.

    TF-GAN exports only the form that takes all activations of both sides, which a stored reference does not have;
    its matrix part, `trace_sqrt_product`, is public in its module, and the rest is one line.

    Raises:
      ValueError: fewer than 2 images on a side.
    """
    a, b = (tf.constant(s.covariance, tf.float64) for s in (statistics_a, statistics_b))
    difference = tf.constant(statistics_a.mean - statistics_b.mean, tf.float64)
    root_trace = tfgan.module("eval.classifier_metrics").trace_sqrt_product(a, b)
    return float(tf.linalg.trace(a + b) - 2.0 * root_trace + tf.reduce_sum(tf.square(difference)))


@silenced()
def kernel_distance(
    features_a: np.ndarray, features_b: np.ndarray, *, seed: int
) -> tuple[float, float | None]:
    """TF-GAN's kernel distance of features [N, D] and [M, D] in float64, and its standard error over blocks.

    `seed` draws the order of the rows, as in `kernel.kernel_distance`, which also gives the error of one block: of that
    TF-GAN's is NaN.

    Raises:
      UserError: so few images on one side that a block would have fewer than 2, where TF-GAN's result is NaN.
    """
    blocks = kernel.block_count(len(features_a), len(features_b), kernel.MAX_BLOCK_SIZE)
    distance, error = tfgan.module("eval").kernel_classifier_distance_and_std_from_activations(
        *(
            tf.constant(x[np.random.default_rng([seed, side]).permutation(len(x))], tf.float64)
            for side, x in enumerate((features_a, features_b))
        ),
        max_block_size=kernel.MAX_BLOCK_SIZE,
        dtype=tf.float64,
    )
    if blocks == 1:
        return float(distance), kernel.kernel_distance(features_a, features_b, seed=seed)[1]
    return float(distance), float(error)
