"""Layers of the generator against hand-worked numbers and NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.models import batch_norm, layers
from autogan_tf.models.instance_norm import normalize
from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDeconv2D


def images(*shape: int, number: int = 0) -> np.ndarray:
    return np.random.default_rng(number).standard_normal(shape).astype(np.float32)


def test_batch_norm_by_hand():
    # one channel, values 1, 2, 3, 6: mean 3, biased variance (4 + 1 + 0 + 9) / 4 = 3.5, unbiased 14 / 3
    norm = layers.BatchNorm(1, "bn")
    norm.gamma.assign([2.0])
    norm.beta.assign([0.5])
    x = np.array([1, 2, 3, 6], np.float32).reshape(2, 1, 2, 1)
    out = norm(x, layers.Pass(training=True))
    expected = 2 * (x - 3) / np.sqrt(3.5 + 1e-5) + 0.5
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    # running: 0.9 · 0 + 0.1 · 3 and 0.9 · 1 + 0.1 · 14/3
    np.testing.assert_allclose(norm.moving_mean, [0.3], rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, [0.9 + 1.4 / 3], rtol=1e-6)


def test_batch_norm_for_inference_uses_the_running_statistics_and_leaves_them():
    norm = layers.BatchNorm(2, "bn")
    norm.moving_mean.assign([1.0, -1.0])
    norm.moving_variance.assign([4.0, 0.25])
    x = images(3, 2, 2, 2)
    np.testing.assert_allclose(norm(x), (x - [1, -1]) / np.sqrt(np.array([4, 0.25]) + 1e-5), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(norm.moving_mean, [1.0, -1.0])


def test_batch_norm_momentum_is_the_weight_of_the_new_batch():
    norm = layers.BatchNorm(3, "bn")
    batches = [images(4, 3, 3, 3, number=n) for n in range(3)]
    norm.moving_mean.assign([9.0, 9.0, 9.0])
    norm.moving_variance.assign([9.0, 9.0, 9.0])
    for number, batch in enumerate(batches):  # weights 1, 1/2, 1/3: the plain mean of the batches' statistics
        norm(batch, layers.Pass(training=True, momentum=1.0 / (number + 1)))
    means = [b.mean(axis=(0, 1, 2)) for b in batches]
    variances = [b.var(axis=(0, 1, 2), ddof=1) for b in batches]
    np.testing.assert_allclose(norm.moving_mean, np.mean(means, axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(norm.moving_variance, np.mean(variances, axis=0), rtol=1e-5)


def test_batch_norm_of_a_single_value_is_finite():
    norm = layers.BatchNorm(1, "bn")
    norm(np.full((1, 1, 1, 1), 5, np.float32), layers.Pass(training=True))
    np.testing.assert_allclose([norm.moving_mean, norm.moving_variance], [[0.5], [0.9]], rtol=1e-6)


def test_batch_norm_gradient_by_finite_differences():
    norm = layers.BatchNorm(1, "bn")
    norm.gamma.assign([1.5])
    x, weights = images(2, 2, 2, 1).astype(np.float64), images(2, 2, 2, 1, number=1).astype(np.float64)
    with tf.GradientTape() as tape:
        tensor = tf.constant(x, tf.float32)
        tape.watch(tensor)
        loss = tf.reduce_sum(norm(tensor, layers.Pass(training=True)) * weights.astype(np.float32))
    gradient = tape.gradient(loss, tensor).numpy()

    def value(y: np.ndarray) -> float:
        return float(np.sum(1.5 * (y - y.mean()) / np.sqrt(y.var() + 1e-5) * weights))

    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = 1e-5
        np.testing.assert_allclose(gradient[index], (value(x + shift) - value(x - shift)) / 2e-5, atol=1e-4)


def test_batch_norm_keeps_the_digits_of_a_large_batch():
    """Sums in float32, pixel by pixel, would lose 3e-6 of the mean here."""
    x = 5 + images(64, 32, 32, 2)
    gamma, beta = tf.constant([1.5, -0.5]), tf.constant([0.1, 0.2])
    upstream = images(64, 32, 32, 2, number=1)
    with tf.GradientTape() as tape:
        tensor = tf.constant(x)
        tape.watch([tensor, gamma, beta])
        y, mean, variance = batch_norm.normalize(tensor, gamma, beta, epsilon=1e-5)
    wide, axes = x.astype(np.float64), (0, 1, 2)
    np.testing.assert_allclose(mean, wide.mean(axes), rtol=2e-7)
    np.testing.assert_allclose(variance, wide.var(axes), rtol=2e-7)
    deviation = np.sqrt(wide.var(axes) + 1e-5)
    normal = (wide - wide.mean(axes)) / deviation
    np.testing.assert_allclose(y, normal * gamma.numpy() + beta.numpy(), atol=3e-6)
    inner = upstream - upstream.mean(axes, np.float64) - normal * (upstream * normal).mean(axes)
    for actual, expected in zip(
        tape.gradient(y, [tensor, gamma, beta], upstream),
        [gamma.numpy() / deviation * inner, (upstream * normal).sum(axes), upstream.sum(axes, np.float64)],
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_instance_norm_normalises_every_image_and_channel():
    x = 3 + 2 * images(2, 4, 4, 3)
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(normalize(x, epsilon=1e-5), expected, atol=1e-5)
    np.testing.assert_allclose(layers.instance_normalized(tf.constant(x)), expected, atol=1e-5)
    half = layers.instance_normalized(tf.constant(x, tf.bfloat16))
    assert half.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(half, tf.float32), expected, atol=0.05)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_nearest_repeats_every_pixel(factor):
    x = images(2, 3, 4, 2)
    out = layers.nearest_upsample(tf.constant(x), factor)
    np.testing.assert_array_equal(out, x.repeat(factor, axis=1).repeat(factor, axis=2))


def bilinear_matrix(size: int, factor: int) -> np.ndarray:
    """[factor · size, size]: half-pixel centres, edges clamped, as PyTorch's align_corners=False."""
    matrix = np.zeros((factor * size, size))
    for row in range(factor * size):
        centre = max((row + 0.5) / factor - 0.5, 0.0)
        low = min(int(centre), size - 1)
        high = min(low + 1, size - 1)
        matrix[row, low] += 1 - (centre - low)
        matrix[row, high] += centre - low
    return matrix


