"""Training one architecture: schedule, average, reports, and that nothing but the seed decides the result."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data.pipeline import ImageStream
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import trainer as trainer_module
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.loop import Progress
from autogan_tf.training.trainer import Trainer, TrainingCollapsed

STEPS, CRITIC = 5, 2


def made(**options) -> Trainer:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype(np.uint8)
    arguments = {
        "genotype": Genotype.from_string("0 1 1 1"),
        "stream": ImageStream(images=images, batch_size=4, seed=3),
        "gf_dim": 3,
        "df_dim": 6,
        "latent_dim": 4,
        "bottom_width": 4,
        "channels": 1,
        "gen_batch_size": 4,
        "n_critic": CRITIC,
        "g_lr": 0.01,
        "d_lr": 0.02,
        "beta1": 0.0,
        "beta2": 0.9,
        "init_type": "xavier_uniform",
        "steps": STEPS,
        "lr_decay": True,
        "ema_decay": 0.999,
        "seed": 3,
    }
    return Trainer(**(arguments | options))


class Trained:
    """A trainer, its state before training, and what it reported."""

    def __init__(self) -> None:
        self.trainer = made()
        self.state = [*self.trainer.variables]
        self.start = self.values()
        self.reports: list[tuple[int, dict]] = []
        self.evaluated: list[int] = []

    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.state]

    def run(self, evaluate_every: int, **options) -> list[np.ndarray]:
        for variable, value in zip(self.state, self.start, strict=True):
            variable.assign(value)
        self.reports, self.evaluated = [], []
        self.trainer.run(
            report=lambda step, losses: self.reports.append((step, losses)),
            evaluate=self.evaluated.append,
            evaluate_every=evaluate_every,
            **options,
        )
        return self.values()


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained()


@pytest.fixture
def eagerly():
    """With so little to compute, tracing would take most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def test_all_steps_are_taken_and_reported(trained):
    trained.run(0)
    assert trained.reports[-1][0] == STEPS
    names = {
        f"{network}_{number}" for network in ("d", "g") for number in ("loss", "gradient_norm", "lr")
    } | {"images_per_second", "memory_mb"}
    assert all(numbers.keys() == names for _, numbers in trained.reports)
    assert all(np.isfinite(list(numbers.values())).all() for _, numbers in trained.reports)
    assert trained.evaluated == [STEPS]
    assert trained.trainer.g_optimizer.steps.numpy().tolist() == [STEPS] * len(
        trained.trainer.generator.trainable_variables
    )
    assert trained.trainer.d_optimizer.steps.numpy().max() == STEPS * CRITIC


def test_learning_rates_fall_linearly(trained):
    trained.run(0)
    # in the last of five steps one fifth is left
    np.testing.assert_allclose(trained.trainer.g_optimizer.learning_rate, 0.01 / 5, rtol=1e-6)
    np.testing.assert_allclose(trained.trainer.d_optimizer.learning_rate, 0.02 / 5, rtol=1e-6)


def test_evaluations_come_in_time_and_do_not_change_the_result(trained):
    expected = trained.run(0)
    for value, other in zip(trained.run(2), expected, strict=True):
        np.testing.assert_array_equal(value, other)
    assert trained.evaluated == [2, 4, 5]
    assert trained.trainer.loop.trace_count == 1


def test_it_pauses_at_each_multiple_however_fast_it_is_and_that_does_not_change_the_result(trained, monkeypatch):
    monkeypatch.setattr(trainer_module, "SECONDS_BETWEEN_REPORTS", 1e9)  # two stretches: the first step, all others
    expected, pauses = trained.run(0), []
    for value, other in zip(trained.run(0, pause_every=2, pause=pauses.append), expected, strict=True):
        np.testing.assert_array_equal(value, other)
    assert pauses == [1, 2, 4, 5]


