"""What the strategies that try candidates by themselves have in common: rounds of trials, finalists, growth, state."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.strategy_settings import BatchSettings
from autogan_tf.data import seeds
from autogan_tf.nas.candidates import Candidates
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial

REMEMBERED = 100  # best architectures of a stage's earlier rounds


class CandidateStrategy(abc.ABC):
    """See `Strategy`; what is tried next, and what is made of a reward, a subclass says.

    A round is `trials_per_round / trial_batch` asks, rounded up, for at most `trial_batch` architectures each, and ends
    before that when nothing is left to be tried. Shared weights change from round to round, so that only rewards of one
    round are compared, unless the task says that rewards last. All that is drawn follows from the seed and from the
    rewards it was told, which workers have agreed on: their strategies are alike without exchanging anything more.

    Args:
      settings: how much is tried.
      task: what is searched.

    Raises:
      UserError: settings that do not go together; a space without architectures of so many cells.
    """

    def __init__(self, settings: BatchSettings, task: Task) -> None:
        settings.validate()
        self._settings, self._task = settings, task
        self._round, self._step = 0, 0  # rounds are numbered by whoever begins them; asks of this one answered
        self._rewards: dict[Tokens, float] = {}  # of the newest round
        self._known: dict[Tokens, float] = {}  # of the stage's rounds before it, the best first
        self.candidates = Candidates(task.space, num_cells=task.num_cells, admits=task.admits)

    @property
    def steps_per_round(self) -> int:
        """How often a round is told of trials, at most."""
        return math.ceil(self._settings.trials_per_round / self._settings.trial_batch)

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        known = _best_first(self._known | self._rewards)
        most = None if self._task.rewards_last else REMEMBERED
        self._known = {tokens: known[tokens] for tokens in itertools.islice(known, most)}
        self._round, self._step, self._rewards = number, 0, {}

    def ask(self) -> list[Tokens]:
        """As `Strategy.ask`."""
        left = self._settings.trials_per_round - self._step * self._settings.trial_batch
        return self._propose(min(left, self._settings.trial_batch)) if left > 0 else []

    @abc.abstractmethod
    def _propose(self, number: int) -> list[Tokens]:
        """Up to `number` architectures to try next, from the state alone; none: nothing is left to be tried."""

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """As `Strategy.tell`.

        Raises ValueError where these are not the architectures that were asked for, or a reward is NaN.
        """
        asked = self.ask()
        if [trial.tokens for trial in trials] != asked:
            raise ValueError(f"asked for {asked}, but told of {[trial.tokens for trial in trials]}")
        if any(math.isnan(trial.reward) for trial in trials):
            raise ValueError(f"a reward must not be NaN, got {[trial.reward for trial in trials]}")
        self._rewards |= {trial.tokens: trial.reward for trial in trials}
        numbers = self._learn(trials)
        self._step += 1
        return {"reward": float(np.mean([trial.reward for trial in trials]))} | dict(numbers)

    @abc.abstractmethod
    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """Changes the state by these rewards, and gives more numbers to log."""

    def _untried(self, number: int, rng: np.random.Generator) -> list[Tokens]:
        """Up to `number` architectures that the round has not tried; if rewards last that none has, as long as there
        are such."""
        if self._task.rewards_last:
            never = self.candidates.sample(number, rng, avoid=self._known | self._rewards)
            if never:
                return never
        return self.candidates.sample(number, rng, avoid=self._rewards)

    def _rng(self, purpose: str, *steps: int) -> np.random.Generator:
        """For what is drawn in the present step of the round."""
        return seeds.numpy_rng(self._task.seed, purpose, self._round, self._step, *steps)

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`."""
        return {}

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """As `Strategy.training_tokens`: each architecture as likely as any other.

        So no weights are favoured by what was found with them before, and an architecture that is tried later on is
        trained as well (single path one-shot with uniform sampling, Guo et al., arXiv 1904.00420, section 3).
        """
        rng = seeds.numpy_rng(self._task.seed, "uniform_architectures", phase)
        return np.array(self.candidates.draw(steps, rng), np.int32)

    def members_and_mutants(self, members: Sequence[Tokens], steps: int, phase: int) -> np.ndarray:
        """The same for strategies that have a population.

        The shared weights are trained for the population, as in CARS (Yang et al., arXiv 1909.04977, section 3.1). So
        small a population lacks options that a mutation brings in, whose weights would stay untrained: every other
        architecture, on average, is a member's mutation.
        """
        rng = seeds.numpy_rng(self._task.seed, "population_architectures", phase)
        parents = rng.integers(len(members), size=steps).tolist()
        mutated = (rng.integers(2, size=steps) == 1).tolist()
        rows = [
            self.candidates.mutate(members[parent], rng) if change else members[parent]
            for parent, change in zip(parents, mutated, strict=True)
        ]
        return np.array(rows, np.int32)

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """As `Strategy.finalists`: by turns the best of the newest round and the best of those before it.

        Their rewards may not compare, and what is found early may be the best; where rewards last they are the best of
        all. Where there are fewer than `number`, the rest is drawn. All are distinct; fewer than `number` where the
        stage has no more.
        """
        by_turns = itertools.zip_longest(_best_first(self._rewards), _best_first(self._known))
        found = dict.fromkeys(tokens for pair in by_turns for tokens in pair if tokens is not None)
        if self._task.rewards_last:
            found = dict.fromkeys(_best_first(self._known | self._rewards))
        chosen = list(found)[:number]
        if len(chosen) < number:
            rng = seeds.numpy_rng(self._task.seed, "finalists", step)
            chosen += self.candidates.sample(number - len(chosen), rng, avoid=found)
        return chosen

    def expected(self, rewards: Mapping[Tokens, float]) -> list[float] | None:
        """As `Strategy.expected`: nothing but the rewards."""
        return None

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`; what is known of the smaller architectures is forgotten."""
        self._rewards, self._known = {}, {}
        self._open(kept, self.candidates.num_cells + 1)

    def _open(self, prefixes: Sequence[Tokens], num_cells: int) -> None:
        self.candidates = Candidates(
            self._task.space, num_cells=num_cells, prefixes=prefixes, admits=self._task.admits
        )

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        return {
            "round": self._round,
            "step": self._step,
            "rewards": _pairs(self._rewards),
            "known": _pairs(self._known),
            "num_cells": self.candidates.num_cells,
            "prefixes": [list(prefix) for prefix in self.candidates.prefixes],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        self._round, self._step = state["round"], state["step"]
        self._rewards, self._known = _from_pairs(state["rewards"]), _from_pairs(state["known"])
        self._open([tuple(prefix) for prefix in state["prefixes"]], state["num_cells"])

    def trackables(self) -> dict[str, tf.Module]:
        """As `Strategy.trackables`: none."""
        return {}


def _best_first(rewards: Mapping[Tokens, float]) -> dict[Tokens, float]:
    """Of equals the earlier one first."""
    return dict(sorted(rewards.items(), key=lambda entry: -entry[1]))


def _pairs(rewards: Mapping[Tokens, float]) -> list[list[Any]]:
    return [[list(tokens), reward] for tokens, reward in rewards.items()]


def _from_pairs(pairs: Iterable[Sequence[Any]]) -> dict[Tokens, float]:
    return {tuple(tokens): reward for tokens, reward in pairs}
