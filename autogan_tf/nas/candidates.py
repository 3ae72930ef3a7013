"""The architectures that a search may try at its present stage: drawing them, changing them, and their neighbours."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.nas.task import Admits
from autogan_tf.nas.trial import Tokens
from autogan_tf.search_space.space import SearchSpace, one_of

LISTED = 10_000  # a stage of at most so many architectures is listed, a larger one is drawn from
TRIES = 20_000  # draws from a larger stage after which it counts as having none that is admitted
TRIES_PER_DRAW = 20  # and how many more there are for each architecture that is asked for


class Candidates:
    """Architectures that begin with a kept prefix, followed by the cells that are open; those that are admitted.

    Args:
      space: of the architectures.
      num_cells: of each architecture, the prefix included.
      prefixes: beginnings, of equally many whole cells; the empty one alone where all cells are open.
      admits: whether an architecture may be tried; None: all may. Asked once for each architecture.

    Raises:
      UserError: the space has no such number of cells, or the stage can be listed and nothing in it is admitted.
      ValueError: there is no prefix, or none of its cells is open.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        num_cells: int = 1,
        prefixes: Sequence[Tokens] = ((),),
        admits: Admits | None = None,
    ) -> None:
        space.check_num_cells(num_cells)
        self.prefixes = list(dict.fromkeys(prefixes))
        self.num_cells = num_cells
        if not self.prefixes:
            raise ValueError("there must be at least one prefix; the empty one means that all cells are open")
        self._begin = len(self.prefixes[0])
        kept_cells = space.num_cells_of(self._begin) if self._begin else 0
        if kept_cells >= num_cells:
            raise ValueError(f"of {num_cells} cells at least one must be open, but the prefixes have {kept_cells}")
        self._space, self._first_cell = space, kept_cells
        self._counts = space.counts(num_cells)[self._begin :]
        self._admits, self._answers = admits, dict[Tokens, bool]()
        self.size = len(self.prefixes) * math.prod(self._counts)  # whether they are admitted or not
        self._listed: list[Tokens] | None = None
        if self.size <= LISTED:
            cells = list(itertools.product(*map(range, self._counts)))
            everything = (prefix + cell for prefix in self.prefixes for cell in cells)
            self._listed = [tokens for tokens in everything if self.admitted(tokens)]
            if not self._listed:
                raise UserError(
                    f"none of the {self.size:,} architectures of {num_cells} cells that could come next keeps to "
                    "--max_parameters and --max_multiply_adds; raise these bounds"
                )

    @property
    def is_listed(self) -> bool:
        """Whether they are few enough for all of them to be known."""
        return self._listed is not None

    def admitted(self, tokens: Tokens) -> bool:
        """Whether `admits` says so."""
        if self._admits is None:
            return True
        if tokens not in self._answers:
            self._answers[tokens] = self._admits(tokens)
        return self._answers[tokens]

    def draw(self, number: int, rng: np.random.Generator) -> list[Tokens]:
        """`number` architectures, each as likely as any other, with repetitions.

        Raises UserError where none is found. Where few are, these come again.
        """
        if self._listed is not None:
            return [self._listed[place] for place in rng.integers(len(self._listed), size=number).tolist()]
        found: list[Tokens] = []
        tries, most = 0, TRIES + TRIES_PER_DRAW * number
        while len(found) < number and tries < most:
            prefixes = rng.integers(len(self.prefixes), size=number).tolist()
            cells = rng.integers(0, self._counts, (number, len(self._counts))).tolist()
            drawn = (self.prefixes[prefix] + tuple(cell) for prefix, cell in zip(prefixes, cells, strict=True))
            found += [tokens for tokens in drawn if self.admitted(tokens)]
            tries += number
        if number and not found:
            raise UserError(
                f"of {tries:,} random architectures of {self.num_cells} cells none keeps to --max_parameters "
                "and --max_multiply_adds; raise these bounds"
            )
        return list(itertools.islice(itertools.cycle(found), number))

    def sample(self, number: int, rng: np.random.Generator, *, avoid: Collection[Tokens] = ()) -> list[Tokens]:
        """`number` distinct architectures outside of `avoid`, or as many as are found; raises as `draw`."""
        if self._listed is not None:
            rest = [tokens for tokens in self._listed if tokens not in avoid]
            return [rest[place] for place in rng.permutation(len(rest))[:number].tolist()]
        found: dict[Tokens, None] = {}
        for _ in range(TRIES_PER_DRAW):
            found |= dict.fromkeys(tokens for tokens in self.draw(number, rng) if tokens not in avoid)
            if len(found) >= number:
                break
        return list(found)[:number]

    def neighbours(self, tokens: Tokens) -> list[Tokens]:
        """Those that differ in one decision of an open cell, or in the prefix; these first, then in tokens' order."""
        return [other for change in self._changes(tokens) for other in change]

    def mutate(self, tokens: Tokens, rng: np.random.Generator) -> Tokens:
        """One of the neighbours, a decision or the prefix changed, drawn as `one_of` does.

        Where no neighbour is admitted, any other architecture; the same one again where there is no other.
        """
        changes = [change for change in self._changes(tokens) if change]
        if not changes:
            return next(iter(self.sample(1, rng, avoid=[tokens])), tokens)
        return one_of(changes, rng)

    def crossover(self, one: Tokens, other: Tokens, rng: np.random.Generator) -> Tokens:
        """The prefix of one of both, and each decision of the open cells from either, with the same probability.

        Nothing says that it is admitted.
        """
        first = rng.integers(2, size=1 + len(self._counts)) == 0  # of the prefix, then of the decisions
        prefix = one[: self._begin] if first[0] else other[: self._begin]
        open_cells = zip(first[1:].tolist(), one[self._begin :], other[self._begin :], strict=True)
        return prefix + tuple(ours if is_first else theirs for is_first, ours, theirs in open_cells)

    def _changes(self, tokens: Tokens) -> list[list[Tokens]]:
        """For the prefix and for every decision of the open cells: what is admitted of its other values."""
        prefix, cells = tokens[: self._begin], tokens[self._begin :]
        if prefix not in self.prefixes or len(cells) != len(self._counts):
            raise ValueError(f"{list(tokens)} is no architecture of {self.num_cells} cells that begins with a kept one")
        other_prefix = [other + cells for other in self.prefixes if other != prefix]
        changes = [other_prefix, *self._space.changes(tokens, first_cell=self._first_cell)]
        return [list(filter(self.admitted, change)) for change in changes]