def test_from_a_checkpoint_it_ends_with_the_same_weights_bit_for_bit(tmp_path):
    """In a new trainer; with all that there may be: float16's loss scales, and the windows of losses."""

    def new() -> Trainer:
        return made(precision="mixed_float16", detector=CollapseDetector(window=4, threshold=1e-9))

    class Stop(Exception):
        pass

    def interrupt(step: int) -> None:
        if step == 2:
            Checkpoints(tmp_path, {"trainer": first}).save(1, {})
        if step == 4:  # some steps later, which are lost
            raise Stop

    whole, first, second = new(), new(), new()
    whole.run(report=lambda step, losses: None)
    with pytest.raises(Stop):
        first.run(report=lambda step, losses: None, pause=interrupt, evaluate=lambda step: None, evaluate_every=2)
    checkpoints = Checkpoints(tmp_path, {"trainer": second})
    checkpoints.restore(checkpoints.find())
    second.run(start=2, report=lambda step, losses: None)
    variables = zip(whole.variables, second.variables, strict=True)
    assert all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in variables)


def test_the_average_follows_the_generator(trained):
    """After a step it is 0.1 · start + 0.9 · weights, statistics included; in the next these have 2/11 and 9/11."""
    for variable, value in zip(trained.state, trained.start, strict=True):
        variable.assign(value)
    trainer = trained.trainer
    before = [variable.numpy() for variable in trainer.generator.variables]
    for begin, end, decay in ((0, 1, 1 / 10), (1, CRITIC + 1, 2 / 11)):  # up to the next step of the generator
        trainer.loop.run(begin=begin, end=end)
        for weights, average, old in zip(
            trainer.generator.variables, trainer.ema_generator.variables, before, strict=True
        ):
            np.testing.assert_allclose(average, decay * old + (1 - decay) * weights.numpy(), rtol=1e-4, atol=1e-6)
        before = [variable.numpy() for variable in trainer.ema_generator.variables]


def test_both_optimizers_have_the_betas_that_were_given(trained):
    """After a first step the moments are (1 - 0) g and (1 - 0.9) g^2."""
    for variable, value in zip(trained.state, trained.start, strict=True):
        variable.assign(value)
    trained.trainer.loop.run(begin=0, end=1)
    for optimizer in (trained.trainer.g_optimizer, trained.trainer.d_optimizer):
        moments = [np.concatenate([np.ravel(m) for m in optimizer.first_moments])]
        moments += [np.concatenate([np.ravel(m) for m in optimizer.second_moments])]
        assert np.abs(moments[0]).max() > 1e-3
        np.testing.assert_allclose(moments[1], 0.1 * moments[0] ** 2, rtol=1e-4, atol=1e-12)


