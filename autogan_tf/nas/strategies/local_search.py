"""Local search: hill climbing over architectures that differ in one decision (White et al. 2020, arXiv 2005.02960)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config.strategy_settings import TrialSettings
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial


class LocalSearch(CandidateStrategy):
    """Climbs from a random architecture to better neighbours until none is better, then begins anew elsewhere.

    The paper scores all neighbours and moves to the best of them. Here the neighbours are asked for in random order,
    `trial_batch` at a time, and the climb moves as soon as there is a better one, to the best of the batch: a round has
    too few trials for several whole neighbourhoods, and one that a round's end cuts in two has two sets of rewards that
    do not compare. A batch as large as the neighbourhood is the paper's algorithm.

    A climb goes on through rounds; in each the centre is scored again first, unless rewards last. No other architecture
    is scored twice in a climb, so that a neighbour that was not better stays passed over.

    Arguments as for `CandidateStrategy`.
    """

    def __init__(self, settings: TrialSettings, task: Task) -> None:
        super().__init__(settings, task)
        self._centre: Tokens | None = None  # None: a climb is to begin
        self._centre_reward: float | None = None  # None: not scored in this round
        self._passed: set[Tokens] = set()  # what the climb has scored
        self._climbs = 0
        self._optima: dict[Tokens, float] = {}  # ends of climbs in this round

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        super().begin_round(number)
        self._optima = {}
        if not self._task.rewards_last:
            self._centre_reward = None

    def _propose(self, number: int) -> list[Tokens]:
        rng = self._rng("local_search_trials")
        if self._centre is None:
            return self._untried(1, rng)
        if self._centre_reward is None:
            return [self._centre]
        ahead = self._ahead(self._centre)
        return [ahead[place] for place in rng.permutation(len(ahead))[:number].tolist()]

    def _ahead(self, centre: Tokens) -> list[Tokens]:
        """The neighbours that the climb has not scored."""
        return [tokens for tokens in self.candidates.neighbours(centre) if tokens not in self._passed]

    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, float | None]:
        best = max(trials, key=lambda trial: trial.reward)
        if self._centre is None:
            self._climbs += 1
            self._passed = set()
        if self._centre_reward is None or best.reward > self._centre_reward:
            self._centre, self._centre_reward = best.tokens, best.reward
        self._passed |= {trial.tokens for trial in trials}
        centre, reward = self._centre, self._centre_reward
        assert centre is not None
        if not self._ahead(centre):
            self._optima[centre] = reward
            self._centre, self._centre_reward = None, None
        return {"centre_reward": reward, "climbs": self._climbs}

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`: how many climbs the stage has seen, and in which optima those of this round ended."""
        optima = {" ".join(map(str, tokens)): reward for tokens, reward in self._optima.items()}
        return {"climbs": self._climbs, "optima": optima}

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`; another climb begins."""
        super().grow(kept)
        self._centre, self._centre_reward, self._passed = None, None, set()
        self._climbs, self._optima = 0, {}

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        return super().state() | {
            "centre": None if self._centre is None else list(self._centre),
            "centre_reward": self._centre_reward,
            "passed": sorted(map(list, self._passed)),
            "climbs": self._climbs,
            "optima": [[list(tokens), reward] for tokens, reward in self._optima.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        super().restore(state)
        self._centre = None if state["centre"] is None else tuple(state["centre"])
        self._centre_reward = state["centre_reward"]
        self._passed = {tuple(tokens) for tokens in state["passed"]}
        self._climbs = state["climbs"]
        self._optima = {tuple(tokens): reward for tokens, reward in state["optima"]}
