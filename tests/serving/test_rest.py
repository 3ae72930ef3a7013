"""The local server's REST interface over a real socket: formats, errors and codes as TF Serving's."""

from __future__ import annotations

import base64
import concurrent.futures
import json
import re
import socket
import time

import numpy as np
import pytest
import requests
import tensorflow as tf

from tests.serving.running import running


def predict(server, **document) -> requests.Response:
    return requests.post(f"{server.url}:predict", json=document, timeout=120)


def error_of(answer: requests.Response, code: int) -> str:
    assert answer.status_code == code and answer.headers["Content-Type"].startswith("application/json")
    (key, text), = answer.json().items()
    assert key == "error" and "Traceback" not in text
    return text


def test_rows_and_columns_of_the_default_signature(server, plain, latents):
    expected = plain(latents, training=False).numpy()
    rows = predict(server, instances=latents.tolist())
    named = predict(server, instances=[{"z": row} for row in latents.tolist()])
    columns = predict(server, inputs=latents.tolist())
    by_name = predict(server, signature_name="serving_default", inputs={"z": latents.tolist()})
    for answer, key in ((rows, "predictions"), (named, "predictions"), (columns, "outputs"), (by_name, "outputs")):
        assert answer.status_code == 200 and list(answer.json()) == [key]
        np.testing.assert_allclose(answer.json()[key], expected, atol=1e-6)
    # the shortest decimals that are the same float32
    exact = np.float32(np.array(rows.json()["predictions"]))
    assert [str(value) for value in exact.reshape(-1)[:20]] == re.findall(r"-?\d[\d.e-]*", rows.text)[:20]


def test_bytes_come_in_base64_and_several_outputs_as_objects(server, signed):
    expected = signed("sample", seed=tf.constant([5, 6], tf.int64))
    rows = predict(server, signature_name="sample", instances=[5, 6]).json()["predictions"]
    columns = predict(server, signature_name="sample", inputs=[5, 6]).json()["outputs"]
    assert [base64.b64decode(row["png_bytes"]["b64"]) for row in rows] == expected["png_bytes"].tolist()
    assert [base64.b64decode(one["b64"]) for one in columns["png_bytes"]] == expected["png_bytes"].tolist()
    np.testing.assert_allclose([row["z"] for row in rows], expected["z"])
    np.testing.assert_allclose(columns["z"], expected["z"])


def test_labels_go_with_the_rows(server_of_classes, signed):
    expected = signed("sample", seed=tf.constant([5, 5], tf.int64), label=tf.constant([0, 2]))["png_bytes"]
    rows = [{"seed": 5, "label": 0}, {"label": 2, "seed": 5}]
    answer = predict(server_of_classes, signature_name="sample", instances=rows).json()["predictions"]
    assert [base64.b64decode(row["png_bytes"]["b64"]) for row in answer] == expected.tolist()
    said = error_of(predict(server_of_classes, signature_name="sample", inputs={"seed": [1], "label": [3]}), 400)
    assert "label must be from 0 to 2" in said


