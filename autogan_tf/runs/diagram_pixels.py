"""The diagram of an architecture as pixels, for what cannot show SVG."""

from __future__ import annotations

import importlib.util
import io
import pathlib

import numpy as np
import resvg_py
from PIL import Image

from autogan_tf.runs import diagram
from autogan_tf.search_space.genotype import Genotype


def pixels(genotype: Genotype, *, bottom_width: int = 4, scale: float = 1.5) -> np.ndarray:
    """`diagram.svg` drawn at `scale` times its size, uint8 [H, W, 3]; the same on every machine, with our own font."""
    png = resvg_py.svg_to_bytes(
        svg_string=diagram.svg(genotype, bottom_width=bottom_width),
        background="#ffffff",
        zoom=scale,
        skip_system_fonts=True,
        font_files=[_font()],
        sans_serif_family="DejaVu Sans",
    )
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _font() -> str:
    """DejaVu Sans, which Matplotlib carries; found without importing that, which would make a folder of settings."""
    found = importlib.util.find_spec("matplotlib")
    assert found is not None and found.submodule_search_locations
    return str(pathlib.Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")
