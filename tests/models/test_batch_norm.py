"""Batch norm in the parts that replicas need: with one replica the parts give what the whole gives."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.models import batch_norm, layers, replicas

X = (3 + 2 * np.random.default_rng(0).standard_normal((6, 5, 4, 3))).astype(np.float32)
UPSTREAM = np.random.default_rng(1).standard_normal(X.shape).astype(np.float32)
GAMMA, BETA = tf.constant([1.5, -0.5, 2.0]), tf.constant([0.1, 0.2, -0.3])


def both(function):
    """Value, and gradients by x, gamma and beta."""
    inputs = [tf.constant(X), GAMMA, BETA]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
        loss = tf.reduce_sum(y * UPSTREAM)
    return [y, *tape.gradient(loss, inputs)]


def in_parts(x, gamma, beta):
    return batch_norm.normalize_by(
        x, batch_norm.over_replicas(batch_norm.moments(x)), gamma, beta, epsilon=1e-5
    )


def test_the_parts_give_value_and_gradients_of_the_whole():
    whole = both(lambda x, gamma, beta: batch_norm.normalize(x, gamma, beta, epsilon=1e-5)[0])
    for ours, expected in zip(both(in_parts), whole, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-6)


def test_moments_of_halves_are_those_of_the_whole(monkeypatch):
    """Two replicas' exchange, played by hand."""
    halves = [batch_norm.moments(tf.constant(part)) for part in (X[:3], X[3:])]
    means = tf.reduce_mean([mean for mean, _ in halves], axis=0)
    answers = iter([means, tf.reduce_mean([v + (m - means) ** 2 for m, v in halves], axis=0)])
    monkeypatch.setattr(replicas, "mean", lambda value: next(answers))
    mean, variance = batch_norm.over_replicas(halves[0])
    np.testing.assert_allclose(mean, X.astype(np.float64).mean(axis=(0, 1, 2)), rtol=1e-7)
    np.testing.assert_allclose(variance, X.astype(np.float64).var(axis=(0, 1, 2)), rtol=1e-6)


def test_a_replicas_running_statistics_are_those_of_all_images(monkeypatch):
    """With the unbiased variance of as many values as there are in all, which with few of them is another one."""
    few = X[:2, :1, :2]
    norm = layers.BatchNorm(3, "bn")
    monkeypatch.setattr(replicas, "count", lambda: 2)
    norm.train_with_moments(
        tf.constant(few[:1]), batch_norm.moments(tf.constant(few)), layers.Pass(training=True, momentum=1.0)
    )
    np.testing.assert_allclose(norm.moving_mean, few.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, few.var(axis=(0, 1, 2), ddof=1), rtol=1e-5)


def test_half_precision_is_normalised_in_float32():
    y = in_parts(tf.cast(X, tf.bfloat16), GAMMA, BETA)
    assert y.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(y, tf.float32), in_parts(tf.constant(X), GAMMA, BETA), atol=0.06)
