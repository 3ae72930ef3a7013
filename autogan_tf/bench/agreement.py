"""How far repeated measurements tell things apart: how much of their variance is noise."""

from __future__ import annotations

import numpy as np


def intraclass_correlation(values: np.ndarray) -> float:
    """Share of the variance that lies between rows, of one measurement: ICC(3,1), consistency in two-way layouts.

    What a column adds to all of its rows does not count: only differences within a column are compared.

    Args:
      values: float [n, k] of n >= 2 things, each measured k >= 2 times, in the same k circumstances (seeds).

    Returns:
      At most 1, where all columns agree; about 0 where they have nothing in common; nan where nothing differs.

    Raises:
      ValueError: fewer rows or columns.

    Source: Shrout and Fleiss 1979, "Intraclass correlations: uses in assessing rater reliability", table 2 and case 3.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"values must be of at least 2 things and 2 measurements of each, got shape {values.shape}")
    n, k = values.shape
    of_rows = values.mean(axis=1, keepdims=True)
    rest = values - of_rows - values.mean(axis=0, keepdims=True) + values.mean()
    between = k * np.sum((of_rows - values.mean()) ** 2) / (n - 1)
    within = np.sum(rest**2) / ((n - 1) * (k - 1))
    total = between + (k - 1) * within
    return float((between - within) / total) if total else float("nan")
