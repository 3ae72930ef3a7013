"""What goes into the store comes out of it, in memory and on disk, and nothing stays behind."""

from __future__ import annotations

import errno
import os
import pathlib
import tempfile
from typing import Any

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.feature_store import FeatureStore
from autogan_tf.metrics.kernel import kernel_distance
from autogan_tf.metrics.memorization import memorization
from autogan_tf.metrics.precision_recall import prdc


def rows(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)


@pytest.mark.parametrize(("limit", "on_disk"), [(2**20, False), (73 * 6 * 4, False), (73 * 6 * 4 - 1, True), (0, True)])
def test_rows_come_back_in_order(limit: int, on_disk: bool) -> None:
    x = rows(0, 73)
    with FeatureStore(limit_bytes=limit) as store:
        for start, stop in ((0, 10), (10, 10), (10, 41), (41, 42), (42, 73)):
            store.append(x[start:stop])
        assert (store.count, store.is_on_disk) == (73, on_disk)
        assert store.array.dtype == np.float32 and isinstance(store.array, np.memmap) == on_disk
        np.testing.assert_array_equal(store.array, x)


@pytest.mark.parametrize("limit", [2**20, 300, 0])
def test_reading_between_blocks(limit: int) -> None:
    x = rows(1, 60)
    with FeatureStore(limit_bytes=limit) as store:
        assert store.array.shape == (0, 0)
        for start in range(0, 60, 20):
            store.append(x[start : start + 20])
            np.testing.assert_array_equal(store.array, x[: start + 20])


def test_other_dtypes_become_float32_and_the_callers_array_is_copied() -> None:
    x = rows(2, 8).astype(np.float64)
    with FeatureStore() as store:
        store.append(x)
        store.append(np.asfortranarray(x))
        expected = np.concatenate([x, x]).astype(np.float32)
        x[:] = 0
        np.testing.assert_array_equal(store.array, expected)


@pytest.mark.parametrize("limit", [2**20, 0])
def test_arrays_are_read_only_and_outlive_the_store(limit: int) -> None:
    x = rows(3, 5)
    with FeatureStore(limit_bytes=limit) as store:
        store.append(x)
        array = store.array
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    np.testing.assert_array_equal(array, x)
    with pytest.raises(ValueError, match="closed"):
        _ = store.array
    with pytest.raises(ValueError, match="closed"):
        store.append(x)
    store.close()


def test_files_are_gone_at_the_end_even_after_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(KeyError):
        with FeatureStore(limit_bytes=0, directory=tmp_path) as store:
            store.append(rows(4, 50))
            assert store.is_on_disk
            raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_scores_of_rows_on_disk_are_those_of_rows_in_memory() -> None:
    x, y = rows(5, 90), rows(6, 80)
    with FeatureStore(limit_bytes=0) as store:
        store.append(x[:31])
        store.append(x[31:])
        assert kernel_distance(store.array, y, max_block_size=32) == kernel_distance(x, y, max_block_size=32)
        assert prdc(y, store.array) == prdc(y, x)
        assert memorization(store.array, y) == memorization(x, y)


def test_a_full_disk_is_a_plain_message(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    store = FeatureStore(limit_bytes=0, directory=tmp_path)
    with pytest.raises(UserError, match=rf"cannot keep 240 bytes of features in {tmp_path}.*No space left.*TMPDIR"):
        store.append(rows(7, 10))
    with pytest.raises(ValueError, match="closed"):
        store.append(rows(7, 10))


def test_a_folder_that_does_not_exist_is_a_plain_message(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UserError, match="gone.*free space there"):
        FeatureStore(limit_bytes=0, directory=tmp_path / "gone").append(rows(8, 2))


def test_bad_rows_are_named() -> None:
    with pytest.raises(ValueError, match="limit_bytes must be at least 0, got -1"):
        FeatureStore(limit_bytes=-1)
    with FeatureStore() as store:
        with pytest.raises(ValueError, match=r"rows must have shape \[images, D\], got \[4\]"):
            store.append(np.zeros(4))
        store.append(rows(9, 3))
        with pytest.raises(ValueError, match=r"rows must have shape \[images, 6\], got \[3, 5\]"):
            store.append(np.zeros((3, 5)))
        assert store.count == 3
