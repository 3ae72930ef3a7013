"""What a study found, as plain data: of each search what it had found when it had cost so much."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.bench.comparison import pairwise
from autogan_tf.runs.history import History

FORMAT, VERSION = "autogan-study", 1
Tokens = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search takes for the best architecture from a cost on, in full trainings."""

    cost: float
    tokens: Tokens


def incumbents(run: History, *, full_training: float, scored_image_cost: float, num_tokens: int) -> list[Found]:
    """What a search would have answered, whenever it was asked: of rewards that last the best so far, among those that
    were trained longest; of shared weights, whose rewards change, the best of the newest step.

    Args:
      run: of the search.
      full_training: images that a full training is made with.
      scored_image_cost: of an image that is generated for a score, in those.
      num_tokens: of whole generators; beginnings of them are no answer.
    """
    lasts = run.settings.get("estimation") != "shared_weights"
    found: list[Found] = []
    best: tuple[float, float] | None = None
    for row in run.of("strategy"):
        cost = (row["trained_images"] + scored_image_cost * row["scored_images"]) / full_training
        steps = row.get("trained_steps") or {}
        known = [
            ((steps.get(name, 0), reward), tuple(map(int, name.split())))
            for name, reward in row["rewards"].items()
            if reward is not None
        ]
        known = [entry for entry in known if len(entry[1]) == num_tokens]
        if not known:
            continue
        standing, tokens = max(known, key=lambda entry: entry[0])
        if best is None or not lasts or standing > best:
            best = standing
            found.append(Found(cost, tokens))
    return found


def curve(found: Sequence[Found], costs: Sequence[float], value: Callable[[Tokens], float]) -> list[float]:
    """The value of what had been found when so much had been spent; NaN before anything had."""
    values, place = [], -1
    for cost in costs:
        while place + 1 < len(found) and found[place + 1].cost <= cost:
            place += 1
        values.append(value(found[place].tokens) if place >= 0 else float("nan"))
    return values


def document(
    curves: Mapping[str, Mapping[int, Sequence[float]]],
    costs: Sequence[float],
    *,
    measure: str,
    failed: Sequence[str],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """All of a study.

    Args:
      curves: by name of the group and seed the values at `costs`.
      measure: what the values are, in words; low is good.
      failed: what went wrong with searches that are not among them.
      settings: of the study.
    """
    groups: dict[str, Any] = {}
    last = {}
    for name, of_seed in curves.items():
        values = np.array([of_seed[seed] for seed in sorted(of_seed)], np.float64)
        low, median, high = _band(values)
        end = values[:, -1]
        last[name] = end[np.isfinite(end)]
        groups[name] = {
            "seeds": sorted(of_seed),
            "median": _plain(median),
            "low": _plain(low),
            "high": _plain(high),
            "end": _plain(end),
            "curves": [_plain(row) for row in values],
        }
    enough = {name: values.tolist() for name, values in last.items() if len(values) > 1}
    pairs = [dataclasses.asdict(pair) for pair in pairwise(enough)] if len(enough) > 1 else []
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": dict(settings),
        "measure": measure,
        "costs": list(costs),
        "groups": groups,
        "pairs": pairs,
        "failed": list(failed),
    }


def _band(values: np.ndarray) -> np.ndarray:
    """The 5th, 50th and 95th percentile over seeds, float64 [3, costs]; NaN where a search had found nothing yet."""
    complete = np.isfinite(values).all(axis=0)
    found = np.full([3, values.shape[1]], np.nan)
    if complete.any():
        found[:, complete] = np.percentile(values[:, complete], [5, 50, 95], axis=0)
    return found


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
