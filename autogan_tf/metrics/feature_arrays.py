"""Checking and reading features, shared by all scores. Arrays may be memory-mapped and larger than the memory."""

from __future__ import annotations

import mmap

import numpy as np

from autogan_tf.config.errors import UserError

_BLOCK = 4096


def read_rows(x: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
    """A float64 copy of rows (a slice or indices) of [N, D]."""
    block = np.array(x[rows], np.float64)
    release(x)
    return block


def release(x: np.ndarray) -> None:
    """Lets go of what was read of a memory-mapped file; it stays in the system's cache and is read again when used.

    Without this a process that has read a file once counts as large as the file. Other arrays are left alone.
    """
    mapping = getattr(x, "_mmap", None)  # numpy's name for it, on slices too
    # A mapping that can be written to may hold changes that are nowhere else.
    if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED") and getattr(x, "mode", "") == "r":
        mapping.madvise(mmap.MADV_DONTNEED)


def require_finite(x: np.ndarray, name: str = "features") -> None:
    """Raises UserError, with the number of rows, if rows [N, D] hold NaN or infinity."""
    bad = 0
    for start in range(0, len(x), _BLOCK):
        block = x[start : start + _BLOCK]
        if not np.isfinite(block).all():
            bad += int((~np.isfinite(block).all(axis=1)).sum())
        release(x)
    if bad:
        raise UserError(f"{name} must be finite, got {bad} of {len(x)} rows with NaN or infinity")


def require_features(x: np.ndarray, *, name: str, at_least: int, num_features: int | None = None) -> np.ndarray:
    """The array itself after checks; a memory map stays one.

    Args:
      x: [N, D], D >= 1, real numbers.
      name: for messages.
      at_least: the smallest N.
      num_features: the D that is required; None for any.

    Raises:
      ValueError: another rank, D or dtype.
      UserError: fewer rows than `at_least`, or NaN or infinity.
    """
    x = np.asanyarray(x)
    if x.ndim != 2 or x.shape[1] < 1:
        raise ValueError(f"{name} must have shape [images, features], got {list(x.shape)}")
    if x.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be real numbers, got dtype {x.dtype}")
    if num_features is not None and x.shape[1] != num_features:
        raise ValueError(f"{name} must have {num_features} features, as the other set, got {x.shape[1]}")
    if len(x) < at_least:
        raise UserError(f"{name}: at least {at_least} images are needed, got {len(x)}")
    require_finite(x, name)
    return x
