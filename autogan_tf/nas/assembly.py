"""What the settings of a search describe, built: its plan, the shared GAN, the scorer, the final training."""

from __future__ import annotations

import dataclasses

import numpy as np

from autogan_tf.config import strategy_settings
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.features.classifier import Classifier
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.nas import reward_check
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.reward import Scorer
from autogan_tf.nas.shared_gan import SharedGan
from autogan_tf.nas.strategies import catalog as strategies
from autogan_tf.nas.task import Task
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.trainer import Trainer


def new_plan(config: SearchConfig, num_images: int) -> Plan:
    """How much of everything, on so many images."""
    steps = config.shared_steps or max(1, config.shared_epoch * num_images // config.dis_batch_size)
    names = {field.name for field in dataclasses.fields(Plan)} - {"space", "shared_steps"}
    return Plan(
        space=catalog.space(config.space), shared_steps=steps, **{name: getattr(config, name) for name in names}
    )


def new_shared_gan(config: SearchConfig, channels: int, distribution: Distribution | None = None) -> SharedGan:
    """The shared GAN with its first weights, for images of `channels`."""
    threshold = config.semantics.as_standard_deviation(config.reset_threshold)
    return SharedGan(
        space=catalog.space(config.space),
        num_cells=config.num_cells,
        bottom_width=config.bottom_width,
        latent_dim=config.latent_dim,
        gf_dim=config.gf_dim,
        df_dim=config.df_dim,
        channels=channels,
        g_lr=config.g_lr,
        d_lr=config.d_lr,
        beta1=config.beta1,
        beta2=config.beta2,
        gen_batch_size=config.gen_batch_size,
        n_critic=config.n_critic,
        init_type=config.init_type,
        detector=CollapseDetector(window=config.dynamic_reset_window, threshold=threshold),
        seed=config.seed,
        precision=config.precision,
        distribution=distribution,
        semantics=config.semantics,
    )


def new_strategy(config: SearchConfig, distribution: Distribution) -> Strategy:
    """What proposes the architectures."""
    task = Task(
        space=catalog.space(config.space),
        seed=config.seed,
        agreed=distribution.agreed,
        semantics=config.semantics,
    )
    return strategies.new_strategy(config.strategy, strategy_settings.chosen(config), task)


def reward_network(config: SearchConfig, network: FeatureNetwork) -> FeatureNetwork:
    """A classifier computes in the search's precision where it gives rewards, other networks in float32."""
    return network.computing_in(config.precision) if isinstance(network, Classifier) else network


def check_can_rank(config: SearchConfig, network: FeatureNetwork, images: np.ndarray) -> None:
    """UserError where the reward seen through `network` cannot rank architectures; see `reward_check`."""
    sides = image_sides(bottom_width=config.bottom_width, num_cells=config.num_cells)
    reward_check.check_can_rank(reward_network(config, network), images, sides=sides, seed=config.seed)


def new_scorer(config: SearchConfig, gan: SharedGan, network: FeatureNetwork) -> Scorer:
    """What gives the rewards."""
    return Scorer(
        generator=gan.generator,
        network=reward_network(config, network),
        batch_size=config.eval_batch_size,
        calibration_batches=config.calibration_batches,
        seed=config.seed,
        semantics=config.semantics,
    )


def new_trainer(config: SearchConfig, genotype: Genotype, data: ImageData, distribution: Distribution) -> Trainer:
    """The training of the best architecture from scratch."""
    return Trainer(
        genotype=genotype,
        stream=ImageStream(images=data.images, batch_size=config.train_dis_batch_size, seed=config.seed),
        gf_dim=config.train_gf_dim,
        df_dim=config.train_df_dim,
        latent_dim=config.latent_dim,
        bottom_width=config.bottom_width,
        channels=data.images.shape[-1],
        gen_batch_size=config.train_gen_batch_size,
        n_critic=config.train_n_critic,
        g_lr=config.train_g_lr,
        d_lr=config.train_d_lr,
        beta1=config.beta1,
        beta2=config.beta2,
        init_type=config.init_type,
        steps=config.train_steps,
        lr_decay=config.train_lr_decay,
        ema_decay=config.ema_decay,
        seed=config.seed,
        precision=config.precision,
        distribution=distribution,
        semantics=config.semantics,
    )
