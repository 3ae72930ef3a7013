"""AutoGAN's strategy as one that is asked and told; what the controller learns is in test_controller_policy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.config.strategy_settings import ReinforceSettings
from autogan_tf.data import seeds
from autogan_tf.nas.strategies.reinforce import Reinforce
from autogan_tf.nas.task import Admits, Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import autogan

SETTINGS = {
    "ctrl_step": 2,
    "ctrl_sample_batch": 3,
    "ctrl_lr": 0.01,
    "ctrl_beta1": 0.9,
    "ctrl_beta2": 0.999,
    "hid_size": 4,
    "baseline_decay": 0.5,
    "entropy_coeff": 0.0,
}


def made(semantics: Semantics = CORRECTED, *, num_cells: int = 1, admits: Admits | None = None, **changes) -> Reinforce:
    settings = ReinforceSettings(**(SETTINGS | changes))
    task = Task(space=autogan.SPACE, seed=5, semantics=semantics, num_cells=num_cells, admits=admits)
    return Reinforce(settings, task)


def told(strategy: Reinforce, rewards) -> dict:
    return dict(strategy.tell([Trial(t, float(r)) for t, r in zip(strategy.ask(), rewards, strict=True)]))


def weights(strategy: Reinforce) -> list[np.ndarray]:
    return [variable.numpy() for part in strategy.trackables().values() for variable in part.variables]


def test_a_round_is_a_batch_for_the_baseline_and_then_the_controllers_steps():
    strategy = made()
    strategy.begin_round(7)
    asked = [strategy.ask()]
    assert strategy.ask() == asked[0]  # the same until it is told
    assert told(strategy, [1, 2, 6]) == {}  # not a trial that counts
    for rewards in ([3, 3, 3], [5, 5, 5]):
        asked.append(strategy.ask())
        assert told(strategy, rewards)["reward"] == rewards[0]
    assert strategy.ask() == [] and strategy.steps_per_round == 2
    # the mean of 1, 2, 6, then half of it and half of what came: 3, 3, 4
    assert strategy.policy.baseline == pytest.approx(4)
    drawn = made()  # the first batch and the first step's, by their purposes, of a controller that has not learnt
    purposes = [("baseline_architectures", 7), ("controller_architectures", 14)]
    for tokens, (purpose, step) in zip(asked[:2], purposes, strict=True):
        expected = drawn.policy.sample(3, seeds.stateless_seed(5, purpose, step))[0]
        assert np.array(tokens).tolist() == expected.numpy().tolist()


def test_as_published_a_round_has_no_batch_before_its_steps():
    strategy = made(Semantics.published(), ctrl_sample_batch=1)
    strategy.begin_round(0)
    assert set(told(strategy, [3])) >= {"loss", "advantage", "entropy", "gradient_norm", "reward", "baseline"}
    assert told(strategy, [4]) and strategy.ask() == []


def test_finalists_are_distinct_and_as_published_drawn_with_repetition():
    """A cell has 36 architectures, so that 60 draws hold some of them twice."""
    published = made(Semantics(repeated_candidates=True))
    drawn = published.policy.sample(60, seeds.stateless_seed(5, "candidates", 2))[0].numpy()
    found = published.finalists(60, 2)
    assert found == [tuple(row) for row in drawn.tolist()] and len(set(found)) < 60
    assert len(set(made().finalists(60, 2))) == len(made().finalists(60, 2)) == 36


def test_growing_asks_for_the_kept_ones_with_a_cell_more():
    strategy = made()
    kept = [(0, 1, 2, 0), (1, 2, 0, 1)]
    strategy.grow(kept)
    strategy.begin_round(0)
    for tokens in (strategy.ask(), strategy.training_tokens(50, 3).tolist(), strategy.finalists(20, 1)):
        assert {len(row) for row in tokens} == {9} and {tuple(row[:4]) for row in tokens} <= set(kept)
    assert len(set(strategy.finalists(20, 1))) == 20


def test_learning_from_the_tokens_is_learning_from_the_states_that_they_were_drawn_from():
    """Told tokens alone, the strategy finds the prefix's state again, to the last bit."""
    strategy = made()
    strategy.grow([(0, 1, 2, 0), (1, 2, 0, 1), (0, 0, 0, 0)])
    tokens, decided, state = strategy.policy.sample(40, seeds.stateless_seed(1, "x"))
    for ours, drawn in zip(strategy.policy.states_before(tokens.numpy()), state, strict=True):
        assert ours.numpy().tobytes() == drawn.numpy().tobytes()


@pytest.mark.parametrize("told_before", [0, 1, 2])
def test_from_its_state_and_weights_it_goes_on_as_it_would_have(told_before):
    whole, again = made(), made()
    for strategy in (whole, again):
        strategy.grow([(0, 1, 2, 0), (1, 2, 0, 1)])
    whole.begin_round(2)
    batches = [[1, 2, 3], [4, 5, 9], [7, 8, 8]]
    for rewards in batches[:told_before]:
        told(whole, rewards)
    other = made()
    other.restore(json.loads(json.dumps(whole.state())))
    variables = [variable for part in other.trackables().values() for variable in part.variables]
    for variable, value in zip(variables, weights(whole), strict=True):
        variable.assign(value)
    for rewards in batches[told_before:]:
        assert other.ask() == whole.ask()
        assert told(other, rewards) == told(whole, rewards)
    assert other.summary() == whole.summary() and other.state() == whole.state()
    assert [a.tobytes() for a in weights(other)] == [a.tobytes() for a in weights(whole)]


def sure_of_zeros(strategy: Reinforce) -> None:
    """As after very much learning: another token than 0 is drawn once in e^60 times."""
    for decoder in strategy.policy.controller.decoders:
        decoder.bias.assign([60.0] + [0.0] * (decoder.bias.shape[0] - 1))


def test_where_the_controller_draws_nothing_that_is_admitted_it_is_asked_for_what_is_and_learns_from_it():
    only = (0, 1, 2, 0, 1, 2, 2, 1, 1)
    strategy = made(admits=lambda tokens: tokens == only[: len(tokens)])
    strategy.grow([only[:4], (1, 2, 0, 1)])
    sure_of_zeros(strategy)
    strategy.begin_round(0)
    assert strategy.ask() == [only] * 3
    told(strategy, [1, 1, 1])
    assert told(strategy, [2, 2, 2])["reward"] == 2
    assert strategy.training_tokens(5, 0).tolist() == [list(only)] * 5
    assert strategy.finalists(4, 0) == [only]


def test_so_it_is_of_whole_generators_which_are_too_many_to_be_listed():
    """One in 1,728 is admitted."""
    def admits(tokens):
        return tokens[:4] == (1, 2, 2, 1) and tokens[4:7] == (1, 2, 2) and tokens[9:11] == (1, 2)

    strategy = made(num_cells=3, admits=admits)
    sure_of_zeros(strategy)
    strategy.begin_round(0)
    asked, finalists = strategy.ask(), strategy.finalists(4, 0)
    assert len(asked) == 3 and all(map(admits, asked))
    assert 0 < len(set(finalists)) == len(finalists) <= 4 and all(map(admits, finalists))
