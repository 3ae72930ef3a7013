"""Trainings that compute in one changeable trainer's graphs: each is its own training, saved and restored as any."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.trainer import Trainer
from tests.training import small_trainer
from tests.training.small_trainer import ARCHITECTURES

STEPS = 4


def made(architecture: str, **options) -> Trainer:
    """With all that has state."""
    detector = CollapseDetector(window=3, threshold=1e-9)
    return small_trainer.made(architecture, steps=STEPS, beta1=0.5, lr_decay=True, detector=detector, **options)


def trained(trainer: Trainer, *, start: int = 0, until: int = STEPS) -> None:
    trainer.run(report=lambda step, numbers: None, start=start, until=until)


@pytest.fixture(scope="module")
def graphs() -> Trainer:
    return made(ARCHITECTURES[0], changeable=True)


@pytest.fixture(scope="module")
def others() -> Trainer:
    """A second changeable trainer, so that the first one is not asked of itself."""
    return made(ARCHITECTURES[0], changeable=True)


@pytest.fixture
def keep(tmp_path):
    """A function: a trainer's whole state as its checkpoint has it."""

    def kept(trainer: Trainer) -> dict[str, np.ndarray]:
        path = tf.train.Checkpoint(trainer=trainer).write(str(tmp_path / "state"))
        names = [name for name, _ in tf.train.list_variables(path) if "OBJECT_GRAPH" not in name]
        return {name: tf.train.load_variable(path, name) for name in names}

    return kept


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_begins_as_any_and_ends_as_the_changeable_trainer_does(graphs, others, keep, architecture):
    borrowing, plain = made(architecture, graphs=graphs), made(architecture)
    assert same(keep(borrowing), keep(plain))  # checkpoints of the one are the other's, and it begins with its weights
    trained(borrowing)
    found = keep(borrowing)
    assert found.keys() == keep(plain).keys()
    images = np.concatenate(list(borrowing.sample(5, purpose="evaluation")))
    others.become(Genotype.from_string(architecture))
    trained(others)
    np.testing.assert_array_equal(images, np.concatenate(list(others.sample(5, purpose="evaluation"))))
    for path, layer in borrowing.generator.named_layers().items():
        for variable, other in zip(layer.variables, others.generator.named_layers()[path].variables, strict=True):
            np.testing.assert_array_equal(variable, other)
    assert found["trainer/g_optimizer/steps/.ATTRIBUTES/VARIABLE_VALUE"].tolist() == [STEPS] * len(
        borrowing.generator.trainable_variables
    )


def test_a_plain_trainer_goes_on_from_its_checkpoint_near_to_where_a_plain_one_is(graphs, tmp_path):
    """But for the order of sums, see `test_changeable`; so early in a training they are still close."""
    borrowing, plain = made(ARCHITECTURES[1], graphs=graphs), made(ARCHITECTURES[1])
    trained(plain, until=2)
    expected = plain.loop.run(begin=4, end=5)[1:5]
    trained(borrowing, until=2)
    path = tf.train.Checkpoint(trainer=borrowing).write(str(tmp_path / "half"))
    tf.train.Checkpoint(trainer=plain).read(path).assert_consumed()
    np.testing.assert_allclose(plain.loop.run(begin=4, end=5)[1:5], expected, rtol=1e-3)


def test_trainings_in_turn_and_in_pieces_are_each_what_they_are_alone(graphs, keep, tmp_path):
    alone = {}
    for architecture in ARCHITECTURES:
        trainer = made(architecture, graphs=graphs)
        trained(trainer)
        alone[architecture] = keep(trainer)
    trainers = {architecture: made(architecture, graphs=graphs) for architecture in ARCHITECTURES}
    for begin in range(STEPS):
        for trainer in trainers.values():
            trained(trainer, start=begin, until=begin + 1)
    for architecture, trainer in trainers.items():
        assert same(keep(trainer), alone[architecture])
    # and taken up from a checkpoint
    first = made(ARCHITECTURES[1], graphs=graphs)
    trained(first, until=2)
    path = tf.train.Checkpoint(trainer=first).write(str(tmp_path / "half"))
    trained(trainers[ARCHITECTURES[2]], until=1)
    second = made(ARCHITECTURES[1], graphs=graphs)
    tf.train.Checkpoint(trainer=second).read(path).assert_consumed()
    trained(second, start=2)
    assert same(keep(second), alone[ARCHITECTURES[1]])
    assert graphs.loop.trace_count == 1


def test_trainings_of_several_seeds_in_turn_are_each_what_they_are_alone(graphs, keep):
    alone = {}
    for seed in (5, 6):
        trainer = made(ARCHITECTURES[1], seed=seed, graphs=made(ARCHITECTURES[0], seed=seed, changeable=True))
        trained(trainer)
        alone[seed] = keep(trainer)
    trainers = {seed: made(ARCHITECTURES[1], seed=seed, graphs=graphs) for seed in alone}
    for begin in range(STEPS):
        for trainer in trainers.values():
            trained(trainer, start=begin, until=begin + 1)
    for seed, trainer in trainers.items():
        assert same(keep(trainer), alone[seed])
    assert not same(alone[5], alone[6]) and graphs.loop.trace_count == 1


def test_whatever_another_training_came_to_leaves_no_trace(graphs, keep):
    first, again = made(ARCHITECTURES[1], graphs=graphs), made(ARCHITECTURES[1], graphs=graphs)
    trained(first, until=2)
    for variable in graphs.variables:
        if variable.dtype == tf.float32:
            variable.assign(tf.fill(variable.shape, np.nan))
    trained(again, until=2)
    assert same(keep(first), keep(again))


def test_callbacks_see_the_state_that_they_are_called_at(graphs, keep):
    seen = {}
    trainer = made(ARCHITECTURES[2], graphs=graphs)
    trainer.run(
        report=lambda step, numbers: None,
        evaluate=lambda step: seen.update({step: keep(trainer)}),
        evaluate_every=2,
        pause_every=1,
        pause=lambda step: seen.update({("pause", step): keep(trainer)}),
    )
    half = made(ARCHITECTURES[2], graphs=graphs)
    trained(half, until=2)
    assert same(seen[2], keep(half)) and same(seen["pause", 2], seen[2]) and same(seen[STEPS], keep(trainer))
    assert not same(seen[2], seen[STEPS])


def test_loss_scales_are_lent():
    graphs = made(ARCHITECTURES[0], changeable=True, precision="mixed_float16")
    trainer = made(ARCHITECTURES[1], graphs=graphs, precision="mixed_float16")
    trainer.loss_scales[1].scale.assign(8.0)
    list(trainer.sample(1, purpose="evaluation"))
    assert float(graphs.loss_scales[1].scale) == 8.0


def test_what_cannot_be_is_refused(graphs):
    with pytest.raises(ValueError, match="2 cells of the space autogan"):
        made("0 0 0 0", graphs=graphs)
    with pytest.raises(ValueError, match="only a changeable generator"):
        made(ARCHITECTURES[1], graphs=made(ARCHITECTURES[0]))
