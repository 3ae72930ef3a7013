"""REINFORCE worked by hand: a decoder's bias moves only its own decision, so its gradient has a closed form."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller
from autogan_tf.nas.strategies.controller_policy import ControllerPolicy

COUNTS = (2, 3, 3, 2)


class GradientDescent:
    """Takes the whole gradient as its step, so that it can be read off the weights."""

    def apply_gradients(self, grads_and_vars):
        for gradient, variable in grads_and_vars:
            variable.assign_sub(gradient)


def made(*, stage=0, gradient_descent=False, prefixes=((),), prefix_states=None, **options) -> ControllerPolicy:
    controller = Controller(stage=stage, hid_size=4)
    controller.initialize(seeds.stateless_seed(0, "controller"))
    for decoder in controller.decoders:
        decoder.kernel.assign(3 * decoder.kernel)
    zeros = np.zeros((len(prefixes), 4), np.float32)
    arguments = {
        "learning_rate": 0.01,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "baseline_decay": 0.9,
        "entropy_coeff": 0.1,
    }
    policy = ControllerPolicy(
        controller=controller,
        prefixes=np.array(prefixes, np.int32),
        prefix_states=prefix_states or (zeros, zeros),
        **(arguments | options),
    )
    if gradient_descent:
        policy.optimizer = GradientDescent()  # type: ignore[assignment]
    return policy


def draw(policy: ControllerPolicy, batch: int, number: int = 0):
    return policy.sample(batch, seeds.stateless_seed(number, "test"))


class Decision:
    """Probabilities of one decision of every architecture in a batch, with NumPy in float64."""

    def __init__(self, logits: tf.Tensor, tokens: np.ndarray) -> None:
        p = np.exp(logits.numpy().astype(np.float64))
        self.p = p / p.sum(axis=1, keepdims=True)
        self.log_p = np.log(self.p)
        self.taken = np.eye(p.shape[1])[tokens]
        self.log_prob = (self.log_p * self.taken).sum(axis=1)
        self.entropy = -(self.p * self.log_p).sum(axis=1)

    def log_prob_gradient(self) -> np.ndarray:
        """d log p(taken) / d bias."""
        return self.taken - self.p

    def entropy_gradient(self) -> np.ndarray:
        """d H / d bias_j = -p_j (log p_j + H)."""
        return -self.p * (self.log_p + self.entropy[:, None])


def decisions_of(policy: ControllerPolicy, decided, state) -> list[Decision]:
    logits = policy.controller.logits(state, decided.tokens)
    return [Decision(part, decided.tokens.numpy()[:, index]) for index, part in enumerate(logits)]


def biases(policy: ControllerPolicy) -> list[np.ndarray]:
    return [decoder.bias.numpy() for decoder in policy.controller.decoders]


def test_the_closed_form_of_the_entropy_gradient():
    logits = np.array([[0.3, -1.0, 0.7]])

    def entropy(x):
        return Decision(tf.constant(x), np.array([0])).entropy[0]

    shifts = 1e-5 * np.eye(3)
    expected = [(entropy(logits + s) - entropy(logits - s)) / 2e-5 for s in shifts]
    np.testing.assert_allclose(Decision(tf.constant(logits), np.array([0])).entropy_gradient()[0], expected, atol=1e-8)


def test_loss_and_gradient_by_hand():
    policy = made(gradient_descent=True)
    _, decided, state = draw(policy, 3)
    rewards, baseline, coefficient = np.array([1.5, 2.0, 4.0]), 2.25, 0.1
    parts = decisions_of(policy, decided, state)
    before = biases(policy)
    policy.start_phase(np.array([2.0, 2.5]))  # their mean is the baseline
    update = policy.learn(decided.tokens, state, rewards)
    advantages = rewards - baseline
    total_log_prob = sum(part.log_prob for part in parts)
    total_entropy = sum(part.entropy for part in parts)
    loss = np.mean(-total_log_prob * advantages - coefficient * total_entropy)
    np.testing.assert_allclose(update.loss, loss, rtol=1e-5)
    np.testing.assert_allclose(update.advantage, 0.25, rtol=1e-5)
    np.testing.assert_allclose(update.entropy, np.mean([part.entropy for part in parts]), rtol=1e-5)
    for part, old, new in zip(parts, before, biases(policy), strict=True):
        policy_term = -part.log_prob_gradient() * advantages[:, None]
        expected = np.mean(policy_term - coefficient * part.entropy_gradient(), axis=0)
        np.testing.assert_allclose(old - new, expected, atol=1e-5)


def test_the_gradient_norm_is_that_of_all_weights():
    policy = made(gradient_descent=True)
    _, decided, state = draw(policy, 2)
    policy.start_phase(np.array([0.0]))
    before = [variable.numpy() for variable in policy.controller.trainable_variables]
    update = policy.learn(decided.tokens, state, np.array([1.0, 3.0]))
    steps = [old - new.numpy() for old, new in zip(before, policy.controller.trainable_variables, strict=True)]
    np.testing.assert_allclose(update.gradient_norm, np.sqrt(sum(np.sum(step**2) for step in steps)), rtol=1e-4)


def test_two_steps_of_adam_by_hand():
    """A twin with the same weights takes whole gradients as its steps, so that they can be read off."""
    rate, beta_1, beta_2 = 0.02, 0.5, 0.8
    policy = made(learning_rate=rate, beta_1=beta_1, beta_2=beta_2)
    twin = made(gradient_descent=True)
    _, decided, state = draw(policy, 2)
    for one in (policy, twin):
        one.start_phase(np.array([0.0]))
    variables = list(zip(policy.controller.trainable_variables, twin.controller.trainable_variables, strict=True))
    expected = [ours.numpy().astype(np.float64) for ours, _ in variables]
    first, second = ([np.zeros_like(value) for value in expected] for _ in range(2))
    for step, rewards in ((1, np.array([1.0, 3.0])), (2, np.array([-2.0, 0.5]))):
        for ours, its in variables:
            its.assign(ours)
        for one in (policy, twin):
            one.learn(decided.tokens, state, rewards)
        for place, (ours, its) in enumerate(variables):
            # before the step ours had the values that `expected` still has
            gradient = expected[place] - its.numpy()
            first[place] = beta_1 * first[place] + (1 - beta_1) * gradient
            second[place] = beta_2 * second[place] + (1 - beta_2) * gradient**2
            mean, square = first[place] / (1 - beta_1**step), second[place] / (1 - beta_2**step)
            expected[place] = expected[place] - rate * mean / (np.sqrt(square) + 1e-8)
            clear = np.abs(gradient) > 1e-4  # a smaller one is lost in the digits of the weight it is read off
            np.testing.assert_allclose(ours.numpy()[clear], expected[place][clear], atol=2e-4)
            expected[place] = ours.numpy().astype(np.float64)


def test_the_baseline_is_the_value_before_these_rewards():
    policy = made()
    policy.start_phase(np.array([1.0, 3.0]))
    assert policy.baseline == 2.0
    _, decided, state = draw(policy, 2)
    assert policy.learn(decided.tokens, state, np.array([3.0, 5.0])).advantage == pytest.approx(4 - 2)
    assert policy.baseline == pytest.approx(0.9 * 2 + 0.1 * 4)
    assert policy.learn(decided.tokens, state, np.array([1.0, 1.0])).advantage == pytest.approx(1 - 2.2)
    assert policy.baseline == pytest.approx(0.9 * 2.2 + 0.1 * 1)
    policy.start_phase(np.array([7.0]))  # a new phase forgets it
    assert policy.baseline == 7.0


def test_learning_needs_a_baseline():
    policy = made()
    _, decided, state = draw(policy, 1)
    with pytest.raises(ValueError, match="start_phase"):
        policy.learn(decided.tokens, state, np.array([1.0]))
    policy.start_phase(np.array([1.0]))
    policy.start_phase(None)
    with pytest.raises(ValueError, match="start_phase"):
        policy.learn(decided.tokens, state, np.array([1.0]))


def test_a_bandit_is_learnt():
    """Reward 1 for one value of the third decision, 0 otherwise; after 80 steps it is nearly always chosen."""
    policy = made(learning_rate=0.03, entropy_coeff=0.0)
    policy.start_phase(np.array([0.3]))

    def share(number):
        return np.mean(draw(policy, 500, 10_000 + number)[0].numpy()[:, 2] == 2)

    assert share(0) < 0.6
    for number in range(80):
        tokens, decided, state = draw(policy, 8, number)
        policy.learn(decided.tokens, state, (tokens.numpy()[:, 2] == 2).astype(np.float64))
    assert share(1) > 0.9


@pytest.mark.parametrize("semantics", [CORRECTED, Semantics.published(), Semantics(entropy_in_reward=True)])
def test_the_entropy_bonus_raises_entropy_and_lowers_it_as_part_of_the_reward(semantics):
    policy = made(entropy_coeff=1.0, learning_rate=0.003, semantics=semantics)
    _, decided, state = draw(policy, 1)
    rewards = np.array([1.0])
    policy.start_phase(None if semantics.baseline_from_first_reward else rewards)
    entropies = [policy.learn(decided.tokens, state, rewards).entropy for _ in range(12)]
    if semantics.entropy_in_reward:
        assert entropies[-1] < entropies[0]
    else:
        assert entropies[-1] > entropies[0]


def test_the_published_update_by_hand():
    """The published update for one architecture: reward + c · H per decision, the baseline holds the present reward,
    and all log-probabilities are multiplied with all advantages."""
    coefficient, decay = 0.1, 0.9
    policy = made(gradient_descent=True, semantics=Semantics.published())
    policy.start_phase()
    _, decided, state = draw(policy, 1)
    before = biases(policy)
    first_parts = decisions_of(policy, decided, state)
    update = policy.learn(decided.tokens, state, np.array([5.0]))
    assert update.loss == 0 and update.advantage == 0 and update.gradient_norm == 0  # its first step learns nothing
    np.testing.assert_array_equal(np.concatenate(biases(policy)), np.concatenate(before))
    old = np.array([5.0 + coefficient * part.entropy[0] for part in first_parts])
    assert policy.baseline == pytest.approx(old.mean(), rel=1e-5)

    _, decided, state = draw(policy, 1, 1)
    parts = decisions_of(policy, decided, state)
    update = policy.learn(decided.tokens, state, np.array([7.0]))
    gained = np.array([7.0 + coefficient * part.entropy[0] for part in parts])
    advantages = gained - (decay * old + (1 - decay) * gained)
    log_prob = sum(part.log_prob[0] for part in parts)
    np.testing.assert_allclose(update.loss, -log_prob * advantages.sum(), rtol=1e-5)
    np.testing.assert_allclose(update.advantage, advantages.mean(), rtol=1e-5)
    assert policy.baseline == pytest.approx((decay * old + (1 - decay) * gained).mean(), rel=1e-5)
    for part, old_bias, new_bias in zip(parts, before, biases(policy), strict=True):
        # the advantage contains decay · c · H of this decision
        through_entropy = log_prob * decay * coefficient * part.entropy_gradient()[0]
        expected = -part.log_prob_gradient()[0] * advantages.sum() - through_entropy
        np.testing.assert_allclose(old_bias - new_bias, expected, rtol=1e-4, atol=1e-5)


def test_the_published_update_takes_one_architecture_at_a_time():
    policy = made(semantics=Semantics.published())
    policy.start_phase()
    _, decided, state = draw(policy, 2)
    with pytest.raises(ValueError, match="got 2"):
        policy.learn(decided.tokens, state, np.array([1.0, 2.0]))


def test_a_baseline_that_includes_the_reward():
    policy = made(semantics=Semantics(baseline_includes_reward=True))
    policy.start_phase(np.array([1.0, 3.0]))
    _, decided, state = draw(policy, 2)
    # 0.9 of 2 and 0.1 of 4 is 2.2
    assert policy.learn(decided.tokens, state, np.array([3.0, 5.0])).advantage == pytest.approx(4 - 2.2)
    assert policy.baseline == pytest.approx(2.2)


def test_a_baseline_from_the_first_reward():
    policy = made(semantics=Semantics(baseline_from_first_reward=True))
    policy.start_phase()
    _, decided, state = draw(policy, 2)
    update = policy.learn(decided.tokens, state, np.array([3.0, 5.0]))
    assert update.advantage == 0 and update.gradient_norm > 0 and policy.baseline == 4  # advantages -1 and 1
    assert policy.learn(decided.tokens, state, np.array([1.0, 1.0])).advantage == pytest.approx(1 - 4)
    assert policy.baseline == pytest.approx(0.9 * 4 + 0.1 * 1)


def test_entropy_in_the_reward_and_an_advantage_per_decision():
    rewards, baseline, coefficient = np.array([1.5, 2.0, 4.0]), 2.25, 0.1
    policy = made(semantics=Semantics(entropy_in_reward=True))
    _, decided, state = draw(policy, 3)
    parts = decisions_of(policy, decided, state)
    policy.start_phase(np.array([baseline]))
    update = policy.learn(decided.tokens, state, rewards)
    gained = rewards + coefficient * sum(part.entropy for part in parts)
    loss = np.mean(-sum(part.log_prob for part in parts) * (gained - baseline))
    np.testing.assert_allclose([update.loss, update.advantage], [loss, np.mean(gained) - baseline], rtol=1e-5)
    assert policy.baseline == pytest.approx(0.9 * baseline + 0.1 * np.mean(gained))

    policy = made(semantics=Semantics(advantage_per_decision=True))
    _, decided, state = draw(policy, 1)
    parts = decisions_of(policy, decided, state)
    policy.start_phase(np.array([baseline]))
    update = policy.learn(decided.tokens, state, np.array([4.0]))
    log_prob, entropy = (sum(getattr(part, name)[0] for part in parts) for name in ("log_prob", "entropy"))
    # four decisions, each with the advantage 1.75
    np.testing.assert_allclose(update.loss, -log_prob * 4 * 1.75 - coefficient * entropy, rtol=1e-5)
    assert update.advantage == pytest.approx(1.75) and policy.baseline == pytest.approx(0.9 * baseline + 0.1 * 4)


def test_samples_begin_with_a_prefix_and_its_state():
    prefixes = [[0, 1, 2, 0], [1, 2, 0, 1]]
    states = (np.array([[1] * 4, [2] * 4], np.float32), np.array([[-1] * 4, [-2] * 4], np.float32))
    policy = made(stage=1, prefixes=prefixes, prefix_states=states)
    tokens, decided, (h, c) = draw(policy, 40)
    assert tokens.shape == (40, 9)
    which = [prefixes.index(row) for row in tokens.numpy()[:, :4].tolist()]
    assert set(which) == {0, 1}
    np.testing.assert_array_equal(tokens[:, 4:], decided.tokens)
    np.testing.assert_array_equal(h[:, 0], np.array(which) + 1)
    np.testing.assert_array_equal(c, -h)


def test_one_trace_whatever_is_drawn_and_learnt():
    policy = made()
    policy.start_phase(np.array([1.0]))
    for number, batch in enumerate([1, 4, 100, 4]):
        draw(policy, batch, number)
    assert policy._sample.experimental_get_tracing_count() == 1
    for number in range(5):
        _, decided, state = draw(policy, 4, number)
        policy.learn(decided.tokens, state, np.arange(4.0))
    assert policy._update.experimental_get_tracing_count() == 1


def test_the_policy_is_what_draws_tend_to():
    rng = np.random.default_rng(3)
    states = tuple(rng.normal(size=(2, 4)).astype(np.float32) for _ in range(2))
    policy = made(stage=1, prefixes=[(0, 0, 0, 0), (1, 1, 1, 1)], prefix_states=states)
    exact = policy.choices()
    assert [len(part) for part in exact.probabilities] == [2, 3, 3, 2, 2]
    assert all(part.sum() == pytest.approx(1) for part in exact.probabilities)
    number = 40_000
    tokens, decided, _ = draw(policy, number)
    for index, part in enumerate(exact.probabilities):
        drawn = np.bincount(tokens.numpy()[:, 4 + index], minlength=len(part)) / number
        np.testing.assert_allclose(part, drawn, atol=5 * 0.5 / np.sqrt(number))
    np.testing.assert_allclose(exact.entropies, decided.entropies.numpy().mean(axis=0), atol=0.01)
    assert np.ptp(exact.probabilities[1]) > 0.1  # there is something to see


def test_too_many_cells_to_be_listed_are_estimated_from_draws(monkeypatch):
    exact = made().choices()
    monkeypatch.setattr("autogan_tf.nas.strategies.controller_policy.LISTED", 35)  # there are 36
    found = made().choices()
    for part, share in zip(exact.probabilities, found.probabilities, strict=True):
        assert share.sum() == pytest.approx(1, abs=1e-12) and np.any(share != part)
        np.testing.assert_allclose(share, part, atol=5 * 0.5 / np.sqrt(2000))
    np.testing.assert_allclose(found.entropies, exact.entropies, atol=0.05)


def test_without_weights_every_choice_is_as_likely():
    policy = made()
    for decoder in policy.controller.decoders:
        decoder.kernel.assign(0 * decoder.kernel)
        decoder.bias.assign(0 * decoder.bias)
    found = policy.choices()
    for part, count in zip(found.probabilities, COUNTS, strict=True):
        np.testing.assert_allclose(part, 1 / count, rtol=1e-6)
    np.testing.assert_allclose(found.entropies, np.log(COUNTS), rtol=1e-6)
