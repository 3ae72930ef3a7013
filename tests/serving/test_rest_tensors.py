"""Answers in TF Serving's JSON, by hand: numbers, bytes, rows and columns, and what JSON has no numbers for."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from autogan_tf.serving import rest_tensors
from autogan_tf.serving.request_error import RequestError

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


def read(value, dtype: tf.DType) -> np.ndarray:
    info = meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum)
    arrays, _ = rest_tensors.inputs({"instances": value}, {"x": info})
    return arrays["x"]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (tf.float32, [[16777215, -16777215], [0.5, 1e38]]),  # 2 to the 24 less 1: the last odd one that float32 has
        (tf.int32, [2**31 - 1, -(2**31)]),
        (tf.int64, [2**62, -1]),
    ],
)
def test_numbers_are_read_as_they_stand(dtype, value):
    found = read(value, dtype)
    assert found.dtype == dtype.as_numpy_dtype
    np.testing.assert_array_equal(found, np.array(value, dtype.as_numpy_dtype))


def test_texts_and_bytes_are_read():
    found = read([["ä", {"b64": "YWI="}], ["", "YWI="]], tf.string)
    assert found.dtype == object and found.tolist() == [["ä".encode(), b"ab"], [b"", b"YWI="]]


@pytest.mark.parametrize(
    ("dtype", "leaf"),
    [
        *((tf.float32, leaf) for leaf in (2**24, -(2**24), 1e39, -1e39, True, "1", None, {"b64": "YWI="})),
        *((tf.int32, leaf) for leaf in (2**31, -(2**31) - 1, 1.0, False, "1", None)),
        *((tf.string, leaf) for leaf in (1, None, {"b64": 1}, {"b64": "YWI=", "x": 1}, {"b64": "Y"})),
    ],
)
def test_what_does_not_fit_the_type_is_refused(dtype, leaf):
    with pytest.raises(RequestError) as caught:
        read([leaf], dtype)
    assert caught.value.http_status == 400
