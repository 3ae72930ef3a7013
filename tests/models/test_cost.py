"""Costs against the published numbers, hand-worked ones, and the networks that are really built."""

import math
import random

import pytest

from autogan_tf.models.cost import conv_cost
from autogan_tf.models.generator import generator_cost
from autogan_tf.search_space import autogan, published
from autogan_tf.search_space.genotype import Genotype


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("autogan_cifar10_a", 4_405_251), ("autogan_cifar10_b", 4_471_043), ("autogan_cifar10_c", 4_406_275)],
)
def test_published_parameter_counts(name, parameters):
    assert generator_cost(published.load(name), gf_dim=256, latent_dim=128).parameters == parameters


def test_published_multiply_adds():
    cost = generator_cost(published.load("autogan_cifar10_a"), gf_dim=256, latent_dim=128)
    assert round(cost.multiply_adds / 1e9, 2) == 1.77


def test_convolution_by_hand():
    # 3x3, 2 -> 5 channels on 4x4: 90 weights and 5 biases; every weight once for each of 16 pixels
    cost = conv_cost(3, 2, 5, 4)
    assert (cost.parameters, cost.multiply_adds) == (95, 90 * 16)
    # 2x2 stride 2 transposed, 4x4 -> 8x8: each of the 16 input pixels meets all 40 weights
    cost = conv_cost(2, 2, 5, 8, stride_taps=4)
    assert (cost.parameters, cost.multiply_adds) == (45, 40 * 16)


def test_one_cell_by_hand():
    # width 2, latent 3, 4x4 to 8x8, grey. dense 3·32+32; conv 3x3: 38 each; two batch norms: 4 each;
    # transposed convolutions in block and shortcut: 18 each; 1x1: 6; output norm 4, output conv 19
    cost = generator_cost(Genotype.from_string("0 1 2 1"), gf_dim=2, latent_dim=3, channels=1)
    assert cost.parameters == 128 + 2 * 38 + 2 * 4 + 2 * 18 + 6 + 4 + 19
    # dense 96; 3x3: 36·64 twice; transposed: 16 weights · 16 inputs, twice; 1x1: 4·64; output 18·64
    assert cost.multiply_adds == 96 + 2 * 36 * 64 + 2 * 16 * 16 + 4 * 64 + 18 * 64


def test_a_skip_over_two_cells_by_deconvolution_enlarges_twice():
    def cost(skips: int):
        tokens = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, skips]
        return generator_cost(Genotype.from_tokens(tokens), gf_dim=2, latent_dim=3)

    from_first, from_second, none = cost(2), cost(1), cost(0)
    # 1x1: 6 parameters; each transposed convolution 18. Maps: 32x32 from 16x16 (256 inputs) from 8x8 (64 inputs)
    assert from_second.parameters - none.parameters == 6 + 18
    assert from_first.parameters - none.parameters == 6 + 2 * 18
    assert from_second.multiply_adds - none.multiply_adds == 4 * 1024 + 16 * 256
    assert from_first.multiply_adds - none.multiply_adds == 4 * 1024 + 16 * 256 + 16 * 64


def test_every_class_has_weights_of_its_own_in_every_batch_norm():
    plain, conditional = (
        generator_cost(Genotype.from_string("0 1 2 1"), gf_dim=2, latent_dim=3, num_classes=number) for number in (0, 5)
    )
    # 2 gammas and 2 betas for each of 4 more classes, in the cell's two norms and in the last one
    assert conditional.parameters - plain.parameters == 4 * 4 * 3
    assert conditional.multiply_adds == plain.multiply_adds


@pytest.mark.parametrize("number", range(16))
def test_parameters_are_those_of_the_network_that_is_built(number):
    from autogan_tf.models.generator import Generator

    rng = random.Random(number)
    num_cells, sizes = 1 + number % 4, {"gf_dim": rng.randint(1, 5), "latent_dim": rng.randint(1, 9)}
    sizes |= {"bottom_width": rng.choice([4, 6]), "channels": rng.choice([1, 3])}
    genotype = Genotype.from_tokens([rng.randrange(count) for count in autogan.SPACE.counts(num_cells)])
    built = Generator(genotype, **sizes)
    trainable = sum(math.prod(variable.shape) for variable in built.trainable_variables)
    assert generator_cost(genotype, **sizes).parameters == trainable
