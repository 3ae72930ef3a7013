"""Trains one architecture from scratch: derived generator, discriminator, optimizers and the weight average."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import seeds
from autogan_tf.data.pipeline import IMAGE_ORDER, ImageStream
from autogan_tf.models import initializers
from autogan_tf.models.changeable_generator import ChangeableGenerator
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator
from autogan_tf.runs import machine
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import loss_scale, sampling
from autogan_tf.training.adam import Adam
from autogan_tf.training.averaging import WeightAverage
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.gan_step import CompiledStep, GanStep
from autogan_tf.training.loop import PURPOSES, GanLoop
from autogan_tf.training.precision import COMPUTE_DTYPES

SECONDS_BETWEEN_REPORTS = 2.0


def changeable_seed(value: int) -> seeds.ChangeableSeed:
    """A seed that changes, for a changeable trainer and its stream of images."""
    return seeds.ChangeableSeed(value, purposes=(*PURPOSES, IMAGE_ORDER))


class TrainingCollapsed(RuntimeError):
    """The losses stand still."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the losses stand still at generator step {step}: the GAN has collapsed")
        self.step = step


class Trainer(tf.Module):
    """The networks of a training run and the loop over them.

    Args:
      genotype: the architecture.
      stream: real images at full resolution, the discriminator's batch at a time.
      gf_dim, df_dim, latent_dim, bottom_width, channels: sizes of the networks.
      gen_batch_size, n_critic, g_lr, d_lr, beta1, beta2, init_type: as in the search.
      steps: generator steps of the whole training.
      lr_decay: both learning rates fall linearly and would reach 0 at the step after the last.
      ema_decay: of the weight average.
      loss, penalty, penalty_weight, clip_weights, augment: see `GanStep`.
      spectral_norm, minibatch_std: see `Discriminator`.
      jit_compile: compiles the two updates with XLA.
      detector: of collapse; None to train on whatever the losses do.
      seed: of the run; of a changeable trainer a `changeable_seed`, the stream's, if it is to change.
      num_classes: 0, or of conditional networks; the stream then has labels.
      class_counts: how often each class comes in the data, for samples; None for equally often.
      generator_spectral_norm: see `Generator`.
      precision: "float32", "mixed_bfloat16" or "mixed_float16": what the steps compute in. Weights, statistics and
        losses are float32, and so is the weight average's network.
      distribution: where the steps run.
      semantics: of initial weights and weight average.
      changeable: `become` takes other architectures into the same graphs. Without classes and spectral norm in the
        generator; checkpoints are its own, for this architecture alone.
    """

    def __init__(
        self,
        *,
        genotype: Genotype,
        stream: ImageStream,
        gf_dim: int,
        df_dim: int,
        latent_dim: int,
        bottom_width: int,
        channels: int,
        gen_batch_size: int,
        n_critic: int,
        g_lr: float,
        d_lr: float,
        beta1: float,
        beta2: float,
        init_type: str,
        steps: int,
        lr_decay: bool,
        ema_decay: float,
        seed: seeds.Seed,
        loss: str = "hinge",
        penalty: str = "none",
        penalty_weight: float | None = None,
        clip_weights: float = 0.0,
        augment: Sequence[str] = (),
        spectral_norm: bool = True,
        minibatch_std: bool = False,
        jit_compile: bool = False,
        detector: CollapseDetector | None = None,
        num_classes: int = 0,
        class_counts: Sequence[int] | None = None,
        generator_spectral_norm: bool = False,
        precision: str = "float32",
        distribution: Distribution | None = None,
        semantics: Semantics = CORRECTED,
        changeable: bool = False,
    ) -> None:
        super().__init__(name="trainer")
        distribution = self.distribution = distribution or Distribution()
        compute_dtype = COMPUTE_DTYPES[precision]

        if changeable and (num_classes or generator_spectral_norm):
            raise ValueError("a changeable trainer's generator has neither classes nor spectral norm")

        def new_generator(name: str, **more: Any) -> Generator | ChangeableGenerator:
            more |= {} if changeable else {"num_classes": num_classes, "spectral_norm": generator_spectral_norm}
            return (ChangeableGenerator if changeable else Generator)(
                genotype,
                gf_dim=gf_dim,
                latent_dim=latent_dim,
                bottom_width=bottom_width,
                channels=channels,
                name=name,
                **more,
            )

        with distribution.scope():
            self.generator = new_generator("generator", compute_dtype=compute_dtype)
            self.discriminator = Discriminator(
                num_cells=len(genotype.cells),
                df_dim=df_dim,
                channels=channels,
                spectral_norm=spectral_norm,
                minibatch_std=minibatch_std,
                num_classes=num_classes,
                compute_dtype=compute_dtype,
            )
            self.g_optimizer = Adam(
                self.generator.trainable_variables, learning_rate=g_lr, beta_1=beta1, beta_2=beta2, name="g_adam"
            )
            self.d_optimizer = Adam(
                self.discriminator.trainable_variables, learning_rate=d_lr, beta_1=beta1, beta_2=beta2, name="d_adam"
            )
            self.loss_scales = loss_scale.for_precision(precision)
        # outside of the scope: one copy is enough
        self.ema_generator = new_generator("ema_generator")
        average = self._average = WeightAverage(
            source=self.generator,
            average=self.ema_generator,
            decay=ema_decay,
            warm_up=not semantics.average_without_warm_up,
            average_statistics=not semantics.average_copies_statistics,
        )
        self.steps = steps
        self.n_critic = n_critic
        self.batch_size = stream.batch_size
        self._seed = seed
        self._init_type, self._semantics = init_type, semantics
        self._detector = detector
        self.draw_weights(attempt=0)

        def decay_rates(step: tf.Tensor) -> None:
            left = 1.0 - tf.cast(step // n_critic, tf.float32) / steps
            self.g_optimizer.learning_rate.assign(g_lr * left)
            self.d_optimizer.learning_rate.assign(d_lr * left)

        def after_generator(step: tf.Tensor, loss: tf.Tensor) -> None:
            average.update(step // n_critic)
            if detector:
                detector.push_generator(loss)

        step = GanStep(
            generator=self.generator,
            discriminator=self.discriminator,
            g_optimizer=self.g_optimizer,
            d_optimizer=self.d_optimizer,
            loss=loss,
            penalty=penalty,
            penalty_weight=penalty_weight,
            clip_weights=clip_weights,
            augment=augment,
            jit_gradients=jit_compile and distribution.count > 1,
            loss_scales=self.loss_scales,
        )
        self.loop = GanLoop(
            step=CompiledStep(step) if jit_compile and distribution.count == 1 else step,
            stream=stream,
            gen_batch_size=gen_batch_size,
            n_critic=n_critic,
            seed=seed,
            before_step=decay_rates if lr_decay else None,
            after_discriminator=(lambda step, loss: detector.push_discriminator(loss)) if detector else None,
            after_generator=after_generator,
            stop=detector.collapsed if detector else None,
            distribution=distribution,
        )
        self._class_counts = class_counts or [1] * num_classes
        self._images = sampling.quantized(self.ema_generator, latent_dim=latent_dim, conditional=num_classes > 0)

    @property
    def seed(self) -> int:
        """Of the run."""
        return self._seed.value if isinstance(self._seed, seeds.ChangeableSeed) else self._seed

    @property
    def detector(self) -> CollapseDetector | None:
        """Of collapse, where one looks for it."""
        return self._detector

    def draw_weights(self, *, attempt: int) -> None:
        """Fresh weights, optimizers and average; `attempt` counts the collapses before, and is in the seed."""
        again = [attempt] if attempt else []
        for network, purpose in ((self.generator, "train/generator"), (self.discriminator, "train/discriminator")):
            initializers.initialize(
                network.named_layers(),
                seed=seeds.stateless_seed(self.seed, purpose, *again),
                init_type=self._init_type,
                spectral_default=self._semantics.spectral_default_weights,
            )
        self._average.start()
        self.g_optimizer.reset()
        self.d_optimizer.reset()
        for scale in self.loss_scales or ():
            scale.reset()
        if self._detector:
            self._detector.clear()

    def change_seed(self, seed: int) -> None:
        """Images, latents and draws, and weights that are drawn from now on, are those of another seed.

        Raises:
          ValueError: it differs, and the trainer's seed is none that changes.
        """
        if isinstance(self._seed, seeds.ChangeableSeed):
            self._seed.change(seed)
        elif seed != self._seed:
            raise ValueError(f"the seed of this trainer is {self._seed} and does not change, got {seed}")

    def become(self, genotype: Genotype, *, seed: int | None = None) -> None:
        """Begins anew with another architecture, and another seed if one is given, in the same graphs; of a
        `changeable` trainer.

        Raises:
          ValueError: not changeable, or another space or number of cells.
        """
        if seed is not None:
            self.change_seed(seed)
        for generator in (self.generator, self.ema_generator):
            generator.become(genotype)
        self.draw_weights(attempt=0)

    def run(
        self,
        *,
        report: Callable[[int, dict[str, float]], None],
        evaluate: Callable[[int], None] | None = None,
        evaluate_every: int = 0,
        start: int = 0,
        until: int | None = None,
        pause_every: int = 0,
        pause: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Trains for all steps, or as far as it is told.

        Args:
          report: called every few seconds with the generator steps done and numbers by name: losses, gradient norms
            and learning rates of both networks, real images per second, memory.
          evaluate: called with the generator steps done, every `evaluate_every` of them (0: never) and at the end.
          start: generator steps that were done before, of which the weights tell.
          until: generator steps at which it ends; None for all.
          pause_every: 0, or steps at whose multiples `pause` is called for certain.
          pause: called with the generator steps done every few seconds, after `report` and before `evaluate`.

        Raises:
          TrainingDiverged: a loss or the norm of a gradient is NaN or infinite.
          TrainingCollapsed: the losses stand still, by the detector.
        """
        last = self.steps if until is None else until
        done, chunk = start, 1
        while done < last:
            end = min(last, done + chunk)
            for every in (evaluate_every, pause_every):
                if every:
                    end = min(end, (done // every + 1) * every)
            # TensorFlow counts what workers exchange by stretches, which must therefore be the same on all of them
            end = int(self.distribution.agreed(np.array(end)))
            began = time.monotonic()
            progress = self.loop.run(begin=done * self.n_critic, end=end * self.n_critic)
            if progress.stopped:
                raise TrainingCollapsed(-(-progress.steps // self.n_critic))
            seconds = time.monotonic() - began
            report(
                end,
                {
                    "d_loss": progress.d_loss,
                    "g_loss": progress.g_loss,
                    "d_gradient_norm": progress.d_gradient_norm,
                    "g_gradient_norm": progress.g_gradient_norm,
                    "d_lr": float(tf.convert_to_tensor(self.d_optimizer.learning_rate)),
                    "g_lr": float(tf.convert_to_tensor(self.g_optimizer.learning_rate)),
                    "images_per_second": (end - done) * self.n_critic * self.batch_size / max(seconds, 1e-3),
                    "memory_mb": machine.peak_memory_mb(),
                },
            )
            if done > start:  # the first stretch traces the graph
                chunk = max(1, round((end - done) * SECONDS_BETWEEN_REPORTS / max(seconds, 1e-3)))
            done = end
            pause(done)
            if evaluate and (done == last or (evaluate_every and done % evaluate_every == 0)):
                evaluate(done)

    def sample(self, number: int, *, purpose: str, labels: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yields uint8 [n, S, S, C] images of the weight average, `number` in all.

        `purpose` chooses the latents, and of a conditional generator the labels, unless they are given: int32 [number].
        """
        if labels is None and self.generator.num_classes:
            labels = sampling.drawn_labels(number, self._class_counts, seed=self.seed, purpose=purpose)
        return sampling.sample(
            self._images, number, latent_dim=self.generator.latent_dim, seed=self.seed, purpose=purpose, labels=labels
        )
