"""Random search: the architectures of a round are drawn uniformly, none of them twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy
from autogan_tf.nas.trial import Tokens, Trial


class RandomSearch(CandidateStrategy):
    """What every other strategy has to be better than; arguments as for `CandidateStrategy`."""

    def _propose(self, number: int) -> list[Tokens]:
        return self._untried(number, self._rng("random_trials"))

    def _learn(self, trials: Sequence[Trial]) -> Mapping[str, float | None]:
        return {"round_best": max(self._rewards.values())}
