"""metrics.jsonl line by line."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.tensorboard_log import TensorBoardLog


def strict(text: str):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def lines(folder: RunFolder) -> list[dict]:
    return [strict(line) for line in folder.metrics_file.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def test_a_line_holds_step_phase_time_and_the_numbers(folder):
    before = time.time()
    with MetricsLog(folder) as log:
        log.write(step=3, phase="search", numbers={"best": 1.5, "stage": 2, "collapsed": True, "name": "0 1"})
    (row,) = lines(folder)
    assert list(row) == ["step", "phase", "time", "best", "stage", "collapsed", "name"]
    assert abs(row.pop("time") - before) < 60
    assert row == {"step": 3, "phase": "search", "best": 1.5, "stage": 2, "collapsed": True, "name": "0 1"}


def test_every_line_is_on_disk_at_once(folder):
    with MetricsLog(folder) as log:
        for step in range(3):
            log.write(step=step, phase="train", numbers={"d_loss": 0.1 * step})
            assert len(lines(folder)) == step + 1


def test_what_is_not_finite_becomes_null(folder):
    with MetricsLog(folder) as log:
        numbers = {"a": float("nan"), "b": float("inf"), "rewards": {"0 1": float("-inf"), "1 0": 2.0}}
        log.write(step=0, phase="search", numbers=numbers | {"policy": [[0.5, float("nan")], [1.0]]})
    (row,) = lines(folder)
    assert (row["a"], row["b"], row["rewards"]) == (None, None, {"0 1": None, "1 0": 2.0})
    assert row["policy"] == [[0.5, None], [1.0]]


def test_six_digits_are_kept(folder):
    with MetricsLog(folder) as log:
        log.write(step=0, phase="search", numbers={"a": 1 / 3, "b": 123456.789, "c": [[1.23456789e-9]]})
    (row,) = lines(folder)
    assert (row["a"], row["b"], row["c"]) == (0.333333, 123457.0, [[1.23457e-9]])


def test_what_numpy_calls_a_number_is_one_and_the_lines_own_names_stay(folder):
    told = {"half": np.float32(0.5), "none": np.float64("nan"), "count": np.int64(3), "row": (1.0, float("inf")),
            "array": np.array([1, 2]), "step": 7, "phase": "other", "time": 0}  # fmt: skip
    with MetricsLog(folder) as log:
        log.write(step=1, phase="strategy", numbers=told)
    (row,) = lines(folder)
    assert row.pop("time") > 0
    assert row == {"step": 1, "phase": "strategy", "half": 0.5, "none": None, "count": 3, "row": [1.0, None],
                   "array": [1, 2]}  # fmt: skip


def test_a_row_after_one_that_was_cut_begins_a_line(folder):
    with MetricsLog(folder) as log:
        log.write(step=0, phase="train", numbers={"d_loss": 0.5})
    whole = folder.metrics_file.read_text()
    for cut in (whole[:-9], whole[:-1]):
        folder.metrics_file.write_text(cut)
        with MetricsLog(folder) as log:
            log.write(step=1, phase="train", numbers={})
        first, second = folder.metrics_file.read_text().splitlines()
        assert first == cut and strict(second)["step"] == 1


def test_a_second_log_appends(folder):
    for step in range(2):
        with MetricsLog(folder) as log:
            log.write(step=step, phase="search", numbers={})
    assert [row["step"] for row in lines(folder)] == [0, 1]


def test_a_run_that_failed_is_marked_as_such(folder, monkeypatch):
    ends: list[bool] = []
    monkeypatch.setattr(TensorBoardLog, "close", lambda self, *, complete: ends.append(complete))
    with MetricsLog(folder):
        pass
    with pytest.raises(KeyError), MetricsLog(folder):
        raise KeyError
    assert ends == [True, False]
