"""Comparing what several ways of searching found over many seeds; SciPy has the statistics."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

RESAMPLES = 5000


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two groups of numbers of which low is good.

    better: probability that a draw from the first is lower than one from the second, a tie counting half; low, high:
      its 95 % interval (bootstrap, percentiles).
    p_value: of a two-sided Mann-Whitney test, corrected after Holm for all pairs that are compared.
    """

    first: str
    second: str
    better: float
    low: float
    high: float
    p_value: float


def pairwise(groups: Mapping[str, Sequence[float]]) -> list[Pair]:
    """Every group with every other one.

    Args:
      groups: at least 2 finite numbers of each, such as log Fréchet distances of independent seeds.

    Raises:
      ValueError: fewer numbers, or one that is not finite.

    Source: probability of superiority, Vargha and Delaney 2000; correction, Holm 1979.
    """
    for name, numbers in groups.items():
        if len(numbers) < 2 or not np.isfinite(numbers).all():
            raise ValueError(f"{name} must have at least 2 finite numbers, got {list(numbers)}")
    found = []
    for (first, a), (second, b) in itertools.combinations(groups.items(), 2):
        one, other = np.asarray(a, np.float64), np.asarray(b, np.float64)
        low, high = _interval(one, other)
        p_value = float(scipy.stats.mannwhitneyu(one, other, alternative="two-sided").pvalue)
        found.append(Pair(first, second, superiority(one, other), low, high, p_value))
    corrected = holm([pair.p_value for pair in found])
    return [dataclasses.replace(pair, p_value=p) for pair, p in zip(found, corrected, strict=True)]


def superiority(one: np.ndarray, other: np.ndarray) -> float:
    """Share of all pairs in which the number of `one` is lower; a tie counts half."""
    difference = np.subtract.outer(one, other)
    return float(np.mean(difference < 0) + 0.5 * np.mean(difference == 0))


def _interval(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    difference = np.subtract.outer(one, other)
    wins = (difference < 0) + 0.5 * (difference == 0)

    def drawn(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        # of places in `one` and in `other`: by how often each was drawn, which is ten times as fast as to compare anew
        return np.einsum("ri,ij,rj->r", _counts(a, len(one)), wins, _counts(b, len(other)), optimize=True) / wins.size

    found = scipy.stats.bootstrap(
        (np.arange(len(one)), np.arange(len(other))), drawn, vectorized=True, n_resamples=RESAMPLES,
        method="percentile", batch=500, random_state=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _counts(places: np.ndarray, number: int) -> np.ndarray:
    """How often each of `number` places is in each row of int [..., rows, N], float [rows, number]."""
    rows = places.reshape(-1, places.shape[-1])
    flat = (rows + number * np.arange(len(rows))[:, None]).ravel()
    return np.bincount(flat, minlength=len(rows) * number).reshape(len(rows), number).astype(np.float64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected for their number: the smallest times it, the next times one less, and so on, never falling, at most 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for place, number in enumerate(np.argsort(p_values, kind="stable").tolist()):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[number]))
        corrected[number] = highest
    return corrected


@dataclasses.dataclass(frozen=True)
class Correlation:
    """Kendall's tau-b, its 95 % interval (bootstrap over pairs, percentiles), and the number of pairs."""

    tau: float
    low: float
    high: float
    count: int


def rank_correlation(one: Sequence[float], other: Sequence[float], *, resamples: int = 1000) -> Correlation:
    """How far two scores of the same things rank them alike: 1 the same way, -1 the other way round, 0 unrelated.

    Raises:
      ValueError: fewer than 3 pairs, other lengths, or a number that is not finite.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or len(a) < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"needs at least 3 pairs of finite numbers, got {a.shape} and {b.shape}")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(a), (resamples, len(a)))
    found = [kendalls_tau(a[rows], b[rows]) for rows in drawn]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Correlation(kendalls_tau(a, b), float(low), float(high), len(a))


def kendalls_tau(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Kendall's tau-b of two scores of the same things; NaN where one of them is the same for all."""
    return float(scipy.stats.kendalltau(one, other).statistic)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean (bootstrap, percentiles); NaN of fewer than 2 values."""
    if len(values) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(0).choice(np.asarray(values, np.float64), (RESAMPLES, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
