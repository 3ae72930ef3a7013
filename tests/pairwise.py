"""Few test cases in which every two values of every two factors that go together occur at least once."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Case = dict[str, Any]
Pair = tuple[tuple[str, Any], tuple[str, Any]]

_DRAWN = 40  # cases of which the one with the most new pairs is taken


def pairs_of(case: Mapping[str, Any]) -> set[Pair]:
    """Every two factors' values; a factor's place in `case` orders them."""
    return set(itertools.combinations(case.items(), 2))


def cover(
    bound: Mapping[str, Sequence[Any]], free: Mapping[str, Sequence[Any]], allows: Callable[[Case], bool]
) -> list[Case]:
    """Cases with every pair of values that any allowed case has; greedy and always the same.

    Args:
      bound: factors whose values may exclude each other; their product must be small enough to be tried whole.
      free: factors whose values go with everything.
      allows: whether values of the bound factors go together.
    """
    combinations = [case for case in _product(bound) if allows(case)]
    bound_values = set().union(*(case.items() for case in combinations))
    left = set().union(*(pairs_of(case) for case in combinations))
    left |= {(one, (name, value)) for one in bound_values for name, values in free.items() for value in values}
    left |= {((a, x), (b, y)) for a, b in itertools.combinations(free, 2) for x in free[a] for y in free[b]}
    rng = random.Random(0)
    cases: list[Case] = []
    while left:
        wanted = dict(min(left, key=repr))
        fitting = [case for case in combinations if all(case.get(*item) == item[1] for item in wanted.items())]

        def drawn(fitting=fitting, wanted=wanted) -> Case:
            return rng.choice(fitting) | {name: wanted.get(name, rng.choice(values)) for name, values in free.items()}

        best = max((_improved(drawn(), free, left, kept=wanted) for _ in range(_DRAWN)), key=lambda c: _new(c, left))
        cases.append(best)
        left -= pairs_of(best)
    return cases


def _improved(case: Case, free: Mapping[str, Sequence[Any]], left: set[Pair], *, kept: Mapping[str, Any]) -> Case:
    """The case with each free factor in turn at the value that adds most."""
    for name, values in free.items():
        if name not in kept:
            case = max((case | {name: value} for value in values), key=lambda c: _new(c, left))
    return case


def _new(case: Case, left: set[Pair]) -> int:
    return len(pairs_of(case) & left)


def _product(factors: Mapping[str, Sequence[Any]]) -> list[Case]:
    return [dict(zip(factors, values, strict=True)) for values in itertools.product(*factors.values())]
