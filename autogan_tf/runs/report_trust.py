"""What a report says of how far rewards can be trusted: whether what came later ranked architectures alike."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import scipy.stats

from autogan_tf.runs.history import History

FEWEST = 3  # pairs of which a rank correlation is told


def of_search(run: History) -> dict[str, Any]:
    """The document's part on it.

    Returns:
      "trained": where several architectures were trained in the end, further than the search had if they were its
        candidates, the `agreement` of what the search had scored them with and minus their Fréchet distances, with
        "winner": the place, from 1, that the one with the lowest distance had among them before; else None.
      "is_final": whether the candidates' trainings were as long as the final one.
      "expected": of architectures that a strategy expected something of before they were trained by themselves, the
        `agreement` of that with their rewards; "architectures" has both of each. Whole generators, or those of as many
        cells as there are yet. None where there are none.
      "fidelities": of candidates that were trained by themselves and went on, the `agreement` of their rewards after so
        many steps, "from", and so many more, "to".
    """
    is_final = any(_is_the_same_training(found.scores) for found in run.ranked)
    others = {"is_final": is_final, "expected": _expected(run), "fidelities": _between_fidelities(run)}
    if is_final:
        return {"trained": None} | others
    entries: list[tuple[float, float]] = [
        (score, found.scores["trained"]["frechet_distance"])
        for found in run.ranked
        if _is_number(score := _ranked_by(found.scores))
        and _is_number(found.scores.get("trained", {}).get("frechet_distance"))
    ]
    trained = None
    if len(entries) > 1:
        best = min(range(len(entries)), key=lambda place: entries[place][1])
        winner = 1 + sum(score > entries[best][0] for score, _ in entries)
        trained = agreement([score for score, _ in entries], [-distance for _, distance in entries])
        trained |= {"winner": winner}
    return {"trained": trained} | others


def _ranked_by(scores: Mapping[str, Any]) -> Any:
    """What a search put its architectures in order by."""
    return scores.get("expected", scores.get("score", scores.get("reward")))


def _is_the_same_training(scores: Mapping[str, Any]) -> bool:
    """Whether a candidate's training was its final one already, which says nothing of another."""
    trained = scores.get("trained") or {}
    return scores.get("weights") == "own" and "step" in trained and scores.get("step") == trained["step"]


def agreement(one: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    """How far two scores rank alike: "count" of the pairs; Kendall's "tau"; "p": how likely one at least as far from 0
    is where the two have nothing to do with each other (exact for few). The latter are None where there are fewer than
    `FEWEST` pairs, or all are equal."""
    found: dict[str, Any] = {"count": len(one), "tau": None, "p": None}
    if len(one) >= FEWEST:
        result = scipy.stats.kendalltau(one, other)
        if math.isfinite(result.statistic):
            found |= {"tau": float(f"{result.statistic:.4g}"), "p": float(f"{result.pvalue:.3g}")}
    return found


def _expected(run: History) -> dict[str, Any] | None:
    if run.settings.get("estimation") == "shared_weights":  # whose rewards change while they are trained
        return None
    found = {}
    for row in run.of("strategy"):
        for name, expected in (row.get("expected") or {}).items():
            reward = (row.get("rewards") or {}).get(name)
            if _is_number(expected) and _is_number(reward):
                found[name] = {"expected": expected, "reward": reward}
    longest = max((len(name.split()) for name in found), default=0)
    both = {name: told for name, told in found.items() if len(name.split()) == longest}
    if len(both) < FEWEST:
        return None
    columns = ([told[key] for told in both.values()] for key in ("expected", "reward"))
    return agreement(*columns) | {"architectures": both}


def _between_fidelities(run: History) -> list[dict[str, Any]]:
    rewards: dict[int, dict[str, float]] = {}
    for row in run.of("strategy"):
        for name, last in (row.get("trained_steps") or {}).items():
            told = {last: (row.get("rewards") or {}).get(name), **(row.get("earlier_rewards") or {}).get(name, {})}
            for steps, reward in told.items():
                if _is_number(reward):
                    rewards.setdefault(int(steps), {})[name] = reward
    # of whole generators, or of as many cells as there are yet: beginnings have rewards of another size
    longest = max((len(name.split()) for told in rewards.values() for name in told), default=0)
    found = []
    for less, more in itertools.pairwise(sorted(rewards)):
        both = [name for name in rewards[more] if name in rewards[less] and len(name.split()) == longest]
        if len(both) >= FEWEST:
            told = agreement([rewards[less][name] for name in both], [rewards[more][name] for name in both])
            found.append({"from": less, "to": more, **told})
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
