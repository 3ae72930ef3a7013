"""Formats but PNG, and what lies beside the pixels of JPEG files: against values worked out by hand."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from autogan_tf.config.errors import UserError
from autogan_tf.data import folder

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (8, 8, 3), np.uint8)
GREYS = COLOURS[..., :1]


def read(path: Path, resolution: int = 8) -> np.ndarray:
    """uint8 [N, 8, 8, C], as a folder is read; no warning may be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return folder.load(dataset=f"folder:{path}", resolution=resolution, split="train").images


def encoded(pixels: np.ndarray, format_name: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, format_name, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("ending", "format_name", "options"),
    [
        ("webp", "WEBP", {"lossless": True}),
        ("bmp", "BMP", {}),
        ("dib", "BMP", {}),
        ("TIFF", "TIFF", {}),
        ("tif", "TIFF", {"compression": "tiff_lzw"}),
        ("ppm", "PPM", {}),
        ("jp2", "JPEG2000", {}),
        ("avif", "AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("png", "BMP", {}),  # what it is counts, not how it is called
        ("jfif", "JPEG", {"quality": 100, "subsampling": 0}),
        ("jpe", "JPEG", {"quality": 100, "subsampling": 0}),
    ],
)
def test_formats(tmp_path: Path, ending: str, format_name: str, options: dict[str, object]) -> None:
    (tmp_path / f"a.{ending}").write_bytes(encoded(COLOURS, format_name, **options))
    np.testing.assert_allclose(read(tmp_path)[0].astype(int), COLOURS, atol=4 if "quality" in options else 0)


@pytest.mark.parametrize("format_name", ["BMP", "TIFF", "PPM", "GIF", "JPEG2000"])
def test_grey_stays_grey(tmp_path: Path, format_name: str) -> None:
    """A GIF has a palette, of which Pillow leaves out what is not used."""
    (tmp_path / "a.gif").write_bytes(encoded(GREYS, format_name))
    np.testing.assert_array_equal(read(tmp_path)[0], GREYS)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_pictures_the_first(tmp_path: Path, format_name: str) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    options = {"lossless": True} if format_name == "WEBP" else {}
    first.save(tmp_path / "a.png", format_name, save_all=True, append_images=[second], **options)
    assert (read(tmp_path) == [255, 0, 0]).all()


@pytest.mark.parametrize("format_name", ["GIF", "WEBP"])
def test_transparency_of_other_formats(tmp_path: Path, format_name: str) -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 8, 4))
    image.save(tmp_path / "a.webp", format_name, **({"lossless": True} if format_name == "WEBP" else {}))
    images = read(tmp_path)
    assert (images[0, :4] == 255).all() and (images[0, 4:] == [255, 0, 0]).all()


def tiff(values: np.ndarray, **tags: int) -> bytes:
    """An uncompressed little-endian TIFF file of one strip, see TIFF 6.0, section 2."""
    data = values.tobytes()
    height, width = values.shape
    entries = {256: width, 257: height, 258: 8 * values.itemsize, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    entries |= {279: len(data)} | {int(name[1:]): value for name, value in tags.items()}
    kinds = {256: 4, 257: 4, 273: 4, 278: 4, 279: 4}
    fields = b"".join(struct.pack("<HHII", tag, kinds.get(tag, 3), 1, entries[tag]) for tag in sorted(entries))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + fields + bytes(4)


def test_sixteen_bits_of_other_formats_keep_the_upper_ones(tmp_path: Path) -> None:
    values = RNG.integers(0, 2**16, (8, 8), np.uint16)
    for name, content, expected in (
        ("a.tif", tiff(values), values >> 8),
        ("b.tif", tiff(values, t262=0), 255 - (values >> 8)),  # 0 is white
        ("c.pgm", b"P5 8 8 65535\n" + values.astype(">u2").tobytes(), values >> 8),
    ):
        (tmp_path / name).write_bytes(content)
        np.testing.assert_array_equal(read(tmp_path)[-1, ..., 0], expected, name)


@pytest.mark.parametrize(
    "content",
    [tiff(np.ones((8, 8), np.float32), t339=3), tiff(np.ones((8, 8), np.uint32)), tiff(np.ones((8, 8), "<i2"), t339=2)],
)
def test_numbers_without_a_known_white_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UserError, match=r"a.tif \(its numbers .* no known range: save it with 8 or 16 bits"):
        read(tmp_path)


# Beside the pixels of JPEG files -------------------------------------------------------------------------------------