def test_status_and_metadata(server, plain_version):
    available = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in (server.url, f"{server.url}/versions/1"):
        assert requests.get(path, timeout=120).json() == {"model_version_status": [available]}
    found = requests.get(f"{server.url}/versions/1/metadata", timeout=120).json()
    assert found["model_spec"] == {"name": "plain", "signature_name": "", "version": "1"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) == {"serving_default", "png", "sample", "interpolate"}
    z = signatures["serving_default"]["inputs"]["z"]
    assert z["dtype"] == "DT_FLOAT" and [dim["size"] for dim in z["tensor_shape"]["dim"]] == ["-1", "5"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


ZEROS = [0.0] * 5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "The document is empty"),
        ('{"instances": ', "JSON Parse error"),
        ("[1, 2]", "Is not object"),
        ("[" * 100_000, "JSON Parse error"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"inputs": [ZEROS], "instances": [ZEROS]}, "only one of 'inputs' or 'instances'"),
        ({"instances": {"z": ZEROS}}, "to be an list/array"),
        ({"instances": []}, "No values in 'instances'"),
        ({"instances": [ZEROS], "signature_name": 3}, "'signature_name' key must be a string"),
        ({"instances": [ZEROS], "signature_name": "paint"}, 'Serving signature name: "paint" not found'),
        ({"instances": [[0.0] * 4]}, "z must have the shape [N, 5], got [1, 4]"),
        ({"instances": [0.0]}, "z must have the shape [N, 5], got [1]"),
        ({"instances": [ZEROS, [0.0]]}, "list at unexpected size: 1 at level: 1 expected size: 5"),
        ({"instances": [ZEROS, 0.0]}, "found at incorrect level: 2"),
        ({"instances": [[0] * 40_000] + [0] * 40_000}, "found at incorrect level: 2"),  # 13 GB, if that were believed
        ({"instances": [[0.0, 0, 0, 0, [0]]]}, "list at unexpected level"),
        ({"instances": [[0.0, 0, 0, 0, "a"]]}, '"a" of z is not of expected type: float32'),
        ({"instances": [[0.0, 0, 0, 0, True]]}, "true of z is not of expected type"),
        ({"instances": [[0.0, 0, 0, 0, None]]}, "null of z is not of expected type"),
        ({"instances": [[0.0, 0, 0, 0, 1e300]]}, "to float without loss of precision"),
        ('{"instances": [[0.0, 0, 0, 0, NaN]]}', "NaN or infinite"),
        ('{"instances": [[0.0, 0, 0, 0, -Infinity]]}', ""),
        ({"instances": [{"z": ZEROS}, ZEROS]}, "Expecting object but got list at item 1"),
        ({"instances": [{"z": ZEROS, "y": 1}]}, "keys must be equal to: z"),
        ({"instances": [{"y": ZEROS}]}, "keys must be equal to: z"),
        ({"inputs": {"y": [ZEROS]}}, "Missing named input: z"),
        ({"inputs": {"z": []}}, "z must have the shape [N, 5], got [0]"),
        ({"instances": [1.5], "signature_name": "sample"}, "1.5 of seed is not of expected type: int64"),
        ({"instances": [2**63], "signature_name": "sample"}, "of seed is not of expected type: int64"),
        ({"inputs": [], "signature_name": "sample"}, "the batch is empty"),
        ({"instances": list(range(65)), "signature_name": "sample"}, "at most 64 rows, got 65"),
        ({"instances": [1], "signature_name": "interpolate"}, "plain list, but expecting list of objects"),
        ({"inputs": [1], "signature_name": "interpolate"}, "expecting an object as multiple"),
        (
            {"inputs": {"z_start": [ZEROS], "z_end": [ZEROS] * 2, "steps": [2]}, "signature_name": "interpolate"},
            "equally many rows",
        ),
        (
            {"inputs": {"z_start": [ZEROS], "z_end": [ZEROS], "steps": [999]}, "signature_name": "interpolate"},
            "steps must be at most 256",
        ),
    ],
)
def test_bad_requests_are_one_error_each_and_the_server_goes_on(server, body, said):
    data = body if isinstance(body, str) else json.dumps(body)
    assert said in error_of(requests.post(f"{server.url}:predict", data=data, timeout=120), 400)
    assert predict(server, instances=[ZEROS]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "code", "said"),
    [
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/plain/versions/2", 404, "Could not find any versions"),
        ("GET", "/v1/models/plain/versions/2/metadata", 404, "Specific(plain, 2)"),
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/plain/versions/2:predict", 404, "Specific(plain, 2)"),
        ("POST", f"/v1/models/plain/versions/{10**30}:predict", 400, "Failed to convert version"),
        ("POST", f"/v1/models/plain/versions/{'9' * 5000}:predict", 400, "Failed to convert version"),
        ("POST", "/v1/models/plain/versions/-1:predict", 400, "Malformed request"),
        ("POST", "/v1/models/plain:classify", 400, "Expected classification signature"),
        ("GET", "/v1/models/plain:predict", 400, "Malformed request: GET /v1/models/plain:predict"),
        ("DELETE", "/v1/models/plain", 400, "Malformed request: DELETE"),
        ("GET", "/v1/models/..%2f..%2fetc", 400, "Malformed request"),
        ("GET", "/v2/models/plain", 404, "Not Found"),
    ],
)
def test_unknown_places(server, method, path, code, said):
    data = json.dumps({"instances": [ZEROS]}) if method == "POST" else None
    assert said in error_of(requests.request(method, server.rest + path, data=data, timeout=120), code)


