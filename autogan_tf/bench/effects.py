"""What each choice is worth: main effects and interactions of two choices, by least squares, with intervals."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
import threadpoolctl
from sklearn.linear_model import RidgeCV

from autogan_tf.bench.comparison import holm
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import Decision

Tokens = tuple[int, ...]
STRENGTHS = np.logspace(-2, 4, 13)  # of ridge regression, of which that is taken which is best for what is left out


@dataclasses.dataclass(frozen=True)
class Choice:
    """A decision of a cell, from 1; "2.up" as text."""

    cell: int
    decision: str

    def __str__(self) -> str:
        return f"{self.cell}.{self.decision}"


@dataclasses.dataclass(frozen=True)
class Effect:
    """What options do to a value.

    options: "1.up=deconv", or two of these.
    value: how much the value differs from what it is on average over all options (and, of two options, from what each
      does by itself); low, high: its interval.
    count: architectures with the options.
    """

    options: tuple[str, ...]
    value: float
    low: float
    high: float
    count: int


@dataclasses.dataclass(frozen=True)
class Interaction:
    """Two choices that depend on each other.

    share: of the values' variance, which they explain together beyond each by itself.
    p_value: of an F test; that so much comes by chance, corrected after Holm for all pairs that were looked at.
    effects: of all pairs of options, the largest first.
    """

    choices: tuple[Choice, Choice]
    share: float
    p_value: float
    effects: tuple[Effect, ...]


@dataclasses.dataclass(frozen=True)
class Effects:
    """What `fit` finds.

    main: by choice the effects of its options, in their order.
    share: of the values' variance that the main effects explain.
    interactions: of all pairs of choices, those that explain most first.
    """

    main: Mapping[Choice, tuple[Effect, ...]]
    share: float
    interactions: tuple[Interaction, ...]


def fit(values: Mapping[Tokens, float], *, confidence: float = 0.95) -> Effects:
    """The effects of all choices on a value, such as the log of the Fréchet distance.

    The model is a sum over choices, to which one pair of choices after the other is added; what it does not explain,
    other interactions and the seed's noise, makes the intervals. All options count alike, however often they come up.

    Args:
      values: by tokens of the space autogan, of equally many cells; of each option some.
      confidence: of the intervals, each by itself.

    Raises:
      ValueError: too few values, or an option that no architecture has.

    Source: sum-to-zero coding in linear models, Montgomery, "Design and Analysis of Experiments", chapters 5 and 10.
    """
    if not values:
        raise ValueError("there is no architecture")
    tokens = np.array(list(values))
    y = np.array(list(values.values()), np.float64)
    choices = _choices(tokens.shape[1])
    columns = _columns(tokens)
    main = np.concatenate([np.ones((len(y), 1)), *columns], axis=1)
    if len(y) <= main.shape[1] or np.linalg.matrix_rank(main) < main.shape[1]:
        raise ValueError(
            f"{len(y)} architectures are too few for {main.shape[1]} effects, or an option does not come up"
        )
    ends = np.cumsum([1, *(column.shape[1] for column in columns)])
    model = _Model(main, y)
    found = {}
    for place, (choice, decision) in enumerate(choices):
        weights = np.zeros((len(decision.options), main.shape[1]))
        weights[:, ends[place] : ends[place + 1]] = _coding(len(decision.options))
        names = [(_option(choice, decision, token),) for token in range(len(decision.options))]
        counts = np.bincount(tokens[:, place], minlength=len(names)).tolist()
        found[choice] = _effects(model, weights, names, counts, confidence)
    total = float(np.sum((y - y.mean()) ** 2))
    pairs = [
        _interaction(model, y, tokens, choices, pair, [columns[place] for place in pair], total, confidence)
        for pair in itertools.combinations(range(len(choices)), 2)
    ]
    known = [pair for pair in pairs if pair is not None]
    corrected = holm([pair.p_value for pair in known])
    known = [dataclasses.replace(pair, p_value=p) for pair, p in zip(known, corrected, strict=True)]
    share = 1.0 - model.rest / total if total else float("nan")
    return Effects(found, share, tuple(sorted(known, key=lambda pair: -pair.share)))


def main_values(tokens: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The main effects alone, by option, as "1.up=deconv"; as `fit` finds them, in less time.

    Args:
      tokens: int [n, T] of architectures, which may come more than once.
      y: their values, float [n].

    Raises:
      ValueError: too few values, or an option that no architecture has.
    """
    columns = _columns(tokens)
    model = np.concatenate([np.ones((len(y), 1)), *columns], axis=1)
    coefficients, _, rank, _ = np.linalg.lstsq(model, y, rcond=None)
    if rank < model.shape[1]:
        raise ValueError(f"{len(y)} architectures are too few for {model.shape[1]} effects")
    ends = np.cumsum([1, *(column.shape[1] for column in columns)])
    return {
        _option(choice, decision, token): float(value)
        for place, (choice, decision) in enumerate(_choices(tokens.shape[1]))
        for token, value in enumerate(_coding(len(decision.options)) @ coefficients[ends[place] : ends[place + 1]])
    }


