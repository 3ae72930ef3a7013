"""Asks a server for images: TF Serving, or the local one, over REST or gRPC.

    client = Client("http://host:8501", model="autogan")
    images = client.sample(seeds=range(16))          # uint8 [16, S, S, C]
    files = client.sample_png(seeds=range(16))       # PNG files
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.serving.rest_wire import RestWire
from autogan_tf.serving.wire import Unavailable, Wire

ATTEMPTS = 6
FIRST_PAUSE = 0.1  # seconds; doubled from one attempt to the next
_SMALL_MESSAGE = 3 * 1024 * 1024  # what a request is cut to, with room for names and shapes
_PNG_OVERHEAD = 200  # bytes of a PNG file beyond its pixels, generously

Numbers: TypeAlias = Sequence[int] | np.ndarray
_Result = TypeVar("_Result")


class Client:
    """Images from one model of a server.

    Args:
      url: http://host:port or https://… (REST), or grpc://host:port.
      model: its name.
      timeout: seconds that a request may take.
      max_rows: of a request, as the server allows.
      attempts: how often a request is sent while the server is unavailable, with growing pauses between.
      sleep: waits for some seconds.

    Raises:
      UserError: another kind of URL; and, of every method: no server, no such model or signature, a refused request,
        a deadline that passed.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "autogan",
        timeout: float = 60.0,
        max_rows: int = 128,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            parts = urlsplit(url)
            fits = parts.scheme in ("http", "https", "grpc") and parts.hostname and parts.path in ("", "/")
            fits = fits and (parts.port is None or parts.port > 0)
        except ValueError:  # a port or an address that is none
            fits = False
        if not fits:
            raise UserError(f"a server must be given as http://HOST:PORT, https://… or grpc://HOST:PORT, got {url!r}")
        self.url, self.model = url.rstrip("/"), model
        self._attempts, self._sleep, self._max_rows = attempts, sleep, max_rows
        if parts.scheme == "grpc":
            from autogan_tf.serving.grpc_wire import GrpcWire  # which needs TensorFlow, as REST does not

            self._wire: Wire = GrpcWire(parts.netloc, model=model, timeout=timeout)
        else:
            self._wire = RestWire(self.url, model=model, timeout=timeout)
        self._signatures: dict[str, Any] | None = None

    def status(self) -> dict[int, str]:
        """Version -> state, e.g. {3: "AVAILABLE"}."""
        return self._tried(self._wire.status)

    def signatures(self) -> dict[str, Any]:
        """Name -> {"inputs": {name: (type, shape)}, "outputs": …}; asked for once."""
        if self._signatures is None:
            self._signatures = self._tried(self._wire.metadata)
        return self._signatures

    def predict(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """One request of any size: the outputs by name; bytes as object arrays."""
        return self._tried(lambda: self._wire.predict(signature, inputs))

    def sample_png(self, seeds: Numbers, *, labels: Numbers | None = None) -> list[bytes]:
        """A PNG file for each seed; in as many requests as the size of messages asks for.

        labels: of a conditional generator, the class of each.
        """
        return [png for part in self._sampled(seeds, labels) for png in part]

    def sample(self, seeds: Numbers, *, labels: Numbers | None = None) -> np.ndarray:
        """uint8 [N, S, S, C]: the images of these files."""
        return np.stack([_decoded(png) for png in self.sample_png(seeds, labels=labels)])

    def images(self, z: np.ndarray, *, labels: Numbers | None = None) -> np.ndarray:
        """float32 [N, S, S, C] in [-1, 1] for latents [N, D], from the signature serving_default."""
        z = np.asarray(z, np.float32)
        row = int(np.prod(self._shape("serving_default", "outputs", "images")[1:])) * 4 + z[:1].nbytes
        parts = [
            self.predict("serving_default", z=z[part], **_label(labels, part))["images"]
            for part in _parts(len(z), row, self._max_rows)
        ]
        return np.concatenate(parts)

    def _sampled(self, seeds: Numbers, labels: Numbers | None) -> Iterator[list[bytes]]:
        numbers = np.asarray(seeds, np.int64)
        if not len(numbers):
            raise UserError("there must be at least one seed, got none")
        if labels is not None and len(labels) != len(numbers):
            raise UserError(f"there must be a label for each of the {len(numbers)} seeds, got {len(labels)}")
        shape = self._shape("serving_default", "outputs", "images")
        row = int(np.prod(shape[1:])) + _PNG_OVERHEAD + 4 * self._shape("sample", "outputs", "z")[1]
        for part in _parts(len(numbers), row, self._max_rows):
            outputs = self.predict("sample", seed=numbers[part], **_label(labels, part))
            yield list(outputs["png_bytes"])

    def _shape(self, signature: str, side: str, name: str) -> tuple[int, ...]:
        found = self.signatures().get(signature, {}).get(side, {}).get(name)
        if found is None:
            raise UserError(
                f"the model {self.model} of {self.url} has no signature {signature} with {name}; it was not written by "
                "python -m autogan_tf.export"
            )
        return found[1]

    def _tried(self, ask: Callable[[], _Result]) -> _Result:
        pause = FIRST_PAUSE
        for attempt in range(self._attempts):
            try:
                return ask()
            except Unavailable as error:
                if attempt == self._attempts - 1:
                    raise UserError(
                        f"the server {self.url} was unavailable in {self._attempts} attempts ({error}); is it running?"
                    ) from None
            self._sleep(pause * random.uniform(0.5, 1.5))  # so that many clients do not come again together
            pause *= 2
        raise AssertionError("at least one attempt")


def _parts(number: int, row_bytes: int, max_rows: int) -> Iterator[slice]:
    """Slices of as many rows as a message has room for, and the server takes."""
    size = max(1, min(max_rows, _SMALL_MESSAGE // row_bytes))
    return (slice(start, start + size) for start in range(0, number, size))


def _label(labels: Numbers | None, part: slice) -> dict[str, np.ndarray]:
    return {} if labels is None else {"label": np.asarray(labels, np.int32)[part]}


def _decoded(png: bytes) -> np.ndarray:
    from PIL import Image

    image = np.asarray(Image.open(io.BytesIO(png)))
    return image[..., None] if image.ndim == 2 else image
