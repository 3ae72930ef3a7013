"""Scores by TF-GAN's own functions: the final numbers, and the yardstick of our fast ones. Its only importer.

The imports are inside the functions: TF-GAN takes a second and pulls in half of TensorFlow's ecosystem.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.metrics.frechet import FrechetStatistics


def inception_score(logits: np.ndarray) -> float:
    """TF-GAN's `classifier_score_from_logits` in float64: one split of all [N, K] logits.

    Unlike ours it is NaN where a class's probability underflows in every image (logits some 745 below the largest).
    """
    import tensorflow_gan as tfgan

    return float(tfgan.eval.classifier_score_from_logits(tf.constant(logits, tf.float64)))


def frechet_distance(statistics_a: FrechetStatistics, statistics_b: FrechetStatistics) -> float:
    """TF-GAN's Fréchet distance from moments, as `frechet_classifier_distance_from_activations` computes it from rows.

    TF-GAN exports only the form that takes all activations of both sides, which a stored reference does not have;
    its matrix part, `trace_sqrt_product`, is public in its module, and the rest is one line.

    Raises:
      ValueError: fewer than 2 images on a side.
    """
    from tensorflow_gan.python.eval import classifier_metrics

    a, b = (tf.constant(s.covariance, tf.float64) for s in (statistics_a, statistics_b))
    difference = tf.constant(statistics_a.mean - statistics_b.mean, tf.float64)
    root_trace = classifier_metrics.trace_sqrt_product(a, b)
    return float(tf.linalg.trace(a + b) - 2.0 * root_trace + tf.reduce_sum(tf.square(difference)))
