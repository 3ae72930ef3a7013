"""Checkpoints: what is saved comes back whole, plain state and variables."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.training.adam import Adam


class Job:
    """A controller and its optimizer, filled from a seed."""

    def __init__(self, seed: int, stage: int = 0) -> None:
        self.controller = Controller(stage=stage, hid_size=3)
        self.controller.initialize(seeds.stateless_seed(seed, "test"))
        variables = self.controller.trainable_variables
        self.optimizer = Adam(variables, learning_rate=0.1, beta_1=0.9, beta_2=0.999)
        self.optimizer.apply_gradients([(tf.ones_like(v) * (seed + 1), v) for v in variables])

    def objects(self) -> dict:
        return {"controller": self.controller, "optimizer": self.optimizer}

    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in [*self.controller.variables, *self.optimizer.variables]]


def assert_equal(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_and_variables_come_back(tmp_path):
    saved, other = Job(0), Job(1)
    state = {"iteration": 3, "prefixes": [[0, 1], [1, 0]], "name": "Fréchet", "spread": 0.1}
    Checkpoints(tmp_path / "c", saved.objects()).save(3, state)
    assert any(np.any(a != b) for a, b in zip(saved.values(), other.values(), strict=True))
    assert Checkpoints(tmp_path / "c", other.objects()).restore_latest() == state
    assert_equal(other.values(), saved.values())


def test_the_newest_of_several_is_restored_and_old_ones_go(tmp_path):
    job = Job(0)
    checkpoints = Checkpoints(tmp_path, job.objects(), keep=2)
    for number in range(4):
        job.optimizer.learning_rate.assign(float(number))
        checkpoints.save(number, {"iteration": number})
    other = Job(1)
    assert Checkpoints(tmp_path, other.objects()).restore_latest() == {"iteration": 3}
    assert float(other.optimizer.learning_rate) == 3.0
    assert len(list(tmp_path.glob("*.index"))) == 2


def test_without_a_checkpoint_there_is_nothing_to_restore(tmp_path):
    job = Job(0)
    before = job.values()
    assert Checkpoints(tmp_path, job.objects()).restore_latest() is None
    assert_equal(job.values(), before)


def test_an_object_that_was_replaced_is_saved_anew(tmp_path):
    checkpoints = Checkpoints(tmp_path, Job(0).objects())
    checkpoints.save(0, {})
    grown = Job(2, stage=1)
    for name, trackable in grown.objects().items():
        checkpoints.track(name, trackable)
    checkpoints.save(1, {"stage": 1})
    other = Job(3, stage=1)
    assert Checkpoints(tmp_path, other.objects()).restore_latest() == {"stage": 1}
    assert_equal(other.values(), grown.values())


def test_objects_that_do_not_fit_are_no_silent_restart(tmp_path):
    Checkpoints(tmp_path, Job(0).objects()).save(0, {})
    wider = Controller(stage=0, hid_size=5)
    with pytest.raises((AssertionError, ValueError)):
        Checkpoints(tmp_path, {"controller": wider}).restore_latest()
    extra = Job(0).objects() | {"other": tf.Module()}
    extra["other"].weight = tf.Variable(1.0)
    with pytest.raises(AssertionError):
        Checkpoints(tmp_path, extra).restore_latest()
