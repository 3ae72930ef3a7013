"""The loop of a GAN's training, inside one graph: discriminator steps, and a generator step at every n_critic-th."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.training.distribution import Distribution, Share
from autogan_tf.training.gan_step import CompiledStep, GanStep

# what is drawn for, see `seeds.stateless_seed`
DISCRIMINATOR_LATENTS, GENERATOR_LATENTS = "discriminator_latents", "generator_latents"
DISCRIMINATOR_DRAWS, GENERATOR_DRAWS = "discriminator_draws", "generator_draws"
PURPOSES = (DISCRIMINATOR_LATENTS, GENERATOR_LATENTS, DISCRIMINATOR_DRAWS, GENERATOR_DRAWS)

# A rectifier turns NaN into 0 in some fused kernels, so that broken weights may leave the losses as they are; the
# gradients do not lose it.
_WATCHED = ("d_loss", "d_gradient_norm", "g_loss", "g_gradient_norm")


class Progress(NamedTuple):
    """Where a stretch of training ended.

    steps: discriminator steps done since the phase began; d_loss, g_loss: the last losses of the stretch, and
    d_gradient_norm, g_gradient_norm: the norms of their gradients over all weights (NaN where the network had no step);
    stopped: the loop's `stop` condition ended it at that step.
    """

    steps: int
    d_loss: float
    g_loss: float
    d_gradient_norm: float
    g_gradient_norm: float
    stopped: bool


class TrainingDiverged(RuntimeError):
    """A loss or a gradient is no longer finite."""

    def __init__(self, quantity: str, value: float, step: int) -> None:
        super().__init__(f"{quantity} became {value} at discriminator step {step}")
        self.quantity, self.value, self.step = quantity, value, step


class GanLoop:
    """Repeats the two steps on a stream of images, in one traced function, whatever architectures are trained.

    The loop stops by itself at the step that meets `stop` or makes a loss or a gradient's norm NaN or infinite, so
    the result does not depend on how often the host looks.

    Args:
      step: the two updates.
      stream: real images, as many a batch as a discriminator step takes.
      gen_batch_size: latents of a generator step.
      n_critic: discriminator steps for one generator step.
      seed: of the run; latents follow from it and the step.
      num_tokens: T for a supernet; 0 for a derived generator.
      before_step: called in the graph with the step (int64 scalar), before each discriminator step.
      after_discriminator, after_generator: called in the graph with (step, loss) after the updates.
      stop: boolean scalar, asked in the graph after each step.
      distribution: where the two updates run; all the rest happens once.
    """

    def __init__(
        self,
        *,
        step: GanStep | CompiledStep,
        stream: ImageStream,
        gen_batch_size: int,
        n_critic: int,
        seed: seeds.Seed,
        num_tokens: int = 0,
        before_step: Callable[[tf.Tensor], None] | None = None,
        after_discriminator: Callable[[tf.Tensor, tf.Tensor], None] | None = None,
        after_generator: Callable[[tf.Tensor, tf.Tensor], None] | None = None,
        stop: Callable[[], tf.Tensor] | None = None,
        distribution: Distribution | None = None,
    ) -> None:
        self._step, self._stream = step, stream
        self._distribution = distribution or Distribution()
        self._conditional = step.generator.num_classes > 0
        self._gen_batch_size, self._n_critic = gen_batch_size, n_critic
        self._seed = seed
        self._num_tokens = num_tokens
        self._before_step = before_step
        self._after_discriminator, self._after_generator = after_discriminator, after_generator
        self._stop = stop or (lambda: tf.constant(False))
        scalar = tf.TensorSpec([], tf.int64)
        self._graph = tf.function(
            self._train,
            input_signature=[tf.TensorSpec([None, num_tokens], tf.int32), scalar, scalar, scalar],
            autograph=False,
        )

    @property
    def trace_count(self) -> int:
        """How many graphs have been traced."""
        return self._graph.experimental_get_tracing_count()

    def run(self, *, begin: int, end: int, first_step: int = 0, tokens: tf.Tensor | None = None) -> Progress:
        """Discriminator steps `begin` to `end` (exclusive) of a phase.

        Args:
          begin, end: counted from the start of the phase; the generator steps where the count is divisible by n_critic.
          first_step: discriminator steps before this phase; the sum of both counts chooses images and latents.
          tokens: int32 [steps of the phase, T], the architecture of each step; for a supernet.

        Raises:
          TrainingDiverged: a loss or the norm of a gradient is NaN or infinite.
        """
        if tokens is None:
            tokens = tf.zeros([0, 0], tf.int32)
        bounds = (tf.constant(number, tf.int64) for number in (first_step, begin, end))
        done, stepped, stopped, watched = self._graph(tokens, *bounds)
        numbers = dict(zip(_WATCHED, watched.numpy().tolist(), strict=True))
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise TrainingDiverged(name, value, first_step + int(done))
        if not stepped:
            numbers |= {"g_loss": math.nan, "g_gradient_norm": math.nan}
        if int(done) == begin:
            numbers |= {"d_loss": math.nan, "d_gradient_norm": math.nan}
        return Progress(steps=int(done), stopped=bool(stopped), **numbers)

    def _train(self, tokens: tf.Tensor, first_step: tf.Tensor, begin: tf.Tensor, end: tf.Tensor):
        def one_step(i, stepped, stopped, watched):
            step = first_step + i
            architecture = tokens[i] if self._num_tokens else None
            if self._before_step:
                self._before_step(step)
            numbers = self._discriminator_step(step, architecture)
            d_loss, d_norm = numbers["loss"], numbers["gradient_norm"]
            if self._after_discriminator:
                self._after_discriminator(step, d_loss)

            def generator_step():
                numbers = self._generator_step(step, architecture)
                if self._after_generator:
                    self._after_generator(step, numbers["loss"])
                return tf.stack([numbers["loss"], numbers["gradient_norm"]])

            steps = tf.equal(i % self._n_critic, 0)
            g_numbers = tf.cond(steps, generator_step, lambda: watched[2:])
            return i + 1, stepped | steps, self._stop(), tf.concat([[d_loss, d_norm], g_numbers], axis=0)

        def go_on(i, stepped, stopped, watched):
            return (i < end) & ~stopped & tf.reduce_all(tf.math.is_finite(watched))

        state = (begin, tf.constant(False), tf.constant(False), tf.zeros([len(_WATCHED)]))
        return tf.while_loop(go_on, one_step, state, parallel_iterations=1)

    def _discriminator_step(self, step: tf.Tensor, architecture: tf.Tensor | None) -> dict[str, tf.Tensor]:
        stream = self._stream
        z = self._latents(DISCRIMINATOR_LATENTS, step, stream.batch_size)

        def of(share: Share) -> dict[str, tf.Tensor]:
            batch = {"real_images": stream.batch(step, share.of), "latents": share.of(z)}
            # fakes of the real images' classes, so that the classes alone tell nothing
            return batch | ({"labels": stream.labels(step, share.of)} if self._conditional else {})

        return self._run(self._step.discriminator_step, of, architecture, DISCRIMINATOR_DRAWS, step)

    def _generator_step(self, step: tf.Tensor, architecture: tf.Tensor | None) -> dict[str, tf.Tensor]:
        number = self._gen_batch_size
        batch = {"latents": self._latents(GENERATOR_LATENTS, step, number)}
        if self._conditional:
            batch["labels"] = self._stream.drawn_labels(step, number)

        def of(share: Share) -> dict[str, tf.Tensor]:
            return {name: share.of(rows) for name, rows in batch.items()}

        return self._run(self._step.generator_step, of, architecture, GENERATOR_DRAWS, step)

    def _run(self, update, of, architecture: tf.Tensor | None, purpose: str, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """The update in every replica, with its part of the batch and what all of them share."""
        shared = {"tokens": architecture}
        if self._step.draws:
            shared["seed"] = seeds.stateless_seed(self._seed, purpose, step)
        batch = self._distribution.split(of)
        return self._distribution.run(lambda batch, shared: update(**batch, **shared), batch=batch, shared=shared)

    def _latents(self, purpose: str, step: tf.Tensor, number: int) -> tf.Tensor:
        seed = seeds.stateless_seed(self._seed, purpose, step)
        return seeds.latents(seed, [number, self._step.generator.latent_dim])
