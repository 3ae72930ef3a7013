"""A folder of generated images: read as they are, in order, and refused where they are not of one size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.data.generated_folder import GeneratedFolder


def write(folder, images, names) -> None:
    for name, pixels in zip(names, images, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_come_unchanged_in_the_order_of_the_paths(tmp_path, channels):
    images = np.random.default_rng(0).integers(0, 256, (7, 6, 6, channels), np.uint8)
    write(tmp_path, images, ["b/1.png", "a/2.png", "c.png", "a/1.png", "d.PNG", "e.png", "f.png"])
    (tmp_path / "notes.txt").write_text("not an image")
    folder = GeneratedFolder(str(tmp_path))
    assert (len(folder), folder.resolution, folder.channels) == (7, 6, channels)
    expected = images[[3, 1, 0, 2, 4, 5, 6]]
    for batch_size in (3, 7, 20):
        batches = list(folder.batches(7, batch_size=batch_size, seed=0))
        assert max(map(len, batches)) == min(batch_size, 7)
        np.testing.assert_array_equal(np.concatenate(batches), expected)


def test_fewer_images_are_drawn_by_the_seed_and_keep_their_order(tmp_path):
    images = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 4, 4, 1))
    write(tmp_path, images, [f"{index:02d}.png" for index in range(60)])
    folder = GeneratedFolder(str(tmp_path))
    drawn = [np.concatenate(list(folder.batches(20, batch_size=6, seed=seed)))[:, 0, 0, 0] for seed in (0, 0, 1)]
    assert all(np.all(np.diff(numbers.astype(int)) > 0) and len(numbers) == 20 for numbers in drawn)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.any(drawn[0] != drawn[2])
    assert drawn[0].max() > 40  # not the first ones
    for seed, numbers in ((0, drawn[0]), (1, drawn[2])):
        assert folder.files(20, seed=seed) == [f"{number:02d}.png" for number in numbers]


def test_a_grey_image_among_coloured_ones_becomes_rgb(tmp_path):
    grey = np.full((1, 4, 4, 1), 9, np.uint8)
    write(tmp_path, [grey[0], np.zeros((4, 4, 3), np.uint8)], ["a.png", "b.png"])
    (batch,) = GeneratedFolder(str(tmp_path)).batches(2, batch_size=2, seed=0)
    np.testing.assert_array_equal(batch[0], np.full((4, 4, 3), 9))


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        GeneratedFolder(str(tmp_path / "gone"))
    with pytest.raises(UserError, match="holds no images; needed are files ending in .png"):
        GeneratedFolder(str(tmp_path))
    square = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    wide = np.zeros((40, 50, 3), np.uint8)
    write(tmp_path, [square, square, wide], ["a.png", "b.png", "c.png"])
    with pytest.raises(UserError, match=r"1 of 3 images are not square and all of one size, such as 40 x 40: c.png"):
        GeneratedFolder(str(tmp_path))
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    folder = GeneratedFolder(str(tmp_path))  # its header is whole
    with pytest.raises(UserError, match=r"1 of 3 images cannot be read: c.png"):
        list(folder.batches(3, batch_size=3, seed=0))
    (tmp_path / "c.png").write_text("text")
    with pytest.raises(UserError, match=r"c.png \(damaged, or not an image of a format that is read\)"):
        GeneratedFolder(str(tmp_path))
