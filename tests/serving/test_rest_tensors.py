"""Answers in TF Serving's JSON, by hand: numbers, bytes, rows and columns, and what JSON has no numbers for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autogan_tf.serving import rest_tensors

NUMBERS = np.array([[0.1, -1.0], [3e-8, 16777216.0]], np.float32)
FILES = np.array([b"ab", b"c"], object)


def test_columns_and_rows():
    arrays = {"z": NUMBERS, "png_bytes": FILES, "step": np.array([1, 2], np.int64)}
    first, second = {"b64": "YWI="}, {"b64": "Yw=="}
    assert json.loads(rest_tensors.outputs(arrays, rows=False)) == {
        "outputs": {"z": [[0.1, -1.0], [3e-8, 16777216.0]], "png_bytes": [first, second], "step": [1, 2]}
    }
    assert json.loads(rest_tensors.outputs(arrays, rows=True)) == {
        "predictions": [
            {"z": [0.1, -1.0], "png_bytes": first, "step": 1},
            {"z": [3e-8, 16777216.0], "png_bytes": second, "step": 2},
        ]
    }


def test_one_output_stands_by_itself():
    assert json.loads(rest_tensors.outputs({"z": NUMBERS[:, :1]}, rows=True)) == {"predictions": [[0.1], [3e-8]]}
    assert json.loads(rest_tensors.outputs({"name": FILES}, rows=False)) == {"outputs": ["ab", "c"]}


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[::-1], lambda a: a.T])
def test_every_float32_comes_back_in_its_shortest_form(view):
    bits = np.random.default_rng(0).integers(0, 2**32, 3000, np.uint32).view(np.float32)
    array = view(bits[np.isfinite(bits)][:2000].reshape(50, 40))
    answer = rest_tensors.outputs({"z": array}, rows=False)
    np.testing.assert_array_equal(np.array(json.loads(answer)["outputs"], np.float32), array)
    assert len(answer) < 15 * array.size


def test_what_is_no_number_is_written_as_tf_serving_does():
    answer = rest_tensors.outputs({"z": np.array([0.1, np.nan, -np.inf], np.float32), "png_bytes": FILES}, rows=False)
    assert answer == b'{"outputs":{"z":[0.1,NaN,-Infinity],"png_bytes":[{"b64":"YWI="},{"b64":"Yw=="}]}}'
