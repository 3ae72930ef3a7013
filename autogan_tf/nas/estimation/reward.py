"""The reward of an architecture: scores of images that the supernet makes with it, weighed (paper section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.reward_expression import Reward
from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import pipeline, seeds
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import MAX_REAL_FEATURES, Real, Seen
from autogan_tf.nas.trial import Tokens, Trial

INCEPTION_SCORE = objectives.reward("is")
_OF_IMAGES = ("logits", "features")


class Outputs(NamedTuple):
    """What the feature network gives for N images of each of B architectures: logits float32 [B, N, K], features
    float32 [B, N, F], or None where no objective needs them."""

    logits: np.ndarray
    features: np.ndarray | None


def some_real(features: np.ndarray, *, seed: int) -> np.ndarray:
    """Up to MAX_REAL_FEATURES of the rows, in random order: `Seen.real_features`. seed: of the run."""
    order = seeds.numpy_rng(seed, "real_features_of_rewards").permutation(len(features))
    return np.array(features[order[:MAX_REAL_FEATURES]])


class Scorer:
    """Scores architectures with fixed shared weights.

    By default all architectures of a phase are judged on the same latents, with batch norm's statistics measured for
    the architecture at hand, in one split; an architecture that comes again is not scored again. Objectives of features
    keep those of all images of the architectures that are scored together, 4 bytes a number.

    Args:
      generator: the supernet.
      network: float32 images in [-1, 1] -> (features, logits).
      batch_size: images generated at once.
      calibration_batches: batches that measure batch norm's statistics of an architecture.
      seed: of the run.
      semantics: of latents, batch norm's statistics, splits and 8-bit images.
      reward: of which objectives, and how it is made of them.
      measured: objectives, those of the reward among them, see `objectives.measured`; none: those of the reward alone.
      real: the real images by their side in pixels, where an objective compares with them.
      cost_of: what the generator that is trained in the end costs, see `Constraints.cheapest`; where an objective needs
        it.
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
        reward: Reward = INCEPTION_SCORE,
        measured: Sequence[str] = (),
        real: Mapping[int, Real] | None = None,
        cost_of: Callable[[Tokens], Cost] | None = None,
    ) -> None:
        self._generator, self._network = generator, network
        self._batch_size, self._calibration_batches = batch_size, calibration_batches
        self._seed, self._semantics = seed, semantics
        self.reward, self._real, self._cost_of = reward, real or {}, cost_of
        self._measured = tuple(measured) or reward.names
        self._needs = objectives.needs(self._measured)
        self._graphs: dict[int, tf.types.experimental.GenericFunction] = {}
        self._cache: dict[Tokens, dict[str, float]] = {}
        self._phase: tuple[str, int] = ("", 0)
        self.scored = 0  # architectures really scored in this phase
        self.generated = 0  # images, for all scores so far

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
        scores = [[list(tokens), dict(scores)] for tokens, scores in self._cache.items()]
        found = {"phase": list(self._phase), "scores": scores, "scored": self.scored}
        return found | {"generated": self.generated}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` told."""
        name, number = state["phase"]
        self._phase = (name, number)
        self._cache = {  # a number alone was the Inception score when there was no other objective
            tuple(tokens): dict(scores) if isinstance(scores, Mapping) else {"is": scores}
            for tokens, scores in state["scores"]
        }
        self.scored, self.generated = state["scored"], state["generated"]

    def score(self, tokens: Sequence[int], *, num_images: int) -> float:
        """The reward of the architecture `tokens`, from `num_images` images of it."""
        return self.trials([tokens], num_images=num_images)[0].reward

    def trials(self, architectures: Sequence[Sequence[int]], *, num_images: int) -> list[Trial]:
        """Scores and reward of each of some architectures (of the same stage), in one call of the graph.

        Raises:
          UserError: the feature network gives NaN or infinity for the images of one of them, in features or logits, or
            the reward is not a finite number.
        """
        keys = [tuple(int(token) for token in tokens) for tokens in architectures]
        repeats = self._semantics.fresh_latents
        fresh = keys if repeats else [key for key in dict.fromkeys(keys) if key not in self._cache]
        found = self._scores_of(fresh, num_images) if fresh else []
        self.scored += len(fresh)
        self._cache |= dict(zip(fresh, found, strict=True))
        if not repeats:
            found = [self._cache[key] for key in keys]
        return [Trial(key, self.reward.evaluate(scores), scores) for key, scores in zip(keys, found, strict=True)]

    def _scores_of(self, architectures: Sequence[Tokens], num_images: int) -> list[dict[str, float]]:
        """By objective, of each."""
        outputs = None
        if self._needs.intersection(_OF_IMAGES):
            name, number = self._phase
            draws = [self.scored + place if self._semantics.fresh_latents else 0 for place in range(len(architectures))]
            drawn = [seeds.stateless_seed(self._seed, f"reward/{name}", number, draw) for draw in draws]
            outputs = self.outputs(architectures, drawn=drawn, num=num_images)
        real = self._real.get(self._side_after(len(architectures[0])))
        scores = []
        for place, tokens in enumerate(architectures):
            seen = Seen(
                logits=outputs.logits[place] if outputs else None,
                splits=self._semantics.reward_splits,
                features=outputs.features[place] if outputs and outputs.features is not None else None,
                real_statistics=real.statistics if real else None,
                real_features=real.features if real else None,
                cost=self._cost_of(tokens) if self._cost_of and "cost" in self._needs else None,
            )
            scores.append(objectives.measure(self._measured, seen))
        return scores

    def outputs(self, architectures: Sequence[Sequence[int]], *, drawn: Sequence[tf.Tensor], num: int) -> Outputs:
        """What the feature network gives for `num` images of each of B architectures.

        drawn: of each architecture's latents, int32 [2].

        Raises:
          UserError: the network gives NaN or infinity, in features or logits.
        """
        size = len(architectures[0])
        batches = -(-num // self._batch_size)
        recalibrating = 0 if self._semantics.running_statistics_in_rewards else self._calibration_batches
        self.generated += len(architectures) * (recalibrating + batches) * self._batch_size
        tokens = tf.constant([list(row) for row in architectures], tf.int32)
        logits, finite, _, *features = self._graph(size)(tokens, tf.stack(drawn), tf.constant(batches))
        for architecture, is_finite in zip(architectures, finite.numpy(), strict=True):
            if not is_finite:
                raise UserError(
                    "the feature network gives features or logits with NaN or infinity for generated images of the "
                    f"architecture {' '.join(map(str, architecture))}, so that it cannot be scored; choose other "
                    "--features"
                )
        return Outputs(logits.numpy()[:, :num], features[0].numpy()[:, :num] if features else None)

    def pictures(self, tokens: Sequence[int]) -> np.ndarray:
        """uint8 [batch_size, S, S, C]: images of an architecture, always on the same latents."""
        drawn = seeds.stateless_seed(self._seed, "reward/pictures")
        found = self._graph(len(tokens))(tf.constant([list(tokens)], tf.int32), drawn[None], tf.constant(1))
        return found[2][0].numpy()

    def _graph(self, size: int) -> tf.types.experimental.GenericFunction:
        """For architectures of `size` tokens; traced once, whatever they are and however many."""
        if size not in self._graphs:
            signature = [tf.TensorSpec([None, size], tf.int32), tf.TensorSpec([None, 2], tf.int32)]
            signature.append(tf.TensorSpec([], tf.int32))
            self._graphs[size] = tf.function(self._all, input_signature=signature, autograph=False)
        return self._graphs[size]

    def _all(self, tokens: tf.Tensor, drawn: tf.Tensor, batches: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Of each architecture the logits, whether all outputs were finite, the first batch's images, 8 bits, and the
        features, if they are needed."""
        number = tf.shape(tokens)[0]

        def one(i: tf.Tensor, *arrays: tf.TensorArray):
            found = self._one(tokens[i], drawn[i], batches)
            return i + 1, *(array.write(i, value) for array, value in zip(arrays, found, strict=True))

        # one after the other: batch norm's statistics are those of the architecture at hand
        kinds = (tf.float32, tf.bool, tf.uint8, *([tf.float32] if "features" in self._needs else []))
        arrays = (tf.TensorArray(kind, size=number) for kind in kinds)
        _, *arrays = tf.while_loop(lambda i, *_: i < number, one, (tf.constant(0), *arrays), parallel_iterations=1)
        return tuple(array.stack() for array in arrays)

    def _one(self, tokens: tf.Tensor, seed: tf.Tensor, batches: tf.Tensor) -> tuple[tf.Tensor, ...]:
        shape = [self._batch_size, self._generator.latent_dim]

        def latents(i: tf.Tensor) -> tf.Tensor:
            return seeds.latents(tf.random.experimental.stateless_fold_in(seed, i), shape)

        if not self._semantics.running_statistics_in_rewards:
            # the first batch's momentum of 1 replaces whatever other architectures left
            def calibrate(i):
                self._generator(latents(i), tokens=tokens, training=True, momentum=1.0 / tf.cast(i + 1, tf.float32))
                return (i + 1,)

            tf.while_loop(lambda i: i < self._calibration_batches, calibrate, (tf.constant(0),), parallel_iterations=1)

        needed = (1, 0) if "features" in self._needs else (1,)  # places in what the network gives

        def generate(i, finite, first, *kept):
            images = self._generator(latents(i), tokens=tokens, training=False)
            pixels = pipeline.to_uint8(images, truncate=self._semantics.truncated_pixels)
            outputs = self._network(pipeline.to_float(pixels))
            finite &= tf.reduce_all([tf.reduce_all(tf.math.is_finite(rows)) for rows in outputs])
            kept = [array.write(i, outputs[place]) for array, place in zip(kept, needed, strict=True)]
            return i + 1, finite, tf.where(tf.equal(i, 0), pixels, first), *kept

        side = self._side_after(tokens.shape[0])
        nothing = tf.zeros([self._batch_size, side, side, self._generator.channels], tf.uint8)
        arrays = [tf.TensorArray(tf.float32, size=batches) for _ in needed]
        begin = (tf.constant(0), tf.constant(True), nothing, *arrays)
        _, finite, first, *arrays = tf.while_loop(lambda i, *_: i < batches, generate, begin, parallel_iterations=1)
        logits, *features = (tf.reshape(rows, [-1, rows.shape[-1]]) for rows in (array.stack() for array in arrays))
        return logits, finite, first, *features

    def _side_after(self, num_tokens: int) -> int:
        """Of an image of the stage that so many tokens lead to, in pixels."""
        num_cells = self._generator.space.num_cells_of(num_tokens)
        return image_sides(bottom_width=self._generator.bottom_width, num_cells=num_cells)[-1]
