"""Numbers recorded from the published implementation (tests/parity)."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest

PARITY = pathlib.Path(__file__).parents[1] / "parity"


class Recorded:
    """One file: `arrays`, and the parts of it that are networks' states."""

    def __init__(self, name: str) -> None:
        with np.load(PARITY / f"{name}.npz") as arrays:
            self.arrays = dict(arrays)

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays under "gen/", "gen_after/" ..., without the prefix."""
        return {key.removeprefix(prefix): array for key, array in self.arrays.items() if key.startswith(prefix)}

    def images(self, key: str) -> np.ndarray:
        """Images as NHWC."""
        return self.arrays[key].transpose(0, 2, 3, 1)

    @property
    def tokens(self) -> list[int]:
        """The architecture."""
        return self.arrays["arch"].tolist()


@pytest.fixture(scope="session")
def recorded():
    """Reads a file of tests/parity by its name; each is read once."""
    return functools.lru_cache(maxsize=None)(Recorded)
