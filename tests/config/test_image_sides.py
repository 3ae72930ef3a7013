"""Sides of images, by hand, and back."""

from __future__ import annotations

import pytest

from autogan_tf.config.image_sides import bottom_width_of, image_sides


def test_every_cell_doubles():
    assert image_sides(bottom_width=4, num_cells=3) == [8, 16, 32]
    assert image_sides(bottom_width=6, num_cells=1) == [12]
    assert bottom_width_of(side=48, num_cells=3) == 6


@pytest.mark.parametrize("num_cells", range(1, 9))
@pytest.mark.parametrize("bottom_width", [1, 4, 6, 7])
def test_there_and_back(bottom_width, num_cells):
    side = image_sides(bottom_width=bottom_width, num_cells=num_cells)[-1]
    assert bottom_width_of(side=side, num_cells=num_cells) == bottom_width
