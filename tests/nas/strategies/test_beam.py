"""Candidates, and the states after those that are kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller
from autogan_tf.nas.strategies import beam
from autogan_tf.nas.strategies.controller_policy import ControllerPolicy

PREFIXES = [[0, 1, 2, 0], [1, 2, 0, 1], [0, 0, 0, 0]]


def made(stage: int = 0) -> ControllerPolicy:
    controller = Controller(stage=stage, hid_size=3)
    controller.initialize(seeds.stateless_seed(0, "controller"))
    prefixes = np.array(PREFIXES if stage else [[]], np.int32)
    rng = np.random.default_rng(1)
    states = tuple(rng.standard_normal((len(prefixes), 3)).astype(np.float32) * (stage > 0) for _ in range(2))
    return ControllerPolicy(
        controller=controller,
        prefixes=prefixes,
        prefix_states=(states[0], states[1]),
        learning_rate=0.01,
        beta_1=0.9,
        beta_2=0.999,
        baseline_decay=0.9,
        entropy_coeff=0.0,
    )


def sharpen(policy: ControllerPolicy) -> list[int]:
    """Lets the controller always choose the last value; returns that cell."""
    for decoder in policy.controller.decoders:
        decoder.kernel.assign(tf.zeros_like(decoder.kernel))
        decoder.bias.assign([0.0] * (decoder.units - 1) + [100.0])
    return [count - 1 for count in policy.controller.token_counts]


@pytest.fixture(scope="module")
def first():
    return made()


@pytest.fixture(scope="module")
def second():
    return made(stage=1)


@pytest.mark.parametrize("number", [1, 10, 30])
def test_candidates_are_distinct_and_in_range(second, number):
    tokens = beam.candidates(second, number=number, seed=3, step=4)
    assert tokens.shape == (number, 9) and tokens.dtype == np.int32
    assert len({tuple(row) for row in tokens.tolist()}) == number
    assert all(row[:4] in PREFIXES for row in tokens.tolist())
    assert tokens.min() >= 0 and np.all(tokens[:, 4:] < second.controller.token_counts)


def test_a_sharp_controller_is_completed_by_uniform_draws():
    policy = made()
    favourite = sharpen(policy)
    tokens = beam.candidates(policy, number=8, seed=0, step=0)
    assert tokens[0].tolist() == favourite  # what the controller draws comes first
    assert len({tuple(row) for row in tokens.tolist()}) == 8
    assert np.any(beam.candidates(policy, number=8, seed=0, step=1)[1:] != tokens[1:])


def test_likely_candidates_come_first():
    policy = made()
    for decoder in policy.controller.decoders:  # the last value of each decision has probability 0.94 or 0.88
        decoder.kernel.assign(tf.zeros_like(decoder.kernel))
        decoder.bias.assign([0.0] * (decoder.units - 1) + [math.log(15)])
    favourite = [count - 1 for count in policy.controller.token_counts]
    hits = [beam.candidates(policy, number=3, seed=0, step=step)[0].tolist() == favourite for step in range(60)]
    probability = (15 / 16) ** 2 * (15 / 17) ** 2
    assert abs(np.mean(hits) - probability) < 4 * math.sqrt(probability * (1 - probability) / 60)


def test_candidates_follow_from_seed_and_step(first):
    tokens = beam.candidates(first, number=10, seed=3, step=4)
    np.testing.assert_array_equal(beam.candidates(first, number=10, seed=3, step=4), tokens)
    assert np.any(beam.candidates(first, number=10, seed=3, step=5) != tokens)
    assert np.any(beam.candidates(first, number=10, seed=4, step=4) != tokens)


def test_a_small_space_is_returned_whole(first):
    tokens = beam.candidates(first, number=100, seed=0, step=0)
    assert len(tokens) == 36 == len({tuple(row) for row in tokens.tolist()})


def test_uniform_draws_reach_all_prefixes():
    policy = made(stage=1)
    sharpen(policy)
    tokens = beam.candidates(policy, number=500, seed=0, step=0)
    assert len(tokens) == min(500, 3 * math.prod(policy.controller.token_counts)) == 216
    assert len({tuple(row) for row in tokens.tolist()}) == 216


def test_states_are_those_after_the_whole_architecture(second):
    """Each row alone, by hand: the state of its prefix, then its cell."""
    tokens = np.array([PREFIXES[2] + [1, 0, 2, 1, 1], PREFIXES[0] + [0, 2, 1, 0, 0]], np.int32)
    h, c = beam.states_after(second, tokens)
    for row, prefix in enumerate([2, 0]):
        state = tuple(part[prefix : prefix + 1] for part in second.prefix_states)
        decided = second.controller(state, forced=tf.constant(tokens[row : row + 1, 4:]))
        np.testing.assert_allclose(h[row], decided.state[0][0], atol=1e-6)
        np.testing.assert_allclose(c[row], decided.state[1][0], atol=1e-6)


def test_a_beam_becomes_the_prefixes_of_the_next_stage(first):
    """Drawing two cells in a row with one controller's states equals continuing from the beam."""
    tokens = beam.candidates(first, number=6, seed=0, step=0)
    best = tokens[[5, 4]]
    decided = first.controller(first.controller.zero_state(2), forced=tf.constant(best))
    np.testing.assert_allclose(beam.states_after(first, best)[0], decided.state[0], atol=1e-6)