def test_reports_are_of_their_stretch(trained, monkeypatch):
    """A discriminator step of 4 images takes half a second, and a report is due every two."""
    now = [0.0]

    def run(*, begin: int, end: int) -> Progress:
        now[0] += 0.5 * (end - begin)
        return Progress(end, d_loss=1.0, g_loss=2.0, d_gradient_norm=3.0, g_gradient_norm=4.0, stopped=False)

    monkeypatch.setattr(trainer_module, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(trained.trainer.loop, "run", run)
    trained.run(0)
    # one step by itself, as it traces the graph, and another before it is known how long they take
    assert [step for step, _ in trained.reports] == [1, 2, 4, 5]
    expected = {"d_loss": 1.0, "g_loss": 2.0, "d_gradient_norm": 3.0, "g_gradient_norm": 4.0, "images_per_second": 8.0}
    expected |= {"d_lr": 0.02, "g_lr": 0.01}
    for _, numbers in trained.reports:
        assert {name: numbers[name] for name in expected} == pytest.approx(expected)


def test_samples_follow_from_seed_and_purpose(trained):
    trained.run(0)

    def sample(number, purpose):
        return np.concatenate(list(trained.trainer.sample(number, purpose=purpose)))

    images = sample(10, "grid")
    assert images.shape == (10, 8, 8, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(sample(10, "grid"), images)
    np.testing.assert_array_equal(sample(11, "grid")[:10], images)
    assert np.any(sample(10, "evaluation") != images)
    assert len({image.tobytes() for image in images}) == 10


def test_samples_have_classes_as_often_as_the_data_or_those_that_are_given():
    images = np.zeros((4, 8, 8, 1), np.uint8)
    stream = ImageStream(images=images, labels=np.array([0, 0, 0, 1], np.int32), batch_size=4, seed=3)
    trainer = made(stream=stream, num_classes=2, class_counts=[1, 0])
    trainer.ema_generator.to_rgb_bn.beta.assign([[0.0] * 3, [5.0] * 3])

    def sample(**options) -> np.ndarray:
        return np.concatenate(list(trainer.sample(20, purpose="grid", **options)))

    first, second = (sample(labels=np.full(20, label, np.int32)) for label in (0, 1))
    assert np.all(np.any(first != second, axis=(1, 2, 3)))
    np.testing.assert_array_equal(sample(), first)


def test_a_penalty_has_the_weight_that_was_given(eagerly):
    losses = [
        made(penalty="r1", penalty_weight=weight).loop.run(begin=0, end=1).d_loss for weight in (0.0, 1.0, 3.0)
    ]
    assert losses[1] > losses[0]
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-3)


def test_the_discriminator_is_the_one_that_was_asked_for():
    for options in ({}, {"minibatch_std": True}, {"spectral_norm": False}):
        discriminator = made(**options).discriminator
        assert discriminator.minibatch_std == ("minibatch_std" in options)
        assert bool(discriminator.non_trainable_variables) == ("spectral_norm" not in options)


def test_another_attempt_begins_with_the_first_loss_scales():
    trainer = made(precision="mixed_float16")
    first = [float(scale.scale) for scale in trainer.loss_scales]
    for scale in trainer.loss_scales:
        scale.scale.assign(2.0)
    trainer.draw_weights(attempt=1)
    assert [float(scale.scale) for scale in trainer.loss_scales] == first


def test_initial_weights_follow_from_the_seed():
    first, again, other = made(), made(), made(seed=4)
    for network in ("generator", "discriminator"):
        pairs = zip(getattr(first, network).variables, getattr(again, network).variables, strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)
    assert np.any(first.generator.l1.kernel.numpy() != other.generator.l1.kernel.numpy())
    # the average starts as a copy
    pairs = zip(first.generator.variables, first.ema_generator.variables, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_without_decay_the_rates_stay():
    trainer = made(lr_decay=False, steps=1, n_critic=1)
    trainer.run(report=lambda step, losses: None)
    np.testing.assert_allclose(trainer.g_optimizer.learning_rate, 0.01, rtol=1e-6)


def test_losses_that_stand_still_end_the_training_with_the_step():
    # any two losses are nearer to each other than 1e9; the generator's window is full at its second step
    trainer = made(detector=CollapseDetector(window=2, threshold=1e9))
    with pytest.raises(TrainingCollapsed, match="generator step 2"):
        trainer.run(report=lambda step, losses: None)
    made(detector=CollapseDetector(window=2, threshold=1e-9)).run(report=lambda step, losses: None)


def test_another_attempt_begins_with_other_weights_and_nothing_left_of_the_first():
    trainer = made(detector=CollapseDetector(window=2, threshold=1e9))
    first = [variable.numpy() for variable in trainer.generator.variables]
    with pytest.raises(TrainingCollapsed):
        trainer.run(report=lambda step, losses: None)
    trainer.draw_weights(attempt=1)
    assert np.any(trainer.generator.l1.kernel.numpy() != first[0])
    assert int(np.max(trainer.g_optimizer.steps)) == 0 and int(np.max(trainer.d_optimizer.steps)) == 0
    pairs = zip(trainer.generator.variables, trainer.ema_generator.variables, strict=True)
    assert all(np.array_equal(one, two) for one, two in pairs)
    with pytest.raises(TrainingCollapsed, match="generator step 2"):  # its windows were emptied, too
        trainer.run(report=lambda step, losses: None)
    trainer.draw_weights(attempt=0)
    assert all(np.array_equal(one, two) for one, two in zip(trainer.generator.variables, first, strict=True))
