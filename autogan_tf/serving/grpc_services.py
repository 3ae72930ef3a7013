"""TF Serving's gRPC services, of what they offer: predict, metadata and status."""

from __future__ import annotations

from typing import NoReturn, TypeAlias

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from autogan_tf.serving.request_error import RequestError, invalid
from autogan_tf.serving.served_model import ServedModel
from autogan_tf.serving.served_version import DEFAULT_SIGNATURE, ServedVersion

Context: TypeAlias = "grpc.aio.ServicerContext"


def add_to(server: grpc.aio.Server, model: ServedModel) -> None:
    """Adds both services for `model`."""
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(model), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(model), server)


def metadata(model: ServedModel, version: ServedVersion) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """The signatures of a version."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = version.number
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in version.signature_defs.items():
        signatures.signature_def[name].CopyFrom(definition)
    response.metadata["signature_def"].Pack(signatures)
    return response


def _asked(spec: model_pb2.ModelSpec) -> tuple[str, int | None]:
    if spec.WhichOneof("version_choice") == "version_label":
        raise invalid(f"this server knows no version labels, got {spec.version_label!r}; give a number")
    return spec.name, spec.version.value if spec.HasField("version") else None


async def _abort(context: Context, error: RequestError) -> NoReturn:
    await context.abort(error.code, error.message)
    raise AssertionError("abort returned")


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: ServedModel) -> None:
        self._model = model

    async def Predict(self, request: predict_pb2.PredictRequest, context: Context) -> predict_pb2.PredictResponse:
        """Outputs for inputs, of which `output_filter` may choose some."""
        try:
            version = self._model.check(*_asked(request.model_spec))
            signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
            if signature not in version.signature_defs:
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.'
                )
            wanted = _wanted(request, version, signature)
            # first, as a few bytes can stand for a tensor of any size
            shapes = {name: [dim.size for dim in value.tensor_shape.dim] for name, value in request.inputs.items()}
            self._model.check_sizes(version, signature, shapes)
            try:
                inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            except (TypeError, ValueError) as error:  # more or fewer values than its shape says
                raise invalid(f"an input is no tensor: {error}") from None
            outputs = await self._model.predict(version, signature, inputs, timeout=context.time_remaining())
        except RequestError as error:
            await _abort(context, error)
        response = predict_pb2.PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = self._model.name, signature
        response.model_spec.version.value = version.number
        for name in wanted:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: Context
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The field signature_def."""
        try:
            unknown = [field for field in request.metadata_field if field != "signature_def"]
            if unknown or not request.metadata_field:
                shown = f"{unknown[0]} is not supported" if unknown else "must be given"
                raise invalid(f"Metadata field {shown}; supported is signature_def")
            return metadata(self._model, self._model.check(*_asked(request.model_spec)))
        except RequestError as error:
            await _abort(context, error)


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, model: ServedModel) -> None:
        self._model = model

    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: Context
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """States of the versions."""
        try:
            return self._model.status(*_asked(request.model_spec))
        except RequestError as error:
            await _abort(context, error)


def _wanted(request: predict_pb2.PredictRequest, version: ServedVersion, signature: str) -> list[str]:
    """Names of the outputs that are asked for: all, where none is named."""
    there = list(version.signature_defs[signature].outputs)
    for name in request.output_filter:
        if name not in there:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{{{','.join(sorted(there))}}}."
            )
    if len(set(request.output_filter)) < len(request.output_filter):
        raise invalid("duplicate output tensor alias")
    return list(request.output_filter) or there
