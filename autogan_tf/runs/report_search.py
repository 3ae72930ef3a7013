"""What a report says of a search, as plain data: what was tried, what it brought, how the strategy changed."""

from __future__ import annotations

import dataclasses
import itertools
import math
import numbers
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from autogan_tf.config.encoding import shown
from autogan_tf.runs import front, history
from autogan_tf.runs.history import History
from autogan_tf.search_space.space import SearchSpace

# Of a step of the strategy what the search itself tells.
_OF_EVERY_STEP = ("step", "phase", "time", "iteration", "scored", "seconds", "rewards", "scores", "trained_steps",
                  "earlier_rewards", "trained_images", "scored_images")  # fmt: skip


class Tried(NamedTuple):
    """An architecture that the strategy was told of; reward: None where it is not finite."""

    iteration: int
    name: str
    reward: float | None


def is_number(value: Any) -> bool:
    """Python's or NumPy's; neither a text nor a list, nor true or false."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def numbers_of_strategy(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Names and values of the numbers that a strategy told in a step, whichever strategy it is."""
    for name, value in row.items():
        if name not in _OF_EVERY_STEP and is_number(value):
            yield name, value


def architecture(found: history.Found) -> dict[str, Any]:
    """An architecture that was found, in integers and in words, with its scores and cost."""
    return {
        "tokens": str(found.genotype),
        "cells": [cell.in_words() for cell in found.genotype.cells],
        "name": shown(found.genotype.name),
        "scores": found.scores,
        "cost": found.cost,
    }


def of_search(run: History) -> dict[str, Any]:
    """The search's part of the document."""
    iterations = [
        {key: row.get(key) for key in ("step", "stage", "best", "mean", "best_so_far", "entropies", "seconds",
                                       "distinct")}
        | {key: _finite(row.get(key)) for key in ("entropy", "d_loss", "g_loss", "d_loss_spread", "g_loss_spread",
                                                  "images_per_second")}
        | {"collapsed": row.get("collapsed") is True, "mean_scores": _numbers_by_name(row.get("mean_scores"))}
        for row in run.of("search")
    ]  # fmt: skip
    tried = _tried(run)
    return {
        "iterations": iterations,
        "planned_iterations": run.settings.get("max_search_iter"),
        # as columns, which take less room than one object for each
        "tried": {
            "iteration": [one.iteration for one in tried],
            "reward": [one.reward for one in tried],
            **_learning_curve([one.reward for one in tried], _stages(run, tried)),
        },
        "told": _told(run),
        "candidates": _candidates(run),
        "policy": _policies(run),
        "population": _of_rounds(run, "population", "members", _members),
        "optima": _of_rounds(run, "optima", "architectures", _numbers_by_name),
        "front": _front(run),
        "growth": [{"step": row["step"], "stage": row.get("stage"), "kept": row.get("kept", {})}
                   for row in run.of("growth")],  # fmt: skip
        "resets": [row["step"] for row in iterations if row["collapsed"]],
        "choices": _choices(run, tried),
        "ranked": [architecture(found) for found in run.ranked],
    }


