"""How well surrogates of `--strategy=predictor` rank architectures that they have not seen; for `make_bench.py`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.stats

from autogan_tf.bench import halves
from autogan_tf.nas.strategies.surrogates import Surrogate
from autogan_tf.search_space import autogan

Tokens = tuple[int, ...]
KINDS = ("linear", "ridge", "forest", "perceptrons")
NUMBERS = (10, 20, 40, 80)  # of architectures that are learnt from
REPEATS = 40


def ranking_of_unseen(rows: Sequence[dict], *, repeats: int = REPEATS) -> list[dict[str, object]]:
    """Fits each surrogate to some single trainings, drawn at random, and compares what it expects of the others.

    Architectures of the half for tuning alone, by log Frechet distance of seed 0.

    Returns:
      For each number of trainings and each kind, means over `repeats` draws: Kendall's tau with the distances of the
      others ("tau"); the share of the others that have a larger distance than the one of which most is expected
      ("first beats"), with the standard error of that ("error"): 0.5 is chance. The luck of single trainings is not in
      it, but what their common seed favours is; see `transfer` for another seed.
    """
    known = _of_tuning(rows)
    if len(known) < 2 * max(NUMBERS):
        raise SystemExit(f"needs {2 * max(NUMBERS)} architectures of the half for tuning, there are {len(known)}")
    table: list[dict[str, object]] = []
    for number in NUMBERS:
        for kind in KINDS:
            found = np.array([_once(known, number, kind, seed) for seed in range(repeats)])
            error = found[:, 1].std(ddof=1) / np.sqrt(repeats)
            tau, beats = found.mean(axis=0).tolist()
            table.append(
                {"trainings": number, "surrogate": kind, "tau": tau, "first beats": beats, "error": float(error)}
            )
    return table


def transfer(learnt: Sequence[dict], rows: Sequence[dict]) -> list[dict[str, object]]:
    """Whether trainings of two small cells tell which architectures of three are good, or which are by another recipe,
    or with other seeds.

    Args:
      learnt: trainings, to whose Frechet distances each surrogate is fitted, those of each seed among themselves; of
        the half for tuning, without the architectures of `rows`.
      rows: of other trainings.

    Returns:
      For each point of `rows`: its steps, how many architectures, and Kendall's tau of what each surrogate expects of
      them with their distances, geometric means over the seeds that there are of each.
    """
    found: dict[Tokens, list[np.ndarray]] = {}
    for row in rows:
        if not row["failure"]:
            found.setdefault(tuple(row["tokens"]), []).append(np.log(row["fid"]))
    groups: dict[int, dict[Tokens, float]] = {}
    for seed in sorted({row["seed"] for row in learnt}):
        known = {tokens: -fid for tokens, fid in _of_tuning(learnt, seed=seed).items() if tokens not in found}
        groups |= {seed: known} if known else {}
    number = sum(map(len, groups.values()))
    if number < 2 or len(found) < 2:
        raise SystemExit(f"needs 2 trainings of each, there are {number} to learn from and {len(found)} others")
    architectures = list(found)
    expected = {}
    for kind in KINDS:
        surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=autogan.SPACE.num_cells_of(len(architectures[0])))
        surrogate.fit(list(groups.values()))
        expected[kind] = surrogate.predict(architectures)
    table: list[dict[str, object]] = []
    for number, steps in enumerate(rows[0]["points"]):
        distances = [float(np.mean([logs[number] for logs in found[tokens]])) for tokens in architectures]
        taus = {kind: scipy.stats.kendalltau(-values, distances).statistic for kind, values in expected.items()}
        table.append({"step": steps, "architectures": len(architectures)} | taus)
    return table


def _of_tuning(rows: Sequence[dict], *, seed: int = 0) -> dict[Tokens, float]:
    """Frechet distances of a seed."""
    return {
        tuple(row["tokens"]): float(row["fid"][-1])
        for row in rows
        if row["seed"] == seed and not row["failure"] and halves.is_of_tuning(row["tokens"])
    }


def _once(known: dict[Tokens, float], number: int, kind: str, seed: int) -> tuple[float, float]:
    architectures = list(known)
    order = [architectures[place] for place in np.random.default_rng(seed).permutation(len(architectures)).tolist()]
    seen, others = order[:number], order[number:]
    surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=autogan.SPACE.num_cells_of(len(seen[0])), seed=seed)
    surrogate.fit([{tokens: -known[tokens] for tokens in seen}])
    expected = surrogate.predict(others)
    distances = np.array([known[tokens] for tokens in others])
    rest = np.delete(distances, np.argmax(expected))
    beats = np.mean(rest > distances[np.argmax(expected)])
    return float(scipy.stats.kendalltau(expected, -distances).statistic), float(beats)
