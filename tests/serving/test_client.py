"""The client against the local server, by both protocols, and against servers that misbehave."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import socket
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from autogan_tf.config.errors import UserError
from autogan_tf.serving import client as client_module
from autogan_tf.serving.client import Client


@pytest.fixture(params=["http", "grpc"])
def connect(request):
    """connect(server, …) -> a Client of its only model."""

    def connect(server, **options) -> Client:
        url = server.rest if request.param == "http" else f"grpc://{server.grpc}"
        return Client(url, **({"model": server.model.name} | options))

    return connect


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_images_of_seeds(connect, server, signed):
    client = connect(server)
    expected = signed("sample", seed=tf.constant([4, 2**40, 4], tf.int64))["png_bytes"].tolist()
    assert client.sample_png([4, 2**40, 4]) == expected
    images = client.sample([4, 2**40, 4])
    assert images.dtype == np.uint8 and images.shape == (3, 8, 8, 1)
    np.testing.assert_array_equal(images[1, ..., 0], pixels(expected[1]))


def test_images_of_latents(connect, server, plain, latents):
    images = connect(server).images(latents)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, plain(latents, training=False), atol=1e-6)


def test_classes(connect, server_of_classes, signed, conditional, latents):
    client = connect(server_of_classes)
    expected = signed("sample", seed=tf.constant([1, 1], tf.int64), label=tf.constant([0, 2]))["png_bytes"].tolist()
    assert client.sample_png([1, 1], labels=[0, 2]) == expected
    np.testing.assert_allclose(
        client.images(latents[:2], labels=[0, 2]), conditional(latents[:2], tf.constant([0, 2])), atol=1e-6
    )
    with pytest.raises(UserError, match="a label for each of the 2 seeds, got 1"):
        client.sample([1, 1], labels=[0])
    with pytest.raises(UserError, match="label must be from 0 to 2"):
        client.sample([1], labels=[3])


def test_what_a_server_tells_of_itself(connect, server):
    client = connect(server)
    assert client.status() == {1: "AVAILABLE"}
    found = client.signatures()
    assert set(found) == {"serving_default", "png", "sample", "interpolate"}
    assert found["sample"]["inputs"] == {"seed": ("int64", (-1,))}
    assert found["serving_default"]["outputs"] == {"images": ("float32", (-1, 8, 8, 1))}


def test_a_long_list_is_asked_for_in_parts_that_fit_a_message(connect, server, signed, monkeypatch):
    monkeypatch.setattr(client_module, "_SMALL_MESSAGE", 3000)  # 8 x 8 pixels, 200 bytes more, and a latent: 284
    client, sizes = connect(server), []
    predict = client.predict
    monkeypatch.setattr(client, "predict", lambda name, **inputs: (sizes.append(len(inputs["seed"])),
                                                                   predict(name, **inputs))[1])  # fmt: skip
    found = client.sample_png(range(25))
    assert sizes == [10, 10, 5]
    assert found == signed("sample", seed=tf.range(25, dtype=tf.int64))["png_bytes"].tolist()


def test_no_message_has_more_rows_than_a_server_takes():
    assert [part.stop - part.start for part in client_module._parts(300, 100, 128)] == [128] * 3
    assert list(client_module._parts(2, 10**9, 128)) == [slice(0, 1), slice(1, 2)]


def test_errors_say_what_was_wrong(connect, server):
    with pytest.raises(UserError, match="has no model 'other'.*other"):
        connect(server, model="other").sample([1])
    with pytest.raises(UserError, match="refused the request.*shape"):
        connect(server).predict("png", z=np.zeros([1, 4], np.float32))
    with pytest.raises(UserError, match="at least one seed, got none"):
        connect(server).sample([])
    with pytest.raises(UserError, match="paint"):
        connect(server).predict("paint", z=np.zeros([1, 4], np.float32))


def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_not_there_is_tried_again_with_growing_pauses(scheme):
    pauses: list[float] = []
    client = Client(f"{scheme}://127.0.0.1:{closed_port()}", attempts=4, sleep=pauses.append)
    with pytest.raises(UserError, match="unavailable in 4 attempts.*is it running"):
        client.status()
    assert len(pauses) == 3
    assert all(0.5 * 0.1 * 2**n <= pause <= 1.5 * 0.1 * 2**n for n, pause in enumerate(pauses))


def test_a_server_that_comes_back_answers(connect, server, monkeypatch):
    client, calls = connect(server, sleep=lambda seconds: None), []
    status = client._wire.status

    def unwell():
        calls.append(1)
        if len(calls) < 3:
            raise client_module.Unavailable("starting")
        return status()

    monkeypatch.setattr(client._wire, "status", unwell)
    assert client.status() == {1: "AVAILABLE"} and len(calls) == 3


class Unwell(model_service_pb2_grpc.ModelServiceServicer, prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers its first call for the status with an error, and notes how many seconds each may take."""

    def __init__(self, code: grpc.StatusCode, said: str) -> None:
        self.code, self.said = code, said
        self.seconds: list[float] = []

    def GetModelStatus(self, request, context):
        self.seconds.append(context.time_remaining())
        if len(self.seconds) == 1:
            context.abort(self.code, self.said)
        return get_model_status_pb2.GetModelStatusResponse()

    def GetModelMetadata(self, request, context):
        """As TF Serving has it, with a signature that is nobody's business."""
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name in ("png", "__saved_model_init_op"):
            signatures.signature_def[name].SetInParent()
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signatures)
        return response


@contextlib.contextmanager
def unwell(code: grpc.StatusCode = grpc.StatusCode.UNKNOWN, said: str = "") -> Iterator[tuple[Unwell, Client]]:
    servicer = Unwell(code, said)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield servicer, Client(f"grpc://127.0.0.1:{port}", timeout=25, sleep=lambda seconds: None)
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("code", "said", "message"),
    [
        ("UNAVAILABLE", "loading", None),
        ("RESOURCE_EXHAUSTED", "too many requests are waiting", None),
        ("RESOURCE_EXHAUSTED", "Received message larger than max (9 vs. 3)", "refused the request.*larger than max"),
        ("DEADLINE_EXCEEDED", "", "did not answer within 25 seconds"),
        ("INTERNAL", "oh", r"refused the request \(INTERNAL\): oh"),
    ],
)
def test_which_errors_are_tried_again(code, said, message):
    with unwell(grpc.StatusCode[code], said) as (servicer, client):
        if message is None:
            assert client.status() == {}
        else:
            with pytest.raises(UserError, match=message):
                client.status()
    assert len(servicer.seconds) == (2 if message is None else 1)
    assert all(20 < seconds < 26 for seconds in servicer.seconds)


def test_signatures_that_are_nobodys_business_are_left_out():
    with unwell() as (_, client):
        assert client.signatures() == {"png": {"inputs": {}, "outputs": {}}}


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_never_answers_is_given_up_in_time(scheme):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        client = Client(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5, attempts=1)
        with pytest.raises(UserError, match="within 0.5 seconds|unavailable"):
            client.status()


@pytest.mark.parametrize(
    "url",
    ["localhost:8501", "ftp://x", "http://", "http://host:1/v1/models/x", "http://x:abc", "http://x:99999", "http://[::1"],
)
def test_a_url_of_another_kind_is_refused(url):
    with pytest.raises(UserError, match="http://HOST:PORT"):
        Client(url)