def _of_rounds(run: History, name: str, shown_as: str, read: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """What the strategy's summaries say under a name, where it is what `Strategy.summary` means by it."""
    found = ((row, read(row.get(name))) for row in run.of("search"))
    return [{"step": row["step"], "stage": row.get("stage", 0), shown_as: value} for row, value in found if value]


def _front(run: History) -> dict[str, Any] | None:
    """The newest front, and by objective the scores of all architectures that it was compared with, as columns.

    With shared weights these are the ones of its iteration, else those of as many cells.
    """
    told = [(row["step"], found) for row in run.of("search") if (found := front.read(row.get("front"))) is not None]
    if not told:
        return None
    step, newest = told[-1]
    length = len(newest.architectures[0].architecture.split())
    lasts = run.settings.get("estimation", "shared_weights") != "shared_weights"
    compared: dict[str, list[float]] = {}
    for row in run.of("strategy"):
        if lasts or row["iteration"] == step:
            by_name = row.get("scores")
            for name, scores in by_name.items() if isinstance(by_name, dict) else ():
                values = _values(scores, newest.objectives)
                if len(name.split()) == length and values is not None:
                    compared[name] = values
    columns = zip(*compared.values(), strict=True) if compared else itertools.repeat((), len(newest.objectives))
    return dataclasses.asdict(newest) | {
        "step": step,
        "compared": {name: list(column) for name, column in zip(newest.objectives, columns, strict=True)},
    }


def _values(scores: Any, names: Iterable[str]) -> list[float] | None:
    """The scores of these names, in their order; None where one is missing or not finite."""
    found = [_finite(scores.get(name)) for name in names] if isinstance(scores, dict) else [None]
    known = [value for value in found if value is not None]
    return known if len(known) == len(found) else None


def _policies(run: History) -> list[dict[str, Any]]:
    """The policy after each round: of the decisions of the cell that is open, or of all; all rows of a stage alike."""
    found = []
    counts: dict[int, list[int]] = {}  # of options, by stage
    for row in _of_rounds(run, "policy", "probabilities", _lists_of_numbers):
        own, space = [len(options) for options in row["probabilities"]], run.space
        if space is not None and (not 0 <= row["stage"] < space.max_cells or own not in (
            list(space.cell_counts(row["stage"])), list(space.counts(row["stage"] + 1))
        )):  # fmt: skip
            continue
        if counts.setdefault(row["stage"], own) == own:
            found.append(row)
    return found


def _lists_of_numbers(value: Any) -> list[list[float | None]] | None:
    """None where it is none; what is not finite was written as null."""
    if not isinstance(value, list) or not all(isinstance(entry, list) and entry for entry in value):
        return None
    if not all(one is None or is_number(one) for entry in value for one in entry):
        return None
    return [[_finite(one) for one in entry] for entry in value]


def _members(value: Any) -> list[dict[str, Any]]:
    """Of a population, the oldest first; "age" is None where it is not told."""
    members = value if isinstance(value, list) else []
    return [
        member | {"reward": _finite(member.get("reward")), "age": _finite(member.get("age"))}
        for member in members
        if isinstance(member, dict) and isinstance(member.get("architecture"), str)
    ]


def _numbers_by_name(value: Any) -> dict[str, float | None]:
    """The numbers among what is said by name; None for those that are not finite."""
    entries = value.items() if isinstance(value, dict) else ()
    return {name: _finite(one) for name, one in entries if one is None or is_number(one)}


def _tried(run: History) -> list[Tried]:
    """All that was told, in its order."""
    return [
        Tried(row["iteration"], name, reward)
        for row in run.of("strategy")
        for name, reward in (row.get("rewards") or {}).items()
    ]


def _stages(run: History, tried: Sequence[Tried]) -> list[int]:
    """Of each architecture its cells less one; where the space is not known, as the lengths that came up say."""
    lengths = [len(one.name.split()) for one in tried]
    first = (run.settings.get("num_cells") or 1) - 1 if run.settings.get("single_level") else 0
    stages = {length: first + place for place, length in enumerate(sorted(set(lengths)))}
    if run.space is not None:
        ends = [part.stop for part in run.space.slices(run.space.max_cells)]
        stages |= {length: stage for stage, length in enumerate(ends)}
    return [stages[length] for length in lengths]


def _learning_curve(rewards: Sequence[float | None], stages: Sequence[int]) -> dict[str, list[Any]]:
    """Stage, best so far and mean so far after each; both begin anew with the stage, None until a reward is finite."""
    best: list[float | None] = []
    mean: list[float | None] = []
    highest, total, count, before = -math.inf, 0.0, 0, -1
    for reward, stage in zip(rewards, stages, strict=True):
        if stage != before:
            highest, total, count, before = -math.inf, 0.0, 0, stage
        if reward is not None and math.isfinite(reward):
            highest, total, count = max(highest, reward), total + reward, count + 1
        best.append(highest if count else None)
        mean.append(float(f"{total / count:.6g}") if count else None)
    return {"stage": list(stages), "best_so_far": best, "mean_so_far": mean}


def _told(run: History) -> dict[str, Any]:
    """What the strategy told, as columns: by number its value in each step, None where it told none.

    "tried": architectures up to and with the step.
    """
    rows = run.of("strategy")
    names = dict.fromkeys(name for row in rows for name, _ in numbers_of_strategy(row))
    tried = list(itertools.accumulate(len(row.get("rewards") or {}) for row in rows))
    return {
        "iteration": [row["iteration"] for row in rows],
        "tried": tried,
        "numbers": {name: [_finite(row.get(name)) for row in rows] for name in names},
    }


def _finite(value: Any) -> float | None:
    return value if is_number(value) and math.isfinite(value) else None


def _candidates(run: History) -> list[dict[str, Any]]:
    """Candidates that were trained by themselves, in the order in which they were told, each once: as it was last."""
    found: dict[str, dict[str, Any]] = {}
    for row in run.of("strategy"):
        for name, steps in (row.get("trained_steps") or {}).items():
            found[name] = {
                "architecture": name,
                "iteration": row["iteration"],
                "steps": steps,
                "reward": row["rewards"].get(name),
            }
    return list(found.values())


def _choices(run: History, tried: Sequence[Tried]) -> list[dict[str, Any]]:
    if run.space is None:
        return []
    at_once = bool(run.settings.get("single_level"))
    return choice_counts([(one.name, one.reward) for one in tried], run.space, at_once=at_once)


def choice_counts(
    tried: Sequence[tuple[str, float | None]], space: SearchSpace, *, at_once: bool = False
) -> list[dict[str, Any]]:
    """How often each choice was drawn, and the mean reward of the architectures with it.

    A cell's choices are counted while it was the last one: later architectures repeat it. Where all cells are searched
    at once, all are counted.

    Args:
      tried: architectures as integers with blanks between them, and their rewards (None: not finite).
      space: that is searched.
      at_once: all cells were searched at once.

    Returns:
      {"cell" (from 1), "decision", "choice", "drawn", "mean_reward"} for every choice of every cell that was reached.
    """
    rewards: dict[tuple[int, int, int], list[float]] = {}
    drawn: dict[tuple[int, int, int], int] = {}
    cells = 0
    for name, reward in tried:
        tokens = [int(token) for token in name.split()]
        try:
            cell = space.num_cells_of(len(tokens)) - 1
        except ValueError:
            continue
        cells = max(cells, cell + 1)
        slices = space.slices(cell + 1)
        for counted in range(cell + 1) if at_once else (cell,):
            for place, token in enumerate(tokens[slices[counted]]):
                drawn[counted, place, token] = drawn.get((counted, place, token), 0) + 1
                if reward is not None and math.isfinite(reward):
                    rewards.setdefault((counted, place, token), []).append(reward)
    return [
        {
            "cell": cell + 1,
            "decision": decision.name,
            "choice": option.name,
            "drawn": drawn.get((cell, place, token), 0),
            "mean_reward": statistics.fmean(found) if (found := rewards.get((cell, place, token))) else None,
        }
        for cell in range(cells)
        for place, decision in enumerate(space.decisions(cell))
        for token, option in enumerate(decision.options)
    ]


