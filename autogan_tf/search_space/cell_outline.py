"""What a cell computes, as words in the order of computation: what the network's cells make of their decisions.

For whoever draws or describes an architecture; the networks themselves are in `models/cells.py`.
"""

from __future__ import annotations

import dataclasses

from autogan_tf.search_space.space import CellChoices

_SHOWN = ("conv", "norm", "up", "shortcut", "skips")  # decisions that an outline has a place for


@dataclasses.dataclass(frozen=True)
class CellOutline:
    """The upsampling, a convolution block, what earlier cells skip in, another such block, and the shortcut.

    upsampling: of the cell's input; block: the parts of each of the two blocks; skips: the cells, from 0, whose skips
    are added after the first block; shortcut: the parts on the way from the cell's input to its output, none where
    nothing is added; rest: what was decided besides.
    """

    upsampling: str
    block: tuple[str, ...]
    skips: tuple[int, ...]
    shortcut: tuple[str, ...]
    rest: tuple[str, ...]


def outline(cell: CellChoices) -> CellOutline:
    """Of a cell with these choices; KeyError where it lacks a decision that every cell has."""
    norm = () if cell["norm"] == "none" else (cell.option("norm").words,)
    conv, activation = "conv 3 × 3", "ReLU"
    return CellOutline(
        upsampling=cell.option("up").words,
        block=(conv, *norm, activation) if cell["conv"] == "post" else (*norm, activation, conv),
        skips=tuple(source for source, used in enumerate(cell.get("skips", ())) if used),
        shortcut=("up", "conv 1 × 1") if cell["shortcut"] else (),
        rest=tuple(words for name in cell if name not in _SHOWN and (words := cell.option(name).words)),
    )
