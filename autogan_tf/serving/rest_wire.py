"""The client's requests over REST."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
import requests

from autogan_tf.config.errors import UserError
from autogan_tf.serving.wire import Unavailable

_TYPES = {"DT_FLOAT": "float32", "DT_INT64": "int64", "DT_INT32": "int32", "DT_STRING": "string"}


class RestWire:
    """See `client.Wire`; `url` is http://host:port, `timeout` in seconds."""

    def __init__(self, url: str, *, model: str, timeout: float) -> None:
        self._server, self._model, self._timeout = url, model, timeout
        self._url = f"{url}/v1/models/{quote(model, safe='')}"
        self._session = requests.Session()
        self._types: dict[str, dict[str, str]] = {}

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a signature."""
        if signature not in self._types:
            known = self.metadata().get(signature)
            if known is None:
                raise UserError(f"the model {self._model} of {self._server} has no signature {signature!r}")
            self._types[signature] = {name: kind for name, (kind, _) in known["outputs"].items()}
        types = self._types[signature]
        document = {"signature_name": signature, "inputs": {name: array.tolist() for name, array in inputs.items()}}
        outputs = self._asked("POST", f"{self._url}:predict", json=document)["outputs"]
        columns = outputs if len(types) > 1 else {next(iter(types)): outputs}
        return {name: _array(value, types[name]) for name, value in columns.items()}

    def metadata(self) -> dict[str, Any]:
        """The signatures."""
        answer = self._asked("GET", f"{self._url}/metadata")
        return {
            name: {side: {key: _spec(info) for key, info in definition[side].items()} for side in ("inputs", "outputs")}
            for name, definition in answer["metadata"]["signature_def"]["signature_def"].items()
            if not name.startswith("__")
        }

    def status(self) -> dict[int, str]:
        """Version -> state."""
        answer = self._asked("GET", self._url)
        return {int(one["version"]): one["state"] for one in answer["model_version_status"]}

    def _asked(self, method: str, url: str, **content: Any) -> dict[str, Any]:
        try:
            answer = self._session.request(method, url, timeout=self._timeout, **content)
        except requests.ConnectionError as error:
            raise Unavailable(_reason(error)) from None
        except requests.Timeout:
            raise UserError(f"{self._server} did not answer within {self._timeout:g} seconds") from None
        except requests.RequestException as error:
            raise UserError(f"{self._server} cannot be asked: {error}") from None
        try:
            document = _parsed(answer)
        except ValueError:
            document = {"error": answer.text[:200]}
            if answer.status_code == 200:
                raise UserError(f"{self._server} is no TF Serving: it answers {answer.text[:60]!r}") from None
        if answer.status_code == 200:
            return document
        said = document.get("error", "") if isinstance(document, dict) else ""
        if answer.status_code in (429, 502, 503):
            raise Unavailable(said or answer.reason)
        if answer.status_code == 404:
            raise UserError(f"{self._server} has no model {self._model!r}: {said}")
        if answer.status_code == 504:
            raise UserError(f"{self._server} gave the request up: {said}")
        raise UserError(f"{self._server} refused the request ({answer.status_code}): {said}")


def _parsed(answer: requests.Response) -> Any:
    """The document; ValueError where it is none."""
    try:
        return orjson.loads(answer.content)
    except ValueError:  # it may hold NaN, which TF Serving writes though JSON does not know it
        return answer.json()


def _spec(info: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    shape = tuple(int(dim["size"]) for dim in info["tensor_shape"].get("dim", []))
    return _TYPES.get(info["dtype"], info["dtype"]), shape


def _array(value: Any, type_name: str) -> np.ndarray:
    """A JSON value of an answer as an array; {"b64": …} as bytes."""
    return np.array(_bytes(value), object) if type_name == "string" else np.array(value, type_name)


def _bytes(part: Any) -> Any:
    if isinstance(part, list):
        return [_bytes(one) for one in part]
    return base64.b64decode(part["b64"]) if isinstance(part, dict) else str(part).encode()


def _reason(error: requests.ConnectionError) -> str:
    text = str(error)
    return "connection refused" if "refused" in text else text.split("\n")[0][:200]