def test_the_bilinear_oracle_by_hand():
    # doubling (0, 4): outputs at -1/4, 1/4, 3/4, 5/4 of a pixel, clamped at both ends
    np.testing.assert_allclose(bilinear_matrix(2, 2) @ [0, 4], [0, 1, 3, 4])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear(factor):
    x = images(2, 3, 4, 2)
    expected = np.einsum("ph,qw,nhwc->npqc", bilinear_matrix(3, factor), bilinear_matrix(4, factor), x)
    np.testing.assert_allclose(layers.bilinear_upsample(tf.constant(x), factor), expected, atol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("factor", [2, 4])
def test_bilinear_and_nearest_have_gradients_of_their_inputs_type(factor, dtype, jit_compile):
    """What a convolution before them gets; bilinear's would be float32 under XLA, and then nothing adds up."""
    x, weight = tf.constant(images(2, 3, 4, 2), dtype), tf.constant(2.0, dtype)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            tape.watch(weight)
            y = layers.bilinear_upsample(x * weight, factor) + layers.nearest_upsample(x * weight, factor)
            loss = tf.reduce_sum(tf.cast(y, tf.float32))
        return tape.gradient(loss, weight)

    # either keeps the sum of a map but for its factor^2
    size = np.abs(x.numpy().astype(np.float64)).sum()
    assert abs(float(gradients()) - 2 * factor**2 * x.numpy().astype(np.float64).sum()) < 0.02 * 2 * factor**2 * size


def test_deconvolution_spreads_every_pixel_over_its_own_square():
    layer = SpectralDeconv2D(2, "deconv", normalize=False)
    kernel = images(2, 2, 2, 2, number=3)  # [k, k, out, in]
    layer.kernel.assign(kernel)
    layer.bias.assign([0.5, -0.5])
    x = images(1, 3, 3, 2)
    expected = np.zeros((1, 6, 6, 2), np.float32)
    for i, j in np.ndindex(6, 6):
        expected[0, i, j] = kernel[i % 2, j % 2] @ x[0, i // 2, j // 2] + [0.5, -0.5]
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_convolution_keeps_the_size_with_zeros_around():
    layer = SpectralConv2D(1, 1, 3, "conv", normalize=False)
    layer.kernel.assign(np.ones((3, 3, 1, 1)))
    x = np.ones((1, 3, 3, 1), np.float32)
    np.testing.assert_array_equal(layer(x)[0, :, :, 0], [[4, 6, 4], [6, 9, 6], [4, 6, 4]])


def convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """3 x 3, zeros around, in float64."""
    height, width = x.shape[1:3]
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j].astype(np.float64) for i, j in np.ndindex(3, 3)
    )


def numerical_gradient(function, array: np.ndarray) -> np.ndarray:
    """Central differences of a scalar function that is quadratic, hence exact up to rounding."""
    gradient = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        shift = np.zeros(array.shape)
        shift[index] = 0.5
        gradient[index] = function(array + shift) - function(array - shift)
    return gradient


def nearest_then_convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    return convolution(x.repeat(2, axis=1).repeat(2, axis=2), kernel)


