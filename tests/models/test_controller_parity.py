"""The controller against logits, log-probabilities, states and gradients recorded from the published implementation."""

from __future__ import annotations

import pytest
import tensorflow as tf

from autogan_tf.models.controller import Controller

TOLERANCE = 2e-5


@pytest.fixture(scope="module", params=["controller_stage1", "controller_stage2"])
def recorded(request, parity):
    arrays = parity.load(request.param)
    controller = Controller(stage=int(arrays["stage"]), hid_size=12)
    assert controller.token_counts == tuple(arrays["tokens"])
    for variable, name, convert in parity.controller_entries(controller):
        variable.assign(convert(arrays[f"ctrl/{name}"]))
    return controller, arrays, (tf.constant(arrays["h0"]), tf.constant(arrays["c0"]))


def test_all_recorded_parameters_have_a_counterpart(recorded, parity):
    controller, arrays, _ = recorded
    entries = list(parity.controller_entries(controller))
    assert {f"ctrl/{entry.name}" for entry in entries} == {key for key in arrays if key.startswith("ctrl/")}
    assert {id(entry.variable) for entry in entries} == {id(variable) for variable in controller.trainable_variables}


def test_logits(recorded, parity):
    controller, arrays, state = recorded
    for index, logits in enumerate(controller.logits(state, tf.constant(arrays["actions"], tf.int32))):
        parity.assert_close(logits, arrays[f"logits{index}"], TOLERANCE)


def test_decisions(recorded, parity):
    controller, arrays, state = recorded
    decided = controller(state, forced=tf.constant(arrays["actions"], tf.int32))
    assert decided.tokens.numpy().tolist() == arrays["actions"].tolist()
    parity.assert_close(decided.log_probs, arrays["log_probs"], TOLERANCE)
    parity.assert_close(decided.entropies, arrays["entropies"], TOLERANCE)
    parity.assert_close(decided.state[0], arrays["h_out"], TOLERANCE)
    parity.assert_close(decided.state[1], arrays["c_out"], TOLERANCE)


def test_gradients_of_the_policy_loss(recorded, parity):
    controller, arrays, state = recorded
    with tf.GradientTape() as tape:
        decided = controller(state, forced=tf.constant(arrays["actions"], tf.int32))
        loss = -tf.reduce_sum(decided.log_probs * arrays["advantage"])
    parity.assert_close(loss, arrays["loss"], TOLERANCE)
    entries = list(parity.controller_entries(controller))
    gradients = tape.gradient(loss, [entry.variable for entry in entries])
    for (_, name, convert), gradient in zip(entries, gradients, strict=True):
        expected = convert(arrays[f"ctrl_grad/{name}"])
        parity.assert_gradient_close(gradient, expected, largest=0.0, what=name)
