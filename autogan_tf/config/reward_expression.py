"""The reward as a weighted sum of named objectives, written as text: "is - 0.1*fid", "-fid", "is - 2*log(parameters)".

    reward = [sign] term {sign term}        term = [number "*"] (name | "log" name | "log" "(" name ")")

Read by hand, nothing is evaluated as a program. Which names there are is the caller's to say.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean

_LOG = "log"
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PIECE = re.compile(rf"(?P<number>{_NUMBER})|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<symbol>[-+*()])")
_EXAMPLE = 'for example --reward="is - 0.1*fid"'


@dataclasses.dataclass(frozen=True)
class Term:
    """`coefficient` times the objective `name`, or times its natural logarithm."""

    coefficient: float
    name: str
    log: bool = False

    def value(self, scores: Mapping[str, float]) -> float:
        """What the term adds; UserError for the logarithm of a score that is not above 0."""
        score = scores[self.name]
        if not self.log:
            return self.coefficient * score
        if score <= 0:
            raise UserError(
                f"the reward takes the logarithm of {self.name}, which must be above 0 for that, but it is {score:g}; "
                f"leave out the log of {self.name} in --reward"
            )
        return self.coefficient * math.log(score)

    def __str__(self) -> str:
        """The term without its sign."""
        size = repr(abs(self.coefficient)).removesuffix(".0")
        name = f"{_LOG}({self.name})" if self.log else self.name
        return name if size == "1" else f"{size}*{name}"


@dataclasses.dataclass(frozen=True)
class Reward:
    """A sum of terms, in the order in which they were written. `str` gives its canonical text, which reads back."""

    terms: tuple[Term, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The objectives that it is made of, each once, in the order of the terms."""
        return tuple(dict.fromkeys(term.name for term in self.terms))

    def evaluate(self, scores: Mapping[str, float]) -> float:
        """The reward of an architecture whose scores these are, by objective; others beside them do not matter.

        Raises:
          UserError: the result is not a finite number, or a logarithm's argument not above 0.
        """
        total = 0.0
        for term in self.terms:
            total += term.value(scores)
        if not math.isfinite(total):
            listed = ", ".join(f"{name} {scores[name]:g}" for name in self.names)
            raise UserError(f'the reward "{self}" must be a finite number, but it is {total} where {listed}')
        return total

    def __str__(self) -> str:
        text = ""
        for term in self.terms:
            is_negative = term.coefficient < 0
            sign = (" - " if is_negative else " + ") if text else ("-" if is_negative else "")
            text += f"{sign}{term}"
        return text


class _Piece(NamedTuple):
    kind: str  # "number", "name", "symbol", or "end"
    text: str
    position: int  # of its first character, from 1


def parse(text: str, names: Collection[str]) -> Reward:
    """The reward that `text` describes, of objectives called `names`.

    Raises:
      UserError: with the position in the text: what does not belong there, an unknown name, a coefficient that is not
        finite, the same term twice; or an empty text.
    """
    if not text.strip():
        raise UserError(f"--reward is empty; give a sum of {', '.join(names)}, {_EXAMPLE}")
    return Reward(tuple(_Reader(text, names).terms()))


class _Reader:
    """Reads one text from left to right; `_pieces[0]` is what comes next, the last one is the end."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text, self._names = text, names
        self._pieces = self._cut()

    def _cut(self) -> list[_Piece]:
        pieces, place = [], 0
        while place < len(self._text):
            if self._text[place].isspace():
                place += 1
                continue
            found = _PIECE.match(self._text, place)
            if found is None:
                raise self._wrong(f"the character {self._text[place]!r}", place + 1, "names, numbers and + - * ( )")
            pieces.append(_Piece(found.lastgroup or "", found.group(), place + 1))
            place = found.end()
        return [*pieces, _Piece("end", "", len(self._text) + 1)]

    def terms(self) -> list[Term]:
        """All of them; at least one."""
        terms: list[Term] = []
        while not terms or self._pieces[0].kind != "end":
            begin = self._pieces[0].position
            sign = self._sign(required=bool(terms))
            term = self._term(sign)
            if any((other.name, other.log) == (term.name, term.log) for other in terms):
                called = f"log({term.name})" if term.log else term.name
                raise UserError(
                    f"--reward={self._text!r} has {called} twice, again at position {begin}; write it once, with the "
                    "sum of the coefficients"
                )
            terms.append(term)
        return terms

    def _sign(self, *, required: bool) -> float:
        if self._pieces[0].text in ("+", "-"):
            return -1.0 if self._pieces.pop(0).text == "-" else 1.0
        if required:
            raise self._unexpected("+ or - between two terms")
        return 1.0

    def _term(self, sign: float) -> Term:
        coefficient = 1.0
        if self._pieces[0].kind == "number":
            number = self._pieces.pop(0)
            coefficient = float(number.text)
            if not math.isfinite(coefficient):
                raise self._wrong(f"the number {number.text}", number.position, "a finite number")
            self._take("*", "* between a number and an objective")
        if self._pieces[0].text != _LOG:
            return Term(sign * coefficient, self._name())
        self._pieces.pop(0)
        if self._pieces[0].text != "(":
            return Term(sign * coefficient, self._name(), log=True)
        self._pieces.pop(0)
        name = self._name()
        self._take(")", f") after log({name}")
        return Term(sign * coefficient, name, log=True)

    def _take(self, symbol: str, required: str) -> None:
        if self._pieces[0].text != symbol:
            raise self._unexpected(required)
        self._pieces.pop(0)

    def _name(self) -> str:
        piece = self._pieces[0]
        if piece.kind != "name":
            raise self._unexpected("the name of an objective")
        if piece.text not in self._names:
            close = did_you_mean(piece.text, self._names) or ";"
            raise UserError(
                f"--reward={self._text!r} names the objective {piece.text!r} at position {piece.position}, which there "
                f"is not{close} there are {', '.join(self._names)}"
            )
        return self._pieces.pop(0).text

    def _unexpected(self, required: str) -> UserError:
        piece = self._pieces[0]
        return self._wrong("the end" if piece.kind == "end" else repr(piece.text), piece.position, required)

    def _wrong(self, received: str, position: int, required: str) -> UserError:
        return UserError(
            f"--reward={self._text!r} has {received} at position {position}, where it must have {required}; {_EXAMPLE}"
        )
