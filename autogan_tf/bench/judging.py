"""What an architecture of the bench is worth in truth, as far as its noisy trainings tell.

A training says what it came to with an error, and the best of many noisy scores is partly luck. So what a search found
is not judged by the training that it was told of:

- An architecture with trainings of fresh seeds (those of `FRESH`, which no search is told of) is worth the mean of
  their log Fréchet distances.
- Of any other the log of the Fréchet distance above a floor, `FLOOR` of the lowest training's, is estimated: it is
  taken to be what a ridge regression on its choices and on pairs of them says, plus a normal deviation of its own, and
  each training that plus a normal error. The estimate is the expectation given its trainings: their mean, drawn towards
  the regression as far as the error is large. Above a floor, because no training comes near to what sums of mere logs
  promise of the best, and because errors of good and bad ones differ less there (of mere logs by three times).
- One whose trainings all failed is as bad as the worst of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autogan_tf.bench import effects
from autogan_tf.bench.table import Table
from autogan_tf.config.errors import UserError

Tokens = tuple[int, ...]
SEED = 0  # of the trainings that searches are told of
FRESH = (11, 12, 13)
FLOOR = 0.6


class Judge:
    """Log Fréchet distances of a table's architectures, after the last step.

    Args:
      table: some of whose architectures have trainings with several seeds besides `FRESH`, which tell the error.
      admits: which architectures `best` is among; None: all are.

    Attributes:
      error: standard deviation of one training's log of the Fréchet distance above the floor.
      own: standard deviation of architectures around what the regression says, of the same.
      best: what an oracle would find among those, and its worth; being the lowest of many that are not exact, a little
        too low.
      best_estimated: the one with the best estimate from all of its trainings, those with fresh seeds among them.

    Raises:
      UserError: no architecture has two such trainings.
    """

    def __init__(self, table: Table, *, admits: Callable[[Tokens], bool] | None = None) -> None:
        others = {tokens: self._logs(table, tokens, (SEED,), inside=False) for tokens in table.architectures}
        self._by_others = {tokens: float(values.mean()) for tokens, values in others.items() if len(values)}
        every = [self._logs(table, tokens, (), inside=False) for tokens in table.architectures]
        floor = FLOOR * float(np.exp(min(values.min() for values in every if len(values))))
        above = {
            tokens: np.log(np.exp(values) - floor) for tokens, values in zip(table.architectures, every, strict=True)
        }
        repeated = [
            np.log(np.exp(self._logs(table, tokens, FRESH, inside=False)) - floor) for tokens in table.architectures
        ]
        repeated = [values for values in repeated if len(values) > 1]
        if not repeated:
            raise UserError(
                "no architecture of the bench's table has trainings with two seeds besides the fresh ones, so that "
                "their error is not known; tools/make_bench.py replicates makes some"
            )
        squares = sum(float(np.sum((values - values.mean()) ** 2)) for values in repeated)
        self.error = float(np.sqrt(squares / sum(len(values) - 1 for values in repeated)))
        means = {tokens: float(values.mean()) for tokens, values in above.items() if len(values)}
        said = effects.predicted(means, {tokens: len(above[tokens]) for tokens in means})
        rest = np.array([means[tokens] - said[tokens] for tokens in means])
        counts = np.array([len(above[tokens]) for tokens in means])
        self.own = float(np.sqrt(max(0.0, np.mean(rest**2) - self.error**2 * np.mean(1.0 / counts))))
        self._estimates: dict[Tokens, float] = {}
        for tokens, mean in means.items():
            weight = self.own**2 / (self.own**2 + self.error**2 / len(above[tokens])) if self.own else 0.0
            self._estimates[tokens] = float(np.log(floor + np.exp(said[tokens] + weight * (mean - said[tokens]))))
        fresh = {tokens: self._logs(table, tokens, FRESH, inside=True) for tokens in table.architectures}
        self._worth = self._estimates | {
            tokens: float(values.mean()) for tokens, values in fresh.items() if len(values) == len(FRESH)
        }
        for known_worth in (self._estimates, self._worth):
            worst = max(known_worth.values())
            known_worth |= {tokens: worst for tokens in table.architectures if tokens not in known_worth}
        among = [tokens for tokens in table.architectures if admits is None or admits(tokens)]
        self.best = min(((tokens, self._worth[tokens]) for tokens in among), key=lambda entry: entry[1])
        self.best_estimated = min(among, key=lambda tokens: self._estimates[tokens])
        self._among = np.sort([self._worth[tokens] for tokens in among])
        self._estimates_among = np.sort([self._estimates[tokens] for tokens in among])

    @staticmethod
    def _logs(table: Table, tokens: Tokens, seeds: Sequence[int], *, inside: bool) -> np.ndarray:
        """Of the trainings with these seeds, or with the others; those that failed before they were scored left out."""
        found = [table.query(tokens, seed=seed) for seed in table.seeds(tokens) if (seed in seeds) == inside]
        return np.log([training.frechet_distance for training in found if training.steps])

    def worth(self, tokens: Sequence[int]) -> float:
        """The log Fréchet distance of an architecture; low is good. KeyError where the table lacks it."""
        return self._worth[tuple(tokens)]

    def worth_by_others(self, tokens: Sequence[int]) -> float | None:
        """The mean log Fréchet distance of the trainings that no search is told of, of whatever seed; None where there
        are none. An estimate is no judge of that training which it was made of."""
        return self._by_others.get(tuple(tokens))

    def standing(self, tokens: Sequence[int]) -> float:
        """The share of the architectures that `best` is among which are better, from 0."""
        return float(np.searchsorted(self._among, self.worth(tokens), side="left")) / len(self._among)

    def estimated_standing(self, tokens: Sequence[int]) -> float:
        """As `standing`, of estimates from all trainings, whether there are fresh ones or not.

        Means of three trainings have an error that is larger than the best architectures differ by, so that `standing`
        puts them in an order that is mostly luck; estimates have less of it, but follow the regression."""
        estimate = self._estimates[tuple(tokens)]
        return float(np.searchsorted(self._estimates_among, estimate, side="left")) / len(self._estimates_among)

    def regret(self, tokens: Sequence[int]) -> float:
        """How much an architecture's log Fréchet distance is above the oracle's; at least 0 of those it chose from."""
        return self.worth(tokens) - self.best[1]
