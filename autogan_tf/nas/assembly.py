"""What the settings of a search describe, built: its plan, the shared GAN, the strategy, the rewards."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np

from autogan_tf.config import strategy_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.data import pipeline, seeds
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import ImageStore
from autogan_tf.features import choice
from autogan_tf.features.classifier import Classifier
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import kernel, reference
from autogan_tf.models.cost import Cost
from autogan_tf.nas import reward_check
from autogan_tf.nas.candidates import Candidates
from autogan_tf.nas.constraints import Constraints
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.candidate_training import CandidateTraining, for_worker
from autogan_tf.nas.estimation.from_scratch import FromScratch
from autogan_tf.nas.estimation.objectives import MAX_REAL_FEATURES, Real
from autogan_tf.nas.estimation.reward import Scorer, some_real
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.estimation.shared_weights import SharedWeights
from autogan_tf.nas.estimation.workers import Inline, Processes
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.protocols import Strategy
from autogan_tf.nas.strategies import catalog as strategies
from autogan_tf.nas.strategies.shared_sampling import SharedSampling
from autogan_tf.nas.task import Task
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import StopRequest
from autogan_tf.runs.progress import Terminal
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import assembly as training
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.opening import Opened


def new_plan(config: SearchConfig, num_images: int) -> Plan:
    """How much of everything, on so many images."""
    steps = config.shared_steps or max(1, config.shared_epoch * num_images // config.dis_batch_size)
    names = {field.name for field in dataclasses.fields(Plan)} - {"space", "shared_steps", "first_cells", "grow_steps"}
    return Plan(
        space=catalog.space(config.space),
        shared_steps=steps,
        first_cells=config.first_cells,
        grow_steps=config.growths,
        **{name: getattr(config, name) for name in names},
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
    )


def check_can_draw(config: SearchConfig, constraints: Constraints) -> None:
    """UserError where the bounds leave so few architectures of all cells at once that random draws find none."""
    if constraints.is_bounded and config.single_level:
        every = Candidates(catalog.space(config.space), num_cells=config.num_cells, admits=constraints.admits)
        every.draw(1, seeds.numpy_rng(config.seed, "can_draw"))


def new_strategy(config: SearchConfig, distribution: Distribution, constraints: Constraints) -> Strategy:
    """What proposes the architectures, of those that meet the constraints."""
    task = Task(
        space=catalog.space(config.space),
        seed=config.seed,
        num_cells=config.first_cells,
        agreed=distribution.agreed,
        semantics=config.semantics,
        rewards_last=config.estimation != "shared_weights",
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
        needs=objectives.needs(objectives.reward(config.reward).names),
    )


def check_measurable(config: SearchConfig) -> None:
    """UserError where an objective of the reward cannot be measured in the way that candidates are judged."""
    if config.estimation != "from_scratch":
        return
    for key, objective in objectives.beyond_evaluation(objectives.reward(config.reward).names).items():
        if "cost" in objective.needs:
            raise UserError(
                f"the objective {key} looks at the cost and at images at once, which --estimation=from_scratch does "
                "not; make two objectives of it, or judge with --estimation=shared_weights"
            )


def check_counts(config: SearchConfig, num_real: int) -> None:
    """UserError where an objective of the reward needs more images, generated or real."""
    needs = objectives.needs(objectives.reward(config.reward).names)
    if needs & {"real_statistics", "real_features"} and num_real < 2:
        raise UserError(
            f"--reward={config.reward!r} compares with real images, of which it needs at least 2, got {num_real}; give "
            "more images, or leave out fid and kid"
        )
    if "real_features" in needs:
        for number in (config.rl_num_eval_img, config.num_eval_imgs):
            kernel.block_count(min(num_real, MAX_REAL_FEATURES), number, kernel.MAX_BLOCK_SIZE)


def real_images(
    config: SearchConfig,
    data: ImageData,
    network: FeatureNetwork,
    *,
    store: ImageStore,
    cache_dir: pathlib.Path | None,
    terminal: Terminal,
) -> dict[int, Real]:
    """The real images at the size of every stage, as the rewards' network sees them; none if no objective compares.

    Args:
      data: at the last stage's size.
      network: that scores.
      store, cache_dir: of reduced images, and of what is found.
      terminal: shows how far it is.
    """
    needs = objectives.needs(objectives.reward(config.reward).names)
    if not needs & {"real_statistics", "real_features"}:
        return {}
    seen_through = reward_network(config, network)
    found = {}
    for side in image_sides(bottom_width=config.bottom_width, num_cells=config.num_cells):
        terminal.phase(f"real images of {side} pixels", len(data.images), "images")
        seen = reference.of_images(
            dataclasses.replace(data, images=pipeline.reduce(data.images, side, store=store)),
            seen_through,
            cache_dir=cache_dir,
            with_features="real_features" in needs,
            progress=terminal.done,
        )
        rows = None if seen.features is None else some_real(seen.features, seed=config.seed)
        found[side] = Real(seen.statistics, rows)
    return found


def new_shared_weights(
    config: SearchConfig,
    plan: Plan,
    begun: Opened,
    network: FeatureNetwork,
    constraints: Constraints,
    terminal: Terminal | None = None,
) -> SharedWeights:
    """What judges architectures by the weights that they share; `terminal`: told what takes long."""
    real = real_images(
        config,
        begun.data,
        network,
        store=begun.store,
        cache_dir=choice.cache_folder(config.cache_dir),
        terminal=terminal or Terminal(silent=True),
    )
    gan = new_shared_gan(config, begun.data.channels, begun.distribution)
    scorer = Scorer(
        generator=gan.generator,
        network=reward_network(config, network),
        batch_size=config.eval_batch_size,
        calibration_batches=config.calibration_batches,
        seed=config.seed,
        semantics=config.semantics,
        reward=objectives.reward(config.reward),
        real=real,
        cost_of=constraints.cheapest,
    )
    return SharedWeights(
        gan=gan,
        scorer=scorer,
        images=begun.data.images,
        plan=plan,
        store=begun.store,
        pause_every=config.save_steps,
    )


def new_from_scratch(
    config: SearchConfig,
    plan: Plan,
    begun: Opened,
    network: FeatureNetwork,
    constraints: Constraints,
    stop: StopRequest,
) -> FromScratch:
    """What judges architectures by training each; `stop`: notes the wish to end."""
    training = CandidateTraining(config, begun.data, network, store=begun.store, distribution=begun.distribution)
    several = config.workers > 1
    return FromScratch(
        workers=Processes(for_worker, config, number=config.workers) if several else Inline(training, stop),
        training=training,
        folder=RunFolder(begun.run_dir).trials,
        fidelities=config.candidate_steps,
        images_per_step=config.final.gen_batch_size + config.final.n_critic * config.final.dis_batch_size,
        reward=objectives.reward(config.reward),
        cost_of=constraints.cheapest,
        plan=plan,
    )
