"""The client's requests over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from autogan_tf.config.errors import UserError
from autogan_tf.serving.wire import Unavailable

_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


class GrpcWire:
    """See `client.Wire`; `address` is host:port, `timeout` in seconds."""

    def __init__(self, address: str, *, model: str, timeout: float) -> None:
        self._address, self._model, self._timeout = address, model, timeout
        channel = grpc.insecure_channel(address)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a signature."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model, signature
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        outputs = self._asked(self._predictions.Predict, request).outputs
        return {name: tf.make_ndarray(value) for name, value in outputs.items()}

    def metadata(self) -> dict[str, Any]:
        """The signatures."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._model
        found = get_model_metadata_pb2.SignatureDefMap()
        self._asked(self._predictions.GetModelMetadata, request).metadata["signature_def"].Unpack(found)
        return {
            name: {
                side: {key: _spec(info) for key, info in getattr(definition, side).items()}
                for side in ("inputs", "outputs")
            }
            for name, definition in found.signature_def.items()
            if not name.startswith("__")
        }

    def status(self) -> dict[int, str]:
        """Version -> state."""
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model
        names = get_model_status_pb2.ModelVersionStatus.State.Name
        answer = self._asked(self._models.GetModelStatus, request)
        return {one.version: names(one.state) for one in answer.model_version_status}

    def _asked(self, call: Callable, request: Any) -> Any:
        try:
            return call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, said = error.code(), error.details() or ""
            server = f"grpc://{self._address}"
            if code in _AGAIN and "larger than max" not in said:
                raise Unavailable(said.split("\n")[0][:200]) from None
            if code == grpc.StatusCode.NOT_FOUND:
                raise UserError(f"{server} has no model {self._model!r}: {said}") from None
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UserError(f"{server} did not answer within {self._timeout:g} seconds") from None
            raise UserError(f"{server} refused the request ({code.name}): {said}") from None


def _spec(info: Any) -> tuple[str, tuple[int, ...]]:
    return tf.as_dtype(info.dtype).name, tuple(dim.size for dim in info.tensor_shape.dim)
