"""One graph for many architectures: each training in it is the derived network's, and leaves nothing to the next."""

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.models.changeable_generator import ChangeableGenerator
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.trainer import Trainer
from tests.training.small_trainer import ARCHITECTURES, made

STEPS = 3


def trained(trainer: Trainer) -> dict[str, list[np.ndarray]]:
    """The average's weights and statistics by layer, after the training."""
    losses = []
    trainer.run(report=lambda step, numbers: losses.append(numbers["d_loss"]))
    layers = trainer.ema_generator.named_layers().items()
    found = {name: [variable.numpy() for variable in layer.variables] for name, layer in layers}
    return found | {"loss": [np.array(losses[-1])], "images": list(trainer.sample(5, purpose="evaluation"))}


@pytest.fixture(scope="module")
def changeable() -> Trainer:
    return made(ARCHITECTURES[0], changeable=True)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_trains_as_the_derived_network_does(changeable, architecture):
    """But for the order of sums. Weights are not compared: of a bias before a norm the gradient is 0 but for rounding,
    which Adam's first steps make as large as any."""
    derived = made(architecture)
    changeable.become(Genotype.from_string(architecture))
    for step in range(2 * STEPS):
        ours, theirs = (trainer.loop.run(begin=step, end=step + 1) for trainer in (changeable, derived))
        np.testing.assert_allclose(ours[1:5], theirs[1:5], rtol=1e-3)


@pytest.mark.parametrize("seed", (4, 3))
def test_with_another_seed_it_trains_as_the_derived_network_does_with_that(changeable, seed):
    derived = made(ARCHITECTURES[1], seed=seed)
    changeable.become(Genotype.from_string(ARCHITECTURES[1]), seed=seed)
    assert changeable.seed == seed
    for step in range(2 * STEPS):
        ours, theirs = (trainer.loop.run(begin=step, end=step + 1) for trainer in (changeable, derived))
        np.testing.assert_allclose(ours[1:5], theirs[1:5], rtol=1e-3)
    assert changeable.loop.trace_count == 1


def test_it_begins_with_exactly_the_derived_networks_weights(changeable):
    derived, genotype = made(ARCHITECTURES[1]), Genotype.from_string(ARCHITECTURES[1])
    changeable.become(genotype)
    ours = changeable.generator.named_layers()
    for name, layer in derived.generator.named_layers().items():
        for variable, value in zip(ours[name].variables, layer.variables, strict=True):
            np.testing.assert_array_equal(variable, value)


def test_what_was_trained_before_leaves_nothing(changeable):
    changeable.become(Genotype.from_string(ARCHITECTURES[1]))
    first = trained(changeable)
    changeable.become(Genotype.from_string(ARCHITECTURES[2]))
    trained(changeable)
    changeable.become(Genotype.from_string(ARCHITECTURES[1]))
    again = trained(changeable)
    for name, values in first.items():
        for before, after in zip(values, again[name], strict=True):
            np.testing.assert_array_equal(before, after)
    assert changeable.loop.trace_count == 1


def test_unused_branches_keep_their_weights(changeable):
    changeable.become(Genotype.from_string(ARCHITECTURES[0]))
    used = {id(v) for v, on in zip(
        changeable.generator.trainable_variables, changeable.generator.used_variables(), strict=True
    ) if bool(on)}  # fmt: skip
    before = {id(v): v.numpy() for v in changeable.generator.trainable_variables}
    trained(changeable)
    moved = {id(v) for v in changeable.generator.trainable_variables if not np.array_equal(v, before[id(v)])}
    assert moved == used and len(used) < len(before)


def test_what_cannot_be_is_refused(changeable):
    with pytest.raises(ValueError, match="2 cells of the space autogan"):
        changeable.become(Genotype.from_string("0 0 0 0"))
    with pytest.raises(ValueError, match="only a changeable generator"):
        made(ARCHITECTURES[0]).become(Genotype.from_string(ARCHITECTURES[1]))
    with pytest.raises(ValueError, match="the seed of this trainer is 3 and does not change, got 4"):
        made(ARCHITECTURES[0]).change_seed(4)
    with pytest.raises(ValueError, match="neither classes nor spectral norm"):
        made(ARCHITECTURES[0], changeable=True, generator_spectral_norm=True)
    generator = ChangeableGenerator(Genotype.from_string("0 0 0 0"), gf_dim=2, latent_dim=2, channels=1)
    with pytest.raises(ValueError, match="takes no `tokens`"):
        generator(tf.zeros([1, 2]), tokens=tf.zeros([4], tf.int32))
