"""The controller against logits, log-probabilities, states and gradients recorded from the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.interop import official_pytorch

TOLERANCE, GRADIENT = 1e-5, 1e-4


class Case:
    """A recorded controller with its inputs."""

    def __init__(self, record) -> None:
        self.record = record
        self.controller = official_pytorch.controller(record.part("ctrl/"), int(record["stage"]))
        self.state = tf.constant(record["h0"]), tf.constant(record["c0"])
        self.actions = tf.constant(record["actions"], tf.int32)


@pytest.fixture(params=[0, 1, 2])
def case(request, recorded) -> Case:
    return Case(recorded(f"controller_stage{request.param}"))


def assert_close(actual, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_logits(case):
    assert case.controller.token_counts == tuple(case.record["tokens"])
    for index, logits in enumerate(case.controller.logits(case.state, case.actions)):
        assert_close(logits, case.record[f"logits{index}"])


def test_decisions(case):
    decided = case.controller(case.state, forced=case.actions)
    assert decided.tokens.numpy().tolist() == case.record["actions"].tolist()
    assert_close(decided.log_probs, case.record["log_probs"])
    assert_close(decided.entropies, case.record["entropies"])
    assert_close(decided.state[0], case.record["h_out"])
    assert_close(decided.state[1], case.record["c_out"])


def test_the_policy_loss_and_its_gradients(case):
    variables = case.controller.trainable_variables
    with tf.GradientTape() as tape:
        decided = case.controller(case.state, forced=case.actions)
        loss = -tf.reduce_sum(decided.log_probs * case.record["advantage"])
    np.testing.assert_allclose(loss, case.record["loss"], rtol=TOLERANCE)
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign(tf.convert_to_tensor(gradient))  # so that the state dict gives it its name
    expected = case.record.part("ctrl_grad/")
    actual = official_pytorch.state_dict(case.controller)
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert np.abs(actual[name] - array).max() <= GRADIENT * np.abs(array).max(), name
