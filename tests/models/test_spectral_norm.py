"""Spectral norm against NumPy's singular values and finite differences."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDense, l2_normalize


def drawn(layer, number: int = 0):
    """The layer with kernel, bias and unit vectors u, v at random."""
    rng = np.random.default_rng(number)
    for variable in (layer.kernel, layer.u, layer.v, layer.bias):
        if variable is not None:
            variable.assign(rng.standard_normal(variable.shape))
    layer.u.assign(l2_normalize(layer.u))
    layer.v.assign(l2_normalize(layer.v))
    return layer


def matrix(layer) -> np.ndarray:
    kernel = layer.kernel.numpy().astype(np.float64)
    return kernel.reshape(-1, kernel.shape[-1])


def test_after_many_iterations_the_largest_singular_value_is_one():
    for layer in (drawn(SpectralConv2D(3, 5, 3, "conv")), drawn(SpectralDense(7, 4, "dense"), 1)):
        for _ in range(300):
            layer.normalized_kernel(training=True)
        sigma = np.linalg.svd(matrix(layer), compute_uv=False)[0]
        np.testing.assert_allclose(layer.normalized_kernel(training=False), layer.kernel / sigma, rtol=1e-4, atol=1e-6)


def test_one_power_iteration_a_call_in_training_and_none_otherwise():
    layer = drawn(SpectralConv2D(2, 3, 3, "conv"))
    w, u = matrix(layer), layer.u.numpy().astype(np.float64)
    v = w @ u / np.linalg.norm(w @ u)
    u = w.T @ v / np.linalg.norm(w.T @ v)
    x = np.ones((1, 4, 4, 2), np.float32)
    layer(x, training=True)
    np.testing.assert_allclose(layer.v, v, atol=1e-6)
    np.testing.assert_allclose(layer.u, u, atol=1e-6)
    before = layer.u.numpy()
    normalized = layer.normalized_kernel(training=False)
    layer(x)
    np.testing.assert_array_equal(layer.u, before)
    np.testing.assert_allclose(normalized, layer.kernel / (v @ w @ u), rtol=1e-5)


def test_the_gradient_flows_through_sigma():
    """d/dW of <A, W / sigma(W)> with sigma = v' W u, where u and v of the iteration count as constants."""
    layer = drawn(SpectralDense(4, 3, "dense"))
    weights = np.random.default_rng(5).standard_normal((4, 3))
    w, u = matrix(layer), layer.u.numpy().astype(np.float64)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer.normalized_kernel(training=True) * weights.astype(np.float32))
    gradient = tape.gradient(loss, layer.kernel).numpy()
    v = w @ u / np.linalg.norm(w @ u)
    u = w.T @ v / np.linalg.norm(w.T @ v)

    def value(kernel: np.ndarray) -> float:
        return float(np.sum(weights * kernel / (v @ kernel @ u)))

    for index in np.ndindex(w.shape):
        shift = np.zeros_like(w)
        shift[index] = 1e-6
        expected = (value(w + shift) - value(w - shift)) / 2e-6
        np.testing.assert_allclose(gradient[index], expected, rtol=1e-3, atol=1e-4)


def test_outputs_do_not_depend_on_the_kernels_scale():
    layer = drawn(SpectralConv2D(2, 3, 3, "conv"))
    x = np.random.default_rng(2).standard_normal((2, 4, 4, 2)).astype(np.float32)
    before = layer(x)
    layer.kernel.assign(10 * layer.kernel)
    np.testing.assert_allclose(layer(x), before, atol=1e-5)


def test_normalizing_a_zero_vector_gives_zeros():
    np.testing.assert_array_equal(l2_normalize(tf.zeros([3])), [0, 0, 0])
    np.testing.assert_allclose(l2_normalize(tf.constant([3.0, 4.0])), [0.6, 0.8], rtol=1e-6)
