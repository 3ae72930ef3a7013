"""Rows read in advance are those that were asked for, whatever was announced and from whichever thread."""

from __future__ import annotations

import concurrent.futures
import threading

import numpy as np
import pytest

from autogan_tf.data import read_ahead

ROWS = np.random.default_rng(0).integers(0, 256, [40, 3]).astype(np.uint8)


def _counted(reader: read_ahead.ReadAhead, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The indices of each look at the rows, from then on."""
    looks = []
    take = reader._take
    monkeypatch.setattr(reader, "_take", lambda indices: looks.append(indices.tolist()) or take(indices))
    return looks


def _settle(reader: read_ahead.ReadAhead) -> None:
    concurrent.futures.wait(list(reader._prepared.values()), timeout=120)


def test_what_was_announced_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = read_ahead.ReadAhead(ROWS)
    looks = _counted(reader, monkeypatch)
    for first in (0, 5, 10):
        indices = np.arange(first, first + 5)
        np.testing.assert_array_equal(reader.read(indices, indices + 5), ROWS[indices])
        _settle(reader)
    assert sorted(looks) == [list(range(first, first + 5)) for first in (0, 5, 10, 15)]


def test_what_was_not_announced_is_read_too() -> None:
    reader = read_ahead.ReadAhead(ROWS)
    for seed in range(50):
        indices, announced = np.random.default_rng(seed).integers(0, 40, [2, 7])
        np.testing.assert_array_equal(reader.read(indices, announced), ROWS[indices])
        _settle(reader)
        assert len(reader._prepared) <= 16


def test_the_same_again() -> None:
    reader = read_ahead.ReadAhead(ROWS)
    indices = np.array([3, 3, 1])
    for _ in range(5):
        np.testing.assert_array_equal(reader.read(indices, indices), ROWS[indices])


def test_the_callers_index_array_may_change() -> None:
    reader = read_ahead.ReadAhead(ROWS)
    busy = threading.Event()
    reader._pool.submit(busy.wait, 30)
    announced = np.array([1, 2])
    reader.read(np.array([0]), announced)
    announced[:] = 9
    busy.set()
    _settle(reader)
    np.testing.assert_array_equal(reader.read(np.array([1, 2]), announced), ROWS[[1, 2]])


def test_the_rows_are_the_callers_own() -> None:
    reader = read_ahead.ReadAhead(ROWS)
    reader.read(np.array([0]), np.array([1]))[:] = 0
    _settle(reader)
    reader.read(np.array([1]), np.array([1]))[:] = 0
    np.testing.assert_array_equal(reader.read(np.array([0, 1]), np.array([1])), ROWS[:2])


def test_from_several_threads() -> None:
    """Four replicas, each with its quarter of every batch."""
    reader = read_ahead.ReadAhead(ROWS)
    order = np.random.default_rng(0).integers(0, 40, [200, 4, 5])

    def replica(number: int) -> bool:
        return all(
            np.array_equal(reader.read(order[step, number], order[(step + 1) % 200, number]), ROWS[order[step, number]])
            for step in range(200)
        )

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(replica, range(4)))
