"""Loads the helper module beside this file, which pytest's importlib mode does not put on the path."""

from __future__ import annotations

import importlib.util
import pathlib
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def parity() -> ModuleType:
    """tests/models/parity.py: the recorded numbers of the published implementation, in this project's layout."""
    spec = importlib.util.spec_from_file_location("models_parity", pathlib.Path(__file__).with_name("parity.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
