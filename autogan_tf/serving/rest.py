"""TF Serving's REST interface and the gallery page, as an application of aiohttp."""

from __future__ import annotations

import asyncio
import json
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from absl import logging
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import get_model_metadata_pb2

from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import bottom_width_of
from autogan_tf.runs import diagram
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.serving import grpc_services, rest_tensors
from autogan_tf.serving.request_error import RequestError, invalid
from autogan_tf.serving.served_model import ServedModel
from autogan_tf.serving.served_version import DEFAULT_SIGNATURE, ServedVersion

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]+))?(?P<method>/metadata|:predict|:classify|:regress)?",
    re.IGNORECASE,
)
_PAGE = pathlib.Path(__file__).with_name("gallery.html")
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"
_JSON = "application/json"
_SMALL = 64 * 1024  # bytes of a document
_Result = TypeVar("_Result")
_SHOWN = ("genotype", "checkpoint", "image_shape", "num_classes", "scores")


def application(model: ServedModel, *, max_request_bytes: int) -> web.Application:
    """The routes for one model; requests with a larger body are refused (413) before they are read."""
    app = web.Application(client_max_size=max_request_bytes, middlewares=[_errors])
    app.router.add_get("/", lambda request: _page())
    app.router.add_get("/gallery.json", lambda request: _described(model))
    app.router.add_route("*", "/v1/{rest:.*}", lambda request: _api(model, request))
    return app


async def _page() -> web.StreamResponse:
    return web.FileResponse(_PAGE, headers={"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY})


async def _described(model: ServedModel) -> web.Response:
    """What the page shows beside the pictures."""
    version = model.check(model.name, None)
    told = version.description
    document = {
        "model": model.name,
        "version": version.number,
        "max_rows": model.max_rows,
        "description": {key: told[key] for key in _SHOWN if key in told},  # not where and how the run was made
        "diagram": _diagram(told),
    }
    return web.json_response(document)


def _diagram(told: Mapping[str, Any]) -> str:
    """The architecture as SVG; empty where a description does not tell it."""
    try:
        genotype = Genotype.from_json(json.dumps(told["genotype"]))
        side, _, channels = told["image_shape"]
        bottom_width = bottom_width_of(side=side, num_cells=len(genotype.cells))
        return diagram.svg(genotype, bottom_width=bottom_width, channels=channels)
    except (UserError, KeyError, TypeError, ValueError):
        return ""


async def _api(model: ServedModel, request: web.Request) -> web.Response:
    found = _PATH.fullmatch(request.path)
    method = found["method"].lower() if found and found["method"] else ""
    if found is None or request.method != ("POST" if method.startswith(":") else "GET"):
        raise invalid(f"Malformed request: {request.method} {request.path}")
    if found["version"] and (len(found["version"]) > 19 or int(found["version"]) >= 2**63):
        raise invalid(f"Failed to convert version: {found['version'][:40]} to numeric.")
    asked = found["name"], int(found["version"]) if found["version"] else None
    if method == ":predict":
        return await _predict(model, asked, await model.within(request.read(), "the request"))
    if method:
        version = model.check(*asked)
        if method == "/metadata":
            return web.Response(body=_metadata(model, version), content_type=_JSON)
        kind = "classification" if method == ":classify" else "regression"
        raise invalid(
            f"Expected {kind} signature method_name to be tensorflow/serving/{method[1:]}. Was: "
            "tensorflow/serving/predict"
        )
    return web.json_response(_as_dict(model.status(*asked)))


async def _predict(model: ServedModel, asked: tuple[str, int | None], body: bytes) -> web.Response:
    def read() -> tuple[ServedVersion, str, dict[str, np.ndarray], bool]:
        document = rest_tensors.parse(body)
        signature = rest_tensors.signature_name(document) or DEFAULT_SIGNATURE
        version = model.check(*asked)
        return version, signature, *rest_tensors.inputs(document, version.inputs_of(signature))

    version, signature, inputs, rows = await _beside_others(len(body), read)
    outputs = await model.predict(version, signature, inputs)
    size = sum(array.nbytes for array in outputs.values())
    written = await _beside_others(size, lambda: rest_tensors.outputs(outputs, rows=rows))
    return web.Response(body=written, content_type=_JSON)


async def _beside_others(size: int, work: Callable[[], _Result]) -> _Result:
    """A large document takes a while, which other requests need not wait for; a small one takes less than a thread."""
    return work() if size < _SMALL else await asyncio.to_thread(work)


def _metadata(model: ServedModel, version: ServedVersion) -> bytes:
    response = grpc_services.metadata(model, version)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    document = {
        "model_spec": {"name": model.name, "signature_name": "", "version": str(version.number)},
        "metadata": {
            "signature_def": _as_dict(signatures)
        },
    }
    return json.dumps(document).encode()


@web.middleware
async def _errors(request: web.Request, handler) -> web.StreamResponse:
    """Errors as TF Serving writes them: {"error": "..."} with the status's HTTP code."""
    try:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(reason="requests of other sites' pages are refused")
        return await handler(request)
    except RequestError as error:
        return web.json_response({"error": error.message}, status=error.http_status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return web.json_response({"error": error.reason}, status=error.status)
    except Exception:  # a mistake of the server's: the client gets a status, the log what it was
        logging.exception("%s %s", request.method, request.path)
        return web.json_response({"error": "the server failed; its log tells more"}, status=500)


def _as_dict(message: Message) -> dict[str, Any]:
    """With fields that have their defaults, and names as in the definition; both by place, as protobuf renamed one."""
    found: dict[str, Any] = json_format.MessageToDict(message, True, True)
    return found
