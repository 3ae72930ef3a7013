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
        return float(self.scores([tokens], num_images=num_images)[0])

    def scores(self, architectures: Sequence[Sequence[int]], *, num_images: int) -> np.ndarray:
        """float64 [B]: the `score` of each of B architectures (of the same stage), in one call of the graph."""
        keys = [tuple(int(token) for token in tokens) for tokens in architectures]
        fresh = keys if self._reference else [key for key in dict.fromkeys(keys) if key not in self._cache]
        if not fresh:
            return np.array([self._cache[key] for key in keys])
        name, number = self._phase
        draws = [self.scored + place if self._reference else 0 for place in range(len(fresh))]
        drawn = [seeds.stateless_seed(self._seed, f"reward/{name}", number, draw) for draw in draws]
        splits = 10 if self._reference else 1
        logits = self.logits(fresh, drawn=drawn, num=num_images)
        found = [inception_score(rows, splits=splits)[0] for rows in logits]
        self.scored += len(fresh)
        self._cache |= dict(zip(fresh, found, strict=True))
        return np.array(found if self._reference else [self._cache[key] for key in keys])

    def logits(self, architectures: Sequence[Sequence[int]], *, drawn: Sequence[tf.Tensor], num: int) -> np.ndarray:
        """The feature network's logits float32 [B, num, classes] for images of B architectures.

        drawn: of each architecture's latents, int32 [2].
        """
        size = len(architectures[0])
        if size not in self._graphs:
            signature = [tf.TensorSpec([None, size], tf.int32), tf.TensorSpec([None, 2], tf.int32)]
            signature.append(tf.TensorSpec([], tf.int32))
            self._graphs[size] = tf.function(self._all_logits, input_signature=signature, autograph=False)
        batches = -(-num // self._batch_size)
        tokens = tf.constant([list(row) for row in architectures], tf.int32)
        return self._graphs[size](tokens, tf.stack(drawn), tf.constant(batches)).numpy()[:, :num]

    def _all_logits(self, tokens: tf.Tensor, drawn: tf.Tensor, batches: tf.Tensor) -> tf.Tensor:
        number = tf.shape(tokens)[0]

        def one(i: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return i + 1, found.write(i, self._logits(tokens[i], drawn[i], batches))

        # one after the other: batch norm's statistics are those of the architecture at hand
        array = tf.TensorArray(tf.float32, size=number)
        return tf.while_loop(lambda i, _: i < number, one, (tf.constant(0), array), parallel_iterations=1)[1].stack()

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
