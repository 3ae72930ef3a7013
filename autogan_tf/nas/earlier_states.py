"""Checkpoints of searches that earlier versions wrote, read as today's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_todays_form(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a search that an earlier version may have written.

    The shared weights' state was the searcher's own; before that its rounds were called the controller's, its scores
    were Inception scores alone, and REINFORCE was a part of the searcher. What shared weights cost was not counted; it
    is from then on.
    """
    part = dict(state["part"])
    part["name"] = "round" if part["name"] == "controller" else part["name"]
    ranked = [row if len(row) > 4 else [*row, {"is": row[2]}] for row in state["ranked"]]
    state = {"idle": [0, 0.0]} | dict(state) | {"part": part, "ranked": ranked}
    if "estimator" not in state:
        state["estimator"] = {name: state[name] for name in ("phases", "resets", "scorer")}
    estimator = state["estimator"]
    if "scorer" in estimator:
        scorer = {"generated": 0} | dict(estimator["scorer"])
        state["estimator"] = {"spent": [0.0, 0.0]} | dict(estimator) | {"scorer": scorer}
    if "strategy" in state:
        return state
    entropies = part.pop("entropies")
    strategy = {name: state[name] for name in ("stage", "prefixes", "prefix_states", "baseline")}
    # where a round has not begun it begins with `begin_round`, whatever stands here
    strategy |= {"round": state["iteration"], "step": part["step"], "entropies": entropies}
    return state | {"strategy": strategy}
