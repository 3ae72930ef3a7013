"""What a search would have answered at which cost, and what a study says of many, by hand."""

from __future__ import annotations

import json

import pytest

from autogan_tf.bench import study_data
from autogan_tf.bench.study_data import Found
from autogan_tf.runs import history
from tests.runs import written_run


def run(folder, rows, **settings) -> history.History:
    written_run.write_config(folder, "search", settings)
    lines = [{"step": step, "phase": "strategy", "time": 1.0, "iteration": 0} | row for step, row in enumerate(rows)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return history.read(folder)


def row(trained, scored, rewards, **more) -> dict:
    return {"trained_images": trained, "scored_images": scored, "rewards": rewards, **more}


HOW = {"full_training": 100.0, "scored_image_cost": 0.5, "num_tokens": 4}


def test_the_best_so_far_of_those_trained_longest(tmp_path):
    rows = [
        row(25, 0, {"0 0 0 0 0 0 0 0 0": 9.0, "0 0": 9.0}),  # neither is a whole generator
        row(50, 20, {"0 0 0 0": 1.0, "0 0 0 1": 2.0}, trained_steps={"0 0 0 0": 10, "0 0 0 1": 10}),
        row(100, 40, {"0 0 1 0": 1.5}, trained_steps={"0 0 1 0": 10}),  # no better
        row(200, 60, {"0 0 1 1": -3.0}, trained_steps={"0 0 1 1": 30}),  # longer, and so it counts
        row(300, 60, {"1 0 1 1": 5.0, "1 0 0 0": None}, trained_steps={"1 0 1 1": 10, "1 0 0 0": 30}),
    ]
    found = study_data.incumbents(run(tmp_path, rows, estimation="table"), **HOW)
    assert found == [Found(0.6, (0, 0, 0, 1)), Found(2.3, (0, 0, 1, 1))]


def test_of_rewards_that_do_not_last_the_newest_step_counts(tmp_path):
    rows = [row(100, 0, {"0 0 0 0": 2.0}), row(200, 0, {"0 0 0 1": 1.0, "0 0 1 0": 0.5})]
    found = study_data.incumbents(run(tmp_path, rows, estimation="shared_weights"), **HOW)
    assert found == [Found(1.0, (0, 0, 0, 0)), Found(2.0, (0, 0, 0, 1))]


def test_a_curve_steps_where_something_was_found():
    found = [Found(1.5, (1,)), Found(2.0, (2,)), Found(2.0, (3,))]
    values = study_data.curve(found, [1.0, 1.5, 2.0, 9.0], lambda tokens: float(tokens[0]))
    assert values[1:] == [1.0, 3.0, 3.0] and values[0] != values[0]


def test_a_study_is_its_medians_and_bands_and_pairs():
    nan = float("nan")
    curves = {
        "a": {7: [nan, 1.0, 0.0], 8: [2.0, 2.0, 1.0], 9: [3.0, 3.0, 2.0]},
        "b": {7: [9.0, 5.0, 5.0], 8: [9.0, 6.0, 6.0], 9: [9.0, 7.0, 7.0]},
    }
    found = study_data.document(
        curves, [1.0, 2.0, 3.0], measure="distance", failed=["c ended with code 1"], settings={"seeds": 3}
    )
    assert found["groups"]["a"]["median"] == [None, 2.0, 1.0] and found["groups"]["a"]["end"] == [0, 1, 2]
    assert found["groups"]["a"]["low"] == [None, pytest.approx(1.1), pytest.approx(0.1)]
    assert found["groups"]["b"]["high"] == [9, pytest.approx(6.9), pytest.approx(6.9)]
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["better"]) == ("a", "b", 1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
