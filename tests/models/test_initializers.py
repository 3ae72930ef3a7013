"""Drawn weights: ranges worked by hand, and what they depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models import initializers, layers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDeconv2D, SpectralDense

SEED = seeds.stateless_seed(3, "weights")


def draw(layer, *, path: str = "layer", seed: tf.Tensor = SEED, **options):
    initializers.initialize({path: layer}, seed=seed, **options)
    return layer


def assert_fills(values: tf.Variable, bound: float) -> None:
    """Uniform on ± bound: nothing outside, the outer tenth reached on both sides, the right spread."""
    values = values.numpy()
    assert np.abs(values).max() <= bound
    assert values.min() < -0.9 * bound and values.max() > 0.9 * bound
    assert abs(values.std() / (bound / math.sqrt(3)) - 1) < 0.1


def test_xavier_uniform():
    conv = draw(SpectralConv2D(8, 24, 3, "conv", normalize=False))
    assert_fills(conv.kernel, math.sqrt(6 / (9 * 8 + 9 * 24)))
    assert np.abs(conv.bias.numpy()).max() <= 1 / math.sqrt(72) and np.any(conv.bias.numpy() != 0)


def test_normal():
    kernel = draw(SpectralConv2D(16, 16, 3, "conv", normalize=False), init_type="normal").kernel.numpy()
    assert abs(kernel.std() / 0.02 - 1) < 0.1
    assert abs(kernel.mean()) < 0.002


@pytest.mark.parametrize(("inputs", "outputs"), [(2, 5), (1, 12)])
def test_orth_gives_orthonormal_filters_or_inputs(inputs, outputs):
    kernel = draw(SpectralConv2D(inputs, outputs, 3, "conv", normalize=False), init_type="orth").kernel.numpy()
    matrix = kernel.reshape(-1, outputs)  # [9 · inputs, outputs]
    product = matrix.T @ matrix if outputs <= 9 * inputs else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize("init_type", initializers.INIT_TYPES)
def test_all_but_convolutions_keep_pytorchs_defaults(init_type):
    dense = draw(SpectralDense(16, 300, "l1", use_bias=True, normalize=False), init_type=init_type)
    assert_fills(dense.kernel, 1 / 4)
    assert_fills(dense.bias, 1 / 4)
    # PyTorch counts a transposed convolution's inputs as outputs x kernel: 16 · 2 · 2
    deconv = draw(SpectralDeconv2D(16, "deconv", normalize=False), init_type=init_type)
    assert_fills(deconv.kernel, 1 / 8)
    spectral = draw(SpectralDense(400, 1, "l5"), init_type=init_type)
    assert_fills(spectral.kernel, 1 / 20)


def test_batch_norm():
    norm = layers.BatchNorm(2000, "bn")
    for variable in norm.variables:
        variable.assign(tf.fill(variable.shape, 7.0))
    draw(norm)
    assert abs(norm.gamma.numpy().mean() - 1) < 0.003
    assert abs(norm.gamma.numpy().std() / 0.02 - 1) < 0.1
    np.testing.assert_array_equal(norm.beta, np.zeros(2000))
    np.testing.assert_array_equal(norm.moving_mean, np.zeros(2000))
    np.testing.assert_array_equal(norm.moving_variance, np.ones(2000))


def test_spectral_convolutions_follow_the_flag_or_keep_pytorchs_default():
    xavier, default = math.sqrt(6 / (9 * (8 + 64))), 1 / math.sqrt(9 * 8)
    assert_fills(draw(SpectralConv2D(8, 64, 3, "c1")).kernel, xavier)
    layer = draw(SpectralConv2D(8, 64, 3, "c1"), spectral_default=True)
    assert_fills(layer.kernel, default)
    assert_fills(draw(SpectralConv2D(8, 64, 3, "conv", normalize=False), spectral_default=True).kernel, xavier)
    for vector in (layer.u, layer.v):
        assert abs(np.linalg.norm(vector.numpy()) - 1) < 1e-5


def test_weights_follow_from_seed_and_path_alone():
    def kernel(**arguments) -> np.ndarray:
        return draw(SpectralConv2D(2, 3, 3, "conv", normalize=False), **arguments).kernel.numpy()

    first = kernel()
    np.testing.assert_array_equal(kernel(), first)
    assert np.any(kernel(path="other") != first)
    assert np.any(kernel(seed=seeds.stateless_seed(4, "weights")) != first)
    neighbours = {
        "a": SpectralDense(2, 2, "a", use_bias=True, normalize=False),
        "layer": SpectralConv2D(2, 3, 3, "conv", normalize=False),
    }
    initializers.initialize(neighbours, seed=SEED)
    np.testing.assert_array_equal(neighbours["layer"].kernel, first)


def test_no_two_layers_or_parameters_share_their_numbers():
    network = Discriminator(num_cells=3, df_dim=4)
    initializers.initialize(network.named_layers(), seed=SEED)
    vectors = [variable.numpy().ravel()[:4] for variable in network.trainable_variables if tf.size(variable) >= 4]
    for number, vector in enumerate(vectors):
        scaled = [v / np.abs(v).max() for v in vectors[:number]]
        assert all(np.abs(other - vector / np.abs(vector).max()).max() > 1e-3 for other in scaled)


def test_an_unknown_type_is_answered_with_the_valid_ones():
    with pytest.raises(ValueError, match="xavier_uniform.*'he'"):
        draw(SpectralConv2D(1, 1, 3, "conv", normalize=False), init_type="he")


def test_a_layer_of_another_kind_draws_its_weights_by_itself_from_its_own_seed():
    class Scale(tf.keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.scale = self.add_weight("scale", (4000,))

        def draw_weights(self, draw: initializers.Draw) -> None:
            self.scale.assign(1.0 + 0.5 * draw.normal(self.scale.shape))

    one, again, other = (draw(Scale(), path=path).scale.numpy() for path in ("a", "a", "b"))
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)
    assert abs(one.mean() - 1) < 0.04 and abs(one.std() - 0.5) < 0.03  # 5 standard errors are 0.04 and 0.028


@pytest.mark.parametrize("init_type", initializers.INIT_TYPES)
def test_a_layer_of_another_kind_may_draw_as_our_convolutions_do(init_type):
    class Kernel(tf.keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = self.add_weight("kernel", (3, 3, 4, 5))

        def draw_weights(self, draw: initializers.Draw) -> None:
            self.kernel.assign(draw.kernel(self.kernel.shape))

    ours = draw(SpectralConv2D(4, 5, 3, "conv", normalize=False), init_type=init_type)
    np.testing.assert_array_equal(draw(Kernel(), init_type=init_type).kernel, ours.kernel)
