"""Search strategies made by name."""

from __future__ import annotations

import importlib
from typing import Any

from autogan_tf.config import strategy_settings
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.task import Task


def new_strategy(name: str, settings: Any, task: Task) -> Strategy:
    """The strategy called `name`, at its beginning.

    Args:
      settings: of the class that `strategy_settings.entry(name).settings` is.
      task: what it is to search.

    Raises:
      UserError: an unknown name, settings that do not go together, or what this strategy does not offer.
    """
    made_by = strategy_settings.entry(name).made_by
    if isinstance(made_by, str):
        module, _, class_name = made_by.partition(":")
        made_by = getattr(importlib.import_module(f"autogan_tf.nas.strategies.{module}"), class_name)
    return made_by(settings, task)
