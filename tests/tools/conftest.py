"""Modules of tools/ as the commands there import each other."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def load(monkeypatch):
    """Imports a module of tools/ by its name."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


@pytest.fixture
def cifar10(prepare_tfds) -> str:
    """A folder with a prepared cifar10 of 80 images for training and 40 others, each class of another colour."""
    rng = np.random.default_rng(0)

    def images(number: int) -> list[tuple[np.ndarray, int]]:
        noise = rng.integers(0, 60, [number, 32, 32, 3])
        return [((noise[place] + 19 * (place % 10)).astype(np.uint8), place % 10) for place in range(number)]

    return prepare_tfds("cifar10", {"train": images(80), "test": images(40)}, image_shape=(32, 32, 3), version="3.0.2")

