"""PNG files of all colour types and depths, with and without transparency, against values worked out by hand."""

from __future__ import annotations

import itertools
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.data import folder
from tests.data import png_writer
from tests.data.png_writer import DEPTHS, GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA, SAMPLES, chunk

SIDE = 8
COLOURS = np.random.default_rng(7).integers(0, 256, (256, 3))
EACH = [(colour_type, depth) for colour_type, depths in DEPTHS.items() for depth in depths]


def read(tmp_path: Path, *files: bytes) -> np.ndarray:
    """uint8 [N, SIDE, SIDE, C], as a folder of these files is read; no warning may be seen."""
    for index, content in enumerate(files):
        (tmp_path / f"{index}.png").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return folder.load(dataset=f"folder:{tmp_path}", resolution=SIDE, split="train").images


def drawn(colour_type: int, depth: int) -> np.ndarray:
    """Samples [SIDE, SIDE, n] of the whole range; the two in the middle of the first line differ by one at most."""
    shape = (SIDE, SIDE, SAMPLES[colour_type])
    samples = np.random.default_rng(depth).integers(0, 2**depth, shape)
    samples[0, 0], samples[0, 1] = 0, 2**depth - 1
    samples[0, 3] = 2**depth // 2
    samples[0, 4] = samples[0, 3]
    samples[0, 4, -1] ^= 1
    return samples


def seen(samples: np.ndarray, depth: int) -> np.ndarray:
    """Of 16 bits the upper 8; of fewer the value v of 2^depth - 1 as the same share of 255."""
    return samples >> 8 if depth == 16 else samples * 255 // (2**depth - 1)


@pytest.mark.parametrize(("colour_type", "depth"), EACH)
def test_without_transparent_colours(tmp_path: Path, colour_type: int, depth: int) -> None:
    samples = drawn(colour_type, depth)
    palette = chunk(b"PLTE", COLOURS[: 2**depth].astype(np.uint8).tobytes()) if colour_type == PALETTE else b""
    images = read(tmp_path, png_writer.write(samples, colour_type, depth, before=palette))
    if colour_type == PALETTE:
        expected = COLOURS[samples[..., 0]]
    elif colour_type in (GREY, RGB):
        expected = seen(samples, depth)
    else:  # what is not covered is white
        share = seen(samples, depth)[..., -1:] / 255
        expected = share * seen(samples, depth)[..., :-1] + (1 - share) * 255
    assert images.shape[-1] == (1 if colour_type in (GREY, GREY_ALPHA) else 3)
    exact = colour_type not in (GREY_ALPHA, RGB_ALPHA)
    np.testing.assert_allclose(images[0], expected, atol=0 if exact else 0.8)


