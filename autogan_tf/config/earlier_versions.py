"""Settings and numbers that an earlier version wrote, in today's names and with today's meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogan_tf.config.distribution_settings import DISTRIBUTIONS

OF_CANDIDATES = ("candidate_graphs", "candidate_seeds")  # settings that came later than searches from scratch


def in_todays_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a run's config.json.

    Its distribution was called its strategy, its seed was that of its classifier, too, and of all of its candidates,
    each of which had a graph of its own.
    """
    found = dict(settings)
    if "distribution" not in found and found.get("strategy") in DISTRIBUTIONS:
        found["distribution"] = found.pop("strategy")
    if "classifier_steps" in found and "seed" in found:
        found.setdefault("classifier_seed", found["seed"])
    if found.get("estimation") == "from_scratch":
        found.setdefault("candidate_graphs", "own")
        found.setdefault("candidate_seeds", "same")
    return found


def going_on(written: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json holds when a run goes on with the settings `now`.

    What an earlier version did not write, of a classifier's seed and of candidates, is not written either: else the
    command that went on with the run would not go on with it a second time.
    """
    found = in_todays_names(written) | dict(now)
    for name in ("classifier_seed", *OF_CANDIDATES):
        if name not in written:
            found.pop(name, None)
    return found


def phase(name: str) -> str:
    """Of a line of metrics.jsonl: the strategy's was called the controller's."""
    return "strategy" if name == "controller" else name


def iteration(row: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """The iteration, from 0, of a strategy's step; it followed from the step when there was one strategy."""
    return int(row.get("iteration", row["step"] // (settings.get("ctrl_step") or 1)))
