"""One update of the discriminator and one of the generator: what both the search and training repeat."""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.losses import adversarial
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import GeneratorBase, SupernetGenerator


class GanStep:
    """The updates of a generator (derived or supernet) against a discriminator, hinge loss.

    Args:
      generator: `Generator`, or `SupernetGenerator`, whose steps then need `tokens`.
      discriminator: `Discriminator`.
      g_optimizer, d_optimizer: have `apply_gradients(grads_and_vars)`; with `Adam` of this package a supernet's step
        leaves the branches that the architecture does not use untouched.
      stage: which cells and blocks take part; None: all of them (derived), or as `tokens` tell (supernet).
      decay_unused: the published behaviour for a supernet: once a branch has been trained, its optimizer state decays
        in the steps that do not use it.
    """

    def __init__(
        self,
        *,
        generator: GeneratorBase,
        discriminator: Discriminator,
        g_optimizer,
        d_optimizer,
        stage: int | None = None,
        decay_unused: bool = False,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        self.stage = stage
        self.decay_unused = decay_unused

    def _generate(self, latents: tf.Tensor, tokens: tf.Tensor | None) -> tf.Tensor:
        if isinstance(self.generator, SupernetGenerator):
            if tokens is None:
                raise ValueError("a supernet's step needs `tokens`, the architecture to train; got None")
            return self.generator(latents, tokens, stage=self.stage, training=True)
        if tokens is not None:
            raise ValueError("a derived generator has one architecture; its step takes no `tokens`")
        return self.generator(latents, training=True)

    def discriminator_step(
        self, real_images: tf.Tensor, latents: tf.Tensor, tokens: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        """Updates the discriminator on real images and as many generated ones.

        Args:
          real_images: float32 [N, S, S, C] in [-1, 1].
          latents: float32 [N, latent_dim].
          tokens: int32 [T], for a supernet.

        Returns:
          Scalars: `loss`, the mean logits `real_logit` and `fake_logit`, and the `gradient_norm` over all weights.
        """
        fake_images = self._generate(latents, tokens)
        with tf.GradientTape() as tape:
            # real first: every call in training mode is a power iteration, so the order is part of the function
            real_logits = self.discriminator(real_images, training=True, stage=self.stage)
            fake_logits = self.discriminator(fake_images, training=True, stage=self.stage)
            loss = adversarial.hinge_discriminator_loss(real_logits, fake_logits)
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.d_optimizer.apply_gradients(_present(gradients, variables))
        return {
            "loss": loss,
            "real_logit": tf.reduce_mean(real_logits),
            "fake_logit": tf.reduce_mean(fake_logits),
            "gradient_norm": tf.linalg.global_norm(gradients),
        }

    def generator_step(self, latents: tf.Tensor, tokens: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Updates the generator through the discriminator, whose spectral norms iterate but whose weights stay.

        Args and returns as for `discriminator_step`; the scalars are `loss`, equal to minus the mean logit, and
        `gradient_norm`.
        """
        variables = self.generator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            logits = self.discriminator(self._generate(latents, tokens), training=True, stage=self.stage)
            loss = adversarial.hinge_generator_loss(logits)
        gradients = tape.gradient(loss, variables)
        if isinstance(self.generator, SupernetGenerator) and hasattr(self.g_optimizer, "steps"):
            used = self.generator.used_variables(tokens)
            if self.decay_unused:
                trained = tf.unstack(self.g_optimizer.steps > 0)
                used = [u if u is True else u | t for u, t in zip(used, trained, strict=True)]
            self.g_optimizer.apply_gradients(zip(gradients, variables, strict=True), active=used)
        else:
            self.g_optimizer.apply_gradients(_present(gradients, variables))
        return {"loss": loss, "gradient_norm": tf.linalg.global_norm(gradients)}


def _present(gradients, variables):
    return [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