def test_a_page_of_another_site_may_not_ask(server):
    body = json.dumps({"instances": [ZEROS]})
    for origin, code in (("http://evil.example", 403), (server.rest, 200)):
        answer = requests.post(f"{server.url}:predict", data=body, headers={"Origin": origin}, timeout=120)
        assert answer.status_code == code


def test_a_failure_of_the_server_is_an_error_in_json(plain_version, monkeypatch):
    with running(plain_version.parent) as server:
        monkeypatch.setattr(server.model.version, "run", lambda *given: 1 / 0)
        assert "the server failed" in error_of(predict(server, instances=[ZEROS]), 500)
        monkeypatch.undo()
        assert predict(server, instances=[ZEROS]).status_code == 200


def test_a_body_that_is_too_large_is_refused(server):
    answer = requests.post(f"{server.url}:predict", data=b"x" * 600_000, timeout=120)
    assert "Too Large" in error_of(answer, 413)
    assert predict(server, instances=[ZEROS]).status_code == 200


def test_a_client_that_sends_slowly_stops_nobody(plain_version):
    with running(plain_version.parent, timeout=1.0) as server:
        address = ("127.0.0.1", server.addresses.rest_port)
        with socket.create_connection(address, timeout=120) as slow:
            head = f"POST /v1/models/plain:predict HTTP/1.1\r\nHost: {address[0]}\r\nContent-Length: 100\r\n\r\n"
            slow.sendall(head.encode() + b'{"inst')
            assert predict(server, instances=[ZEROS]).status_code == 200
            answer = slow.recv(4096).decode()  # after a second
        assert answer.startswith("HTTP/1.1 504") and "the request was not there within 1 seconds" in answer


def test_an_answer_that_takes_too_long_is_given_up(plain_version, monkeypatch):
    with running(plain_version.parent, timeout=0.5) as server:
        run = server.model.version.run
        monkeypatch.setattr(server.model.version, "run", lambda *given: (time.sleep(1.5), run(*given))[1])
        assert "within 0.5 seconds" in error_of(predict(server, instances=[ZEROS]), 504)
        monkeypatch.undo()
        time.sleep(1.5)
        assert predict(server, instances=[ZEROS]).status_code == 200


def test_requests_that_wait_are_answered_together_each_with_its_own(plain_version, monkeypatch, signed):
    with running(plain_version.parent, max_rows=8) as server:
        run, sizes = server.model.version.run, []

        def slow(signature, inputs):
            sizes.append(len(inputs["seed"]))
            time.sleep(0.3)
            return run(signature, inputs)

        monkeypatch.setattr(server.model.version, "run", slow)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            asked = [[seed] for seed in range(11)] + [[100, 101, 102]]
            answers = list(pool.map(lambda seeds: predict(server, signature_name="sample", instances=seeds), asked))
    assert sum(sizes) == 14 and len(sizes) <= 5 and max(sizes) <= 8
    for seeds, answer in zip(asked, answers, strict=True):
        expected = signed("sample", seed=tf.constant(seeds, tf.int64))["png_bytes"].tolist()
        assert [base64.b64decode(row["png_bytes"]["b64"]) for row in answer.json()["predictions"]] == expected


def test_a_bad_request_in_a_batch_spoils_no_other(conditional_version, monkeypatch):
    with running(conditional_version.parent) as server:
        run = server.model.version.run
        monkeypatch.setattr(server.model.version, "run", lambda *given: (time.sleep(0.2), run(*given))[1])
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            rows = [{"seed": 1, "label": label} for label in (0, 1, 7, 2, -1, 0)]
            codes = [answer.status_code for answer in
                     pool.map(lambda row: predict(server, signature_name="png", instances=[row]), rows)]  # fmt: skip
            assert codes == [400] * 6  # png takes z
            codes = [answer.status_code for answer in
                     pool.map(lambda row: predict(server, signature_name="sample", instances=[row]), rows)]  # fmt: skip
    assert codes == [200, 200, 400, 200, 400, 200]


def test_a_full_queue_asks_to_come_again(plain_version, monkeypatch):
    with running(plain_version.parent, max_rows=1, max_waiting=2) as server:
        run = server.model.version.run
        monkeypatch.setattr(server.model.version, "run", lambda *given: (time.sleep(0.3), run(*given))[1])
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            codes = list(pool.map(lambda _: predict(server, instances=[ZEROS]).status_code, range(10)))
    assert set(codes) == {200, 503} and codes.count(200) >= 2
