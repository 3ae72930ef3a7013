"""The reward of an architecture: the Inception score of images that the supernet makes with it (paper section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from autogan_tf.data import pipeline, seeds
from autogan_tf.metrics.inception_score import inception_score
from autogan_tf.models.generator import SupernetGenerator

FeatureNetwork = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Scorer:
    """Scores architectures with fixed shared weights.

    By default all architectures of a phase are judged on the same latents, with batch norm's statistics measured for
    the architecture at hand, in one split; an architecture that comes again is not scored again.

    Args:
      generator: the supernet.
      network: float32 images in [-1, 1] -> (features, logits).
      batch_size: images generated at once.
      calibration_batches: batches that measure batch norm's statistics of an architecture.
      seed: of the run.
      reference_semantics: as published: fresh latents for every scoring, the supernet's running statistics, 10 splits,
        images truncated to 8 bits instead of rounded.
    """

    def __init__(
        self,
        *,
        generator: SupernetGenerator,
        network: FeatureNetwork,
        batch_size: int,
        calibration_batches: int,
        seed: int,
        reference_semantics: bool = False,
    ) -> None:
        self._generator, self._network = generator, network
        self._batch_size, self._calibration_batches = batch_size, calibration_batches
        self._seed, self._reference = seed, reference_semantics
        self._graphs: dict[int, tf.types.experimental.GenericFunction] = {}
        self._cache: dict[tuple[int, ...], float] = {}
        self._phase: tuple[str, int] = ("", 0)
        self.scored = 0  # architectures really scored in this phase

    @property
    def trace_counts(self) -> dict[int, int]:
        """Number of tokens (one value per stage) -> graphs traced for it."""
        return {size: graph.experimental_get_tracing_count() for size, graph in self._graphs.items()}

    def start_phase(self, name: str, number: int) -> None:
        """The weights have changed, or the latents shall: forgets scores. `name` and `number` choose the latents."""
        self._phase = (name, number)
        self._cache.clear()
        self.scored = 0

    def score(self, tokens: Sequence[int], *, num_images: int) -> float:
        """Inception score (1 to the number of classes) of `num_images` images of the architecture `tokens`."""
        key = tuple(int(token) for token in tokens)
        if not self._reference and key in self._cache:
            return self._cache[key]
        name, number = self._phase
        draw = self.scored if self._reference else 0
        logits = self.logits(key, seed=seeds.stateless_seed(self._seed, f"reward/{name}", number, draw), num=num_images)
        self._cache[key], _ = inception_score(logits, splits=10 if self._reference else 1)
        self.scored += 1
        return self._cache[key]

    def logits(self, tokens: Sequence[int], *, seed: tf.Tensor, num: int) -> np.ndarray:
        """The feature network's logits float32 [num, classes] for images of the architecture `tokens`."""
        graph = self._graphs.setdefault(len(tokens), tf.function(self._logits, autograph=False))
        batches = -(-num // self._batch_size)
        return graph(tf.constant(tokens, tf.int32), seed, tf.constant(batches)).numpy()[:num]

    def _logits(self, tokens: tf.Tensor, seed: tf.Tensor, batches: tf.Tensor) -> tf.Tensor:
        shape = [self._batch_size, self._generator.latent_dim]

        def latents(i: tf.Tensor) -> tf.Tensor:
            return seeds.latents(tf.random.experimental.stateless_fold_in(seed, i), shape)

        if not self._reference:  # the first batch's momentum of 1 replaces whatever other architectures left

            def calibrate(i):
                self._generator(latents(i), tokens, training=True, momentum=1.0 / tf.cast(i + 1, tf.float32))
                return (i + 1,)

            tf.while_loop(lambda i: i < self._calibration_batches, calibrate, (tf.constant(0),), parallel_iterations=1)

        def generate(i, logits):
            images = self._generator(latents(i), tokens, training=False)
            images = pipeline.to_float(pipeline.to_uint8(images, truncate=self._reference))
            return i + 1, logits.write(i, self._network(images)[1])

        array = tf.TensorArray(tf.float32, size=batches)
        _, array = tf.while_loop(lambda i, _: i < batches, generate, (tf.constant(0), array), parallel_iterations=1)
        logits = array.stack()
        return tf.reshape(logits, [-1, logits.shape[-1]])
