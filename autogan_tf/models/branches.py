"""Which branches a cell has, and which of them its tokens choose: the options of its decisions, found by their names.

A derived network's tokens are integers, and choose at once; a supernet's are int32 scalars, and choose in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean
from autogan_tf.models.operations import DECISIONS, NORMS, UPSAMPLINGS, VALUES, Norm, Upsampling
from autogan_tf.search_space.space import Decision

Token: TypeAlias = int | tf.Tensor
Nest = TypeVar("Nest")


def select(token: Token, branches: Sequence[Callable[[], Nest]]) -> Nest:
    """The result of branch number `token`: picked now for an integer, in the graph for an int32 scalar tensor."""
    if isinstance(token, int):
        return branches[token]()
    return tf.switch_case(token, list(branches))


def looked_up(token: Token, table: Sequence[bool]) -> Token:
    """0 or 1: entry number `token` of the table."""
    if isinstance(token, int):
        return int(table[token])
    return tf.gather(tf.constant(table, tf.int32), token)


class Branches:
    """What a cell can do: the options of its decisions, by token, and which of them its network holds.

    Args:
      decisions: of the cell, those that `operations.DECISIONS` names.
      tokens: what was decided, for a derived cell; None for a supernet's, which holds every option.

    Raises UserError where the cell cannot carry the decisions out: another one than those, one that is missing, or a
    value that `operations.VALUES` does not have.
    """

    def __init__(self, decisions: Sequence[Decision], tokens: Sequence[int] | None) -> None:
        _check(decisions)
        self.tokens = None if tokens is None else tuple(tokens)
        self._values = {decision.name: [option.value for option in decision.options] for decision in decisions}
        self.orders: list[str] = self._values["conv"]
        self.norms = [NORMS[value] for value in self._values["norm"]]
        self.ups = [UPSAMPLINGS[value] for value in self._values["up"]]

    def chosen(self, tokens: tf.Tensor | None) -> dict[str, Token]:
        """By its decision's name each token: a derived cell's own, a supernet's of `tokens`, int32 [D]."""
        return dict(zip(self._values, tf.unstack(tokens) if self.tokens is None else self.tokens, strict=True))

    def held(self, name: str) -> list[Any]:
        """The values of a decision's options that the network holds."""
        values = self._values[name]
        return values if self.tokens is None else [values[self.chosen(None)[name]]]

    def held_norms(self) -> list[Norm]:
        """Those that the network holds."""
        return [NORMS[value] for value in self.held("norm")]

    def held_ups(self) -> list[Upsampling]:
        """Those that the network holds."""
        return [UPSAMPLINGS[value] for value in self.held("up")]

    def paths(self) -> dict[str, int]:
        """What the network may add to a map: path -> how often what it adds is doubled."""
        paths = {"sc": 1} if any(self.held("shortcut")) else {}
        skips = self.held("skips") if "skips" in self._values else []
        for j, used in enumerate(zip(*skips, strict=True)):
            if any(used):  # that cell's map is 2^(cells between) times smaller
                paths[f"skip{j}"] = len(skips[0]) - j
        return paths

    def is_added(self, path: str, tokens: Mapping[str, Token]) -> Token:
        """0 or 1: whether the path "sc", or "skip0" from the first cell and so on, is added."""
        if path == "sc":
            return looked_up(tokens["shortcut"], self._values["shortcut"])
        source = int(path.removeprefix("skip"))
        return looked_up(tokens["skips"], [value[source] for value in self._values["skips"]])


def _check(decisions: Sequence[Decision]) -> None:
    names = [decision.name for decision in decisions]
    if sorted(names) not in (sorted(DECISIONS), sorted(DECISIONS[:-1])):
        raise UserError(
            f"a cell must have the decisions {', '.join(DECISIONS[:-1])}, and {DECISIONS[-1]} if others come before; "
            f"the search space gives {', '.join(names) or 'none'}; change the space, or make models/cells.py carry the "
            "decision out"
        )
    for decision in decisions:
        for option in decision.options if decision.name in VALUES else ():
            if option.value not in (valid := VALUES[decision.name]):
                close = did_you_mean(str(option.value), valid) or ";"
                raise UserError(
                    f"the search space has the option {option.value!r} of {decision.name}, which no operation "
                    f"has{close} there are {', '.join(valid)}"
                )
