"""The local server's gRPC services, asked with TF Serving's own stubs over a real socket."""

from __future__ import annotations

import json
import subprocess
import sys

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def asking(inputs=None, *, name="plain", signature="", version=None, outputs=()) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name, request.model_spec.signature_name = name, signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in (inputs or {}).items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def refused(call, request, code: grpc.StatusCode) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=120)
    assert caught.value.code() == code
    return caught.value.details()


SEEDS = {"seed": np.array([3, 4], np.int64)}


def test_predict(stub, plain, latents, signed):
    answer = stub.Predict(asking({"z": latents}), timeout=120)
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["images"]), plain(latents, training=False), atol=1e-6)
    spec = answer.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("plain", "serving_default", 1)
    answer = stub.Predict(asking(SEEDS, signature="sample", version=1), timeout=120)
    expected = signed("sample", seed=tf.constant(SEEDS["seed"]))
    assert tf.make_ndarray(answer.outputs["png_bytes"]).tolist() == expected["png_bytes"].tolist()
    assert set(answer.outputs) == {"png_bytes", "z"}
    assert set(stub.Predict(asking(SEEDS, signature="sample", outputs=["z"]), timeout=120).outputs) == {"z"}


@pytest.mark.parametrize(
    ("request_of", "code", "said"),
    [
        ({"name": "other"}, "NOT_FOUND", "Servable not found for request: Latest(other)"),
        ({"inputs": SEEDS, "signature": "sample", "version": 9}, "NOT_FOUND", "Specific(plain, 9)"),
        ({"signature": "paint"}, "FAILED_PRECONDITION", 'Serving signature key "paint" not found.'),
        ({"signature": "sample"}, "INVALID_ARGUMENT", "0!=1 len({}) != len({seed}). Sent extra: {}. Missing but requ"),
        ({"inputs": SEEDS, "signature": "png"}, "INVALID_ARGUMENT", "Sent extra: {seed}. Missing but required: {z}."),
        ({"inputs": SEEDS, "signature": "sample", "outputs": ["x"]}, "INVALID_ARGUMENT", "expected to be in the set"),
        ({"inputs": SEEDS, "signature": "sample", "outputs": ["z", "z"]}, "INVALID_ARGUMENT", "duplicate output"),
        ({"inputs": {"seed": np.int32([1])}, "signature": "sample"}, "INVALID_ARGUMENT", "must be int64, got int32"),
        ({"inputs": {"z": np.zeros([2, 4], np.float32)}}, "INVALID_ARGUMENT", "shape [N, 5], got [2, 4]"),
        ({"inputs": {"z": np.zeros([0, 5], np.float32)}}, "INVALID_ARGUMENT", "the batch is empty"),
        ({"inputs": {"z": np.float32(1)}}, "INVALID_ARGUMENT", "got []"),
        ({"inputs": {"z": np.full([1, 5], np.nan, np.float32)}}, "INVALID_ARGUMENT", "NaN or infinite"),
        ({"inputs": {"z": np.zeros([99, 5], np.float32)}}, "INVALID_ARGUMENT", "at most 64 rows, got 99"),
        ({"inputs": {"z": np.zeros([65000, 5], np.float32)}}, "RESOURCE_EXHAUSTED", "larger than max"),
    ],
)
def test_bad_requests_are_one_error_each_and_the_server_goes_on(stub, request_of, code, said):
    assert said in refused(stub.Predict, asking(**request_of), grpc.StatusCode[code])
    assert stub.Predict(asking(SEEDS, signature="sample"), timeout=120).outputs


@pytest.mark.parametrize("size", [-1, -(2**62), 2**40])
def test_a_tensor_whose_shape_lies_is_refused(stub, size):
    request = asking(SEEDS, signature="sample")
    request.inputs["seed"].tensor_shape.dim[0].size = size
    said = refused(stub.Predict, request, grpc.StatusCode.INVALID_ARGUMENT)
    assert "shape [N], got" in said if size < 0 else "at most 64 rows" in said
    assert stub.Predict(asking(SEEDS, signature="sample"), timeout=120).outputs


def test_values_that_do_not_fill_the_shape_are_refused(stub):
    request = asking(SEEDS, signature="sample")
    request.inputs["seed"].tensor_shape.dim[0].size = 3
    assert "no tensor" in refused(stub.Predict, request, grpc.StatusCode.INVALID_ARGUMENT)


def test_other_calls_of_the_service_are_not_implemented(stub):
    from tensorflow_serving.apis import classification_pb2

    assert refused(stub.Classify, classification_pb2.ClassificationRequest(), grpc.StatusCode.UNIMPLEMENTED)


def test_metadata(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "plain"
    answer = stub.GetModelMetadata(request, timeout=120)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("plain", 1)
    assert set(found.signature_def) == {"serving_default", "png", "sample", "interpolate"}
    request.metadata_field[:] = ["weights"]
    assert "weights is not supported" in refused(stub.GetModelMetadata, request, grpc.StatusCode.INVALID_ARGUMENT)
    request.metadata_field[:] = []
    assert "must be given" in refused(stub.GetModelMetadata, request, grpc.StatusCode.INVALID_ARGUMENT)
    request.metadata_field[:] = ["signature_def"]
    request.model_spec.version.value = 2
    assert "Specific(plain, 2)" in refused(stub.GetModelMetadata, request, grpc.StatusCode.NOT_FOUND)


def test_status(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "plain"
    (status,) = stub.GetModelStatus(request, timeout=120).model_version_status
    assert (status.version, status.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    request.model_spec.version.value = 2
    assert "version 2" in refused(stub.GetModelStatus, request, grpc.StatusCode.NOT_FOUND)
    request.model_spec.version_label = "stable"
    assert "no version labels" in refused(stub.GetModelStatus, request, grpc.StatusCode.INVALID_ARGUMENT)


OTHER_CLIENT = """
import json, sys
import numpy as np
from ovmsclient import make_grpc_client, make_http_client
address, found = sys.argv[2], []
client = make_grpc_client(address) if sys.argv[1] == "grpc" else make_http_client(address)
status = client.get_model_status("plain")
metadata = client.get_model_metadata("plain")
images = client.predict({"z": np.zeros([3, 5], np.float32)}, "plain")
try:
    client.predict({"z": np.zeros([3, 5], np.float32)}, "other")
except Exception as error:
    problem = type(error).__name__
if "inputs" in metadata:
    width = metadata["inputs"]["z"]["shape"][1]
else:  # over REST it takes only OpenVINO's camelCase apart
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    width = int(signature["inputs"]["z"]["tensor_shape"]["dim"][1]["size"])
print(json.dumps([status[1]["state"], width, np.asarray(images).tolist(), problem]))
"""


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_client_that_somebody_else_wrote(server, plain, protocol):
    """ovmsclient, of OpenVINO's model server, in a process of its own: it brings its own stubs."""
    address = server.grpc if protocol == "grpc" else server.rest.removeprefix("http://")
    words = [sys.executable, "-c", OTHER_CLIENT, protocol, address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    state, width, images, problem = json.loads(done.stdout)
    assert (state, width, problem) == ("AVAILABLE", 5, "ModelNotFoundError")
    np.testing.assert_allclose(images, plain(np.zeros([3, 5], np.float32), training=False), atol=1e-6)