@pytest.mark.parametrize(("depth", "interlaced"), [*itertools.product(DEPTHS[GREY], (False, True))])
def test_a_transparent_grey_is_white(tmp_path: Path, depth: int, interlaced: bool) -> None:
    samples = drawn(GREY, depth)
    for index, key in enumerate((0, 2**depth // 2)):
        transparent = chunk(b"tRNS", struct.pack(">H", key))
        images = read(tmp_path, png_writer.write(samples, GREY, depth, before=transparent, interlaced=interlaced))
        np.testing.assert_array_equal(images[0], np.where(samples == key, 255, seen(samples, depth)), str(index))


@pytest.mark.parametrize(("depth", "interlaced"), [*itertools.product(DEPTHS[RGB], (False, True))])
def test_a_transparent_colour_is_white_and_its_neighbours_are_not(tmp_path: Path, depth: int, interlaced: bool) -> None:
    """At 16 bits the neighbour has the same upper bytes."""
    samples = drawn(RGB, depth)
    key = samples[0, 3]
    transparent = chunk(b"tRNS", struct.pack(">3H", *key))
    images = read(tmp_path, png_writer.write(samples, RGB, depth, before=transparent, interlaced=interlaced))
    expected = np.where((samples == key).all(-1, keepdims=True), 255, seen(samples, depth))
    assert (expected[0, 3] == 255).all() and (expected[0, 4] != 255).any()
    np.testing.assert_array_equal(images[0], expected)


@pytest.mark.parametrize("depth", DEPTHS[PALETTE])
def test_a_palette_with_opacities(tmp_path: Path, depth: int) -> None:
    """The first colour is invisible, the second half so, the others have no entry and are opaque."""
    samples = drawn(PALETTE, depth)
    before = chunk(b"PLTE", COLOURS[: 2**depth].astype(np.uint8).tobytes()) + chunk(b"tRNS", bytes([0, 128]))
    images = read(tmp_path, png_writer.write(samples, PALETTE, depth, before=before))
    share = np.array([0, 128 / 255] + [1] * 254)[samples]
    np.testing.assert_allclose(images[0], share * COLOURS[samples[..., 0]] + (1 - share) * 255, atol=0.8)


def test_greys_of_all_kinds_stay_grey(tmp_path: Path) -> None:
    files = [png_writer.write(drawn(kind, depth), kind, depth) for kind, depth in EACH if kind in (GREY, GREY_ALPHA)]
    assert read(tmp_path, *files).shape == (7, SIDE, SIDE, 1)


def test_upper_bits_of_a_key_that_the_depth_does_not_have_do_not_count(tmp_path: Path) -> None:
    transparent = chunk(b"tRNS", struct.pack(">H", 0xFF02))  # 11.3.2: the least significant bits are used
    images = read(tmp_path, png_writer.write(np.full((SIDE, SIDE, 1), 2), GREY, 4, before=transparent))
    assert (images == 255).all()


LONG_TEXT = zlib.compress(bytes(3 * 2**20))


@pytest.mark.parametrize(
    "damaged",
    [
        chunk(b"zTXt", b"Comment\0\0" + LONG_TEXT),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG_TEXT),
        chunk(b"iCCP", b"profile\0\0" + LONG_TEXT),
        chunk(b"tEXt", b"Comment\0x", checksum=1),
        chunk(b"pHYs", b"\0\1"),
        chunk(b"gAMA"),
        chunk(b"sRGB"),
        chunk(b"cHRM", b"\0"),
        chunk(b"acTL"),
        chunk(b"eXIf", b"nonsense"),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff\xff"),
        chunk(b"tIME", bytes(2)),
        chunk(b"prVt", bytes(70_000)),  # more than is read for the header at first
    ],
)
def test_chunks_beside_the_pixels_do_not_matter(tmp_path: Path, damaged: bytes) -> None:
    samples = drawn(RGB, 8)
    both = [png_writer.write(samples, RGB, 8, **{place: damaged}) for place in ("before", "after")]
    np.testing.assert_array_equal(read(tmp_path, *both), [samples, samples])


def test_the_first_picture_of_an_animation(tmp_path: Path) -> None:
    samples = drawn(RGB, 8)
    first = chunk(b"acTL", struct.pack(">2I", 2, 0)) + chunk(b"fcTL", struct.pack(">5I2H2B", 0, 8, 8, 0, 0, 1, 1, 0, 0))
    second = chunk(b"fcTL", struct.pack(">5I2H2B", 1, 8, 8, 0, 0, 1, 1, 0, 0)) + chunk(b"fdAT", b"\0\0\0\2nonsense")
    np.testing.assert_array_equal(
        read(tmp_path, png_writer.write(samples, RGB, 8, before=first, after=second))[0], samples
    )


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", [b"eXIf", b"zTXt", b"iTXt"])
def test_the_orientation_is_read_wherever_it_is(tmp_path: Path, kind: bytes, place: str) -> None:
    """Orientation 6: the stored picture's first column is the top, read from below: turn it to the right."""
    samples = drawn(RGB, 8)
    # big-endian, the first directory at 8, one entry: tag 0x0112, a SHORT, one of them, 6
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    text = f"\nexif\n{len(exif)}\n{exif.hex()}\n".encode()
    content = {
        b"eXIf": exif,
        b"zTXt": b"Raw profile type exif\0\0" + zlib.compress(text),
        b"iTXt": b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta tiff:Orientation='1' tiff:Orientation=\"6\"/>",
    }[kind]
    image = read(tmp_path, png_writer.write(samples, RGB, 8, **{place: chunk(kind, content)}))[0]
    np.testing.assert_array_equal(image, np.rot90(samples, -1))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (png_writer.write(drawn(RGB, 8), RGB, 8, before=chunk(b"tRNS", b"\0\1")), "transparent colour"),
        (png_writer.write(drawn(RGB, 8), RGB, 8, before=chunk(b"tRNS", bytes(6), checksum=1)), "transparent colour"),
        (png_writer.write(drawn(PALETTE, 8), PALETTE, 8, before=chunk(b"PLTE", bytes(768), checksum=1)), "damaged"),
        (png_writer.write(drawn(RGB, 8), RGB, 8)[:-40], "truncated"),
        (png_writer.SIGNATURE + chunk(b"IEND"), "header is damaged"),
        (png_writer.SIGNATURE + bytes(100), "header is damaged"),
        (
            png_writer.write(drawn(RGB, 8), RGB, 8).replace(b"\0\0\0\x08\0\0\0\x08", b"\0\0\xff\xff\0\0\xff\xff"),
            "damaged",
        ),
        (
            png_writer.SIGNATURE + chunk(b"IHDR", struct.pack(">2I5B", 40000, 40000, 8, 2, 0, 0, 0)) + chunk(b"IDAT"),
            "more than [0-9,]+ pixels",
        ),
    ],
)
def test_damage_to_the_pixels_is_an_error(tmp_path: Path, content: bytes, part: str) -> None:
    with pytest.raises(UserError, match=rf"1 of 1 images cannot be read: 0.png \(.*{part}"):
        read(tmp_path, content)
