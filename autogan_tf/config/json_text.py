"""JSON that others have written: files that anyone may have changed, requests, the environment."""

from __future__ import annotations

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """As `json.loads`, with ValueError also where it is nested too deeply for Python."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
