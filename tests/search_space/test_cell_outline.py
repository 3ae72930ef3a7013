"""A cell in words, by hand; that the words are true of the networks is tested in tests/models/test_spaces.py."""

from __future__ import annotations

from autogan_tf.search_space.cell_outline import CellOutline, outline
from autogan_tf.search_space.genotype import Genotype


def test_two_cells_by_hand():
    first, second = (outline(cell) for cell in Genotype.from_string("0 1 2 0  1 0 1 1 1").cells)
    assert first == CellOutline(
        upsampling="transposed convolution", block=("conv 3 × 3", "batch norm", "ReLU"), skips=(), shortcut=(), rest=()
    )
    assert second == CellOutline(
        upsampling="nearest upsampling",
        block=("ReLU", "conv 3 × 3"),
        skips=(0,),
        shortcut=("up", "conv 1 × 1"),
        rest=(),
    )


def test_skips_are_the_cells_that_they_come_from():
    cells = Genotype.from_string("0 0 0 0  0 0 0 0 0  0 0 0 0 1  0 0 0 0 5").cells
    assert [outline(cell).skips for cell in cells] == [(), (), (1,), (0, 2)]