def predicted(values: Mapping[Tokens, float], counts: Mapping[Tokens, int]) -> dict[Tokens, float]:
    """What choices and pairs of choices say of each architecture: ridge regression on both.

    Args:
      values: of architectures of equally many cells, such as means of their trainings.
      counts: of how many trainings each value is the mean; it counts for as much.
    """
    tokens, y = np.array(list(values)), np.array(list(values.values()), np.float64)
    columns = _columns(tokens)
    pairs = [
        np.einsum("ni,nj->nij", one, other).reshape(len(y), -1) for one, other in itertools.combinations(columns, 2)
    ]
    design = np.concatenate([*columns, *pairs], axis=1)
    with threadpoolctl.threadpool_limits(1):  # more could change the last digits
        model = RidgeCV(STRENGTHS).fit(design, y, sample_weight=[counts[one] for one in values])
        return dict(zip(values, model.predict(design).tolist(), strict=True))


class _Model:
    """Least squares: coefficients, the sum of squares that is left, and how sure the coefficients are."""

    def __init__(self, columns: np.ndarray, y: np.ndarray) -> None:
        self.columns = columns
        self.degrees = len(y) - columns.shape[1]
        self.coefficients = np.linalg.lstsq(columns, y, rcond=None)[0]
        self.rest = float(np.sum((y - columns @ self.coefficients) ** 2))
        self._inverse = np.linalg.inv(columns.T @ columns)

    def interval(self, weights: np.ndarray, confidence: float) -> np.ndarray:
        """Half its width, of weighted sums of coefficients, float64 [n, C] -> [n]."""
        variances = np.einsum("ij,jk,ik->i", weights, self._inverse, weights) * self.rest / self.degrees
        return scipy.stats.t.ppf(0.5 + confidence / 2, self.degrees) * np.sqrt(variances)


def _interaction(
    model: _Model,
    y: np.ndarray,
    tokens: np.ndarray,
    choices: Sequence[tuple[Choice, Decision]],
    pair: tuple[int, int],
    coded: Sequence[np.ndarray],
    total: float,
    confidence: float,
) -> Interaction | None:
    """None where too few architectures have a pair of the options."""
    products = np.einsum("ni,nj->nij", *coded).reshape(len(y), -1)
    columns = np.concatenate([model.columns, products], axis=1)
    if len(y) <= columns.shape[1] or np.linalg.matrix_rank(columns) < columns.shape[1]:
        return None
    larger = _Model(columns, y)
    gained, number = model.rest - larger.rest, products.shape[1]
    f = (gained / number) / (larger.rest / larger.degrees) if larger.rest else np.inf
    (one, of_one), (other, of_other) = (choices[place] for place in pair)
    sizes = len(of_one.options), len(of_other.options)
    weights = np.zeros((sizes[0] * sizes[1], columns.shape[1]))
    weights[:, -number:] = np.kron(_coding(sizes[0]), _coding(sizes[1]))
    names = [
        (_option(one, of_one, i), _option(other, of_other, j)) for i, j in itertools.product(*map(range, sizes))
    ]
    together = tokens[:, pair[0]] * sizes[1] + tokens[:, pair[1]]
    counts = np.bincount(together, minlength=len(names)).tolist()
    effects = sorted(_effects(larger, weights, names, counts, confidence), key=lambda effect: -abs(effect.value))
    p_value = float(scipy.stats.f.sf(f, number, larger.degrees))
    return Interaction((one, other), gained / total if total else float("nan"), p_value, tuple(effects))


def _effects(
    model: _Model, weights: np.ndarray, names: Sequence[tuple[str, ...]], counts: Sequence[int], confidence: float
) -> tuple[Effect, ...]:
    centres, halves = weights @ model.coefficients, model.interval(weights, confidence)
    return tuple(
        Effect(name, float(centre), float(centre - half), float(centre + half), count)
        for name, centre, half, count in zip(names, centres, halves, counts, strict=True)
    )


def _coding(options: int) -> np.ndarray:
    """Sum-to-zero: each option's row of columns, float64 [options, options - 1]."""
    return np.concatenate([np.eye(options - 1), -np.ones((1, options - 1))])


def _columns(tokens: np.ndarray) -> list[np.ndarray]:
    """Of each choice."""
    choices = _choices(tokens.shape[1])
    return [_coded(tokens[:, place], len(decision.options)) for place, (_, decision) in enumerate(choices)]


def _coded(tokens: np.ndarray, options: int) -> np.ndarray:
    return _coding(options)[tokens]


def _choices(num_tokens: int) -> list[tuple[Choice, Decision]]:
    cells = autogan.SPACE.num_cells_of(num_tokens)
    return [
        (Choice(cell + 1, decision.name), decision)
        for cell in range(cells)
        for decision in autogan.SPACE.decisions(cell)
    ]


def _option(choice: Choice, decision: Decision, token: int) -> str:
    return f"{choice}={decision.options[token].name}"
