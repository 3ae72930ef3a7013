"""What worker processes are given in tests of whole searches: `FakeTraining`, with a disk that all processes see."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, MutableMapping

from tests.nas.conftest import FakeTraining


class Disk(MutableMapping[str, int]):
    """How far candidates have come, in a folder, so that several processes see it: a file for each of them."""

    def __init__(self, folder: str) -> None:
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(exist_ok=True)

    def __getitem__(self, name: str) -> int:
        try:
            return int((self._folder / name).read_text())
        except FileNotFoundError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, steps: int) -> None:
        (self._folder / name).write_text(str(steps))

    def __delitem__(self, name: str) -> None:
        (self._folder / name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (file.name for file in self._folder.iterdir())

    def __len__(self) -> int:
        return len(list(iter(self)))


def fake(folder: str) -> FakeTraining:
    """As `candidate_training.for_worker`, of which the configuration is the folder of a `Disk`."""
    return FakeTraining([], Disk(folder))
