"""Shared weights trained on architectures drawn by chance: how often each option comes, and what a checkpoint keeps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autogan_tf.config.strategy_settings import ReinforceSettings, TrialSettings
from autogan_tf.nas.strategies.random_search import RandomSearch
from autogan_tf.nas.strategies.reinforce import Reinforce
from autogan_tf.nas.strategies.shared_sampling import SharedSampling
from autogan_tf.nas.task import Task
from autogan_tf.search_space import autogan

KEPT = [(1, 0, 1, 1), (0, 2, 0, 0), (1, 1, 2, 1)]


def made(kind: str, *, seed: int = 1, **task) -> SharedSampling:
    whole = Task(space=autogan.SPACE, seed=seed, **task)
    return SharedSampling(RandomSearch(TrialSettings(round_trials=4), whole), kind, whole)


def grown(kind: str) -> SharedSampling:
    strategy = made(kind)
    strategy.grow(KEPT)
    return strategy


def counts(tokens: np.ndarray) -> list[list[int]]:
    return [np.bincount(column).tolist() for column in tokens.T]


def test_fair_every_option_and_every_beginning_trains_equally_often():
    """The cell has decisions of 2, 3, 3, 2 and 2 options after three beginnings: 12 steps are whole turns of all."""
    tokens = grown("fair").training_tokens(12, 0)
    assert tokens.shape == (12, 9) and tokens.dtype == np.int32
    assert counts(tokens[:, 4:]) == [[6, 6], [4, 4, 4], [4, 4, 4], [6, 6], [6, 6]]
    beginnings = [tuple(row) for row in tokens[:, :4].tolist()]
    assert [beginnings.count(kept) for kept in KEPT] == [4, 4, 4]
    for some in (1, 5, 7):
        few = counts(grown("fair").training_tokens(some, 1)[:, 4:])
        assert [max(column) for column in few] == [-(-some // options) for options in (2, 3, 3, 2, 2)]
    assert len({tuple(row) for row in made("fair").training_tokens(36, 0).tolist()}) > 12  # not in step with each other


def test_uniform_each_architecture_is_as_likely_as_any_other():
    """One cell has 36; in 36,000 draws each comes 1,000 times, give or take five standard deviations."""
    rows, often = np.unique(made("uniform").training_tokens(36_000, 0), axis=0, return_counts=True)
    assert len(rows) == 36 and np.abs(often - 1000).max() < 5 * 1000**0.5
    tokens = grown("uniform").training_tokens(50, 0)
    assert {tuple(row) for row in tokens[:, :4].tolist()} == set(KEPT)


def test_whole_generators_at_once():
    tokens = made("fair", num_cells=3).training_tokens(24, 0)
    assert tokens.shape == (24, 14) and counts(tokens) == [[24 // n] * n for n in autogan.SPACE.counts(3)]


def test_bounds_hold_for_uniform_and_are_refused_for_fair():
    tokens = made("uniform", admits=lambda tokens: tokens[1] == 2).training_tokens(30, 0)
    assert set(tokens[:, 1].tolist()) == {2}
    with pytest.raises(ValueError, match="constraints forbid some combinations"):
        made("fair", admits=lambda tokens: True)


@pytest.mark.parametrize("kind", ["uniform", "fair"])
def test_all_else_is_the_strategys_and_a_checkpoint_brings_it_back(kind):
    whole = Task(space=autogan.SPACE, seed=1)
    alone, strategy = RandomSearch(TrialSettings(round_trials=4), whole), grown(kind)
    alone.grow(KEPT)
    for one in (alone, strategy):
        one.begin_round(3)
    assert strategy.ask() == alone.ask() and strategy.steps_per_round == 4
    assert strategy.finalists(5, 2) == alone.finalists(5, 2)
    again = made(kind)
    again.restore(json.loads(json.dumps(strategy.state())))
    assert again.ask() == strategy.ask() and again.state() == strategy.state()
    np.testing.assert_array_equal(again.training_tokens(20, 7), strategy.training_tokens(20, 7))
    assert (again.training_tokens(20, 8) != strategy.training_tokens(20, 7)).any()
    assert (made(kind, seed=2).training_tokens(20, 7) != made(kind).training_tokens(20, 7)).any()


def test_a_checkpoint_holds_the_strategys_variables():
    whole = Task(space=autogan.SPACE, seed=1)
    reinforce = Reinforce(ReinforceSettings(hid_size=4), whole)
    assert SharedSampling(reinforce, "uniform", whole).trackables() == reinforce.trackables() != {}
