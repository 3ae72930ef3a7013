"""What a study found, as plain data: what each group of searches had found at which cost, and who finds better."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.bench.comparison import mean_interval, pairwise
from autogan_tf.config.study import BASELINE

FORMAT, VERSION = "autogan-study", 1
MILESTONES = (5, 10, 20, 40, 64, 100, 140, 200, 500, 1000)  # costs at which searches are compared, as far as they go
OfSeed = Mapping[int, float]  # by the seed of the search


@dataclasses.dataclass(frozen=True)
class Results:
    """Of the searches that came to their end.

    Attributes:
      measure: what is compared, in words; low is good.
      costs: in full trainings, at which is told what had been found.
      curves: by name of the group and seed the measure at those costs; NaN where nothing had been found yet.
      spent: by name of the group and seed what a search had cost at its end.
      ends: by name of the group and seed the architecture that it ended with.
      standings: by name of the group and seed the share of all architectures that are better than what had been found,
        at those costs; NaN as in `curves`. Empty where it is not known.
      estimated_standings: the same by estimates, see `judging.Judge.estimated_standing`.
      ceiling: the share of all architectures that are better than the one with the best estimate, which is what noise
        leaves to be reached; None where it is not known.
      further: of other measures, low being good, by their words and then by name of the group and seed, the end alone.
      agreements: by name of the group and what a reward rests on, of each search Kendall's tau of its rewards with what
        the architectures are worth, and the number of these.
    """

    measure: str
    costs: Sequence[float]
    curves: Mapping[str, Mapping[int, Sequence[float]]]
    spent: Mapping[str, OfSeed] = dataclasses.field(default_factory=dict)
    further: Mapping[str, Mapping[str, OfSeed]] = dataclasses.field(default_factory=dict)
    agreements: Mapping[str, Mapping[str, Sequence[tuple[float, int]]]] = dataclasses.field(default_factory=dict)
    ends: Mapping[str, Mapping[int, tuple[int, ...]]] = dataclasses.field(default_factory=dict)
    standings: Mapping[str, Mapping[int, Sequence[float]]] = dataclasses.field(default_factory=dict)
    estimated_standings: Mapping[str, Mapping[int, Sequence[float]]] = dataclasses.field(default_factory=dict)
    ceiling: float | None = None


def document(results: Results, *, failed: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """All of a study.

    Args:
      results: of the searches.
      failed: what went wrong with searches that are not among them.
      settings: of the study.
    """
    groups: dict[str, Any] = {}
    for name, of_seed in results.curves.items():
        values = np.array([of_seed[seed] for seed in sorted(of_seed)], np.float64)
        low, median, high = _band(values)
        spent = [results.spent[name][seed] for seed in sorted(of_seed)] if name in results.spent else []
        groups[name] = {
            "seeds": sorted(of_seed),
            "median": _plain(median),
            "low": _plain(low),
            "high": _plain(high),
            "end": _plain(values[:, -1]),
            "curves": [_plain(row) for row in values],
            "spent": _plain(np.array(spent)),
            "different": len(set(results.ends[name].values())) if name in results.ends else None,
        }
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": dict(settings),
        "measure": results.measure,
        "costs": list(results.costs),
        "groups": groups,
        "pairs": _pairs({name: group["end"] for name, group in groups.items()}),
        "milestones": _milestones(results),
        "ceiling": results.ceiling,
        "further": [_further(measure, of_group) for measure, of_group in results.further.items()],
        "agreements": [
            _agreement(name, what, found) for name, of_what in results.agreements.items()
            for what, found in of_what.items() if found
        ],
        "failed": list(failed),
    }  # fmt: skip


def _milestones(results: Results) -> list[dict[str, Any]]:
    """At some of the costs: what each group had found, and how likely it is better than what random search had; empty
    where the end alone is known. Costs at which a search had found nothing yet are left out."""
    if len(results.costs) < 2:
        return []
    told = []
    for place, cost in enumerate(results.costs):
        at_cost = {
            name: np.array([of_seed[seed][place] for seed in sorted(of_seed)], np.float64)
            for name, of_seed in results.curves.items()
        }
        if (cost not in MILESTONES and place < len(results.costs) - 1) or not np.isfinite(
            np.concatenate(list(at_cost.values()))
        ).all():
            continue
        groups: dict[str, Any] = {}
        for name, values in at_cost.items():
            better = {
                other: _superiority(values, at_cost[other])
                for other in at_cost
                if other.split()[-1] == BASELINE and other != name and min(len(values), len(at_cost[other])) > 1
            }
            groups[name] = {
                "median": float(f"{np.median(values):.6g}"),
                "standing": _median_at(place, results.standings.get(name, {})),
                "estimated_standing": _median_at(place, results.estimated_standings.get(name, {})),
                "better_than": better,
            }
        told.append({"cost": cost, "groups": groups})
    return told


def _median_at(place: int, of_seed: Mapping[int, Sequence[float]]) -> float | None:
    return float(f"{np.median([row[place] for row in of_seed.values()]):.6g}") if of_seed else None


def _superiority(values: np.ndarray, others: np.ndarray) -> dict[str, float]:
    pair = pairwise({"first": values.tolist(), "second": others.tolist()})[0]
    return {"better": pair.better, "low": pair.low, "high": pair.high}


def _further(measure: str, of_group: Mapping[str, OfSeed]) -> dict[str, Any]:
    groups = {name: _plain(np.array([of_seed[seed] for seed in sorted(of_seed)])) for name, of_seed in of_group.items()}
    medians = {name: float(f"{np.median([value for value in end if value is not None]):.6g}")
               for name, end in groups.items() if any(value is not None for value in end)}  # fmt: skip
    return {"measure": measure, "ends": groups, "medians": medians, "pairs": _pairs(groups)}


def _pairs(ends: Mapping[str, Sequence[float | None]]) -> list[dict[str, Any]]:
    """Every group with every other one that has at least two numbers."""
    known = {name: [value for value in values if value is not None] for name, values in ends.items()}
    enough = {name: values for name, values in known.items() if len(values) > 1}
    return [dataclasses.asdict(pair) for pair in pairwise(enough)] if len(enough) > 1 else []


def _agreement(name: str, what: str, found: Sequence[tuple[float, int]]) -> dict[str, Any]:
    taus, counts = zip(*found, strict=True)
    low, high = _plain(np.array(mean_interval(taus)))
    tau = float(f"{np.mean(taus):.6g}")
    return {"group": name, "rewards": what, "searches": len(taus), "architectures": float(np.mean(counts)), "tau": tau,
            "low": low, "high": high}  # fmt: skip


def _band(values: np.ndarray) -> np.ndarray:
    """The 5th, 50th and 95th percentile over seeds, float64 [3, costs]; NaN where a search had found nothing yet."""
    complete = np.isfinite(values).all(axis=0)
    found = np.full([3, values.shape[1]], np.nan)
    if complete.any():
        found[:, complete] = np.percentile(values[:, complete], [5, 50, 95], axis=0)
    return found


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
