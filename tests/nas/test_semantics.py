"""Each switch of `Semantics`, turned alone, changes what it names: none is read together with another."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.semantics import Semantics
from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.models import initializers
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.strategies.reinforce import Reinforce, ReinforceSettings
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.gan_step import GanStep
from autogan_tf.training.trainer import Trainer

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype(np.uint8)
SIZES: dict[str, Any] = {"bottom_width": 4, "latent_dim": 3, "gf_dim": 2, "df_dim": 6, "channels": 1}
TRAINING: dict[str, Any] = {"g_lr": 0.01, "d_lr": 0.01, "beta1": 0.0, "beta2": 0.9, "gen_batch_size": 4, "n_critic": 1}
SEEDED: dict[str, Any] = {"init_type": "xavier_uniform", "seed": 1}


@pytest.fixture(autouse=True)
def eager():
    """With so little to compute, tracing would take most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def strategy(semantics: Semantics) -> Reinforce:
    settings = ReinforceSettings(
        ctrl_step=2, ctrl_sample_batch=1, ctrl_lr=0.01, ctrl_beta1=0.9, ctrl_beta2=0.999, hid_size=4,
        baseline_decay=0.5, entropy_coeff=1.0,
    )  # fmt: skip
    return Reinforce(settings, Task(space=autogan.SPACE, seed=5, semantics=semantics))


def learning(semantics: Semantics) -> list:
    """What two tellings of a round return, and the baseline after them."""
    asked = strategy(semantics)
    asked.begin_round(0)
    told = [dict(asked.tell([Trial(tokens, reward) for tokens in asked.ask()])) for reward in (1.0, 3.0)]
    return [*told, asked.policy.baseline]


def finalists(semantics: Semantics) -> int:
    """How many of 36 candidates, as many as there are, are distinct."""
    return len(set(strategy(semantics).finalists(36, 0)))


class Quarters:
    """Features and logits: the mean brightness of the images' quarters, a thousandfold, so that a level counts."""

    def __call__(self, images):
        logits = tf.reshape(tf.nn.avg_pool2d(images, 4, 4, "VALID"), [-1, 4])
        return logits, 1000.0 * logits


def scores(semantics: Semantics) -> list[float]:
    """Of one architecture, twice."""
    generator = SupernetGenerator(num_cells=1, gf_dim=2, latent_dim=3, channels=1)
    initializers.initialize(generator.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    scorer = Scorer(
        generator=generator, network=Quarters(), batch_size=10, calibration_batches=1, seed=1, semantics=semantics
    )
    scorer.start_phase("controller", 0)
    return [scorer.score((0, 1, 0, 1), num_images=20) for _ in range(2)]


def shared_gan(semantics: Semantics) -> SharedGan:
    detector = CollapseDetector(window=2, threshold=0.0)
    return SharedGan(num_cells=1, detector=detector, semantics=semantics, **SIZES, **TRAINING, **SEEDED)


def first_weights(semantics: Semantics) -> np.ndarray:
    return np.concatenate([value.numpy().ravel() for value in shared_gan(semantics).discriminator.variables])


def decays_unused(semantics: Semantics) -> bool:
    """What the shared GAN tells its steps, which run in graphs; what they then do is in test_gan_step."""
    loop = shared_gan(semantics).stage_loop(stage=0, stream=ImageStream(images=IMAGES, batch_size=4, seed=3))
    assert isinstance(loop._step, GanStep)
    return loop._step.decay_unused


@functools.cache  # two tests look at it
def trained(semantics: Semantics) -> dict[str, np.ndarray]:
    """A training of two steps: its first weights, and the weights and the statistics of the average."""
    trainer = Trainer(
        genotype=Genotype.from_string("0 1 1 1"), stream=ImageStream(images=IMAGES, batch_size=4, seed=3), steps=2,
        lr_decay=False, ema_decay=0.999, semantics=semantics, **SIZES, **TRAINING, **SEEDED,
    )  # fmt: skip
    first = [variable.numpy() for variable in trainer.discriminator.variables]
    trainer.run(report=lambda step, numbers: None)
    average = trainer.ema_generator
    found = {"first": first, "weights": average.trainable_variables, "statistics": average.non_trainable_variables}
    return {name: np.concatenate([np.ravel(value) for value in values]) for name, values in found.items()}


def log(semantics: Semantics, fake_search) -> list:
    """What a search did that grew after a collapse."""
    search = fake_search(collapse=[0], max_search_iter=2, grow_steps=(1,), ctrl_step=1, semantics=semantics).run()
    return [entry[0] for entry in search.log]


# By switch, what of a search or training it changes.
CHANGES: dict[str, Callable[[Semantics], Any]] = {
    "entropy_in_reward": learning,
    "advantage_per_decision": learning,
    "baseline_includes_reward": learning,
    "baseline_from_first_reward": learning,
    "repeated_candidates": finalists,
    "fresh_latents": scores,
    "reward_splits": scores,
    "running_statistics_in_rewards": scores,
    "truncated_pixels": scores,
    "unsampled_moments_decay": decays_unused,
    "reset_threshold_is_variance": lambda semantics: semantics.as_standard_deviation(0.25),
    "spectral_default_weights": first_weights,
    "average_without_warm_up": lambda semantics: trained(semantics)["weights"],
    "average_copies_statistics": lambda semantics: trained(semantics)["statistics"],
}
IN_A_SEARCH = {"windows_survive_growth": "clear", "ranks_untrained_weights": "train"}


def alone(name: str) -> Semantics:
    """Only `name` as published."""
    return dataclasses.replace(Semantics.corrected(), **{name: getattr(Semantics.published(), name)})


@functools.cache
def unchanged(change: Callable[[Semantics], Any]) -> Any:
    return change(Semantics.corrected())


def test_every_switch_is_tried():
    names = {field.name for field in dataclasses.fields(Semantics)}
    assert CHANGES.keys() | IN_A_SEARCH.keys() == names


@pytest.mark.parametrize("name", CHANGES)
def test_a_switch_alone(name):
    found, corrected = CHANGES[name](alone(name)), unchanged(CHANGES[name])
    assert np.any(found != corrected) if isinstance(found, np.ndarray) else found != corrected


@pytest.mark.parametrize("name", IN_A_SEARCH)
def test_a_switch_of_the_search_alone(name, fake_search):
    """As published there is one entry of its kind less, and nothing else is another."""
    entries = log(Semantics.corrected(), fake_search)
    found = log(alone(name), fake_search)
    what = IN_A_SEARCH[name]
    assert found.count(what) == entries.count(what) - 1
    assert [entry for entry in found if entry != what] == [entry for entry in entries if entry != what]


def test_a_training_reads_its_own_switches_alone():
    corrected = trained(Semantics.corrected())
    changed = {
        name: {part for part, values in trained(alone(name)).items() if np.any(values != corrected[part])}
        for name in ("average_without_warm_up", "average_copies_statistics", "spectral_default_weights")
    }
    assert changed["average_without_warm_up"] == {"weights", "statistics"}
    assert changed["average_copies_statistics"] == {"statistics"}
    assert "first" in changed["spectral_default_weights"]
