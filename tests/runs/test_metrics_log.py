"""metrics.jsonl line by line, and the same numbers in TensorBoard's files."""

from __future__ import annotations

import json
import time

import pytest
import tensorflow as tf

from autogan_tf.runs.metrics_log import MetricsLog


def strict(text: str):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def lines(path) -> list[dict]:
    return [strict(line) for line in path.read_text().splitlines()]


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "run" / "metrics.jsonl", tmp_path / "run" / "tensorboard"


def test_a_line_holds_step_phase_time_and_the_numbers(paths):
    before = time.time()
    with MetricsLog(*paths) as log:
        log.write(step=3, phase="search", numbers={"best": 1.5, "stage": 2, "collapsed": True, "name": "0 1"})
    (row,) = lines(paths[0])
    assert list(row) == ["step", "phase", "time", "best", "stage", "collapsed", "name"]
    assert abs(row.pop("time") - before) < 60
    assert row == {"step": 3, "phase": "search", "best": 1.5, "stage": 2, "collapsed": True, "name": "0 1"}


def test_every_line_is_on_disk_at_once(paths):
    with MetricsLog(*paths) as log:
        for step in range(3):
            log.write(step=step, phase="train", numbers={"d_loss": 0.1 * step})
            assert len(lines(paths[0])) == step + 1


def test_what_is_not_finite_becomes_null(paths):
    with MetricsLog(*paths) as log:
        numbers = {"a": float("nan"), "b": float("inf"), "rewards": {"0 1": float("-inf"), "1 0": 2.0}}
        log.write(step=0, phase="search", numbers=numbers)
    (row,) = lines(paths[0])
    assert (row["a"], row["b"], row["rewards"]) == (None, None, {"0 1": None, "1 0": 2.0})


def test_six_digits_are_kept(paths):
    with MetricsLog(*paths) as log:
        log.write(step=0, phase="search", numbers={"a": 1 / 3, "b": 123456.789, "c": 1.5e-9})
    (row,) = lines(paths[0])
    assert (row["a"], row["b"], row["c"]) == (0.333333, 123457.0, 1.5e-9)


def test_a_second_log_appends(paths):
    for step in range(2):
        with MetricsLog(*paths) as log:
            log.write(step=step, phase="search", numbers={})
    assert [row["step"] for row in lines(paths[0])] == [0, 1]


def test_tensorboard_has_the_same_numbers(paths):
    with MetricsLog(*paths) as log:
        log.write(step=4, phase="search", numbers={"best": 1.5, "stage": 2, "name": "0 1", "rewards": {"a": 1.0}})
    (file,) = paths[1].iterdir()
    found = {
        value.tag: (event.step, float(tf.make_ndarray(value.tensor)))
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert found == {"search/best": (4, 1.5), "search/stage": (4, 2.0)}
