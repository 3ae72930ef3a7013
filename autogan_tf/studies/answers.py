"""What a search answered, and what it had believed of the architectures that it tried; read from its run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from autogan_tf.bench.comparison import kendalls_tau
from autogan_tf.runs.history import History, Row

Tokens = tuple[int, ...]
FEWEST = 10  # architectures of which a rank correlation is told


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search takes for the best architecture from a cost on, in full trainings."""

    cost: float
    tokens: Tokens


class Costs(NamedTuple):
    """full_training: images that one is made with; scored_image: what an image costs that is generated for a score, in
    those; after: images of what is trained after the last row of a search, and by which it chooses."""

    full_training: float
    scored_image: float
    after: float = 0.0

    def of(self, row: Row) -> float:
        """What a search had cost when it wrote a row, in full trainings."""
        return (row["trained_images"] + self.scored_image * row["scored_images"]) / self.full_training


def incumbents(run: History, *, costs: Costs, num_tokens: int) -> list[Found]:
    """What a search would have answered, whenever it was asked: what its strategy says that it would; else, of rewards
    that last, the best so far among those that were trained longest; of shared weights, whose rewards change, the best
    of the newest step.

    Args:
      run: of the search.
      costs: in what its costs are counted.
      num_tokens: of whole generators; beginnings of them are no answer.
    """
    lasts = _lasts(run)
    found: list[Found] = []
    best: tuple[float, float] | None = None
    for row in run.of("strategy"):
        steps = row.get("trained_steps") or {}
        known = [
            ((steps.get(name, 0), reward), tokens)
            for name, tokens, reward in _rewards(row)
            if len(tokens) == num_tokens
        ]
        if not known:
            continue
        standing, tokens = max(known, key=lambda entry: entry[0])
        if "answer" in row:
            found.append(Found(costs.of(row), tuple(map(int, row["answer"].split()))))
        elif best is None or not lasts or standing > best:
            best = standing
            found.append(Found(costs.of(row), tokens))
    return found


def answer(run: History, *, costs: Costs) -> Found | None:
    """What a search that is complete ended with, and what it had cost; None where it has no end."""
    rows = [row for of_phase in run.rows.values() for row in of_phase if "trained_images" in row]
    if not run.ranked or not rows:
        return None
    cost = max(costs.of(row) for row in rows) + costs.after / costs.full_training
    return Found(cost, run.ranked[0].genotype.tokens)


def estimates(run: History, *, num_tokens: int) -> dict[str, dict[Tokens, float]]:
    """The rewards of whole generators, high being good, by what they rest on: where rewards last so many steps of
    training; else the shared weights of the last iteration with at least `FEWEST` of them."""
    if _lasts(run):
        found: dict[int, dict[Tokens, float]] = {}
        for row in run.of("strategy"):
            for name, tokens, reward in _rewards(row):
                if len(tokens) != num_tokens:
                    continue
                told = (row.get("earlier_rewards") or {}).get(name, {})
                told |= {(row.get("trained_steps") or {}).get(name, 0): reward}
                for steps, value in told.items():
                    if value is not None:
                        found.setdefault(int(steps), {})[tokens] = value
        return {f"{steps:,} steps": found[steps] for steps in sorted(found)}
    of_iteration: dict[int, dict[Tokens, float]] = {}
    for row in run.of("strategy"):
        seen = of_iteration.setdefault(row["iteration"], {})
        seen |= {tokens: reward for _, tokens, reward in _rewards(row) if len(tokens) == num_tokens}
    enough = [seen for _, seen in sorted(of_iteration.items()) if len(seen) >= FEWEST]
    return {"shared weights": enough[-1]} if enough else {}


def agreement(rewards: dict[Tokens, float], worth: Callable[[Tokens], float | None]) -> tuple[float, int] | None:
    """Kendall's tau of rewards, high being good, with what is known of the architectures' worth, low being good, and
    the number of them; None of fewer than `FEWEST`."""
    known = [(reward, value) for tokens, reward in rewards.items() if (value := worth(tokens)) is not None]
    if len(known) < FEWEST:
        return None
    tau = kendalls_tau([reward for reward, _ in known], [-value for _, value in known])
    return (tau, len(known)) if np.isfinite(tau) else None


def curve(found: Sequence[Found], costs: Sequence[float], value: Callable[[Tokens], float]) -> list[float]:
    """The value of what had been found when so much had been spent; NaN before anything had."""
    values, place = [], -1
    for cost in costs:
        while place + 1 < len(found) and found[place + 1].cost <= cost:
            place += 1
        values.append(value(found[place].tokens) if place >= 0 else float("nan"))
    return values


def _lasts(run: History) -> bool:
    return run.settings.get("estimation") != "shared_weights"


def _rewards(row: Row) -> list[tuple[str, Tokens, float]]:
    """Of a strategy's step: each architecture as text and as tokens, and its reward; those without one left out."""
    found = [(name, reward) for name, reward in row["rewards"].items() if reward is not None]
    return [(name, tuple(map(int, name.split())), reward) for name, reward in found]
