"""How far seeds agree on which architectures are good, and machines on the same trainings; for `make_bench.py`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import scipy.stats

from autogan_tf.bench.agreement import intraclass_correlation
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype

Tokens = tuple[int, ...]


def agreement(rows: Sequence[dict], *, without: str = "") -> list[dict[str, object]]:
    """How far seeds agree on the architectures that all of them have trained without a failure.

    Args:
      without: "1.up=deconv" leaves out the architectures whose first cell has that; empty for none.

    Returns:
      For each point: its steps, the median Frechet distance, intraclass correlations of the three scores; of the log
      of the Frechet distance the mean rank correlation of two seeds, which a few bad architectures do not raise so
      much, that with the distance at the last point of the same seed and of another one, on average, and the standard
      deviations of what architectures and what seeds make of it.
    """
    of_seed: dict[int, dict[Tokens, dict]] = {}
    for row in rows:
        if not row["failure"] and not (without and _has(row["tokens"], without)):
            of_seed.setdefault(row["seed"], {})[tuple(row["tokens"])] = row
    common = sorted(set.intersection(*(set(found) for found in of_seed.values()))) if of_seed else []
    if len(common) < 2 or len(of_seed) < 2:
        raise SystemExit(f"needs 2 architectures trained with 2 seeds, there are {len(common)} with {len(of_seed)}")
    ends = [[found[tokens]["fid"][-1] for tokens in common] for found in of_seed.values()]
    table: list[dict[str, object]] = []
    for number, steps in enumerate(rows[0]["points"]):
        scores = {
            key: np.array([[found[tokens][key][number] for found in of_seed.values()] for tokens in common])
            for key in ("fid", "kid", "is")
        }
        with_end = np.array(
            [[scipy.stats.kendalltau(now, end).statistic for end in ends] for now in scores["fid"].T]
        )
        table.append(
            {
                "step": steps,
                "median Frechet distance": float(np.median(scores["fid"])),
                "log Frechet distance": intraclass_correlation(np.log(scores["fid"])),
                "its tau": _tau_between_columns(scores["fid"]),
                "with the end": float(np.trace(with_end) / len(of_seed)),
                "of another seed": float(with_end[~np.eye(len(of_seed), dtype=bool)].mean()),
                "by architecture": float(np.log(scores["fid"]).mean(axis=1).std(ddof=1)),
                "by seed": _spread_within_rows(np.log(scores["fid"])),
                "log kernel distance": intraclass_correlation(np.log(np.maximum(scores["kid"], 1e-9))),
                "Inception score": intraclass_correlation(scores["is"]),
            }
        )
    return table


def across_machines(rows: Sequence[dict], again: Sequence[dict]) -> dict[str, list[dict[str, object]]]:
    """How far trainings that were made on two machines agree: the same architecture, seed and settings.

    Returns:
      For each pair of machines, by their names, and each point: its steps, how many trainings; of the log of the
      Frechet distance the mean difference, its standard deviation (over the root of two: what one machine adds by
      chance), and Kendall's tau of the two machines' distances, over trainings of one seed, on average.
    """
    first = {(tuple(row["tokens"]), row["seed"]): row for row in rows if not row["failure"]}
    pairs: dict[tuple[str, str], list[tuple[dict, dict]]] = {}
    for other in again:
        one = first.get((tuple(other["tokens"]), other["seed"]))
        if one is not None and not other["failure"] and one["machine"] != other["machine"]:
            pairs.setdefault((one["machine"], other["machine"]), []).append((one, other))
    if not pairs:
        raise SystemExit("no training was made on two machines yet; make_bench.py again, on another one, makes some")
    found: dict[str, list[dict[str, object]]] = {}
    for (here, there), twice in pairs.items():
        table = found.setdefault(f"{here} and {there}", [])
        logs = np.log([[one["fid"], other["fid"]] for one, other in twice])  # [trainings, 2, points]
        seeds = np.array([one["seed"] for one, _ in twice])
        for number, steps in enumerate(twice[0][0]["points"]):
            values = logs[:, :, number]
            taus = [_tau_between_columns(values[seeds == seed]) for seed in set(seeds.tolist())]
            table.append(
                {
                    "step": steps,
                    "trainings": len(values),
                    "mean difference": float(np.mean(values[:, 1] - values[:, 0])),
                    "by machine": float(np.std(values[:, 1] - values[:, 0], ddof=1) / np.sqrt(2)),
                    "tau": float(np.nanmean(taus)),
                }
            )
    return found


def _tau_between_columns(values: np.ndarray) -> float:
    pairs = itertools.combinations(values.T, 2)
    return float(np.mean([scipy.stats.kendalltau(one, other).statistic for one, other in pairs]))


def _spread_within_rows(values: np.ndarray) -> float:
    """Standard deviation of what neither row nor column explains."""
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    return float(np.sqrt(np.sum(rest**2) / ((values.shape[0] - 1) * (values.shape[1] - 1))))


def _has(tokens: Sequence[int], choice: str) -> bool:
    """Whether an architecture has "CELL.DECISION=OPTION", as "1.up=deconv"."""
    cell, _, rest = choice.partition(".")
    decision, _, option = rest.partition("=")
    try:
        names = {d.name: d for d in autogan.SPACE.decisions(int(cell) - 1)}
        values = {one.name: one.value for one in names[decision].options}
        return Genotype.from_tokens(tokens).cells[int(cell) - 1][decision] == values[option]
    except (KeyError, ValueError, IndexError):
        raise SystemExit(f"--without must be like 1.up=deconv, got {choice!r}") from None
