"""What a report says of a search, as plain data: what was tried, what it brought, how the strategy changed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from autogan_tf.config.encoding import shown
from autogan_tf.runs import history
from autogan_tf.runs.history import History
from autogan_tf.search_space.space import SearchSpace


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
        {key: row.get(key) for key in ("step", "stage", "best", "mean", "best_so_far", "entropy", "entropies", "d_loss",
                                       "g_loss", "d_loss_spread", "g_loss_spread", "collapsed", "seconds", "distinct",
                                       "images_per_second", "mean_scores")}
        for row in run.of("search")
    ]  # fmt: skip
    tried = _tried(run)
    return {
        "iterations": iterations,
        "planned_iterations": run.settings.get("max_search_iter"),
        # as columns, which take less room than one object for each
        "tried": {"iteration": [t[0] for t in tried], "reward": [t[2] for t in tried]},
        "candidates": _candidates(run),
        "policy": [
            {"step": row["step"], "stage": row.get("stage", 0), "probabilities": row["policy"]}
            for row in run.of("search")
            if row.get("policy")
        ],
        "population": [  # of an evolution, who was alive after each round, the oldest first
            {"step": row["step"], "stage": row.get("stage", 0), "members": row["population"]}
            for row in run.of("search")
            if row.get("population")
        ],
        "growth": [{"step": row["step"], "stage": row.get("stage"), "kept": row.get("kept", {})}
                   for row in run.of("growth")],  # fmt: skip
        "resets": [row["step"] for row in run.of("search") if row.get("collapsed")],
        "choices": _choices(run, tried),
        "ranked": [architecture(found) for found in run.ranked],
    }


def _tried(run: History) -> list[tuple[int, str, float | None]]:
    """Iteration, architecture and reward of all that was told."""
    steps = run.settings.get("ctrl_step") or 1  # for rows of an earlier version, which do not tell the iteration
    return [
        (row.get("iteration", row["step"] // steps), name, reward)
        for row in run.of("strategy")
        for name, reward in (row.get("rewards") or {}).items()
    ]


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


def _choices(run: History, tried: Sequence[tuple[int, str, float | None]]) -> list[dict[str, Any]]:
    if run.space is None:
        return []
    at_once = bool(run.settings.get("single_level"))
    return choice_counts([(name, reward) for _, name, reward in tried], run.space, at_once=at_once)


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


