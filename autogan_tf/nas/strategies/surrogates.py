"""Regressions that say what an architecture may be worth from what others were: the surrogates of `predictor`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import threadpoolctl
from scipy import stats
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor

from autogan_tf.nas.trial import Tokens
from autogan_tf.search_space.space import SearchSpace

TREES = 100
FEWEST = 5  # architectures from which anything is learnt
PERCEPTRONS, UNITS, DECAY = 5, (20,), 10.0  # how many, their hidden units, and the weight of their squared weights
STRENGTHS = np.logspace(-1, 4, 11)  # of ridge regression, of which the best is taken


class Surrogate:
    """Learns from groups of architectures whose rewards compare, and predicts.

    Of a group only the order of its rewards counts: they become the normal distribution's quantiles, so that stages,
    and rounds of shared weights, compare, and one training that failed does not weigh more than all others.

    Args:
      kind: "linear": ridge regression on the options alone, shrunk as much as is best for architectures that are left
        out, one at a time; it cannot believe in the luck of a single training. "ridge": the same on options and on
        pairs of them. "forest": a random forest on the options (Breiman 2001). "perceptrons": the mean
        of an ensemble of multilayer perceptrons on the options, as PNAS has it beside one of LSTMs (Liu et al. 2018,
        arXiv 1712.00559, section 4.2: five), each with weights of its own at first.
      space: of the architectures; they may have fewer cells than `num_cells`.
      num_cells: of the largest.
      seed: of forest and perceptrons.
    """

    def __init__(self, kind: str, *, space: SearchSpace, num_cells: int, seed: int = 0) -> None:
        self._kind, self._space, self._num_cells, self._seed = kind, space, num_cells, seed
        self._model: Any = None  # none before there are enough rewards, and different ones

    def fit(self, groups: Sequence[Mapping[Tokens, float]]) -> None:
        """On rewards, high being good; what it had learnt before is forgotten."""
        values = np.concatenate([[], *(normal_scores(list(group.values())) for group in groups)])
        tokens = [tokens for group in groups for tokens in group]
        self._model = None
        if len(values) >= FEWEST and len(np.unique(values)) > 1:
            # threads would wait for each other longer than such small matrices take, and could change the last digits
            with warnings.catch_warnings(), threadpoolctl.threadpool_limits(1):
                # perceptrons that stop before the end of their way, or at the last digit, are good enough
                warnings.simplefilter("ignore", ConvergenceWarning)
                self._model = self._new_model().fit(self._features(tokens), values)

    @property
    def has_learnt(self) -> bool:
        """Whether it says more of one architecture than of another."""
        return self._model is not None

    def predict(self, tokens: Sequence[Tokens]) -> np.ndarray:
        """[N], high being good, in standard deviations of a group; 0 where it has learnt nothing."""
        if self._model is None or not tokens:
            return np.zeros(len(tokens))
        with threadpoolctl.threadpool_limits(1):
            return self._model.predict(self._features(tokens))

    def _new_model(self) -> Any:
        if self._kind in ("linear", "ridge"):
            # of the options' redundant columns LAPACK's singular value decomposition (gesdd) does not always converge
            return RidgeCV(STRENGTHS, gcv_mode="eigen")
        if self._kind == "perceptrons":
            settings = {"hidden_layer_sizes": UNITS, "alpha": DECAY, "solver": "lbfgs", "max_iter": 500}
            its_seeds = np.random.default_rng(self._seed).integers(2**31, size=PERCEPTRONS).tolist()
            return VotingRegressor([(str(seed), MLPRegressor(random_state=seed, **settings)) for seed in its_seeds])
        return RandomForestRegressor(TREES, min_samples_leaf=2, max_features=0.5, random_state=self._seed)

    def _features(self, tokens: Sequence[Tokens]) -> np.ndarray:
        options, common = encoded(tokens, self._space, num_cells=self._num_cells)
        if self._kind == "ridge":
            one, other = np.triu_indices(options.shape[1], 1)
            return np.concatenate([options, common, options[:, one] * options[:, other]], axis=1)
        return np.concatenate([options, common], axis=1)


def encoded(tokens: Sequence[Tokens], space: SearchSpace, *, num_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Architectures of up to so many cells as numbers.

    Returns:
      options: float64 [N, O], for each decision of each cell a column for each option, 1 where it was chosen; zeros
        for cells that an architecture has not.
      common: float64 [N, C], for each decision's name and option's name how often it was chosen, over all cells.
    """
    columns = [
        (decision.name, option.name)
        for cell in range(num_cells)
        for decision in space.decisions(cell)
        for option in decision.options
    ]
    first = np.concatenate([[0], np.cumsum(space.counts(num_cells))])
    options = np.zeros((len(tokens), len(columns)))
    rows = np.repeat(np.arange(len(tokens)), [len(one) for one in tokens])
    chosen = [first[place] + token for one in tokens for place, token in enumerate(one)]
    options[rows, chosen] = 1
    names = dict.fromkeys(columns)
    common = np.stack([options[:, [column == name for column in columns]].sum(axis=1) for name in names], axis=1)
    return options, common


def normal_scores(rewards: Sequence[float]) -> np.ndarray:
    """[N]: the standard normal distribution's quantiles (rank - 1/2) / N of the rewards, equal ones sharing a rank."""
    return stats.norm.ppf((stats.rankdata(rewards) - 0.5) / max(1, len(rewards)))