TURNED = np.repeat(np.repeat(RNG.integers(0, 256, (2, 2, 3)), 8, 0), 8, 1).astype(np.uint8)  # blocks of one colour
SEEN = {  # Exif 2.3, table 6: where the stored first row and column are to be seen
    1: TURNED,
    2: TURNED[:, ::-1],
    3: TURNED[::-1, ::-1],
    4: TURNED[::-1],
    5: TURNED.transpose(1, 0, 2),
    6: TURNED.transpose(1, 0, 2)[:, ::-1],
    7: TURNED.transpose(1, 0, 2)[::-1, ::-1],
    8: TURNED.transpose(1, 0, 2)[::-1],
}


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    whole = encoded(TURNED, "JPEG", quality=100, subsampling=0)
    inserted = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in segments)
    return whole[:2] + inserted + whole[2:]


def exif(orientation: int, *entries: bytes, order: str = ">") -> tuple[int, bytes]:
    """A segment with the orientation after other entries of 12 bytes each."""
    entries = (*entries, struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0))
    head = b"MM\0*" if order == ">" else b"II*\0"
    return 0xE1, b"Exif\0\0" + head + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack(">HHII", tag, kind, count, value)


@pytest.mark.parametrize("orientation", [*SEEN, 0, 9])
def test_every_orientation(tmp_path: Path, orientation: int) -> None:
    xmp = f'<x xmlns:tiff="u" tiff:Orientation="{orientation}"/>'.encode()
    (tmp_path / "a.jpg").write_bytes(jpeg(exif(orientation)))
    (tmp_path / "b.jpg").write_bytes(jpeg(exif(orientation, order="<")))
    (tmp_path / "c.jpg").write_bytes(jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)))
    for image in read(tmp_path, 16):
        np.testing.assert_allclose(image.astype(int), SEEN.get(orientation, TURNED), atol=4)


PILLOWS_OWN = Image.Exif()
PILLOWS_OWN[0x0112] = 6
PILLOWS_OWN[0x9203] = TiffImagePlugin.IFDRational(-99, 1)


@pytest.mark.parametrize(
    "segments",
    [
        [exif(6, entry(0x010F, 2, 2**31, 2**31))],  # a text that lies outside of the file
        [exif(6, entry(0x010E, 99, 1, 0), entry(0x0110, 2, 4, 0xFFFFFFFF))],
        [exif(6, *[entry(0x9203, 10, 1, 8)] * 3)],
        [exif(6, entry(0x0131, 11, 1, 0x3F800000), entry(0x8825, 4, 1, 10**6))],
        [(0xE1, b"Exif\0\0" + PILLOWS_OWN.tobytes()[6:])],
        [exif(6), (0xE2, b"ICC_PROFILE\0")],
        [exif(6), (0xE2, b"MPF\0nonsense"), (0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0")],
        [exif(6), (0xE0, b"JFIF\0"), (0xEE, b"Adobe"), (0xFE, b"\xff\xff"), (0xE1, b"Exif\0\0")],
        [exif(6), *[(0xEF, bytes(65_000))] * 3],  # more than is read for the header at first
    ],
)
def test_metadata_that_are_damaged_do_not_matter(tmp_path: Path, segments: list[tuple[int, bytes]]) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(*segments))
    np.testing.assert_allclose(read(tmp_path, 16)[0].astype(int), SEEN[6], atol=4)


def test_orientation_of_webp_and_tiff(tmp_path: Path) -> None:
    """With values that Pillow cannot write back."""
    metadata = exif(6, entry(0x010F, 2, 2**31, 2**31), entry(0x0131, 11, 1, 0x3F800000))[1]
    (tmp_path / "a.webp").write_bytes(encoded(TURNED, "WEBP", lossless=True, exif=metadata))
    np.testing.assert_array_equal(read(tmp_path, 16)[0], SEEN[6])
    (tmp_path / "a.webp").unlink()
    values = TURNED[..., 0]
    (tmp_path / "a.tif").write_bytes(tiff(values, t274=6, t296=9, t282=0))
    np.testing.assert_array_equal(read(tmp_path, 16)[0], SEEN[6][..., :1])


def test_cmyk_and_grey_jpeg_keep_their_meaning(tmp_path: Path) -> None:
    """How the colours of the former are stored is in a segment of Adobe's."""
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(read(tmp_path)[0, 0, 0].astype(int), [255, 0, 0], atol=4)
    Image.new("L", (8, 8), 77).save(tmp_path / "a.jpg", quality=100)
    assert (read(tmp_path) == 77).all() and read(tmp_path).shape[-1] == 1


def test_a_picture_cut_off_or_without_pixels_is_an_error(tmp_path: Path) -> None:
    whole = jpeg(exif(6))
    for content in (whole[:-200], whole[:100], whole[:3], encoded(GREYS, "TIFF")[:60], encoded(GREYS, "GIF")[:20]):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(UserError, match="1 of 1 images cannot be read: a.jpg"):
            read(tmp_path)
