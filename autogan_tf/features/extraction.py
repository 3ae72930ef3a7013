"""Images through a feature network, batch by batch, with one traced shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from autogan_tf.features.protocol import FeatureNetwork


def outputs_of(batches: Iterable[np.ndarray], network: FeatureNetwork) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features and logits of each batch, in order.

    Args:
      batches: uint8 [n, S, S, C] each; n may vary. A batch shorter than the longest so far (usually the last one) is
        padded and its surplus outputs cut off, so that it does not cost a trace of its own.
      network: called inside `tf.function`, once for each larger shape.

    Yields:
      float32 features [n, F] and logits [n, K].

    Raises:
      ValueError: a batch that is not uint8 or not of rank 4.
    """
    traced = tf.function(lambda images: network(images), autograph=False)
    longest = 0
    for batch in batches:
        batch = np.asarray(batch)
        if batch.dtype != np.uint8 or batch.ndim != 4:
            raise ValueError(f"image batches must be uint8 [n, S, S, C], got {batch.dtype} {list(batch.shape)}")
        if len(batch) == 0:
            continue
        longest = max(longest, len(batch))
        padded = np.concatenate([batch, np.repeat(batch[-1:], longest - len(batch), axis=0)])
        features, logits = traced(tf.constant(padded))
        yield features.numpy()[: len(batch)], logits.numpy()[: len(batch)]
