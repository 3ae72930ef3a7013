"""Moving average of a generator's weights and batch-norm statistics: the network that is judged and exported."""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.models.generator import GeneratorBase, copy_weights
from autogan_tf.models.spectral_norm import SpectralLayer


class WeightAverage:
    """Keeps `average`, a network of the same architecture, as the moving average of `source`.

    average <- d · average + (1 - d) · source, d = min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ...: the warm-up
    forgets the random start. Batch norm's running statistics are averaged too; spectral norm's singular vectors are
    copied, because a mean of unit vectors that turn is shorter than 1.

    Args:
      source: the network in training.
      average: same genotype and sizes; starts as a copy.
      decay: from 0 to below 1 (published: 0.999).
      warm_up: as above; False: d = decay from the first update, as published.
      average_statistics: as above; False: running statistics are copied, as published.
    """

    def __init__(
        self,
        *,
        source: GeneratorBase,
        average: GeneratorBase,
        decay: float,
        warm_up: bool = True,
        average_statistics: bool = True,
    ) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be from 0 to below 1, got {decay}")
        self.source, self.average = source, average
        self.decay = decay
        self._warm_up, self._average_statistics = warm_up, average_statistics
        self._directions = {
            id(vector)
            for layer in source.named_layers().values()
            if isinstance(layer, SpectralLayer) and layer.normalize
            for vector in (layer.u, layer.v)
        }
        self.start()

    def start(self) -> None:
        """Begins again from the source's present weights."""
        copy_weights(source=self.source, target=self.average)

    def update(self, count: tf.Tensor) -> None:
        """One update; `count`: updates done before, an integer scalar. Usable in a graph."""
        t = tf.cast(count, tf.float32)
        decay = tf.minimum(self.decay, (1.0 + t) / (10.0 + t)) if self._warm_up else self.decay
        for value, average in zip(self.source.variables, self.average.variables, strict=True):
            copied = id(value) in self._directions or not (value.trainable or self._average_statistics)
            average.assign_add((value - average) * (1.0 if copied else 1.0 - decay))
