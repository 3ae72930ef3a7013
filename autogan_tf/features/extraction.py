"""Images through a feature network, batch by batch, with one traced shape; the next batch is made meanwhile."""

from __future__ import annotations

import concurrent.futures
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.features.protocol import FeatureNetwork

# One traced function for each network that is still in use: a new one at each evaluation would trace again.
_traced: weakref.WeakKeyDictionary[FeatureNetwork, Callable[..., Any]] = weakref.WeakKeyDictionary()


def outputs_of(batches: Iterable[np.ndarray], network: FeatureNetwork) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features and logits of each batch, in order.

    Args:
      batches: uint8 [n, S, S, C] each, made in a thread of their own; n may vary. A batch shorter than the longest so
        far (usually the last one) is padded and its surplus outputs cut off, so that it does not cost a trace of its
        own.
      network: called inside `tf.function`, once for each larger shape; not again for shapes that the same object has
        seen in an earlier call. Its weights must not change in between.

    Yields:
      float32 features [n, F] and logits [n, K].

    Raises:
      ValueError: a batch that is not uint8 or not of rank 4.
    """
    traced = _traced_once(network)
    longest = 0
    for batch in _one_ahead(batches):
        batch = np.asarray(batch)
        if batch.dtype != np.uint8 or batch.ndim != 4:
            raise ValueError(f"image batches must be uint8 [n, S, S, C], got {batch.dtype} {list(batch.shape)}")
        if len(batch) == 0:
            continue
        longest = max(longest, len(batch))
        padded = np.concatenate([batch, np.repeat(batch[-1:], longest - len(batch), axis=0)])
        features, logits = traced(tf.constant(padded))
        yield features.numpy()[: len(batch)], logits.numpy()[: len(batch)]


def _one_ahead(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same batches; while one is looked at, a thread makes the next. An error in it comes out at its place."""
    source = iter(batches)
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="images") as thread:
        upcoming = thread.submit(next, source, None)
        while (batch := upcoming.result()) is not None:
            upcoming = thread.submit(next, source, None)
            yield batch


def _traced_once(network: FeatureNetwork) -> Callable[..., Any]:
    if network not in _traced:
        # Not the network itself, which the dictionary's value would then keep alive for good.
        weakly = weakref.ref(network)

        def look(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            alive = weakly()
            assert alive is not None  # `outputs_of` holds it while it runs
            return alive(images)

        _traced[network] = tf.function(look, autograph=False)
    return _traced[network]
