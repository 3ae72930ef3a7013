"""Keeps TensorFlow's warnings about its own use from the terminal, where they tell a person nothing."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """As long as it lasts TensorFlow logs errors only: for many networks one after the other, each of which is traced
    (which it counts as retracing), and for libraries that use what it has deprecated."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(max(level, logging.ERROR))
    try:
        yield
    finally:
        logger.setLevel(level)
