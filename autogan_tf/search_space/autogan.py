"""AutoGAN's search space (paper section 3.1, figure 2): four decisions for a cell, and which earlier cells skip in."""

from __future__ import annotations

import itertools

from autogan_tf.search_space.space import Decision, Option, SearchSpace

CONV = Decision(  # the order within a convolution block: conv-norm-ReLU, or norm-ReLU-conv
    "conv", (Option("post", "post", "post-activation"), Option("pre", "pre", "pre-activation"))
)
NORM = Decision(
    "norm",
    (
        Option("none", "none", "no norm"),
        Option("batch", "batch", "batch norm"),
        Option("instance", "instance", "instance norm"),
    ),
)
UP = Decision(
    "up",
    (
        Option("bilinear", "bilinear", "bilinear upsampling"),
        Option("nearest", "nearest", "nearest upsampling"),
        Option("deconv", "deconv", "transposed convolution"),  # stride 2, kernel 2
    ),
)
SHORTCUT = Decision(  # a 1x1 convolution from the cell's input to its output
    "shortcut", (Option("no", False, "no shortcut"), Option("yes", True, "shortcut"))
)


def _skips(cell: int) -> Decision:
    """Which of the `cell` earlier cells are added in: a bit for each, the most significant one for the earliest."""
    options = []
    for value in itertools.product((False, True), repeat=cell):
        sources = [str(source) for source, used in enumerate(value, 1) if used]
        listed = " and ".join(sources)
        words = f"skip{'s' * (len(sources) > 1)} from cell {listed}" if sources else ""
        options.append(Option(f"from {listed}" if sources else "none", value, words))
    return Decision("skips", tuple(options))


def _decisions(cell: int) -> tuple[Decision, ...]:
    own = (CONV, NORM, UP, SHORTCUT)
    return own if cell == 0 else (*own, _skips(cell))


SPACE = SearchSpace("autogan", _decisions, max_cells=8)
