"""Regularised evolution: the best of a few has a child with one mutation, and the oldest dies (arXiv 1802.01548)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config.strategy_settings import EvolutionSettings
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial


@dataclasses.dataclass
class Member:
    """Of a population: born: how many there were before it; reward: None as long as it was not scored in this round."""

    tokens: Tokens
    born: int
    reward: float | None


class Evolution(CandidateStrategy):
    """Aging evolution (Real et al. 2019, arXiv 1802.01548, algorithm 1), in rounds.

    The population begins with random architectures. Then, one after the other, `tournament` members are drawn with
    replacement, a mutation of the best of them joins the population, and the oldest member leaves it, however good it
    is. In each further round the members are scored again first, unless rewards last; they keep their ages.

    Arguments as for `CandidateStrategy`; the architectures of one ask have their parents from the population before it.
    """

    def __init__(self, settings: EvolutionSettings, task: Task) -> None:
        super().__init__(settings, task)
        self._population, self._tournament = settings.population, settings.tournament
        self._members: list[Member] = []  # the oldest first
        self._births = 0

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        super().begin_round(number)
        if not self._task.rewards_last:
            for member in self._members:
                member.reward = None

    def _propose(self, number: int) -> list[Tokens]:
        unscored = [member.tokens for member in self._members if member.reward is None]
        if unscored:
            return unscored[:number]
        room = min(number, self._population - len(self._members))
        alive = [member.tokens for member in self._members]
        first = self.candidates.sample(room, self._rng("first_population"), avoid=alive) if room else []
        return first or [self._child(place) for place in range(number)]

    def _child(self, place: int) -> Tokens:
        rng = self._rng("evolution_child", place)
        drawn = [self._members[index] for index in rng.integers(len(self._members), size=self._tournament).tolist()]
        return self.candidates.mutate(max(drawn, key=_worth).tokens, rng)

    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, float | None]:
        unscored = [member for member in self._members if member.reward is None]
        for place, trial in enumerate(trials):
            if place < len(unscored):
                unscored[place].reward = trial.reward
                continue
            self._members.append(Member(trial.tokens, self._births, trial.reward))
            self._births += 1
            del self._members[: -self._population]
        rewards = [member.reward for member in self._members if member.reward is not None]
        return {"population_mean": float(np.mean(rewards)), "population_best": max(rewards)}

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`: who is alive, the oldest first; age: how many were born since."""
        return {
            "population": [
                {
                    "architecture": " ".join(map(str, member.tokens)),
                    "reward": member.reward,
                    "age": self._births - 1 - member.born,
                }
                for member in self._members
            ]
        }

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """As `Strategy.training_tokens`: uniform until the population is complete, then as `members_and_mutants`."""
        if len(self._members) < self._population:
            return super().training_tokens(steps, phase)
        return self.members_and_mutants([member.tokens for member in self._members], steps, phase)

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`; another population begins."""
        super().grow(kept)
        self._members, self._births = [], 0

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        members = [[list(member.tokens), member.born, member.reward] for member in self._members]
        return super().state() | {"members": members, "births": self._births}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        super().restore(state)
        self._members = [Member(tuple(tokens), born, reward) for tokens, born, reward in state["members"]]
        self._births = state["births"]


def _worth(member: Member) -> float:
    assert member.reward is not None  # children are born when all were scored
    return member.reward
