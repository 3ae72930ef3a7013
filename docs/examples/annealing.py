"""Simulated annealing: one architecture walks to its neighbours, and to worse ones the seldomer the worse they are."""

import dataclasses
import math

from autogan_tf.config import strategy_settings
from autogan_tf.config.fields import setting
from autogan_tf.nas.strategies.candidate_strategy import CandidateStrategy


@dataclasses.dataclass(frozen=True)
class AnnealingSettings(strategy_settings.TrialSettings):
    """Besides --round_trials and --trial_batch, which every strategy of candidates has."""

    temperature: float = setting(
        0.1, "Loss of reward that is accepted once in e = 2.7 times.", group="strategy annealing", above=0
    )


class Annealing(CandidateStrategy):
    _at = None  # where it stands: (tokens, reward)

    def begin_round(self, number):
        """Shared weights are others now, and with them the rewards: then it begins anew."""
        super().begin_round(number)
        if not self._task.rewards_last:
            self._at = None

    def grow(self, kept):
        super().grow(kept)
        self._at = None

    def _propose(self, number):
        """A function of the state alone: asked again, it proposes the same."""
        rng = self._rng("annealing_proposals")
        if self._at is None:
            return self._untried(number, rng)
        return [self.candidates.mutate(self._at[0], rng) for _ in range(number)]

    def _learn(self, trials):
        rng = self._rng("annealing_acceptance")
        for trial in trials:
            loss = 0.0 if self._at is None else self._at[1] - trial.reward
            if loss <= 0 or rng.random() < math.exp(-loss / self._settings.temperature):
                self._at = (trial.tokens, trial.reward)
        return {"stands_at": self._at[1]}  # to be logged

    def state(self):
        """All that a resumed search needs, as JSON."""
        return super().state() | {"at": self._at}

    def restore(self, state):
        super().restore(state)
        self._at = None if state["at"] is None else (tuple(state["at"][0]), state["at"][1])


strategy_settings.register(
    "annealing", Annealing, settings=AnnealingSettings, words="walks to neighbours, sometimes to worse ones"
)
