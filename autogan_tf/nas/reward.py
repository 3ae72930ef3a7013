"""The reward of an architecture: the Inception score of images that the supernet makes with it (paper section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import pipeline, seeds
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics.inception_score import inception_score
from autogan_tf.models.generator import SupernetGenerator


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
      semantics: of latents, batch norm's statistics, splits and 8-bit images.
    """

    def __init__(
        self,
        *,
        generator: SupernetGenerator,
        network: FeatureNetwork,
        batch_size: int,
        calibration_batches: int,
        seed: int,
        semantics: Semantics = CORRECTED,
    ) -> None:
        self._generator, self._network = generator, network
        self._batch_size, self._calibration_batches = batch_size, calibration_batches
        self._seed, self._semantics = seed, semantics
        self._graphs: dict[int, tf.types.experimental.GenericFunction] = {}
        self._cache: dict[tuple[int, ...], float] = {}
        self._phase: tuple[str, int] = ("", 0)
        self.scored = 0  # architectures really scored in this phase

    @property
    def trace_counts(self) -> dict[int, int]:
        """Number of tokens (one value per stage) -> graphs traced for it."""
        return {size: graph.experimental_get_tracing_count() for size, graph in self._graphs.items()}

    def start_phase(self, name: str, number: int, *, again: bool = False) -> None:
        """The weights have changed, or the latents shall: forgets scores. `name` and `number` choose the latents.

        again: a phase that a checkpoint was written in goes on, with its scores.
        """
        if again and self._phase == (name, number):
            return
        self._phase = (name, number)
        self._cache.clear()
        self.scored = 0

    def state(self) -> dict[str, Any]:
        """The phase at hand and its scores so far, as JSON."""
        scores = [[list(tokens), score] for tokens, score in self._cache.items()]
        return {"phase": list(self._phase), "scores": scores, "scored": self.scored}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` told."""
        name, number = state["phase"]
        self._phase = (name, number)
        self._cache = {tuple(tokens): score for tokens, score in state["scores"]}
        self.scored = state["scored"]

    def score(self, tokens: Sequence[int], *, num_images: int) -> float:
        """Inception score (1 to the number of classes) of `num_images` images of the architecture `tokens`."""
        return float(self.scores([tokens], num_images=num_images)[0])

    def scores(self, architectures: Sequence[Sequence[int]], *, num_images: int) -> np.ndarray:
        """float64 [B]: the `score` of each of B architectures (of the same stage), in one call of the graph.

        Raises:
          UserError: the feature network gives NaN or infinity for the images of one of them, in features or logits.
        """
        keys = [tuple(int(token) for token in tokens) for tokens in architectures]
        repeats = self._semantics.fresh_latents
        fresh = keys if repeats else [key for key in dict.fromkeys(keys) if key not in self._cache]
        if not fresh:
            return np.array([self._cache[key] for key in keys])
        name, number = self._phase
        draws = [self.scored + place if repeats else 0 for place in range(len(fresh))]
        drawn = [seeds.stateless_seed(self._seed, f"reward/{name}", number, draw) for draw in draws]
        logits = self.logits(fresh, drawn=drawn, num=num_images)
        found = [inception_score(rows, splits=self._semantics.reward_splits)[0] for rows in logits]
        self.scored += len(fresh)
        self._cache |= dict(zip(fresh, found, strict=True))
        return np.array(found if repeats else [self._cache[key] for key in keys])

    def logits(self, architectures: Sequence[Sequence[int]], *, drawn: Sequence[tf.Tensor], num: int) -> np.ndarray:
        """The feature network's logits float32 [B, num, classes] for images of B architectures.

        drawn: of each architecture's latents, int32 [2].

        Raises:
          UserError: the network gives NaN or infinity, in features or logits.
        """
        size = len(architectures[0])
        batches = -(-num // self._batch_size)
        tokens = tf.constant([list(row) for row in architectures], tf.int32)
        logits, finite, _ = self._graph(size)(tokens, tf.stack(drawn), tf.constant(batches))
        for architecture, is_finite in zip(architectures, finite.numpy(), strict=True):
            if not is_finite:
                raise UserError(
                    "the feature network gives features or logits with NaN or infinity for generated images of the "
                    f"architecture {' '.join(map(str, architecture))}, so that it cannot be scored; choose other "
                    "--features"
                )
        return logits.numpy()[:, :num]

    def pictures(self, tokens: Sequence[int]) -> np.ndarray:
        """uint8 [batch_size, S, S, C]: images of an architecture, always on the same latents."""
        drawn = seeds.stateless_seed(self._seed, "reward/pictures")
        *_, pictures = self._graph(len(tokens))(tf.constant([list(tokens)], tf.int32), drawn[None], tf.constant(1))
        return pictures[0].numpy()

    def _graph(self, size: int) -> tf.types.experimental.GenericFunction:
        """For architectures of `size` tokens; traced once, whatever they are and however many."""
        if size not in self._graphs:
            signature = [tf.TensorSpec([None, size], tf.int32), tf.TensorSpec([None, 2], tf.int32)]
            signature.append(tf.TensorSpec([], tf.int32))
            self._graphs[size] = tf.function(self._all, input_signature=signature, autograph=False)
        return self._graphs[size]

    def _all(self, tokens: tf.Tensor, drawn: tf.Tensor, batches: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Of each architecture the logits, whether all outputs were finite, and the first batch's images, 8 bits."""
        number = tf.shape(tokens)[0]

        def one(i: tf.Tensor, *arrays: tf.TensorArray):
            found = self._one(tokens[i], drawn[i], batches)
            return i + 1, *(array.write(i, value) for array, value in zip(arrays, found, strict=True))

        # one after the other: batch norm's statistics are those of the architecture at hand
        arrays = (tf.TensorArray(kind, size=number) for kind in (tf.float32, tf.bool, tf.uint8))
        _, *arrays = tf.while_loop(lambda i, *_: i < number, one, (tf.constant(0), *arrays), parallel_iterations=1)
        return tuple(array.stack() for array in arrays)

    def _one(self, tokens: tf.Tensor, seed: tf.Tensor, batches: tf.Tensor) -> tuple[tf.Tensor, ...]:
        shape = [self._batch_size, self._generator.latent_dim]

        def latents(i: tf.Tensor) -> tf.Tensor:
            return seeds.latents(tf.random.experimental.stateless_fold_in(seed, i), shape)

        if not self._semantics.running_statistics_in_rewards:
            # the first batch's momentum of 1 replaces whatever other architectures left
            def calibrate(i):
                self._generator(latents(i), tokens, training=True, momentum=1.0 / tf.cast(i + 1, tf.float32))
                return (i + 1,)

            tf.while_loop(lambda i: i < self._calibration_batches, calibrate, (tf.constant(0),), parallel_iterations=1)

        def generate(i, logits, finite, first):
            images = self._generator(latents(i), tokens, training=False)
            pixels = pipeline.to_uint8(images, truncate=self._semantics.truncated_pixels)
            outputs = self._network(pipeline.to_float(pixels))  # the features are not used before the final training
            finite &= tf.reduce_all([tf.reduce_all(tf.math.is_finite(rows)) for rows in outputs])
            return i + 1, logits.write(i, outputs[1]), finite, tf.where(tf.equal(i, 0), pixels, first)

        nothing = tf.zeros([self._batch_size, *self._shape_after(tokens)], tf.uint8)
        begin = (tf.constant(0), tf.TensorArray(tf.float32, size=batches), tf.constant(True), nothing)
        _, array, finite, first = tf.while_loop(lambda i, *_: i < batches, generate, begin, parallel_iterations=1)
        logits = array.stack()
        return tf.reshape(logits, [-1, logits.shape[-1]]), finite, first

    def _shape_after(self, tokens: tf.Tensor) -> list[int]:
        """Of an image of the stage that so many tokens lead to."""
        num_cells = self._generator.space.num_cells_of(tokens.shape[0])
        side = image_sides(bottom_width=self._generator.bottom_width, num_cells=num_cells)[-1]
        return [side, side, self._generator.channels]
