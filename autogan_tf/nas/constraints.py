"""What architectures may cost: which are admitted, and the cheapest ways to complete a beginning.

A generator's cost is a sum over its cells and what lies around them: a cell's part follows from its own decisions, its
skips among them, since every map has as many channels. So the cheapest completion of a beginning is found cell by cell.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.models.cost import Cost
from autogan_tf.nas.trial import Tokens
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace


class Way(NamedTuple):
    """Some cells' tokens and what they cost."""

    cost: Cost
    tokens: Tokens


class Constraints:
    """Bounds on the whole generator, and its first cell.

    Args:
      space, num_cells: of the architectures.
      cost_of: what the generator of a complete architecture costs; additive over the cells.
      max_parameters, max_multiply_adds: of that; None for no bound.
      begins_well: whether an architecture's first cell is admitted; None: all are.
    """

    def __init__(
        self,
        *,
        space: SearchSpace,
        num_cells: int,
        cost_of: Callable[[Genotype], Cost],
        max_parameters: int | None = None,
        max_multiply_adds: int | None = None,
        begins_well: Callable[[Sequence[int]], bool] | None = None,
    ) -> None:
        self._space, self._num_cells, self._cost_of = space, num_cells, cost_of
        self._bounds = (("parameters", max_parameters), ("multiply_adds", max_multiply_adds))
        self._begins_well = begins_well
        self._slices = space.slices(num_cells)
        self._plain = (0,) * self._slices[-1].stop  # the costs of cells are counted as differences to it
        self._plain_cost = cost_of(Genotype.from_tokens(self._plain, space))
        self._cells: dict[tuple[int, Tokens], Cost] = {}
        self._ways: dict[int, list[Way]] = {num_cells: [Way(Cost(0, 0), ())]}

    @property
    def is_bounded(self) -> bool:
        """Whether anything is forbidden."""
        return self._begins_well is not None or any(bound is not None for _, bound in self._bounds)

    def admits(self, tokens: Sequence[int]) -> bool:
        """Whether an architecture keeps to the bounds, or a beginning of whole cells has a completion that does."""
        if not self.is_bounded:
            return True
        if self._begins_well is not None and not self._begins_well(tokens):
            return False
        return any(self._allowed(cost) for cost in self._completed(tokens))

    def cheapest(self, tokens: Sequence[int]) -> Cost:
        """What an architecture costs; of a beginning the least parameters, and the least multiply-adds, that any
        completion has, which need not be the same one."""
        costs = self._completed(tokens)
        return Cost(min(cost.parameters for cost in costs), min(cost.multiply_adds for cost in costs))

    def check(self) -> None:
        """Raises UserError, with the smallest architecture that exists, where none keeps to the bounds."""
        ways = self._ways_from(0)
        if any(self._allowed(_sum(self._plain_cost, way.cost)) for way in ways):
            return
        listed = " and ".join(f"--max_{name}={bound}" for name, bound in self._bounds if bound is not None)
        smallest = [
            min(ways, key=lambda way: getattr(way.cost, name)) for name, bound in self._bounds if bound is not None
        ]
        described = "; ".join(dict.fromkeys(self._described(way) for way in smallest))
        raise UserError(
            f"no architecture of {self._num_cells} cells keeps to {listed}: the smallest has {described}; raise the "
            "bound, or lower --train_gf_dim, at which costs are counted"
        )

    def _described(self, way: Way) -> str:
        cost = _sum(self._plain_cost, way.cost)
        return f"{cost.parameters} parameters and {cost.multiply_adds} multiply-adds ({' '.join(map(str, way.tokens))})"

    def range(self) -> tuple[Cost, Cost]:
        """The least and the most parameters and multiply-adds of all that begin well, whatever the bounds on them."""
        least = most = self._plain_cost
        for cell in range(self._num_cells):
            costs = [way.cost for way in self._options(cell)]
            least = _sum(least, Cost(min(c.parameters for c in costs), min(c.multiply_adds for c in costs)))
            most = _sum(most, Cost(max(c.parameters for c in costs), max(c.multiply_adds for c in costs)))
        return least, most

    def admitted_share(self, rng: np.random.Generator, *, draws: int = 1000) -> float:
        """Share of the complete architectures that keep to the bounds, 0 to 1, estimated from so many draws."""
        rows = self._space.sample(rng, num_cells=self._num_cells, number=draws)
        return sum(self.admits(row) for row in rows.tolist()) / draws

    def _allowed(self, cost: Cost) -> bool:
        return all(bound is None or getattr(cost, name) <= bound for name, bound in self._bounds)

    def _completed(self, tokens: Sequence[int]) -> list[Cost]:
        """What the cheapest completions cost; the architecture alone where all cells are there."""
        num_cells = self._space.num_cells_of(len(tokens))
        cost = self._plain_cost
        for cell, part in enumerate(self._slices[:num_cells]):
            cost = _sum(cost, self._cell_cost(cell, tuple(int(token) for token in tokens[part])))
        return [_sum(cost, way.cost) for way in self._ways_from(num_cells)]

    def _cell_cost(self, cell: int, tokens: Tokens) -> Cost:
        """What a cell costs more than that of `_plain`."""
        if (cell, tokens) not in self._cells:
            part = self._slices[cell]
            changed = (*self._plain[: part.start], *tokens, *self._plain[part.stop :])
            cost = self._cost_of(Genotype.from_tokens(changed, self._space))
            self._cells[cell, tokens] = Cost(
                cost.parameters - self._plain_cost.parameters, cost.multiply_adds - self._plain_cost.multiply_adds
            )
        return self._cells[cell, tokens]

    def _options(self, cell: int) -> list[Way]:
        """All admitted ways to decide one cell."""
        every = itertools.product(*map(range, self._space.cell_counts(cell)))
        admitted = [tokens for tokens in every if cell or self._begins_well is None or self._begins_well(tokens)]
        return [Way(self._cell_cost(cell, tokens), tokens) for tokens in admitted]

    def _ways_from(self, cell: int) -> list[Way]:
        """The cheapest ways to decide cell `cell` and all after it: those that no other way undercuts in both costs."""
        if cell not in self._ways:
            rest = self._ways_from(cell + 1)
            self._ways[cell] = _cheapest(
                Way(_sum(way.cost, after.cost), way.tokens + after.tokens)
                for way in _cheapest(self._options(cell))
                for after in rest
            )
        return self._ways[cell]


def _sum(one: Cost, other: Cost) -> Cost:
    return Cost(one.parameters + other.parameters, one.multiply_adds + other.multiply_adds)


def _cheapest(ways: Iterable[Way]) -> list[Way]:
    """Those that no other has at most the parameters and at most the multiply-adds of (the Pareto front); of equals the
    first."""
    found: list[Way] = []
    for way in sorted(ways, key=lambda way: (way.cost.parameters, way.cost.multiply_adds)):
        if not found or way.cost.multiply_adds < found[-1].cost.multiply_adds:
            found.append(way)
    return found
