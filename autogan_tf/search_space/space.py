"""A search space as a value: the decisions of each cell and their options, and all that follows from that table."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from autogan_tf.config.errors import UserError

if TYPE_CHECKING:  # imported by whoever draws: commands must not wait for it
    import numpy as np

Value: TypeAlias = Any  # text, true or false, or a tuple of these; a decision knows which


@dataclasses.dataclass(frozen=True)
class Option:
    """One way to decide.

    name: in tables and heat maps, "nearest"; value: in genotype files, text, true or false, or a list of these; words:
    read out, "nearest upsampling"; empty where there is nothing to say.
    """

    name: str
    value: Value
    words: str


@dataclasses.dataclass(frozen=True)
class Decision:
    """A choice between options; the index of an option is its token. part: the network that it is about."""

    name: str
    options: tuple[Option, ...]
    part: str = "generator"

    def token_of(self, value: Any) -> int:
        """The token of the option whose value is `value`; UserError with the valid ones where there is none."""
        sought = tuple(value) if isinstance(value, list) else value
        for token, option in enumerate(self.options):
            if type(sought) is type(option.value) and sought == option.value:
                return token
        valid = ", ".join(json.dumps(option.value) for option in self.options)
        raise UserError(f"{self.name} must be one of {valid}; got {json.dumps(value, default=repr)}")


@dataclasses.dataclass(frozen=True)
class CellChoices(Mapping[str, Value]):
    """What was decided for one cell: decision's name -> option's value."""

    decisions: tuple[Decision, ...]
    tokens: tuple[int, ...]

    def option(self, name: str) -> Option:
        """What was chosen where decision `name` was made; KeyError where the cell has no such decision."""
        for decision, token in zip(self.decisions, self.tokens, strict=True):
            if decision.name == name:
                return decision.options[token]
        raise KeyError(name)

    def __getitem__(self, name: str) -> Value:
        return self.option(name).value

    def __iter__(self) -> Iterator[str]:
        return (decision.name for decision in self.decisions)

    def __len__(self) -> int:
        return len(self.decisions)

    def in_words(self) -> str:
        """The choices as one reads them out, such as "pre-activation, no norm, nearest upsampling, shortcut"."""
        chosen = (decision.options[token] for decision, token in zip(self.decisions, self.tokens, strict=True))
        return ", ".join(option.words for option in chosen if option.words)


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The architectures of up to `max_cells` cells.

    An architecture is the list of its tokens, first cell first, and within a cell in the order of its decisions. A
    cell's decisions open together when the search grows.

    Args:
      name: in genotype files and of `--space`.
      decisions_of: the decisions of cell i, from 0; the same ones at every call.
      max_cells: how many cells there may be.
    """

    name: str
    decisions_of: Callable[[int], tuple[Decision, ...]]
    max_cells: int

    def with_options(self, name: str, **options: Sequence[Option]) -> SearchSpace:
        """Another space, called `name`, which has more options.

        options: by the name of a decision, those that come after the ones it has; another name is a decision of its
          own, the last one of every cell.
        """

        def decisions_of(cell: int) -> tuple[Decision, ...]:
            ours = self.decisions(cell)
            known = {decision.name for decision in ours}
            larger = (
                dataclasses.replace(decision, options=(*decision.options, *options.get(decision.name, ())))
                for decision in ours
            )
            return (*larger, *(Decision(new, tuple(options[new])) for new in options if new not in known))

        return SearchSpace(name, decisions_of, max_cells=self.max_cells)

    def decisions(self, cell: int) -> tuple[Decision, ...]:
        """Of cell `cell`, from 0."""
        if not 0 <= cell < self.max_cells:
            raise ValueError(f"a cell of the space {self.name} must be from 0 to {self.max_cells - 1}, got {cell}")
        return _remembered(self.decisions_of, cell)

    def check_num_cells(self, num_cells: int) -> None:
        """UserError where the space has no architectures of so many cells."""
        if not 1 <= num_cells <= self.max_cells:
            raise UserError(
                f"an architecture of the space {self.name} has 1 to {self.max_cells} cells, got {num_cells}"
            )

    def cell_counts(self, cell: int) -> tuple[int, ...]:
        """Number of options of each decision of cell `cell`, from 0."""
        return tuple(len(decision.options) for decision in self.decisions(cell))

    def counts(self, num_cells: int) -> tuple[int, ...]:
        """Number of options of every token of an architecture with `num_cells` cells, in order."""
        return tuple(count for cell in range(num_cells) for count in self.cell_counts(cell))

    def size(self, num_cells: int) -> int:
        """How many architectures of `num_cells` cells there are."""
        return math.prod(self.counts(num_cells))

    def slices(self, num_cells: int) -> tuple[slice, ...]:
        """Where each cell's tokens lie in the list of all tokens."""
        slices, start = [], 0
        for cell in range(num_cells):
            stop = start + len(self.decisions(cell))
            slices.append(slice(start, stop))
            start = stop
        return tuple(slices)

    def num_cells_of(self, num_tokens: int) -> int:
        """How many cells `num_tokens` tokens describe; ValueError when no number of cells has that many tokens."""
        ends = [part.stop for part in self.slices(self.max_cells)]
        if num_tokens not in ends:
            raise ValueError(
                f"an architecture of the space {self.name} has {', '.join(map(str, ends))} tokens for 1 to "
                f"{self.max_cells} cells, got {num_tokens}"
            )
        return ends.index(num_tokens) + 1

    def cells(self, tokens: Sequence[int]) -> tuple[CellChoices, ...]:
        """The architecture `tokens`, cell by cell.

        Raises UserError for a wrong number of tokens, or for one that is no integer in its decision's range.
        """
        try:
            num_cells = self.num_cells_of(len(tokens))
        except ValueError as error:
            raise UserError(f"{error}: {' '.join(map(str, tokens)) or 'none'}") from None
        parts = enumerate(self.slices(num_cells))
        return tuple(self._cell(cell, list(tokens[part])) for cell, part in parts)

    def _cell(self, cell: int, tokens: Sequence[Any]) -> CellChoices:
        decisions = self.decisions(cell)
        for decision, token in zip(decisions, tokens, strict=True):
            last = len(decision.options) - 1
            if isinstance(token, bool) or not isinstance(token, numbers.Integral) or not 0 <= int(token) <= last:
                raise UserError(
                    f"cell {cell + 1}: the token for {decision.name} must be an integer from 0 to {last}, got {token!r}"
                )
        return CellChoices(decisions, tuple(int(token) for token in tokens))

    def tokens_of(self, cells: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
        """The tokens of an architecture that is given as its values by name, cell by cell.

        Raises UserError where a decision is missing, unknown, or has a value that no option has.
        """
        self.check_num_cells(len(cells))
        tokens: list[int] = []
        for cell, given in enumerate(cells):
            decisions = self.decisions(cell)
            names = [decision.name for decision in decisions]
            if sorted(given) != sorted(names):
                raise UserError(f"cell {cell + 1} must have {', '.join(names)}; got {', '.join(given) or 'nothing'}")
            try:
                tokens += [decision.token_of(given[decision.name]) for decision in decisions]
            except UserError as error:
                raise UserError(f"cell {cell + 1}: {error}") from None
        return tuple(tokens)

    def sample(self, rng: np.random.Generator, *, num_cells: int, number: int) -> np.ndarray:
        """`number` architectures, each as likely as any other: int32 [number, T]."""
        counts = self.counts(num_cells)
        return rng.integers(0, counts, (number, len(counts))).astype("int32")

    def mutate(self, tokens: Sequence[int], rng: np.random.Generator, *, first_cell: int = 0) -> tuple[int, ...]:
        """The architecture with one decision changed, from cell `first_cell` on, drawn as `one_of` does."""
        changes = self.changes(tokens, first_cell=first_cell)
        if not changes:
            raise ValueError(f"no decision of {list(tokens)} from cell {first_cell + 1} on has two options")
        return one_of(changes, rng)

    def neighbours(self, tokens: Sequence[int], *, first_cell: int = 0) -> list[tuple[int, ...]]:
        """All architectures that differ in one decision, from cell `first_cell` on, in the order of the tokens."""
        return [other for change in self.changes(tokens, first_cell=first_cell) for other in change]

    def changes(self, tokens: Sequence[int], *, first_cell: int = 0) -> list[list[tuple[int, ...]]]:
        """The same by decision, of those from cell `first_cell` on that have at least two options."""
        num_cells = self.num_cells_of(len(tokens))
        begin = self.slices(num_cells)[first_cell].start
        counts = self.counts(num_cells)
        return [
            [(*tokens[:place], other, *tokens[place + 1 :]) for other in range(counts[place]) if other != tokens[place]]
            for place in range(begin, len(tokens))
            if counts[place] > 1
        ]


def one_of(changes: Sequence[Sequence[tuple[int, ...]]], rng: np.random.Generator) -> tuple[int, ...]:
    """A mutation: what is changed is each as likely as the other, and so is each of what it may be changed to.

    changes: for each that may be changed the architectures that this leads to, at least one.
    """
    change = changes[int(rng.integers(len(changes)))]
    return change[int(rng.integers(len(change)))]


@functools.cache
def _remembered(decisions_of: Callable[[int], tuple[Decision, ...]], cell: int) -> tuple[Decision, ...]:
    return decisions_of(cell)
