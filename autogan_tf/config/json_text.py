"""JSON from files that anyone may have changed."""

from __future__ import annotations

import json
from typing import Any


def parse(text: str) -> Any:
    """As `json.loads`, with ValueError also where it is nested too deeply for Python."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
