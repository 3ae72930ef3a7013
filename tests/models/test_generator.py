"""Supernet and derived generators: one function, whichever network computes it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.models import initializers
from autogan_tf.models.generator import Generator, SupernetGenerator, copy_weights
from autogan_tf.search_space import autogan, published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import Decision, Option, SearchSpace

LATENT = 5


def random_tokens(number: int, num_cells: int) -> list[int]:
    rng = random.Random(1000 * num_cells + number)
    return [rng.randrange(count) for count in autogan.SPACE.counts(num_cells)]


def draw_everything(network: tf.keras.Model, number: int) -> None:
    """All weights and statistics at random, biases and running statistics too, so that nothing is neutral."""
    rng = np.random.default_rng(number)
    for variable in network.variables:
        values = 0.3 * rng.standard_normal(variable.shape)
        if "moving_variance" in variable.name:
            values = np.exp(values)
        variable.assign(values)


def latents(number: int, batch: int = 3) -> np.ndarray:
    return np.random.default_rng(number).standard_normal((batch, LATENT)).astype(np.float32)


@pytest.fixture(scope="module", params=[(1, 4, 3), (2, 6, 1), (3, 4, 3), (4, 4, 1)], ids=lambda p: f"{p[0]}cells")
def supernet(request):
    num_cells, bottom_width, channels = request.param
    network = SupernetGenerator(
        num_cells=num_cells, gf_dim=3, latent_dim=LATENT, bottom_width=bottom_width, channels=channels
    )
    draw_everything(network, 7)
    return network


def derived(network: SupernetGenerator, tokens: list[int]) -> Generator:
    generator = Generator(
        Genotype.from_tokens(tokens),
        gf_dim=network.gf_dim,
        latent_dim=LATENT,
        bottom_width=network.bottom_width,
        channels=network.channels,
    )
    copy_weights(source=network, target=generator)
    return generator


@pytest.mark.parametrize("number", range(4))
def test_the_derived_network_computes_what_the_supernet_computes(supernet, number):
    tokens = random_tokens(number, supernet.num_cells)
    generator = derived(supernet, tokens)
    z = latents(number)
    images = supernet(z, tokens=tokens)
    side = supernet.bottom_width * 2**supernet.num_cells
    assert images.shape == (3, side, side, supernet.channels)
    assert float(tf.reduce_max(tf.abs(images))) <= 1.0
    np.testing.assert_allclose(generator(z), images, atol=1e-6)
    before = {name: [v.numpy() for v in layer.variables] for name, layer in supernet.named_layers().items()}
    np.testing.assert_allclose(generator(z, training=True), supernet(z, tokens=tokens, training=True), atol=1e-6)
    # and both recorded the same statistics; the supernet left those of other branches alone
    layers = generator.named_layers()
    for name, layer in supernet.named_layers().items():
        expected = [v.numpy() for v in layers[name].variables] if name in layers else before[name]
        for variable, value in zip(layer.variables, expected, strict=True):
            np.testing.assert_allclose(variable, value, atol=1e-6)


def test_an_earlier_stage_uses_the_first_cells_only(supernet):
    tokens = random_tokens(9, supernet.num_cells)
    z = latents(1)
    for stage in range(supernet.num_cells):
        images = supernet(z, tokens=tokens, stage=stage)
        side = supernet.bottom_width * 2 ** (stage + 1)
        assert images.shape[1:] == (side, side, supernet.channels)
        first = tokens[: autogan.SPACE.slices(stage + 1)[-1].stop]
        np.testing.assert_array_equal(images, supernet(z, tokens=first))
        np.testing.assert_allclose(images, derived(supernet, first)(z), atol=1e-6)
        np.testing.assert_allclose(derived(supernet, tokens)(z, stage=stage), images, atol=1e-6)


@pytest.mark.parametrize("number", range(5))
def test_used_variables_are_those_with_a_gradient(supernet, number):
    """Without a graph only the chosen branches run, so that TensorFlow itself tells which variables were used."""
    num_cells = 1 + number % supernet.num_cells
    tokens = tf.constant(random_tokens(20 + number, num_cells), tf.int32)
    variables = supernet.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(supernet(latents(number), tokens=tokens, training=True))
    gradients = tape.gradient(loss, variables)
    used = [bool(flag) for flag in supernet.used_variables(tokens)]
    assert used == [gradient is not None for gradient in gradients]
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient is not None and "kernel" in variable.name:
            assert np.any(gradient.numpy() != 0), variable.name


def test_a_derived_network_holds_nothing_unused():
    for number in range(8):
        genotype = Genotype.from_tokens(random_tokens(number, 3))
        generator = Generator(genotype, gf_dim=3, latent_dim=LATENT)
        draw_everything(generator, number)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(generator(latents(number), training=True))
        gradients = tape.gradient(loss, generator.trainable_variables)
        assert all(gradient is not None for gradient in gradients)
        assert generator.used_variables() == [True] * len(gradients)


def test_a_graph_computes_what_eager_execution_computes_with_one_trace():
    network = SupernetGenerator(num_cells=2, gf_dim=3, latent_dim=LATENT)
    draw_everything(network, 3)
    graph = tf.function(lambda z, tokens: network(z, tokens=tokens))
    for number in range(12):
        tokens = tf.constant(random_tokens(number, 2), tf.int32)
        np.testing.assert_allclose(graph(latents(number), tokens), network(latents(number), tokens=tokens), atol=1e-6)
    assert graph.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("num_cells", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_gradients_in_a_graph_are_those_of_the_derived_network(num_cells):
    network = SupernetGenerator(num_cells=num_cells, gf_dim=2, latent_dim=LATENT)

    @tf.function
    def gradients_in_graph(z, tokens):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(z, tokens=tokens, training=True) ** 2)
        return tape.gradient(loss, network.trainable_variables), network.used_variables(tokens)

    for number in range(4):
        tokens, z = random_tokens(40 + number, num_cells), latents(number)
        draw_everything(network, number)
        generator = derived(network, tokens)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(generator(z, training=True) ** 2)
        expected = dict(
            zip(
                (id(v) for v in generator.trainable_variables),
                tape.gradient(loss, generator.trainable_variables),
                strict=True,
            )
        )
        counterpart = {
            id(ours): expected[id(theirs)]
            for name, layer in generator.named_layers().items()
            for ours, theirs in zip(
                network.named_layers()[name].trainable_variables, layer.trainable_variables, strict=True
            )
        }
        found, used = gradients_in_graph(z, tf.constant(tokens, tf.int32))
        # behind norms a gradient is a difference of terms as large as the others', and has their rounding
        noise = 1e-5 * max(np.abs(gradient).max() for gradient in expected.values())
        for variable, gradient, flag in zip(network.trainable_variables, found, used, strict=True):
            if id(variable) in counterpart:
                np.testing.assert_allclose(gradient, counterpart[id(variable)], rtol=1e-4, atol=noise)
            assert bool(flag) == (id(variable) in counterpart)


# cells, bottom_width, channels, number of the random architecture
COMPILED = [
    (1, 4, 3, 0),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in [(2, 6, 1, 1), (3, 4, 3, 2), (3, 6, 3, 3), (4, 4, 1, 4)]),
]


@pytest.mark.parametrize(("num_cells", "bottom_width", "channels", "number"), COMPILED)
def test_a_compiled_derived_network_computes_the_same(num_cells, bottom_width, channels, number):
    """Images, gradients and running statistics: eager, in a graph, and through XLA."""
    genotype = Genotype.from_tokens(random_tokens(60 + number, num_cells))
    z = latents(number, batch=4)

    def run(**how):
        network = Generator(genotype, gf_dim=3, latent_dim=LATENT, bottom_width=bottom_width, channels=channels)
        draw_everything(network, number)

        def step(z):
            with tf.GradientTape() as tape:
                images = network(z, training=True)
                loss = tf.reduce_sum(images**2)
            return images, tape.gradient(loss, network.trainable_variables)

        step = tf.function(step, **how) if how else step
        images, gradients = step(tf.constant(z))
        return network, images, gradients

    network, images, gradients = run()
    largest = max(np.abs(gradient).max() for gradient in gradients)
    for how in ({"autograph": False}, {"autograph": False, "jit_compile": True}):
        other, other_images, other_gradients = run(**how)
        np.testing.assert_allclose(other_images, images, atol=2e-5)
        for one, two in zip(gradients, other_gradients, strict=True):
            # behind norms a gradient is a difference of terms as large as the others', and has their rounding
            np.testing.assert_allclose(two, one, rtol=0, atol=1e-4 * np.abs(one).max() + 1e-5 * largest)
        for one, two in zip(network.variables, other.variables, strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(other(z), network(z), atol=1e-5)


def test_the_published_architecture_has_the_published_size():
    generator = Generator(published.load("autogan_cifar10_a"))
    assert sum(int(tf.size(variable)) for variable in generator.trainable_variables) == 4_405_251
    assert generator.named_layers().keys() == {
        "l1",
        *(f"cell{cell}.pre_conv{block}.conv" for cell in (1, 2, 3) for block in (1, 2)),
        *("cell1.sc_conv", "cell2.sc_conv", "cell2.skip0_conv", "cell3.skip0_conv", "cell3.skip1_conv"),
        *("to_rgb_bn", "to_rgb_conv"),
    }


@pytest.mark.parametrize("up", [0, 1, 2])
def test_in_training_every_spectral_norm_iterates_and_otherwise_none(up):
    """Of two cells with shortcuts and a skip; one power iteration turns each vector that is not yet singular."""
    genotype = Genotype.from_tokens([1, 0, up, 1, 0, 0, up, 1, 1])
    generator = Generator(genotype, gf_dim=3, latent_dim=LATENT, spectral_norm=True)
    draw_everything(generator, up)
    vectors = {
        name: [vector for vector in layer.variables if not vector.trainable]
        for name, layer in generator.named_layers().items()
        if name != "to_rgb_bn"
    }
    assert all(len(found) == 2 for found in vectors.values())
    for training in (False, True):
        before = {name: [vector.numpy() for vector in found] for name, found in vectors.items()}
        generator(latents(0), training=training)
        for name, found in vectors.items():
            moved = [np.any(vector.numpy() != old) for vector, old in zip(found, before[name], strict=True)]
            assert moved == [training, training], name


def test_the_momentum_is_the_weight_of_the_batch_in_the_running_statistics():
    generator = Generator(Genotype.from_string("1 0 1 1"), gf_dim=3, latent_dim=LATENT)
    draw_everything(generator, 0)
    mean = generator.to_rgb_bn.moving_mean
    found = []
    for momentum in (1.0, 0.25):
        mean.assign([8.0, 8.0, 8.0])
        generator(latents(0), training=True, momentum=momentum)
        found.append(mean.numpy())
    np.testing.assert_allclose(found[1], 0.75 * 8 + 0.25 * found[0], rtol=1e-5)
    assert np.all(found[0] != 8)


def test_weights_carry_over_between_networks_of_one_genotype():
    genotype = Genotype.from_tokens(random_tokens(3, 2))
    first, second = (Generator(genotype, gf_dim=3, latent_dim=LATENT) for _ in range(2))
    initializers.initialize(first.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    copy_weights(source=first, target=second)
    np.testing.assert_array_equal(first(latents(0)), second(latents(0)))


def test_what_does_not_fit_is_refused_with_the_value():
    with pytest.raises(ValueError, match="num_cells=0"):
        SupernetGenerator(num_cells=0)
    network = SupernetGenerator(num_cells=2, gf_dim=2, latent_dim=LATENT)
    with pytest.raises(ValueError, match="stage must be from 0 to 1, got 2"):
        network(latents(0), tokens=[0] * 14)
    with pytest.raises(ValueError, match="needs 9 tokens, got 4"):
        network(latents(0), tokens=[0] * 4, stage=1)
    with pytest.raises(ValueError, match="got 6"):
        network(latents(0), tokens=[0] * 6, stage=0)
    with pytest.raises(ValueError, match="a supernet needs `tokens`"):
        network(latents(0))
    generator = derived(network, [0] * 9)
    with pytest.raises(ValueError, match="takes no `tokens`"):
        generator(latents(0), tokens=[0] * 9)
    with pytest.raises(ValueError, match="stage must be from 0 to 1, got 2"):
        generator(latents(0), stage=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dropout": ["no"]}, "must have the decisions conv, norm, up, shortcut, and skips .* shortcut, dropout;"),
        ({"norm": None}, "gives conv, up, shortcut;"),
        ({"norm": ["none", "bach"]}, "'bach' of norm, which no .* did you mean batch. there are none, b"),
        ({"conv": ["mid"]}, "'mid' of conv, .* there are post, pre$"),
    ],
)
def test_a_space_whose_decisions_a_cell_cannot_carry_out_is_refused(changes, words):
    """And not carried out in part."""
    values = {decision.name: [option.value for option in decision.options] for decision in autogan.SPACE.decisions(0)}
    decisions = tuple(
        Decision(name, tuple(Option(str(value), value, "") for value in options))
        for name, options in (values | changes).items()
        if options
    )
    with pytest.raises(UserError, match=words):
        SupernetGenerator(space=SearchSpace("other", lambda cell: decisions, max_cells=1), num_cells=1)


@pytest.mark.parametrize("orders", [("pre", "post"), ("pre",)])
def test_the_order_of_a_block_is_the_one_that_the_space_gives_the_token(orders):
    """And not the one that has this token in the published space."""
    first, *others = autogan.SPACE.decisions(0)
    decisions = (Decision("conv", tuple(Option(value, value, "") for value in orders)), *others)
    space = SearchSpace("other", lambda cell: decisions, max_cells=1)
    supernet = SupernetGenerator(space=space, num_cells=1, gf_dim=4, latent_dim=LATENT)
    draw_everything(supernet, 5)
    for token, order in enumerate(orders):
        published = Generator(Genotype.from_tokens([first.token_of(order), 1, 2, 1]), gf_dim=4, latent_dim=LATENT)
        derived = Generator(Genotype.from_tokens([token, 1, 2, 1], space), gf_dim=4, latent_dim=LATENT)
        copy_weights(source=supernet, target=published)
        copy_weights(source=supernet, target=derived)
        expected = published(latents(0))
        np.testing.assert_array_equal(derived(latents(0)), expected)
        np.testing.assert_allclose(supernet(latents(0), tokens=[token, 1, 2, 1]), expected, atol=1e-6)
        used = zip(supernet.trainable_variables, supernet.used_variables(tf.constant([token, 1, 2, 1])), strict=True)
        named = {id(v): path for path, layer in supernet.named_layers().items() for v in layer.trainable_variables}
        assert {named[id(variable)] for variable, flag in used if flag} == set(derived.named_layers())
