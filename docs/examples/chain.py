"""A small space: 16 architectures of one cell, and in later cells whether the cell before skips in.

A cell has the decisions conv, norm, up and shortcut, and from the second cell on skips. Which options each of them has
is the space's to say; a decision of one option is made already.
"""

from autogan_tf.search_space import catalog
from autogan_tf.search_space.space import Decision, Option, SearchSpace

# an option: its name in tables, its value in genotype files (by which the network finds the operation), its words
CONV = Decision("conv", (Option("post", "post", "post-activation"), Option("pre", "pre", "pre-activation")))
NORM = Decision("norm", (Option("none", "none", "no norm"), Option("batch", "batch", "batch norm")))
UP = Decision(
    "up", (Option("bilinear", "bilinear", "bilinear upsampling"), Option("nearest", "nearest", "nearest upsampling"))
)
SHORTCUT = Decision("shortcut", (Option("no", False, "no shortcut"), Option("yes", True, "shortcut")))


def skips(cell):
    """From cell `cell` - 1, or from none; a value has a bit for each earlier cell, the earliest first."""
    none = (False,) * cell
    last = (*none[:-1], True)
    return Decision("skips", (Option("none", none, ""), Option("last", last, "skip from the cell before")))


def decisions_of(cell):
    """Of cell number `cell`, from 0."""
    own = (CONV, NORM, UP, SHORTCUT)
    return own if cell == 0 else (*own, skips(cell))


catalog.register(SearchSpace("chain", decisions_of, max_cells=6))
