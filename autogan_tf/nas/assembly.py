"""What the settings of a search describe, built: its plan, the shared GAN, the strategy, the rewards."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from autogan_tf.bench import halves
from autogan_tf.config import strategy_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import seeds
from autogan_tf.data.image_data import ImageData
from autogan_tf.features.classifier import Classifier
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import kernel
from autogan_tf.models.cost import Cost
from autogan_tf.nas import reward_check
from autogan_tf.nas.candidates import Candidates
from autogan_tf.nas.constraints import Constraints
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import MAX_REAL_FEATURES
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.strategies import catalog as strategies
from autogan_tf.nas.strategies.shared_sampling import SharedSampling
from autogan_tf.nas.task import Task
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import assembly as training
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution


def new_plan(config: SearchConfig, num_images: int) -> Plan:
    """How much of everything, on so many images."""
    steps = config.shared_steps or max(1, config.shared_epoch * num_images // config.dis_batch_size)
    full_training = config.full_training_steps * images_per_step(config.final)
    ours = {"space", "shared_steps", "first_cells", "grow_steps", "budget"}
    names = {field.name for field in dataclasses.fields(Plan)} - ours
    return Plan(
        space=catalog.space(config.space),
        shared_steps=steps,
        first_cells=config.first_cells,
        grow_steps=config.growths,
        budget=config.budget * full_training,
        **{name: getattr(config, name) for name in names},
    )


def images_per_step(config: TrainConfig) -> int:
    """With which a generator step is made, and the discriminator's before it: generated ones, and real ones."""
    return config.gen_batch_size + config.n_critic * config.dis_batch_size


def leave_graphs(config: SearchConfig) -> None:
    """On CPUs TensorFlow is told not to rewrite a supernet's graphs, which takes longer than all that it gains."""
    leaves = config.estimation == "shared_weights" and not tf.config.list_physical_devices("GPU")
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": leaves})


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


def cost_of_trained(config: SearchConfig, data: ImageData) -> Callable[[Genotype], Cost]:
    """What the generator that is trained in the end costs."""
    final = config.final
    return lambda genotype: training.cost_of(final, genotype, data)


def new_constraints(config: SearchConfig, data: ImageData) -> Constraints:
    """What that generator may cost."""
    return Constraints(
        space=catalog.space(config.space),
        num_cells=config.num_cells,
        cost_of=cost_of_trained(config, data),
        max_parameters=config.max_parameters or None,
        max_multiply_adds=config.max_multiply_adds or None,
        begins_well=halves.admits(config.bench_half),
    )


def check_can_draw(config: SearchConfig, constraints: Constraints) -> None:
    """UserError where the bounds leave so few architectures of all cells at once that random draws find none."""
    if constraints.is_bounded and config.single_level:
        every = Candidates(catalog.space(config.space), num_cells=config.num_cells, admits=constraints.admits)
        every.draw(1, seeds.numpy_rng(config.seed, "can_draw"))


def new_strategy(
    config: SearchConfig, distribution: Distribution, constraints: Constraints, *, rewards_last: bool
) -> Strategy:
    """What proposes the architectures, of those that meet the constraints; rewards_last: as the estimator says."""
    task = Task(
        space=catalog.space(config.space),
        seed=config.seed,
        num_cells=config.first_cells,
        agreed=distribution.agreed,
        semantics=config.semantics,
        rewards_last=rewards_last,
        admits=constraints.admits if constraints.is_bounded else None,
    )
    strategy = strategies.new_strategy(config.strategy, strategy_settings.chosen(config), task)
    return strategy if config.shared_sampling == "strategy" else SharedSampling(strategy, config.shared_sampling, task)


def reward_network(config: SearchConfig, network: FeatureNetwork) -> FeatureNetwork:
    """A classifier computes in the search's precision where it gives rewards, other networks in float32."""
    return network.computing_in(config.precision) if isinstance(network, Classifier) else network


def check_can_rank(config: SearchConfig, network: FeatureNetwork, images: np.ndarray) -> None:
    """UserError where the reward seen through `network` cannot rank architectures; see `reward_check`."""
    sides = image_sides(bottom_width=config.bottom_width, num_cells=config.num_cells)
    reward_check.check_can_rank(
        reward_network(config, network),
        images,
        sides=sides,
        seed=config.seed,
        needs=objectives.needs(objectives.measured(config)),
    )


def check_measurable(config: SearchConfig) -> None:
    """UserError where an objective of the search cannot be measured in the way that candidates are judged."""
    if config.estimation == "shared_weights":
        return
    for key, objective in objectives.beyond_evaluation(objectives.measured(config)).items():
        if config.estimation == "table":
            raise UserError(f"the search needs {key}, which the bench's table has not got; it has is, fid and kid, and "
                            "parameters and multiply_adds are counted")  # fmt: skip
        if "cost" in objective.needs:
            raise UserError(
                f"the objective {key} looks at the cost and at images at once, which --estimation=from_scratch does "
                "not; make two objectives of it, or judge with --estimation=shared_weights"
            )


def check_counts(config: SearchConfig, num_real: int) -> None:
    """UserError where an objective of the search needs more images, generated or real."""
    names = objectives.measured(config)
    needs = objectives.needs(names)
    if needs & {"real_statistics", "real_features"} and num_real < 2:
        raise UserError(
            f"the search measures {', '.join(names)}, which compares with real images, of which it needs at least 2, "
            f"got {num_real}; give more images, or leave out fid and kid"
        )
    if "real_features" in needs:
        for number in (config.rl_num_eval_img, config.num_eval_imgs):
            kernel.block_count(min(num_real, MAX_REAL_FEATURES), number, kernel.MAX_BLOCK_SIZE)
