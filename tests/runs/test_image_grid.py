"""Sample grids, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from autogan_tf.runs.image_grid import grid, write_png


def flat(*levels: int, side: int = 1, channels: int = 1) -> np.ndarray:
    """One even image for each level."""
    return np.stack([np.full((side, side, channels), level, np.uint8) for level in levels])


def test_three_pixels_by_hand():
    # two columns: the third image begins the second row, the last place stays grey
    expected = [
        [128, 128, 128, 128, 128],
        [128, 10, 128, 20, 128],
        [128, 128, 128, 128, 128],
        [128, 30, 128, 128, 128],
        [128, 128, 128, 128, 128],
    ]
    np.testing.assert_array_equal(grid(flat(10, 20, 30), scale=1)[..., 0], expected)


def test_columns_and_scale():
    pixels = grid(flat(10, 20), columns=2, scale=2)
    assert pixels.shape == (6, 10, 1)
    np.testing.assert_array_equal(pixels[2:4, :, 0], [[128, 128, 10, 10, 128, 128, 20, 20, 128, 128]] * 2)
    assert grid(flat(1, 2, 3), columns=3, scale=1).shape == (3, 7, 1)
    assert grid(flat(*range(100)), scale=1).shape == (21, 21, 1)  # ten in a row


@pytest.mark.parametrize(("side", "scale"), [(8, 8), (16, 4), (32, 2), (48, 2), (64, 1), (100, 1)])
def test_unless_told_otherwise_images_have_at_least_64_pixels(side, scale):
    assert grid(flat(1, side=side)).shape == ((side + 2) * scale, (side + 2) * scale, 1)


def test_images_keep_their_orientation_and_colours():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(grid(image, scale=1)[1:3, 1:3], image[0])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_the_file_holds_the_same_pixels(tmp_path, channels, mode):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, channels)).astype(np.uint8)
    path = tmp_path / "samples" / "step-000001.png"
    write_png(path, grid(images, scale=3))
    with Image.open(path) as file:
        assert (file.format, file.mode) == ("PNG", mode)
        pixels = np.array(file).reshape(*file.size[::-1], channels)
    np.testing.assert_array_equal(pixels, grid(images, scale=3))
    assert [entry.name for entry in path.parent.iterdir()] == ["step-000001.png"]


@pytest.mark.parametrize("images", [flat(1).astype(np.float32), flat(1)[0], flat(1)[:0]])
def test_what_is_no_stack_of_images_is_refused(images):
    with pytest.raises(ValueError, match="uint8"):
        grid(images)
