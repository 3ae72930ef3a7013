"""The GAN that all architectures share: supernet, discriminator, optimizers and training loops."""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.models import initializers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import SearchSpace
from autogan_tf.training import loss_scale
from autogan_tf.training.adam import Adam
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.gan_step import GanStep
from autogan_tf.training.loop import GanLoop
from autogan_tf.training.precision import COMPUTE_DTYPES


class SharedGan(tf.Module):
    """Shared weights of the search and their training.

    Args:
      num_cells, bottom_width, latent_dim, gf_dim, df_dim, channels: sizes of the networks.
      g_lr, d_lr, beta1, beta2: Adam of the two networks.
      gen_batch_size: latents of a generator step.
      n_critic: discriminator steps for one generator step.
      init_type: as `initializers.initialize`.
      detector: the dynamic reset's.
      seed: of the run.
      precision: "float32", "mixed_bfloat16" or "mixed_float16": what feature maps are computed in.
      distribution: where the training steps run; all replicas take the same architecture in a step.
      space: of the architectures.
      semantics: of initial weights and optimizer.
    """

    def __init__(
        self,
        *,
        num_cells: int,
        bottom_width: int,
        latent_dim: int,
        gf_dim: int,
        df_dim: int,
        channels: int,
        g_lr: float,
        d_lr: float,
        beta1: float,
        beta2: float,
        gen_batch_size: int,
        n_critic: int,
        init_type: str,
        detector: CollapseDetector,
        seed: int,
        precision: str = "float32",
        distribution: Distribution | None = None,
        space: SearchSpace = autogan.SPACE,
        semantics: Semantics = CORRECTED,
    ) -> None:
        super().__init__(name="shared_gan")
        self.distribution = distribution or Distribution()
        compute_dtype = COMPUTE_DTYPES[precision]
        with self.distribution.scope():
            self.generator = SupernetGenerator(
                space=space,
                num_cells=num_cells,
                gf_dim=gf_dim,
                latent_dim=latent_dim,
                bottom_width=bottom_width,
                channels=channels,
                compute_dtype=compute_dtype,
            )
            self.discriminator = Discriminator(
                num_cells=num_cells, df_dim=df_dim, channels=channels, compute_dtype=compute_dtype
            )
            self.g_optimizer = Adam(
                self.generator.trainable_variables, learning_rate=g_lr, beta_1=beta1, beta_2=beta2, name="g_adam"
            )
            self.d_optimizer = Adam(
                self.discriminator.trainable_variables, learning_rate=d_lr, beta_1=beta1, beta_2=beta2, name="d_adam"
            )
            self.loss_scales = loss_scale.for_precision(precision)
        self.detector = detector
        self._gen_batch_size, self._n_critic = gen_batch_size, n_critic
        self._init_type, self._seed, self._semantics = init_type, seed, semantics
        self.draw_weights(generation=0)

    def draw_weights(self, *, generation: int) -> None:
        """Fresh weights, empty optimizers and an empty detector; `generation` counts the resets, and is in the seed."""
        for network, purpose in ((self.generator, "generator_weights"), (self.discriminator, "discriminator_weights")):
            initializers.initialize(
                network.named_layers(),
                seed=seeds.stateless_seed(self._seed, purpose, generation),
                init_type=self._init_type,
                spectral_default=self._semantics.spectral_default_weights,
            )
        self.g_optimizer.reset()
        self.d_optimizer.reset()
        for scale in self.loss_scales or ():
            scale.reset()
        self.detector.clear()

    def images_generated(self, steps: int) -> int:
        """Of which the generator's steps are made in a phase of so many of the discriminator's."""
        return -(-steps // self._n_critic) * self._gen_batch_size

    def stage_loop(self, *, stage: int, stream: ImageStream) -> GanLoop:
        """The training loop of one stage, on a stream of that stage's images: one trace, whatever is sampled."""
        step = GanStep(
            generator=self.generator,
            discriminator=self.discriminator,
            g_optimizer=self.g_optimizer,
            d_optimizer=self.d_optimizer,
            stage=stage,
            decay_unused=self._semantics.unsampled_moments_decay,
            loss_scales=self.loss_scales,
        )
        return GanLoop(
            step=step,
            stream=stream,
            gen_batch_size=self._gen_batch_size,
            n_critic=self._n_critic,
            seed=self._seed,
            num_tokens=len(self.generator.space.counts(stage + 1)),
            after_discriminator=lambda step, loss: self.detector.push_discriminator(loss),
            after_generator=lambda step, loss: self.detector.push_generator(loss),
            stop=self.detector.collapsed,
            distribution=self.distribution,
        )
