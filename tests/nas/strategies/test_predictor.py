"""The predictor: what it asks, what it keeps of smaller architectures, and what it ends with."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.config.strategy_settings import PredictorSettings
from autogan_tf.nas.strategies.predictor import Predictor
from autogan_tf.nas.strategies.surrogates import Surrogate
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial
from autogan_tf.search_space import autogan

UP = [decision.name for decision in autogan.SPACE.decisions(0)].index("up")
BAD = 2  # of up


def made(*, rewards_last: bool = True, num_cells: int = 2, seed: int = 1, **settings) -> Predictor:
    task = Task(space=autogan.SPACE, seed=seed, num_cells=num_cells, rewards_last=rewards_last)
    strategy = Predictor(PredictorSettings(**{"surrogate": "ridge", "round_trials": 200} | settings), task)
    strategy.begin_round(0)
    return strategy


def worth(tokens: Tokens) -> float:
    values = np.random.default_rng(11).normal(size=(14, 4))
    return float(sum(values[place, token] for place, token in enumerate(tokens)))


def told(strategy: Predictor, reward=worth) -> dict:
    return dict(strategy.tell([Trial(tokens, reward(tokens)) for tokens in strategy.ask()]))


def named(tokens: Tokens) -> str:
    return " ".join(map(str, tokens))


def test_after_whole_batches_of_random_ones_it_asks_for_what_is_expected_to_be_best():
    strategy = made(initial_trials=10, trial_batch=4)
    seen: dict[Tokens, float] = {}
    for _ in range(3):
        seen |= {tokens: worth(tokens) for tokens in strategy.ask()}
        told(strategy)
    assert len(seen) == 12
    surrogate = Surrogate("ridge", space=autogan.SPACE, num_cells=2)
    surrogate.fit([seen])
    everything = [tokens for tokens in np.ndindex(*autogan.SPACE.counts(2)) if tokens not in seen]
    expected = surrogate.predict(everything)
    asked = strategy.ask()
    best = np.sort(expected)[-4:][::-1]
    assert len(asked) == 4 and not seen.keys() & set(asked)
    np.testing.assert_allclose(surrogate.predict(asked), best, atol=1e-12)
    numbers = told(strategy)
    assert numbers["expected"] == pytest.approx(dict(zip(map(named, asked), best.tolist(), strict=True)))


@pytest.mark.parametrize("surrogate", ["linear", "ridge", "forest", "perceptrons"])
def test_it_comes_to_the_best(surrogate):
    """Among 2,592, by 40 trials of which 30 are learnt from: in the best five of them; 40 that are drawn are not."""
    values = sorted((worth(tokens) for tokens in np.ndindex(*autogan.SPACE.counts(2))), reverse=True)
    places = []
    for initial in (10, 40):
        for seed in (1, 2, 3):
            strategy = made(seed=seed, initial_trials=initial, trial_batch=5, surrogate=surrogate)
            for _ in range(8):
                told(strategy)
            places.append(values.index(max(strategy._rewards.values())))
    assert max(places[:3]) < 5 <= np.median(places[3:]), places


def test_of_smaller_architectures_it_knows_what_larger_ones_are_worth():
    strategy = made(num_cells=1, initial_trials=12)
    for _ in range(12):
        told(strategy, reward=lambda tokens: -float(tokens[UP] == BAD))
    kept = [tokens for tokens in strategy.finalists(8, 0) if tokens[UP] != BAD][:3]
    strategy.grow(kept)
    strategy.begin_round(1)
    second = autogan.SPACE.slices(2)[1].start + UP
    for _ in range(6):
        [asked] = strategy.ask()
        assert asked[second] != BAD and asked[: len(kept[0])] in kept
        told(strategy, reward=lambda tokens: -float(tokens[second] == BAD))


def test_with_shared_weights_rewards_of_a_round_are_compared_with_each_other_alone():
    """A later round whose rewards are all higher asks for the same as one whose are not."""
    asked = []
    for offset in (0.0, 1000.0):
        strategy = made(rewards_last=False, round_trials=15)
        for _ in range(15):
            told(strategy)
        strategy.begin_round(1)
        for _ in range(10):
            told(strategy, reward=lambda tokens, offset=offset: worth(tokens) + offset)
        asked.append(strategy.ask())
        assert strategy.expected({asked[-1][0]: 1.0}) is None
    assert asked[0] == asked[1]


def test_it_ends_with_what_it_expects_most_of_not_with_what_was_lucky_once():
    strategy = made(initial_trials=60, trial_batch=60)
    seen = {tokens: worth(tokens) for tokens in strategy.ask()}
    lucky = min(seen, key=lambda tokens: seen[tokens])
    numbers = told(strategy, reward=lambda tokens: 100.0 if tokens == lucky else worth(tokens))
    assert numbers["answer"] != named(lucky)
    rewards = seen | {lucky: 100.0}
    expected = strategy.expected(rewards)
    assert expected is not None
    best = max(zip(expected, rewards, strict=True))[1]
    assert strategy.finalists(5, 0)[0] == best and numbers["answer"] == named(best)
    assert seen[best] >= sorted(seen.values())[-10]
    assert set(strategy.finalists(60, 0)) == set(seen)  # of what was not tried it knows less
    assert len(set(strategy.finalists(70, 0))) == 70


def test_more_architectures_than_can_be_listed():
    """Three cells at once: neighbours of the best are within reach, however few are drawn."""
    strategy = made(num_cells=3, initial_trials=40, trial_batch=40)
    told(strategy)
    before = max(strategy._rewards.values())
    for _ in range(3):
        told(strategy)
    assert max(strategy._rewards.values()) > before + 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"initial_trials": 0}, "--initial_trials must be a whole number that is at least 1, but it is '0'"),
        ({"surrogate": "forrest"}, "--surrogate must be one of linear, ridge, forest, perceptrons, but it is 'forr"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        made(**settings)
