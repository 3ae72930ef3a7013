"""A data set for the tests of whole commands: small images in two class folders."""

from __future__ import annotations

import pathlib

import numpy as np
from PIL import Image


def write(root: pathlib.Path, *, side: int) -> pathlib.Path:
    """root/photos with 20 grey images of `side` pixels in each of the folders dark and bright; returns root."""
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("bright", 128)):
        (root / "photos" / name).mkdir(parents=True)
        for index, image in enumerate(rng.integers(low, low + 100, (20, side, side), np.uint8)):
            Image.fromarray(image).save(root / "photos" / name / f"{index:02d}.png")
    return root
