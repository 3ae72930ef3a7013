"""What strategies that try candidates have in common, by hand: how a round is cut into asks, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable

from autogan_tf.config.strategy_settings import TrialSettings
from autogan_tf.nas.strategies import candidate_strategy
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial
from autogan_tf.search_space.space import Decision, Option, SearchSpace

OPTIONS = tuple(Option(str(i), f"{i}", "") for i in range(200))
SPACE = SearchSpace("row", lambda cell: (Decision("place", OPTIONS),), max_cells=1)


class InTurn(CandidateStrategy):
    """Tries one option after the other; each round begins two options after the one before."""

    def _propose(self, number: int) -> list[Tokens]:
        first = 2 * self._round + self._step * self._settings.trial_batch
        return [(first + place,) for place in range(number)]

    def _learn(self, trials):
        return {}


def made(seed: int = 1, **settings: int) -> InTurn:
    return InTurn(TrialSettings(**settings), Task(space=SPACE, seed=seed))


def played(strategy: InTurn, number: int, reward: Callable[[int], float]) -> list[int]:
    """A round; returns how many architectures were asked for at once."""
    strategy.begin_round(number)
    sizes = []
    while asked := strategy.ask():
        strategy.tell([Trial(tokens, reward(tokens[0])) for tokens in asked])
        sizes.append(len(asked))
    return sizes


def test_the_last_ask_of_a_round_has_what_is_left_of_its_trials():
    strategy = made(round_trials=11, trial_batch=3)
    assert strategy.steps_per_round == 4
    assert played(strategy, 0, float) == [3, 3, 3, 2]


def test_finalists_take_turns_between_the_newest_round_and_all_before_it():
    """Options 0 to 3, 2 to 5 and 4 to 7 are tried: of 2 and 3 the second round's rewards count, not the first's."""
    strategy = made(round_trials=4)
    rounds = [{0: 9, 1: 8, 2: 7, 3: 1}, {2: 2, 3: 3, 4: 6, 5: 5}, {4: 1, 5: 2, 6: 3, 7: 4}]
    for number, rewards in enumerate(rounds):
        played(strategy, number, lambda place, rewards=rewards: float(rewards[place]))
    # the newest: 7 6 5 4; those before: 0 1 4 5 3 2
    assert strategy.finalists(8, 0) == [(place,) for place in (7, 0, 6, 1, 5, 4, 3, 2)]


def test_no_more_than_the_best_hundred_are_remembered():
    strategy = made(round_trials=150, trial_batch=150)
    played(strategy, 0, float)
    strategy.begin_round(1)
    best = [(place,) for place in range(149, 149 - candidate_strategy.REMEMBERED, -1)]
    assert strategy.finalists(candidate_strategy.REMEMBERED, 0) == best
    assert len(strategy.state()["known"]) == candidate_strategy.REMEMBERED


def test_each_phase_trains_and_each_ranking_fills_up_with_draws_of_its_own():
    strategy = made()
    assert (strategy.training_tokens(50, 0) != strategy.training_tokens(50, 1)).any()
    assert strategy.finalists(50, 0) != strategy.finalists(50, 1)
