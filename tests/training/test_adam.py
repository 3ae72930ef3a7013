"""Adam against PyTorch's formula in NumPy, with variables that sit steps out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.training.adam import Adam

SHAPES, SCALES = [(2, 3), (4,), (1,)], [1.0, 1e-8, 100.0]


class NumpyAdam:
    """One variable's Adam in float64, as PyTorch documents it (torch.optim.Adam, amsgrad and weight decay off)."""

    def __init__(self, value, learning_rate, beta_1, beta_2, epsilon=1e-8):
        self.value = value.astype(np.float64)
        self.lr, self.b1, self.b2, self.eps = learning_rate, beta_1, beta_2, epsilon
        self.m = self.v = np.zeros_like(self.value)
        self.t = 0

    def step(self, gradient):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * gradient
        self.v = self.b2 * self.v + (1 - self.b2) * gradient**2
        m_hat, v_hat = self.m / (1 - self.b1**self.t), self.v / (1 - self.b2**self.t)
        self.value = self.value - self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


def made(beta_1=0.9, beta_2=0.99, learning_rate=0.1):
    rng = np.random.default_rng(0)
    variables = [tf.Variable(rng.standard_normal(shape), dtype=tf.float32) for shape in SHAPES]
    ours = Adam(variables, learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2)
    oracles = [NumpyAdam(v.numpy(), learning_rate, beta_1, beta_2) for v in variables]
    return variables, ours, oracles


def gradients(step: int) -> list[np.ndarray]:
    """One for each variable: of ordinary size, of epsilon's, and large."""
    rng = np.random.default_rng([1, step])
    return [scale * rng.standard_normal(shape).astype(np.float32) for shape, scale in zip(SHAPES, SCALES, strict=True)]


def assert_agree(variables, ours: Adam, oracles) -> None:
    assert ours.steps.numpy().tolist() == [oracle.t for oracle in oracles]
    for index, (variable, oracle, scale) in enumerate(zip(variables, oracles, SCALES, strict=True)):
        np.testing.assert_allclose(variable, oracle.value, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(ours.first_moments[index], oracle.m, rtol=1e-5, atol=1e-6 * scale)
        np.testing.assert_allclose(ours.second_moments[index], oracle.v, rtol=1e-5, atol=1e-6 * scale**2)


@pytest.mark.parametrize(("beta_1", "beta_2"), [(0.0, 0.9), (0.9, 0.999)])
@pytest.mark.parametrize("in_graph", [False, True])
def test_several_steps(beta_1, beta_2, in_graph):
    variables, ours, oracles = made(beta_1, beta_2)

    def step(*grads):
        ours.apply_gradients(zip(grads, variables, strict=True))

    run = tf.function(step) if in_graph else step
    for number in range(8):
        grads = gradients(number)
        run(*map(tf.constant, grads))
        for oracle, gradient in zip(oracles, grads, strict=True):
            oracle.step(gradient.astype(np.float64))
        assert_agree(variables, ours, oracles)


@pytest.mark.parametrize("in_graph", [False, True])
def test_inactive_variables_keep_value_moments_and_count(in_graph):
    variables, ours, oracles = made()

    def step(active, *grads):
        ours.apply_gradients(zip(grads, variables, strict=True), active=[active[0], active[1], True])

    run = tf.function(step) if in_graph else step
    # the first variable never starts, the second one pauses
    for number, active in enumerate([(0, 0), (0, 1), (0, 0), (0, 1), (0, 0), (0, 1)]):
        grads = gradients(number)
        before = [variables[0].numpy(), variables[1].numpy()]
        run(tf.constant(active) > 0, *map(tf.constant, grads))
        for index, flag in enumerate((*active, 1)):
            if flag:
                oracles[index].step(grads[index].astype(np.float64))
            elif index < 2:
                np.testing.assert_array_equal(variables[index], before[index])
        assert_agree(variables, ours, oracles)
    assert ours.steps.numpy().tolist() == [0, 3, 6]


def test_a_missing_gradient_or_a_plain_false_skips_the_variable():
    variables, ours, oracles = made()
    grads = gradients(0)
    ours.apply_gradients([(None, variables[0]), (grads[1], variables[1])])
    oracles[1].step(grads[1].astype(np.float64))
    assert_agree(variables, ours, oracles)
    ours.apply_gradients(zip(map(tf.constant, grads), variables, strict=True), active=[True, False, False])
    oracles[0].step(grads[0].astype(np.float64))
    assert_agree(variables, ours, oracles)


def test_epsilon_is_added_after_the_bias_correction():
    # g = 1e-8: m_hat = 1e-8 and sqrt(v_hat) = 1e-8, so the first step is 0.1 · 1e-8 / (1e-8 + 1e-8) = 0.05
    variable = tf.Variable([1.0])
    adam = Adam([variable], learning_rate=0.1, beta_1=0.0, beta_2=0.9)
    adam.apply_gradients([(tf.constant([1e-8]), variable)])
    np.testing.assert_allclose(variable, [0.95], rtol=1e-5)


def test_the_learning_rate_can_be_assigned():
    variable = tf.Variable([0.0])
    adam = Adam([variable], learning_rate=0.1, beta_1=0.0, beta_2=0.9)
    adam.learning_rate.assign(0.5)
    adam.apply_gradients([(tf.constant([3.0]), variable)])
    np.testing.assert_allclose(variable, [-0.5], rtol=1e-6)


def test_reset_is_a_new_start():
    variables, ours, _ = made()
    for number in range(3):
        ours.apply_gradients(zip(map(tf.constant, gradients(number)), variables, strict=True))
    ours.reset()
    oracles = [NumpyAdam(v.numpy(), 0.1, 0.9, 0.99) for v in variables]
    assert_agree(variables, ours, oracles)
    ours.apply_gradients(zip(map(tf.constant, gradients(5)), variables, strict=True))
    for oracle, gradient in zip(oracles, gradients(5), strict=True):
        oracle.step(gradient.astype(np.float64))
    assert_agree(variables, ours, oracles)
