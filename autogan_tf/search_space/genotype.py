"""A genotype: one architecture of a search space as plain data; tokens for the strategies, JSON on disk."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config import json_text
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.space import CellChoices, SearchSpace

FORMAT = "autogan-genotype"
VERSION = 2


@dataclasses.dataclass(frozen=True)
class Genotype:
    """An architecture of a search space; the resolution is not part of it.

    tokens: one for each decision, first cell first.

    Raises UserError for a wrong number of tokens or one out of range.
    """

    tokens: tuple[int, ...]
    space: SearchSpace = autogan.SPACE
    name: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        cells = self.space.cells(self.tokens)
        object.__setattr__(self, "tokens", tuple(token for cell in cells for token in cell.tokens))

    @property
    def cells(self) -> tuple[CellChoices, ...]:
        """What was decided, cell by cell."""
        return self.space.cells(self.tokens)

    @classmethod
    def from_cells(cls, cells: Sequence[Mapping[str, Any]], space: SearchSpace = autogan.SPACE) -> Genotype:
        """The architecture whose cells have these values by decision: {"conv": "pre", "norm": "none", ...}."""
        return cls(space.tokens_of(cells), space)

    @classmethod
    def from_tokens(cls, tokens: Sequence[int], space: SearchSpace = autogan.SPACE, name: str = "") -> Genotype:
        """The architecture of these tokens, in any sequence: a list, a row of an array."""
        return cls(tuple(tokens), space, name)

    @classmethod
    def from_string(cls, text: str, space: SearchSpace = autogan.SPACE, name: str = "") -> Genotype:
        """The architecture written as integers with blanks or commas between them, e.g. "1 0 1 1  1 0 0 1 1"."""
        words = text.replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() for word in words):
            raise UserError(f"an architecture is a list of integers such as '1 0 1 1 1 0 0 1 1'; got {text!r}")
        return cls(tuple(int(word) for word in words), space, name)

    def __str__(self) -> str:
        return "  ".join(" ".join(map(str, cell.tokens)) for cell in self.cells)

    def to_json(self, *, scores: Mapping[str, Any] | None = None, cost: Mapping[str, Any] | None = None) -> str:
        """The genotype file's text; `scores` and `cost` are free-form numbers kept beside the architecture."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "space": self.space.name,
            "name": shown(self.name),
            "tokens": list(self.tokens),
            "cells": [dict(cell) for cell in self.cells],
            "scores": dict(scores or {}),
            "cost": dict(cost or {}),
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "genotype") -> Genotype:
        """Reads a genotype file's text, of this version or the one before, which knew AutoGAN's space only.

        Raises UserError (naming `where`) when it is not one, or tokens and cells disagree.
        """
        try:
            document = json_text.parse(text)
        except ValueError as error:
            raise UserError(f"{where} is not JSON ({error}); give a genotype file such as search writes") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise UserError(f'{where} is not a genotype file: it must hold "format": "{FORMAT}"')
        version = document.get("version")
        if isinstance(version, bool) or version not in (1, VERSION):
            raise UserError(f"{where} has genotype version {version!r}; this program reads 1 and {VERSION}")
        try:
            space = autogan.SPACE if version == 1 else catalog.space(document["space"])
            tokens = tuple(_integer(token) for token in document["tokens"])
            cells = [dict(cell) for cell in document["cells"]]
            if version == 1 and cells and cells[0].get("skips") == []:
                del cells[0]["skips"]  # the first cell has none to decide about
            genotype = cls.from_cells(cells, space)
            from_tokens = cls(tokens, space, str(document.get("name", "")))
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{where}: space, tokens or cells are missing or malformed ({error!r})") from None
        if from_tokens != genotype:
            raise UserError(f"{where}: tokens ({from_tokens}) and cells ({genotype}) describe different architectures")
        return from_tokens

    @classmethod
    def load(cls, path: str | pathlib.Path) -> Genotype:
        """Reads a genotype file; UserError when it is missing, unreadable or not one."""
        try:
            text = pathlib.Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot read the genotype file {path}: {error.strerror}; give another file") from None
        except ValueError as error:  # no UTF-8, or a path that cannot be one
            raise UserError(f"cannot read the genotype file {path}: {error}") from None
        return cls.from_json(text, where=str(path))


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"tokens must be integers, got {value!r}")
    return value
