"""The catalogues as they were, after a test has added to them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from autogan_tf.config import plugins, strategy_settings
from autogan_tf.models import operations
from autogan_tf.nas.estimation import objectives
from autogan_tf.search_space import catalog


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Forgets at the end what was registered within."""
    tables: list[dict] = [
        *(catalog.SPACES, strategy_settings.STRATEGIES, objectives.OBJECTIVES),
        *(operations.NORMS, operations.UPSAMPLINGS, plugins._loaded),
    ]
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, contents in zip(tables, before, strict=True):
            table.clear()
            table.update(contents)
        plugins._extended.cache_clear()
