"""The controller's draws: distribution, independence, and agreement with the probabilities it reports."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller, draw_prefixes


@pytest.fixture(scope="module")
def controller():
    controller = Controller(stage=1, hid_size=6)
    controller.initialize(seeds.stateless_seed(0, "controller_weights"))
    # larger output weights, so that the probabilities are far from uniform
    for decoder in controller.decoders:
        decoder.kernel.assign(4 * decoder.kernel)
    return controller


def draw(controller, batch, number=0):
    return controller(controller.zero_state(batch), seed=seeds.stateless_seed(number, "draw"))


def test_published_defaults():
    controller = Controller(stage=2)
    assert controller.hid_size == 100
    assert controller.token_counts == (2, 3, 3, 2, 4)
    controller.initialize(seeds.stateless_seed(0, "controller_weights"))
    bound = 1 / math.sqrt(100)
    for variable in controller.trainable_variables:
        values = variable.numpy()
        if variable is controller.encoder.embeddings:
            assert values.shape == (14, 100)
            assert abs(values.std() - 1) < 0.1
        else:
            assert np.abs(values).max() <= bound
            assert np.abs(values).max() > 0.8 * bound or values.size < 10


def test_draws_follow_the_reported_probabilities(controller):
    batch = 20_000
    decided = draw(controller, batch)
    first = decided.tokens.numpy()[:, 0]
    forced = tf.constant([[token, 0, 0, 0, 0] for token in range(2)], tf.int32)
    p = np.exp(controller(controller.zero_state(2), forced=forced).log_probs.numpy()[:, 0])
    assert abs(p.sum() - 1) < 1e-5
    for token in range(2):
        error = math.sqrt(p[token] * (1 - p[token]) / batch)
        assert abs(np.mean(first == token) - p[token]) < 4 * error
    # all five decisions at once: how often a cell comes is the product of its decisions' probabilities
    cells, counts = np.unique(decided.tokens.numpy(), axis=0, return_counts=True)
    best = np.argsort(-counts)[:5]
    log_probs = controller(controller.zero_state(5), forced=tf.constant(cells[best])).log_probs
    probabilities = np.exp(log_probs.numpy().sum(axis=1))
    errors = np.sqrt(probabilities * (1 - probabilities) / batch)
    assert np.all(np.abs(counts[best] / batch - probabilities) < 4 * errors)


def test_forcing_what_was_drawn_gives_the_same_decisions(controller):
    drawn = draw(controller, 16)
    forced = controller(controller.zero_state(16), forced=drawn.tokens)
    for ours, theirs in zip(tf.nest.flatten(drawn), tf.nest.flatten(forced), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_entropies_by_hand(controller):
    decided = draw(controller, 3)
    for index, logits in enumerate(controller.logits(controller.zero_state(3), decided.tokens)):
        p = np.exp(logits.numpy().astype(np.float64))
        p /= p.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(decided.entropies[:, index], -(p * np.log(p)).sum(axis=1), atol=1e-5)


def test_draws_follow_from_the_seed(controller):
    np.testing.assert_array_equal(draw(controller, 50).tokens, draw(controller, 50).tokens)
    assert np.any(draw(controller, 50).tokens.numpy() != draw(controller, 50, number=1).tokens.numpy())


def test_tokens_are_in_range_and_all_of_them_come(controller):
    tokens = draw(controller, 4000).tokens.numpy()
    assert tokens.dtype == np.int32
    assert tokens.min() == 0
    assert tuple(tokens.max(axis=0)) == (1, 2, 2, 1, 1)


def test_later_decisions_depend_on_earlier_ones(controller):
    forced = tf.constant([[0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], tf.int32)
    logits = controller.logits(controller.zero_state(2), forced)
    np.testing.assert_allclose(logits[0][0], logits[0][1], rtol=1e-6)  # rows of a product may differ by rounding
    assert np.any(logits[1][0].numpy() != logits[1][1].numpy())


def test_either_forced_or_a_seed(controller):
    state = controller.zero_state(1)
    with pytest.raises(ValueError, match="either"):
        controller(state)
    with pytest.raises(ValueError, match="either"):
        controller(state, forced=tf.zeros([1, 5], tf.int32), seed=tf.constant([0, 0]))


def test_prefixes_are_drawn_uniformly_with_their_states():
    prefixes = tf.constant([[10, 11], [20, 21], [30, 31]], tf.int32)
    states = (tf.constant([[1.0], [2.0], [3.0]]), tf.constant([[-1.0], [-2.0], [-3.0]]))
    tokens, (h, c) = draw_prefixes(prefixes, states, 3000, seeds.stateless_seed(0, "prefixes"))
    np.testing.assert_array_equal(tokens[:, 1], tokens[:, 0] + 1)
    np.testing.assert_array_equal(tokens[:, 0] / 10, h[:, 0])
    np.testing.assert_array_equal(h, -c)
    counts = np.bincount(h.numpy()[:, 0].astype(int))[1:]
    assert np.all(np.abs(counts - 1000) < 4 * math.sqrt(3000 * 1 / 3 * 2 / 3))