def convolution_then_mean(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    y = convolution(x, kernel)
    return (y[:, ::2, ::2] + y[:, 1::2, ::2] + y[:, ::2, 1::2] + y[:, 1::2, 1::2]) / 4


def of_any_batch(function):
    """The function in a graph that does not know how many images it will get."""

    def call(x, kernel):
        signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype), tf.TensorSpec(kernel.shape, kernel.dtype)]
        return tf.function(function, input_signature=signature)(x, kernel)

    return call


@pytest.mark.parametrize(
    ("fused", "plain"),
    [
        (layers.nearest_upsampled_conv2d, nearest_then_convolution),
        (of_any_batch(layers.nearest_upsampled_conv2d), nearest_then_convolution),
        (layers.pooled_conv2d, convolution_then_mean),
    ],
)
def test_the_cheap_forms_compute_the_plain_ones_and_their_gradients(fused, plain):
    x, kernel = images(2, 4, 2, 3), images(3, 3, 3, 2, number=1)
    np.testing.assert_allclose(fused(tf.constant(x), tf.constant(kernel)), plain(x, kernel), atol=1e-5)
    inputs = tf.constant(x), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(fused(*inputs) ** 2)
    of_x, of_kernel = tape.gradient(loss, inputs)
    np.testing.assert_allclose(of_x, numerical_gradient(lambda v: np.sum(plain(v, kernel) ** 2), x), atol=2e-4)
    np.testing.assert_allclose(of_kernel, numerical_gradient(lambda v: np.sum(plain(x, v) ** 2), kernel), atol=1e-3)


@pytest.mark.parametrize("side", [1, 3])
def test_a_convolution_of_a_deconvolution_is_one_and_so_are_its_gradients(side):
    x, deconv, between = images(3, 4, 5, 2), images(2, 2, 6, 2, number=1), images(6, number=2)
    kernel, upstream = images(side, side, 6, 3, number=3), images(3, 8, 10, 3, number=4)
    inputs = [tf.constant(array) for array in (x, deconv, between, kernel)]

    def in_turn(x, deconv, between, kernel):
        y = tf.nn.conv2d_transpose(x, deconv, [3, 8, 10, 6], 2, "SAME") + between
        return tf.nn.conv2d(y, kernel, 1, "SAME")

    found = []
    for function in (in_turn, layers.deconvolved_conv2d):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = function(*inputs)
        found.append([y, *tape.gradient(y, inputs, upstream)])
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=2e-6 * np.abs(expected).max())


def test_a_joint_kernel_by_hand():
    # one channel, in one direction of space: a pixel becomes (1, 10); a 3-tap kernel (2, 3, 5) then gives, from the
    # pixel before to the one after, 1 x 5, 1 x 3 + 10 x 5, 1 x 2 + 10 x 3, 10 x 2
    deconv = tf.constant([[1.0, 10.0], [0.0, 0.0]])[:, :, None, None]
    kernel = tf.constant([[0.0, 0.0, 0.0], [2.0, 3.0, 5.0], [0.0, 0.0, 0.0]])[:, :, None, None]
    joint = layers.joint_kernel(deconv, kernel)[:, :, 0, 0]  # row 1: both kernels' rows with numbers in them
    np.testing.assert_array_equal(joint[1], [5, 53, 32, 20])
    np.testing.assert_array_equal(np.delete(joint, 1, axis=0), 0)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("normalize", [False, True])
def test_both_ways_to_a_deconvolution_and_a_convolution_are_the_same_layer(kernel, normalize, monkeypatch):
    deconv, conv = (
        SpectralDeconv2D(3, "deconv", normalize=normalize),
        SpectralConv2D(3, 4, kernel, "conv", normalize=normalize),
    )
    for number, layer in enumerate((deconv, conv)):
        for variable in layer.variables:
            variable.assign(images(*variable.shape, number=number))
    before = [variable.numpy() for variable in (*deconv.variables, *conv.variables)]
    results = []
    for joined in (True, False):
        monkeypatch.setattr(layers, "is_worth_joining", lambda x, kernel, joined=joined: joined)
        for variable, value in zip((*deconv.variables, *conv.variables), before, strict=True):
            variable.assign(value)
        y = conv(tf.constant(images(2, 3, 3, 3)), training=True, deconv=deconv)
        results.append([y, *(variable.numpy() for variable in (*deconv.variables, *conv.variables))])
    for joined, in_turn in zip(*results, strict=True):
        np.testing.assert_allclose(joined, in_turn, atol=1e-5)


def test_joining_pays_where_there_are_many_pixels():
    # 4 x N x H x W pixels save 6 products each, against 36 for each of 256 channels, and twice that
    kernel = tf.zeros([3, 3, 256, 1])
    assert layers.is_worth_joining(tf.zeros([769, 1, 1, 1]), kernel)
    assert not layers.is_worth_joining(tf.zeros([768, 1, 1, 1]), kernel)
    assert not layers.is_worth_joining(tf.keras.Input([16, 16, 1]), kernel)
