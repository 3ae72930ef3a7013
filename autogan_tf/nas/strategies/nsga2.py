"""NSGA-II: evolution for several objectives at once, which ends with a front (Deb et al. 2002)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.config.strategy_settings import Nsga2Settings
from autogan_tf.nas import pareto
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial

TRIES = 100  # to find a child that was not tried, before one is drawn


class Nsga2(CandidateStrategy):
    """NSGA-II (Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm), a generation in each round.

    The population begins with random architectures. As many children are tried as there are members, and of both the
    first fronts live on; of the one that does not fit as a whole those that are less crowded. A parent is the better
    of two members, drawn with replacement, by the same order. Every other child is one parent with one mutation; the
    others have two parents, each decision from either, and one mutation more (EAGAN, Ying et al., arXiv 2111.15097,
    has half of each). What was tried is not tried again: in the round, or if rewards last in the stage, as long as
    there is anything else. Constraints hold as for all strategies of candidates: what does not keep to them is never
    proposed, so that it need not be dominated.

    Candidates that were trained for different numbers of steps are compared by what is known of each.

    With shared weights the members are scored anew in each round before they have children. The hypervolume has its
    reference where the stage's first population was worst in each objective, and is counted in boxes from there to
    where that was best.

    Arguments as for `CandidateStrategy`; UserError also for objectives that there are not, or that have no direction.
    """

    def __init__(self, settings: Nsga2Settings, task: Task) -> None:
        super().__init__(settings, task)
        self._population, self._batch = settings.nsga2_population, settings.trial_batch
        self._directions = objectives.directions(settings.objectives)
        self._signs = np.array([1.0 if good == "low" else -1.0 for good in self._directions.values()])
        self._members: list[Tokens] = []
        self._children: list[Tokens] = []  # of this round, as far as they are scored
        self._scores: dict[Tokens, list[float]] = {}  # by objective: of the round, or if rewards last of the stage
        self._front: list[Tokens] = []  # of those, the ones that none dominates; the best in the first objective first
        self._box: list[list[float]] = []  # the first population's best and worst values; none before it is scored

    @property
    def steps_per_round(self) -> int:
        """As `Strategy.steps_per_round`."""
        return 2 * math.ceil(self._population / self._batch)

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        self._members, self._children = self._survivors(), []
        super().begin_round(number)
        if not self._task.rewards_last:
            self._scores, self._front = {}, []
        if not self._members:
            self._members = self.candidates.sample(self._population, self._rng("first_population"))

    def ask(self) -> list[Tokens]:
        """As `Strategy.ask`: members that have no score, then children."""
        return self._propose(self._batch)

    def _propose(self, number: int) -> list[Tokens]:
        unscored = self._unscored()
        if unscored:
            return unscored[:number]
        number = min(number, self._population - len(self._children))
        if number <= 0:
            return []
        parents = self._best(self._members)
        tried = {*self._known, *self._rewards} if self._task.rewards_last else {*self._rewards}
        found: list[Tokens] = []
        for place in range(len(self._children), len(self._children) + number):
            child = self._child(place, parents, avoid=tried | {*found})
            found += [] if child is None else [child]
        if len(found) < number:
            rng = self._rng("nsga2_untried")
            found += self.candidates.sample(number - len(found), rng, avoid=tried | {*found})
            if not found and not self._rewards:  # no round is without trials
                return self._untried(number, rng)
        return found

    def _unscored(self) -> list[Tokens]:
        return [tokens for tokens in self._members if tokens not in self._scores]

    def _child(self, place: int, parents: Sequence[Tokens], *, avoid: set[Tokens]) -> Tokens | None:
        """Number `place` of the generation, by mutation alone where that is odd; parents: the best first."""
        rng = self._rng("nsga2_child", place)
        for _ in range(TRIES):
            one, other = (parents[index] for index in rng.integers(len(parents), size=(2, 2)).min(axis=1).tolist())
            child = one if place % 2 else self.candidates.crossover(one, other, rng)
            child = self.candidates.mutate(child, rng)
            if child not in avoid:
                return child
        return None

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """As `Strategy.tell`; UserError where an objective is not a finite number."""
        for trial in trials:
            for name in self._directions:
                score = trial.scores.get(name, math.nan)
                if not math.isfinite(score):
                    raise UserError(
                        f"the objective {name} must be a finite number for architectures to be compared by it, but of "
                        f"{_named(trial.tokens)} it is {score}; leave it out of --objectives"
                    )
        return super().tell(trials)

    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        for trial in trials:
            self._scores[trial.tokens] = [trial.scores[name] for name in self._directions]
            if trial.tokens not in self._members:
                self._children.append(trial.tokens)
        self._front = self._non_dominated([*self._front, *(trial.tokens for trial in trials)])
        if not self._box and not self._unscored():
            first = self._values(self._members)
            self._box = [first.min(axis=0).tolist(), first.max(axis=0).tolist()]
        return self._progress()

    def _values(self, architectures: Sequence[Tokens]) -> np.ndarray:
        """Their scores, float [N, M], turned so that low is good."""
        return np.array([self._scores[tokens] for tokens in architectures]) * self._signs

    def _best(self, architectures: Sequence[Tokens]) -> list[Tokens]:
        """Of lower rank first, of the same rank who is less crowded."""
        return [architectures[place] for place in pareto.best_first(self._values(architectures)).tolist()]

    def _survivors(self) -> list[Tokens]:
        """The population after the round."""
        if not self._children:
            return self._members
        return self._best(list(dict.fromkeys([*self._members, *self._children])))[: self._population]

    def _non_dominated(self, architectures: Sequence[Tokens]) -> list[Tokens]:
        """Those that none of the others dominates, each once, the best in the first objective first."""
        distinct = list(dict.fromkeys(architectures))
        values = self._values(distinct)
        front = np.flatnonzero(pareto.ranks(values) == 0)
        order = np.lexsort(values[front].T[::-1])
        return [distinct[place] for place in front[order].tolist()]

    def _progress(self) -> dict[str, float]:
        """To log, where the members are scored, so that the front is a whole one."""
        if not self._box or self._unscored():
            return {}
        best, worst = np.array(self._box)
        span = np.where(worst > best, worst - best, 1.0)
        inside = (self._values(self._front) - best) / span
        volume = pareto.hypervolume(inside, (worst - best) / span)
        return {"front_size": len(self._front), "hypervolume": volume}

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`: the front, its size and its hypervolume."""
        rewards = self._known | self._rewards
        front = [
            {
                "architecture": _named(tokens),
                "reward": rewards[tokens],
                "scores": dict(zip(self._directions, self._scores[tokens], strict=True)),
            }
            for tokens in self._front
        ]
        return {"front": {"objectives": dict(self._directions), "architectures": front}} | self._progress()

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """As `Strategy.training_tokens`: uniform before there is a population, then as `members_and_mutants`."""
        members = self._survivors()
        return self.members_and_mutants(members, steps, phase) if members else super().training_tokens(steps, phase)

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`; another population begins."""
        super().grow(kept)
        self._members, self._children, self._scores, self._front, self._box = [], [], {}, [], []

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        return super().state() | {
            "members": [list(tokens) for tokens in self._members],
            "children": [list(tokens) for tokens in self._children],
            "scores": [[list(tokens), scores] for tokens, scores in self._scores.items()],
            "front": [list(tokens) for tokens in self._front],
            "box": self._box,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        super().restore(state)
        self._members = [tuple(tokens) for tokens in state["members"]]
        self._children = [tuple(tokens) for tokens in state["children"]]
        self._scores = {tuple(tokens): list(scores) for tokens, scores in state["scores"]}
        self._front = [tuple(tokens) for tokens in state["front"]]
        self._box = [list(values) for values in state["box"]]


def _named(tokens: Tokens) -> str:
    return " ".join(map(str, tokens))
