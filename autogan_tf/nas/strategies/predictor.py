"""Progressive search: a surrogate learns from what was tried, and what it expects most of is tried next (PNAS)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config.strategy_settings import PredictorSettings
from autogan_tf.data import seeds
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.strategies.surrogates import Surrogate
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial

POOL = 1024  # architectures drawn for a round, of which the best expected are tried, of more than can be listed
RECENT = 10  # rounds of shared weights that the surrogate learns from
NEAR = 10  # best expected ones of those tried, whose neighbours are in this pool, too


class Predictor(CandidateStrategy):
    """Sequential search with a surrogate (Liu et al. 2018, Progressive Neural Architecture Search, arXiv 1712.00559).

    The first trials of the search are random. From then on the surrogate is fitted anew before each ask, to all that
    was tried in this stage and in those before it, and the untried architectures of which it expects most are tried.
    Where rewards last, the search ends with the architecture of which it expects most, not with the one that was lucky
    once. With shared weights a round's rewards are compared with each other alone.

    Arguments as for `CandidateStrategy`.
    """

    def __init__(self, settings: PredictorSettings, task: Task) -> None:
        super().__init__(settings, task)
        self._kind, self._initial_trials = settings.surrogate, settings.initial_trials
        self._groups: list[dict[Tokens, float]] = []  # of rewards that compare; the newest is that of the round
        self._fitted: Surrogate | None = None  # to the groups as they are
        self._proposed: list[Tokens] | None = None  # and what follows from it
        self._pool: list[Tokens] | None = None  # of the round

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        super().begin_round(number)
        self._fitted = self._proposed = self._pool = None
        if not self._task.rewards_last or not self._groups:
            self._groups = [*self._groups[1 - RECENT :], {}]

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`; of the smaller architectures the surrogate keeps what it knows."""
        super().grow(kept)
        self._groups.append({})
        self._fitted = self._proposed = self._pool = None

    def _propose(self, number: int) -> list[Tokens]:
        if self._proposed is None:
            self._proposed = self._new_proposals(number)
        return list(self._proposed)

    def _new_proposals(self, number: int) -> list[Tokens]:
        if sum(map(len, self._groups)) < self._initial_trials:
            return self._untried(number, self._rng("initial_trials"))
        tried = self._tried() if self._task.rewards_last else self._rewards
        best = self._best_expected(number, avoid=tried)
        return best or self._untried(number, self._rng("initial_trials"))

    def _tried(self) -> dict[Tokens, float]:
        """In this stage."""
        return self._known | self._rewards

    def _best_expected(self, number: int, *, avoid: Collection[Tokens] = ()) -> list[Tokens]:
        """Of equals a random one first."""
        if self._pool is None:
            most = self.candidates.size if self.candidates.is_listed else POOL
            rng = seeds.numpy_rng(self._task.seed, "predictor_pool", self._round, self.candidates.num_cells)
            self._pool = self.candidates.sample(most, rng)
        pool = self._pool
        if not self.candidates.is_listed:
            known = self._best_of(list(self._tried()), NEAR)
            beside = [tokens for one in known for tokens in self.candidates.neighbours(one)]
            pool = list(dict.fromkeys([*pool, *known, *beside]))
        return self._best_of([tokens for tokens in pool if tokens not in avoid], number)

    def _best_of(self, tokens: Sequence[Tokens], number: int) -> list[Tokens]:
        order = np.argsort(-self._surrogate().predict(tokens), kind="stable")[:number]
        return [tokens[place] for place in order.tolist()]

    def _surrogate(self) -> Surrogate:
        if self._fitted is None:
            self._fitted = self._new_surrogate()
            self._fitted.fit(self._groups)
        return self._fitted

    def _new_surrogate(self) -> Surrogate:
        seed = int(seeds.numpy_rng(self._task.seed, "surrogate").integers(2**31))
        return Surrogate(self._kind, space=self._task.space, num_cells=self.candidates.num_cells, seed=seed)

    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        expected = {}
        if self._surrogate().has_learnt:
            asked = [trial.tokens for trial in trials]
            values = self._surrogate().predict(asked).tolist()
            expected = {_named(tokens): value for tokens, value in zip(asked, values, strict=True)}
        self._groups[-1] |= {trial.tokens: trial.reward for trial in trials}
        self._fitted = self._proposed = None
        numbers: dict[str, Any] = {"round_best": max(self._rewards.values())}
        numbers |= {"expected": expected} if expected else {}
        if self._task.rewards_last:
            numbers["answer"] = _named(self._best_of(list(self._tried()), 1)[0])
        return numbers

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """As `Strategy.finalists`: the best expected; where rewards last, first of those that were tried."""
        tried = self._best_of(list(self._tried()), number) if self._task.rewards_last else []
        return tried + self._best_expected(number - len(tried), avoid=tried)

    def expected(self, rewards: Mapping[Tokens, float]) -> list[float] | None:
        """As `Strategy.expected`: where rewards last, what the surrogate expects when it has seen these, too."""
        if not self._task.rewards_last:
            return None
        surrogate = self._new_surrogate()
        surrogate.fit([*self._groups[:-1], self._groups[-1] | dict(rewards)])
        return surrogate.predict(list(rewards)).tolist()

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        groups = [[[list(tokens), reward] for tokens, reward in group.items()] for group in self._groups]
        return super().state() | {"groups": groups}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        super().restore(state)
        self._groups = [{tuple(tokens): reward for tokens, reward in group} for group in state["groups"]]
        self._fitted = self._proposed = self._pool = None


def _named(tokens: Tokens) -> str:
    return " ".join(map(str, tokens))
