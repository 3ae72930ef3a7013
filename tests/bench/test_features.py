"""The bench's mean features, from rows to what a strategy reads."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.bench import features
from autogan_tf.config.errors import UserError


def test_what_is_packed_is_read_with_three_digits(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"tokens": [place, 0], "seed": 0, "failure": "", "mean": rng.normal(0, 3, 5).tolist()} for place in (3, 1)]
    more = [rows[0] | {"seed": 1, "mean": [9.0] * 5}, rows[0] | {"mean": [8.0] * 5}]
    failed = {"tokens": [2, 0], "seed": 0, "failure": "NaN"}
    (tmp_path / features.FILE).write_bytes(features.packed([*rows, *more, failed]))
    found = features.load(tmp_path)
    assert list(found) == [(1, 0), (3, 0)]
    for row in rows:
        assert found[tuple(row["tokens"])] == pytest.approx(row["mean"], rel=1e-3)
        assert found[tuple(row["tokens"])].dtype == np.float32


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no more"])
def test_a_file_that_is_missing_or_damaged_is_one_error(tmp_path, content):
    if content is not None:
        (tmp_path / features.FILE).write_bytes(content)
    with pytest.raises(UserError, match="no mean features in" if content is None else "cannot read"):
        features.load(tmp_path)
