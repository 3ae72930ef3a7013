"""One update of the discriminator and one of the generator: what both the search and training repeat."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import tensorflow as tf

from autogan_tf.data import augmentation, seeds
from autogan_tf.losses import adversarial, penalties
from autogan_tf.models import replicas
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import GeneratorBase
from autogan_tf.training.adam import Adam
from autogan_tf.training.loss_scale import LossScale

# What a step's seed is folded with: one draw each.
_FLIP, _REAL, _FAKE, _BETWEEN, _GENERATED = range(5)


class GanStep:
    """The updates of a generator against a discriminator.

    In a replica of several, the arguments are its part of the batch, and losses and gradients means over all of them.

    Args:
      generator: of either kind; with a `SupernetGenerator` the steps need `tokens`.
      discriminator: `Discriminator`.
      g_optimizer, d_optimizer: `Adam` of the two networks; what the architecture does not use it leaves untouched.
      stage: which cells and blocks take part; None: all of the architecture.
      decay_unused: the published behaviour for a supernet: once a branch has been trained, its optimizer state decays
        in the steps that do not use it.
      loss: name of an adversarial loss.
      penalty, penalty_weight: name of a gradient penalty on the discriminator, or "none", and its weight; None for
        that of its paper.
      clip_weights: bound of the discriminator's weights after its step; 0 for none.
      jit_gradients: lets XLA compile what leads to the gradients, for derived networks; for several replicas, which
        cannot take a `CompiledStep`.
      loss_scales: of the generator and the discriminator, where these compute in float16.
      augment: "flip" mirrors half of the real images; the policies of `augmentation.augment` change what the
        discriminator sees, real and generated.
    """

    def __init__(
        self,
        *,
        generator: GeneratorBase,
        discriminator: Discriminator,
        g_optimizer: Adam,
        d_optimizer: Adam,
        stage: int | None = None,
        decay_unused: bool = False,
        loss: str = "hinge",
        penalty: str = "none",
        penalty_weight: float | None = None,
        clip_weights: float = 0.0,
        augment: Sequence[str] = (),
        jit_gradients: bool = False,
        loss_scales: tuple[LossScale, LossScale] | None = None,
    ) -> None:
        self._jit_gradients = jit_gradients
        self._g_scale: LossScale | None
        self._d_scale: LossScale | None
        self._g_scale, self._d_scale = loss_scales or (None, None)
        self.generator = generator
        self.discriminator = discriminator
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        self.stage = stage
        self.decay_unused = decay_unused
        self._loss = adversarial.by_name(loss)
        self._penalty = None if penalty == "none" else penalties.by_name(penalty)
        if self._penalty is not None:
            weight = self._penalty.default_weight if penalty_weight is None else penalty_weight
            self._penalty_factor = self._penalty.factor * weight
        self._clip_weights = clip_weights
        self._flip = "flip" in augment
        self._policy = tuple(name for name in augment if name != "flip")

    @property
    def draws(self) -> bool:
        """Whether the steps draw random numbers, and so need a seed."""
        return self._flip or bool(self._policy) or (self._penalty is not None and self._penalty.uses_fakes)

    def _compiled(self) -> contextlib.AbstractContextManager[None]:
        """Where XLA compiles all that it can, which leaves out what the replicas exchange."""
        return tf.xla.experimental.jit_scope() if self._jit_gradients else contextlib.nullcontext()

    def _generate(self, latents: tf.Tensor, tokens: tf.Tensor | None, labels: tf.Tensor | None) -> tf.Tensor:
        return self.generator(latents, labels, tokens, stage=self.stage, training=True)

    def _judge(self, images: tf.Tensor, labels: tf.Tensor | None, training: bool = True) -> tf.Tensor:
        return self.discriminator(images, training=training, stage=self.stage, labels=labels)

    def _seed(self, seed: tf.Tensor | None, purpose: int) -> tf.Tensor:
        if seed is None:
            raise ValueError("steps with augmentation or with the penalty wgan_gp need `seed`, int32 [2]; got None")
        return tf.random.experimental.stateless_fold_in(seed, purpose)

    def _augmented(self, images: tf.Tensor, seed: tf.Tensor | None, purpose: int) -> tf.Tensor:
        if not self._policy:
            return images
        # drawn for the batches of all replicas, of which this one has its rows
        number, (height, width) = tf.shape(images)[0], images.shape[1:3]
        drawn = augmentation.draw_parameters(self._seed(seed, purpose), number * replicas.count(), height, width)
        return augmentation.augment(images, replicas.own_rows(drawn, number), self._policy)

    def _flipped(self, images: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        if not self._flip:
            return images
        number = tf.shape(images)[0]
        drawn = augmentation.draw_flips(self._seed(seed, _FLIP), number * replicas.count())
        return augmentation.flip(images, replicas.own_rows(drawn, number))

    def discriminator_step(
        self,
        real_images: tf.Tensor,
        latents: tf.Tensor,
        tokens: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        labels: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Updates the discriminator on real images and as many generated ones.

        Args:
          real_images: float32 [N, S, S, C] in [-1, 1].
          latents: float32 [N, latent_dim].
          tokens: int32 [T], for a supernet.
          seed: int32 [2], where `draws`.
          labels: int32 [N], for conditional networks: classes of the real images, and those that are generated.

        Returns:
          Scalars: `loss` (with the penalty), the mean logits `real_logit` and `fake_logit`, where there is one the
          `penalty` (before its weight), and the `gradient_norm` over all weights.
        """
        with self._compiled():
            gradients, numbers = self._discriminator_gradients(real_images, latents, tokens, seed, labels)
        variables = self.discriminator.trainable_variables
        norm = _apply(self.d_optimizer, self._d_scale, gradients, variables, [True] * len(variables))
        if self._clip_weights:
            for variable in variables:
                replicas.assign(variable, tf.clip_by_value(variable, -self._clip_weights, self._clip_weights))
        return replicas.mean(numbers) | {"gradient_norm": norm}

    def _discriminator_gradients(self, real_images, latents, tokens, seed, labels):
        real_images = self._augmented(self._flipped(real_images, seed), seed, _REAL)
        fake_images = self._augmented(self._generate(latents, tokens, labels), seed, _FAKE)
        numbers: dict[str, tf.Tensor] = {}
        with tf.GradientTape() as tape:
            # real first: every call in training mode is a power iteration, so the order is part of the function
            real_logits = self._judge(real_images, labels)
            fake_logits = self._judge(fake_images, labels)
            loss = self._loss.discriminator(real_logits, fake_logits)
            if self._penalty is not None:
                numbers["penalty"] = self._penalty_of(real_images, fake_images, seed, labels)
                loss += self._penalty_factor * numbers["penalty"]
            scaled = self._d_scale.scaled(loss) if self._d_scale else loss
        gradients = tape.gradient(scaled, self.discriminator.trainable_variables)
        logits = {"real_logit": tf.reduce_mean(real_logits), "fake_logit": tf.reduce_mean(fake_logits)}
        return gradients, {"loss": loss} | logits | numbers

    def _penalty_of(
        self, real_images: tf.Tensor, fake_images: tf.Tensor, seed: tf.Tensor | None, labels: tf.Tensor | None
    ) -> tf.Tensor:
        assert self._penalty is not None
        number = tf.shape(real_images)[0]
        alpha = tf.zeros([number, 1, 1, 1])
        if self._penalty.uses_fakes:
            drawn = seeds.unit(self._seed(seed, _BETWEEN), [number * replicas.count(), 1, 1, 1])
            alpha = replicas.own_rows(drawn, number)
        # outside of training mode: another call is no other power iteration
        return self._penalty.function(
            lambda images: self._judge(images, labels, training=False), real_images, fake_images, alpha
        )

    def generator_step(
        self,
        latents: tf.Tensor,
        tokens: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        labels: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Updates the generator through the discriminator, whose spectral norms iterate but whose weights stay.

        Args and returns as for `discriminator_step`; the scalars are `loss` and `gradient_norm`.
        """
        with self._compiled():
            gradients, loss = self._generator_gradients(latents, tokens, seed, labels)
        used = self.generator.used_variables(tokens)
        if self.decay_unused:
            trained = tf.unstack(self.g_optimizer.steps > 0)
            used = [u if u is True else u | t for u, t in zip(used, trained, strict=True)]
        norm = _apply(self.g_optimizer, self._g_scale, gradients, self.generator.trainable_variables, used)
        return {"loss": replicas.mean(loss), "gradient_norm": norm}

    def _generator_gradients(self, latents, tokens, seed, labels):
        variables = self.generator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            images = self._augmented(self._generate(latents, tokens, labels), seed, _GENERATED)
            loss = self._loss.generator(self._judge(images, labels))
            scaled = self._g_scale.scaled(loss) if self._g_scale else loss
        return tape.gradient(scaled, variables), loss


def _apply(optimizer: Adam, scale: LossScale | None, gradients, variables, used) -> tf.Tensor:
    """Applies the mean of all replicas' gradients, None for weights that had no part; returns its norm.

    `used`: for each variable, whether it may change. With a loss scale, gradients that overflowed are left out, and
    count as 0 in the norm.
    """
    places = [place for place, gradient in enumerate(gradients) if gradient is not None]
    present = replicas.mean([gradients[place] for place in places])
    active = [used[place] for place in places]
    if scale is None:
        norm = tf.linalg.global_norm(present)
    else:
        present = scale.unscaled(present)
        norm = tf.linalg.global_norm(present)
        finite = tf.math.is_finite(norm)
        active = [finite if flag is True else finite & flag for flag in active]
        present = [tf.where(finite, gradient, 0.0) for gradient in present]
        norm = tf.where(finite | scale.update(finite), norm, 0.0)
    optimizer.apply_gradients(zip(present, [variables[place] for place in places], strict=True), active=active)
    return norm


class CompiledStep:
    """A derived network's `GanStep` with both updates compiled by XLA, for use inside other graphs, too."""

    def __init__(self, step: GanStep) -> None:
        self.generator, self.draws = step.generator, step.draws
        self.discriminator_step = tf.function(step.discriminator_step, jit_compile=True, autograph=False)
        self.generator_step = tf.function(step.generator_step, jit_compile=True, autograph=False)
