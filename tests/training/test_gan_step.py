"""What a step changes and what it leaves alone; its numbers are tested against recorded ones with the models."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.losses import adversarial
from autogan_tf.models import initializers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, SupernetGenerator
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.adam import Adam
from autogan_tf.training.gan_step import GanStep
from autogan_tf.training.loss_scale import LossScale

SMALL = {"gf_dim": 2, "latent_dim": 2, "channels": 1}
# post-activation, batch norm, deconvolution, shortcut; and pre-activation, no norm, nearest, no shortcut
FIRST, SECOND = tf.constant([0, 1, 2, 1]), tf.constant([1, 0, 1, 0])
LATENTS = np.random.default_rng(0).standard_normal((4, 2)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(-1, 1, (4, 8, 8, 1)).astype(np.float32)


def made(generator, **options) -> GanStep:
    discriminator = Discriminator(num_cells=1, df_dim=6, channels=1)
    optimizers = []
    for number, network in enumerate((generator, discriminator)):
        initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(number, "weights"))
        optimizers.append(Adam(network.trainable_variables, learning_rate=1e-2, beta_1=0.0, beta_2=0.9))
    g_optimizer, d_optimizer = optimizers
    return GanStep(
        generator=generator, discriminator=discriminator, g_optimizer=g_optimizer, d_optimizer=d_optimizer, **options
    )


def values(variables) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def same(before, variables) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(before, values(variables), strict=True)]


def test_each_step_trains_its_own_network():
    step = made(Generator(Genotype.from_string("1 1 1 1"), **SMALL))
    generator, discriminator = step.generator, step.discriminator
    before = values(generator.trainable_variables)
    numbers = step.discriminator_step(IMAGES, LATENTS)
    assert list(numbers) == ["loss", "real_logit", "fake_logit", "gradient_norm"]
    assert numbers["gradient_norm"] > 0
    assert all(same(before, generator.trainable_variables))
    assert np.any(generator.non_trainable_variables[0].numpy() != 0)  # batch norm has seen the images
    before, vectors = values(discriminator.trainable_variables), values(discriminator.non_trainable_variables)
    step.generator_step(LATENTS)
    assert all(same(before, discriminator.trainable_variables))
    assert not all(same(vectors, discriminator.non_trainable_variables))  # its spectral norms iterate
    assert step.d_optimizer.steps.numpy().max() == 1 and step.g_optimizer.steps.numpy().max() == 1


SEED = seeds.stateless_seed(3, "draws")


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("hinge", lambda real, fake: np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean()),
        ("non_saturating", lambda real, fake: np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()),
        ("least_squares", lambda real, fake: ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2),
        ("wasserstein", lambda real, fake: fake.mean() - real.mean()),
    ],
)
def test_the_loss_is_the_one_that_was_named(loss, expected):
    step = made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), loss=loss)
    fake = step.generator(LATENTS, training=True)
    # the step's two calls are the first power iterations, so the weights as they are give the logits outside of it
    copy = made(Generator(Genotype.from_string("1 0 1 1"), **SMALL))
    real_logits, fake_logits = (copy.discriminator(images, training=True).numpy() for images in (IMAGES, fake))
    numbers = step.discriminator_step(IMAGES, LATENTS)
    np.testing.assert_allclose(numbers["loss"], expected(real_logits, fake_logits), rtol=1e-5)
    means = [real_logits.mean(), fake_logits.mean()]
    np.testing.assert_allclose([numbers["real_logit"], numbers["fake_logit"]], means, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("penalty", "factor", "given", "weight"),
                         [("r1", 0.5, 6.0, 6.0), ("wgan_gp", 1.0, 6.0, 6.0), ("r1", 0.5, None, 10.0)])  # fmt: skip
def test_a_penalty_is_added_with_its_weight(penalty, factor, given, weight):
    """Of which that of the paper is 10."""
    plain, weighted = (
        made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), **options)
        for options in ({}, {"penalty": penalty, "penalty_weight": given})
    )
    without, numbers = (step.discriminator_step(IMAGES, LATENTS, seed=SEED) for step in (plain, weighted))
    assert numbers["penalty"] > 0 and next(iter(numbers)) == "loss"
    np.testing.assert_allclose(numbers["loss"], without["loss"] + factor * weight * numbers["penalty"], rtol=1e-5)
    assert abs(float(numbers["gradient_norm"] - without["gradient_norm"])) > 1e-3
    # a penalty's call is no power iteration
    vectors = (step.discriminator.non_trainable_variables for step in (plain, weighted))
    assert all(np.array_equal(one, two) for one, two in zip(*vectors, strict=True))


def test_clipped_weights_stay_within_the_bound():
    step = made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), clip_weights=0.05)
    step.discriminator_step(IMAGES, LATENTS)
    assert max(np.abs(variable).max() for variable in step.discriminator.trainable_variables) == np.float32(0.05)


def test_augmentation_follows_from_the_seed_and_needs_one():
    def loss(seed, augment=("flip", "color", "translation", "cutout")) -> list[float]:
        step = made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), augment=augment)
        assert step.draws == bool(augment)
        numbers = step.discriminator_step(IMAGES, LATENTS, seed=seed)
        return [float(numbers["loss"]), float(step.generator_step(LATENTS, seed=seed)["loss"])]

    other = seeds.stateless_seed(4, "draws")
    assert loss(SEED) == loss(SEED) != loss(other)
    assert loss(SEED, ()) == loss(other, ()) == loss(None, ())
    # mirrored real images change the discriminator's loss, in the first step the generator's only through its weights
    assert loss(SEED, ("flip",))[0] != loss(other, ("flip",))[0]
    with pytest.raises(ValueError, match="need `seed`"):
        loss(None)


def test_whatever_the_discriminator_sees_is_augmented_each_with_a_draw_of_its_own(monkeypatch):
    drawn, seen = [], []
    judge = Discriminator.call

    def brighter(images, parameters, policy):
        drawn.append(tuple(parameters.brightness.numpy().tolist()))
        return images + 3.0

    def look(self, images, **options):
        seen.append(images.numpy())
        return judge(self, images, **options)

    monkeypatch.setattr("autogan_tf.training.gan_step.augmentation.augment", brighter)
    monkeypatch.setattr(Discriminator, "call", look)
    step = made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), augment=("color",))
    step.discriminator_step(IMAGES, LATENTS, seed=SEED)
    step.generator_step(LATENTS, seed=SEED)
    np.testing.assert_allclose(seen[0], IMAGES + 3.0)
    assert len(seen) == len(set(drawn)) == 3 and all(images.min() >= 2.0 for images in seen)


def test_a_stage_takes_its_cells_of_a_longer_architecture():
    losses = []
    for tokens in ([1, 0, 1, 0], [1, 0, 1, 0, 0, 1, 0, 1, 1]):
        step = made(SupernetGenerator(num_cells=2, **SMALL), stage=0, loss="wasserstein")
        losses.append(float(step.discriminator_step(IMAGES, LATENTS, tf.constant(tokens))["loss"]))
    assert losses[0] == losses[1]


def test_a_loss_scale_changes_no_norm_of_gradients():
    scaled, plain = (
        made(Generator(Genotype.from_string("1 0 1 1"), **SMALL), loss_scales=scales)
        for scales in ((LossScale(), LossScale()), None)
    )
    norms = [
        [step.discriminator_step(IMAGES, LATENTS)["gradient_norm"], step.generator_step(LATENTS)["gradient_norm"]]
        for step in (scaled, plain)
    ]
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-5)


@pytest.mark.parametrize("how", [{}, {"jit_compile": True}], ids=["graph", "compiled"])
@pytest.mark.parametrize("recipe", [{}, {"loss": "wasserstein", "penalty": "wgan_gp", "augment": ("flip", "color")}],
                         ids=["published", "wgan_gp"])  # fmt: skip
def test_a_derived_networks_steps_are_the_same_in_a_graph_and_compiled(how, recipe):
    eager, other = (made(Generator(Genotype.from_string("0 1 2 1"), **SMALL), **recipe) for _ in range(2))
    steps = tf.function(other.discriminator_step, **how), tf.function(other.generator_step, **how)
    for _ in range(2):
        for ours, theirs in (
            (eager.discriminator_step(IMAGES, LATENTS, seed=SEED), steps[0](IMAGES, LATENTS, seed=SEED)),
            (eager.generator_step(LATENTS, seed=SEED), steps[1](LATENTS, seed=SEED)),
        ):
            assert ours.keys() == theirs.keys()
            np.testing.assert_allclose([*theirs.values()], [*ours.values()], rtol=1e-5, atol=1e-6)
    for network in ("generator", "discriminator"):
        for one, two in zip(getattr(eager, network).variables, getattr(other, network).variables, strict=True):
            if not any(part in one.name for part in ("bias", "mean")):  # before a norm it follows the sign of rounding
                np.testing.assert_allclose(two, one, atol=1e-5, err_msg=one.name)


@pytest.mark.parametrize("decay_unused", [False, True])
def test_branches_that_a_step_did_not_use(decay_unused):
    """Left alone; as published the moments of what was trained before decay."""
    generator = SupernetGenerator(num_cells=1, **SMALL)
    step = made(generator, stage=0, decay_unused=decay_unused)
    run = tf.function(step.generator_step)
    run(LATENTS, FIRST)
    optimizer = step.g_optimizer
    used = [[bool(flag) for flag in generator.used_variables(tokens)] for tokens in (FIRST, SECOND)]
    assert optimizer.steps.numpy().tolist() == [int(flag) for flag in used[0]]
    weights, moments = values(generator.trainable_variables), values(optimizer.second_moments)
    run(LATENTS, SECOND)
    assert run.experimental_get_tracing_count() == 1
    paused = [a and not b for a, b in zip(*used, strict=True)]
    never = [not a and not b for a, b in zip(*used, strict=True)]
    assert any(paused) and any(never)
    factor = 0.9 if decay_unused else 1.0
    for index, variable in enumerate(generator.trainable_variables):
        if paused[index] or never[index]:
            np.testing.assert_array_equal(variable, weights[index])  # with beta1 = 0 there is nothing left to move by
            np.testing.assert_allclose(optimizer.second_moments[index], factor * moments[index], rtol=1e-6)
        count = 0 if never[index] else 1 + used[0][index] * (used[1][index] or decay_unused)
        assert optimizer.steps.numpy()[index] == count


@pytest.mark.parametrize("overflows", [False, True])
def test_with_a_loss_scale_only_used_branches_move_and_only_if_nothing_overflowed(overflows):
    generator = SupernetGenerator(num_cells=1, **SMALL)
    scales = (LossScale(), LossScale())
    step = made(generator, stage=0, loss_scales=scales)
    if overflows:
        scales[0].scale.assign(3e38)
        step._loss = adversarial.by_name("least_squares")  # whose slope is above 1, so that the product is infinite
    before = values(generator.trainable_variables)
    numbers = tf.function(step.generator_step)(LATENTS if not overflows else 1e3 * LATENTS, FIRST)
    used = [bool(flag) for flag in generator.used_variables(FIRST)]
    assert step.g_optimizer.steps.numpy().tolist() == [int(flag and not overflows) for flag in used]
    kept = same(before, generator.trainable_variables)
    assert all(stays for stays, flag in zip(kept, used, strict=True) if not flag)
    assert all(kept) == overflows and (numbers["gradient_norm"] == 0) == overflows


@pytest.mark.parametrize("tokens", [FIRST, SECOND], ids=["first", "second"])
def test_a_step_is_the_same_with_either_kind_of_generator(tokens):
    genotype = Genotype.from_tokens(tokens.numpy().tolist())
    supernet, derived = (
        made(generator)  # layers of the same names begin with the same weights
        for generator in (SupernetGenerator(num_cells=1, **SMALL), Generator(genotype, **SMALL))
    )
    for _ in range(2):
        ours = supernet.discriminator_step(IMAGES, LATENTS, tokens), supernet.generator_step(LATENTS, tokens)
        theirs = derived.discriminator_step(IMAGES, LATENTS), derived.generator_step(LATENTS)
        for one, two in zip(ours, theirs, strict=True):
            np.testing.assert_allclose([*one.values()], [*two.values()], rtol=1e-5)
    layers = supernet.generator.named_layers()
    for name, layer in derived.generator.named_layers().items():
        for one, two in zip(layer.trainable_variables, layers[name].trainable_variables, strict=True):
            if "bias" not in one.name:  # before a norm it follows the sign of rounding
                np.testing.assert_allclose(one, two, atol=1e-5, err_msg=one.name)


def test_tokens_belong_to_supernets():
    with pytest.raises(ValueError, match="needs `tokens`"):
        made(SupernetGenerator(num_cells=1, **SMALL)).generator_step(LATENTS)
    with pytest.raises(ValueError, match="no `tokens`"):
        made(Generator(Genotype.from_string("1 1 1 1"), **SMALL)).generator_step(LATENTS, FIRST)
