"""What the client needs of a protocol, REST or gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Unavailable(Exception):
    """The server cannot answer now; another attempt may succeed."""


class Wire(Protocol):
    """One request each, without another attempt; Unavailable where one makes sense, UserError for anything else."""

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a signature."""

    def metadata(self) -> dict[str, Any]:
        """The signatures: name -> {"inputs": {name: (type, shape)}, "outputs": ...}."""

    def status(self) -> dict[int, str]:
        """Version -> state."""
