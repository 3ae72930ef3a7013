"""A genotype: one architecture of the search space as plain data; tokens for the controller, JSON on disk."""

from __future__ import annotations

import dataclasses
import json
import numbers
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from autogan_tf.config import json_text
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.search_space import choices

FORMAT = "autogan-genotype"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class CellGenotype:
    """The choices of one cell; `skips[j]` says whether cell j's skip output is added in (earliest cell first)."""

    conv: str
    norm: str
    up: str
    shortcut: bool
    skips: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        for name, value, valid in (
            ("conv", self.conv, choices.CONVS),
            ("norm", self.norm, choices.NORMS),
            ("up", self.up, choices.UPSAMPLINGS),
        ):
            if value not in valid:
                raise UserError(f"genotype: {name} must be one of {', '.join(valid)}; got {value!r}")
        if not isinstance(self.shortcut, bool) or not all(isinstance(skip, bool) for skip in self.skips):
            raise UserError(
                f"genotype: shortcut and skips must be true or false; got {self.shortcut!r}, {self.skips!r}"
            )

    @classmethod
    def from_tokens(cls, tokens: Sequence[int], cell: int) -> CellGenotype:
        """The cell that `tokens` (4 integers for cell 0, else 5) describe; the last one codes the skips in bits,
        most significant bit = earliest cell."""
        counts = choices.cell_token_counts(cell)
        if len(tokens) != len(counts):
            raise UserError(f"cell {cell + 1} has {len(counts)} tokens, got {len(tokens)}: {list(tokens)}")
        for decision, token, count in zip(choices.DECISIONS, tokens, counts, strict=False):
            if isinstance(token, bool) or not isinstance(token, numbers.Integral) or not 0 <= int(token) < count:
                raise UserError(
                    f"cell {cell + 1}: the token for {decision} must be an integer from 0 to {count - 1}, got {token!r}"
                )
        bits = tokens[4] if cell else 0
        return cls(
            conv=choices.CONVS[tokens[0]],
            norm=choices.NORMS[tokens[1]],
            up=choices.UPSAMPLINGS[tokens[2]],
            shortcut=choices.SHORTCUTS[tokens[3]],
            skips=tuple(bool(bits >> (cell - 1 - j) & 1) for j in range(cell)),
        )

    @property
    def tokens(self) -> tuple[int, ...]:
        """The cell as the controller's integers."""
        head = (
            choices.CONVS.index(self.conv),
            choices.NORMS.index(self.norm),
            choices.UPSAMPLINGS.index(self.up),
            int(self.shortcut),
        )
        if not self.skips:
            return head
        return head + (sum(skip << (len(self.skips) - 1 - j) for j, skip in enumerate(self.skips)),)

    def in_words(self) -> str:
        """The choices as one reads them out, such as "pre-activation, no norm, nearest upsampling, shortcut"."""
        sources = [str(cell) for cell, used in enumerate(self.skips, 1) if used]
        return ", ".join(
            [
                f"{self.conv}-activation",
                "no norm" if self.norm == "none" else f"{self.norm} norm",
                "transposed convolution" if self.up == "deconv" else f"{self.up} upsampling",
                "shortcut" if self.shortcut else "no shortcut",
                *([f"skip{'s' * (len(sources) > 1)} from cell {' and '.join(sources)}"] if sources else []),
            ]
        )


@dataclasses.dataclass(frozen=True)
class Genotype:
    """An architecture: one `CellGenotype` per cell, each doubling the resolution. The resolution is not part of it."""

    cells: tuple[CellGenotype, ...]
    name: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.cells:
            raise UserError("a genotype needs at least one cell, got none")
        for index, cell in enumerate(self.cells):
            if len(cell.skips) != index:
                raise UserError(f"genotype: cell {index + 1} must have {index} skips, got {len(cell.skips)}")

    @classmethod
    def from_tokens(cls, tokens: Sequence[int], name: str = "") -> Genotype:
        """The architecture that `tokens` describe (4 integers for the first cell, 5 for each further one).

        Raises UserError for a wrong length or a token out of range.
        """
        try:
            num_cells = choices.num_cells_of(len(tokens))
        except ValueError as error:
            raise UserError(f"{error}: {' '.join(map(str, tokens)) or 'none'}") from None
        slices = choices.cell_slices(num_cells)
        cells = tuple(CellGenotype.from_tokens(list(tokens[part]), i) for i, part in enumerate(slices))
        return cls(cells=cells, name=name)

    @classmethod
    def from_string(cls, text: str, name: str = "") -> Genotype:
        """The architecture written as integers with blanks or commas between them, e.g. "1 0 1 1  1 0 0 1 1"."""
        words = text.replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() for word in words):
            raise UserError(f"an architecture is a list of integers such as '1 0 1 1 1 0 0 1 1'; got {text!r}")
        return cls.from_tokens([int(word) for word in words], name=name)

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens, first cell first."""
        return tuple(token for cell in self.cells for token in cell.tokens)

    def __str__(self) -> str:
        return "  ".join(" ".join(map(str, cell.tokens)) for cell in self.cells)

    def to_json(self, *, scores: Mapping[str, Any] | None = None, cost: Mapping[str, Any] | None = None) -> str:
        """The genotype file's text; `scores` and `cost` are free-form numbers kept beside the architecture."""
        cells = [
            {"conv": c.conv, "norm": c.norm, "up": c.up, "shortcut": c.shortcut, "skips": list(c.skips)}
            for c in self.cells
        ]
        document = {
            "format": FORMAT,
            "version": VERSION,
            "name": shown(self.name),
            "tokens": list(self.tokens),
            "cells": cells,
            "scores": dict(scores or {}),
            "cost": dict(cost or {}),
        }
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = "genotype") -> Genotype:
        """Reads a genotype file's text. UserError (naming `where`) when it is not one, or tokens and cells disagree."""
        try:
            document = json_text.parse(text)
        except ValueError as error:
            raise UserError(f"{where} is not JSON ({error}); give a genotype file such as search writes") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise UserError(f'{where} is not a genotype file: it must hold "format": "{FORMAT}"')
        if document.get("version") != VERSION:
            raise UserError(f"{where} has genotype version {document.get('version')!r}; this program reads {VERSION}")
        try:
            tokens = [_integer(token) for token in document["tokens"]]
            cells = tuple(
                CellGenotype(c["conv"], c["norm"], c["up"], c["shortcut"], tuple(c["skips"])) for c in document["cells"]
            )
            genotype = cls(cells=cells, name=str(document.get("name", "")))
            from_tokens = cls.from_tokens(tokens)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{where}: tokens or cells are missing or malformed ({error!r})") from None
        if from_tokens.tokens != genotype.tokens:
            raise UserError(f"{where}: tokens ({from_tokens}) and cells ({genotype}) describe different architectures")
        return genotype

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
