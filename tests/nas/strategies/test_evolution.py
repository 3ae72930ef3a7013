"""Regularised evolution by hand: who dies, who has a child, and what a new round scores again."""

from __future__ import annotations

import numpy as np

from autogan_tf.config.strategy_settings import EvolutionSettings
from autogan_tf.nas.strategies.evolution import Evolution
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import autogan


def made(seed: int = 1, **settings) -> Evolution:
    """Of whole generators, so that random ones are far from each other."""
    strategy = Evolution(EvolutionSettings(**settings), Task(space=autogan.SPACE, seed=seed, num_cells=3))
    strategy.begin_round(0)
    return strategy


def told(strategy: Evolution, reward: float) -> tuple[int, ...]:
    [tokens] = strategy.ask()
    strategy.tell([Trial(tokens, reward)])
    return tokens


def alive(strategy: Evolution) -> list[tuple[str, float, int]]:
    return [(m["architecture"], m["reward"], m["age"]) for m in strategy.summary()["population"]]


def name(tokens) -> str:
    return " ".join(map(str, tokens))


def distance(one, two) -> int:
    return sum(a != b for a, b in zip(one, two, strict=True))


def test_the_oldest_dies_even_if_it_is_the_best():
    strategy = made(population=3, tournament=1, round_trials=20)
    first = [told(strategy, reward) for reward in (9.0, 1.0, 2.0)]
    assert len(set(first)) == 3
    assert alive(strategy) == [(name(first[0]), 9.0, 2), (name(first[1]), 1.0, 1), (name(first[2]), 2.0, 0)]
    child = told(strategy, 0.5)
    assert alive(strategy) == [(name(first[1]), 1.0, 2), (name(first[2]), 2.0, 1), (name(child), 0.5, 0)]
    assert 1 in {distance(child, parent) for parent in first}
    [asked] = strategy.ask()
    assert strategy.tell([Trial(asked, 4.0)]) == {"reward": 4.0, "population_mean": 6.5 / 3, "population_best": 4.0}


def test_the_best_of_the_tournament_has_the_child():
    """Of two members, of which two are drawn with replacement, the better one is a parent three times in four."""
    better, number = 0, 400
    for seed in range(number):
        strategy = made(seed, population=2, tournament=2)
        worst, best = told(strategy, 1.0), told(strategy, 2.0)
        [child] = strategy.ask()
        near = [distance(child, parent) == 1 for parent in (worst, best)]
        assert any(near)
        better += near[1]
    assert abs(better - 0.75 * number) < 5 * (number * 0.75 * 0.25) ** 0.5


def test_a_round_scores_the_living_again_and_they_keep_their_ages():
    strategy = made(population=3, tournament=2, round_trials=5)
    tokens = [told(strategy, reward) for reward in (1.0, 2.0, 3.0, 4.0, 5.0)]
    assert strategy.ask() == []
    strategy.begin_round(1)
    again = [told(strategy, reward) for reward in (0.3, 0.2, 0.1)]
    assert again == tokens[2:]
    assert alive(strategy) == [(name(t), r, a) for t, r, a in zip(again, (0.3, 0.2, 0.1), (2, 1, 0), strict=True)]
    child = told(strategy, 0.0)
    assert [member[0] for member in alive(strategy)] == [name(t) for t in (*again[1:], child)]
    told(strategy, 0.0)
    assert strategy.ask() == []


def test_children_of_one_ask_have_parents_from_before_it():
    strategy = made(population=2, tournament=1, round_trials=8, trial_batch=4)
    first = strategy.ask()
    assert len(first) == 2  # as many as there is room for
    strategy.tell([Trial(tokens, 1.0) for tokens in first])
    children = strategy.ask()
    assert len(children) == 4 and all(min(distance(child, parent) for parent in first) == 1 for child in children)
    strategy.tell([Trial(tokens, 1.0) for tokens in children])
    assert [member[0] for member in alive(strategy)] == [name(tokens) for tokens in children[2:]]


def test_the_shared_weights_train_on_members_and_their_possible_children():
    """Half and half of 2000, with a standard deviation of 22; before there is a population, on anything."""
    strategy = made(population=3, tournament=2)
    members = []
    for _ in range(3):
        assert len({tuple(row) for row in strategy.training_tokens(50, 0).tolist()}) == 50
        members.append(told(strategy, 1.0))
    rows = strategy.training_tokens(2000, 1)
    assert rows.dtype == np.int32
    distances = [min(distance(row, member) for member in members) for row in rows.tolist()]
    assert set(distances) == {0, 1} and abs(distances.count(0) - 1000) < 115
    assert (strategy.training_tokens(2000, 2) != rows).any()


def test_a_population_begins_with_architectures_that_are_all_distinct():
    """As many as one cell has."""
    settings = EvolutionSettings(population=36, tournament=1, round_trials=37)
    strategy = Evolution(settings, Task(space=autogan.SPACE, seed=1, num_cells=1))
    strategy.begin_round(0)
    assert len({told(strategy, 1.0) for _ in range(36)}) == 36
