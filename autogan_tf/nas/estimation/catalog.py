"""Estimators made by name: what `--estimation` chooses, each with the network that its scores are seen through."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import NamedTuple

from autogan_tf.bench import recipe
from autogan_tf.bench import table as bench
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.data import pipeline
from autogan_tf.features import choice, classifier_choice
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import reference
from autogan_tf.nas import assembly
from autogan_tf.nas.constraints import Constraints
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.candidate_training import CandidateTraining, for_worker
from autogan_tf.nas.estimation.from_scratch import FromScratch
from autogan_tf.nas.estimation.objectives import Real
from autogan_tf.nas.estimation.recorded import Recorded
from autogan_tf.nas.estimation.reward import Scorer, some_real
from autogan_tf.nas.estimation.shared_weights import SharedWeights
from autogan_tf.nas.estimation.workers import Inline, Processes
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.protocols import Estimator
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import StopRequest
from autogan_tf.runs.progress import Terminal
from autogan_tf.training.opening import Opened


class Parts(NamedTuple):
    """What an estimator is made of; terminal: told what takes long; stop: notes the wish to end."""

    config: SearchConfig
    plan: Plan
    begun: Opened
    network: FeatureNetwork
    constraints: Constraints
    terminal: Terminal
    stop: StopRequest


class Kind(NamedTuple):
    """network: gives the one that scores, or raises UserError where the estimator would not work with it."""

    network: Callable[[SearchConfig, Opened, Terminal], FeatureNetwork]
    new: Callable[[Parts], Estimator]


def new_estimator(parts: Parts) -> Estimator:
    """The estimator that the settings name, at its beginning."""
    return _KINDS[parts.config.estimation].new(parts)


def network_of(config: SearchConfig, begun: Opened, terminal: Terminal) -> FeatureNetwork:
    """The network that its scores are seen through.

    Raises:
      UserError: it cannot rank architectures, or the bench's table does not have what the settings ask for.
    """
    return _KINDS[config.estimation].network(config, begun, terminal)


def _named_network(config: SearchConfig, begun: Opened, terminal: Terminal) -> FeatureNetwork:
    network = classifier_choice.network_of(
        config, begun.where, num_cells=config.num_cells, store=begun.store, terminal=terminal
    )
    assembly.check_can_rank(config, network, begun.data.images)
    return network


def _new_shared_weights(parts: Parts) -> SharedWeights:
    config, begun = parts.config, parts.begun
    gan = assembly.new_shared_gan(config, begun.data.channels, begun.distribution)
    scorer = Scorer(
        generator=gan.generator,
        network=assembly.reward_network(config, parts.network),
        batch_size=config.eval_batch_size,
        calibration_batches=config.calibration_batches,
        seed=config.seed,
        semantics=config.semantics,
        reward=objectives.reward(config.reward),
        measured=objectives.measured(config),
        real=_real_images(parts),
        cost_of=parts.constraints.cheapest,
    )
    return SharedWeights(
        gan=gan,
        scorer=scorer,
        images=begun.data.images,
        plan=parts.plan,
        store=begun.store,
        pause_every=config.save_steps,
    )


def _real_images(parts: Parts) -> dict[int, Real]:
    """The real images at the size of every stage, as the rewards' network sees them; none if no objective compares."""
    config, begun = parts.config, parts.begun
    needs = objectives.needs(objectives.measured(config))
    if not needs & {"real_statistics", "real_features"}:
        return {}
    seen_through = assembly.reward_network(config, parts.network)
    found = {}
    for side in image_sides(bottom_width=config.bottom_width, num_cells=config.num_cells):
        parts.terminal.phase(f"real images of {side} pixels", len(begun.data.images), "images")
        seen = reference.of_images(
            dataclasses.replace(begun.data, images=pipeline.reduce(begun.data.images, side, store=begun.store)),
            seen_through,
            cache_dir=choice.cache_folder(config.cache_dir),
            with_features="real_features" in needs,
            progress=parts.terminal.done,
        )
        rows = None if seen.features is None else some_real(seen.features, seed=config.seed)
        found[side] = Real(seen.statistics, rows)
    return found


def _new_from_scratch(parts: Parts) -> FromScratch:
    config, begun = parts.config, parts.begun
    if config.workers > 1 and not config.threads:
        parts.terminal.line(
            f"{config.workers} workers share the cores, and each computes in as many threads as there are cores; "
            "--threads=N, cores divided by workers, is quicker"
        )
    training = CandidateTraining(config, begun.data, parts.network, store=begun.store, distribution=begun.distribution)
    several = config.workers > 1
    return FromScratch(
        workers=Processes(for_worker, config, number=config.workers) if several else Inline(training, parts.stop),
        training=training,
        folder=RunFolder(begun.run_dir).trials,
        fidelities=config.candidate_steps,
        own_seeds=config.candidate_seeds == "own",
        images_per_step=assembly.images_per_step(config.final),
        reward=objectives.reward(config.reward),
        measured=objectives.measured(config),
        cost_of=parts.constraints.cheapest,
        plan=parts.plan,
    )


def _judge(config: SearchConfig, begun: Opened, terminal: Terminal) -> FeatureNetwork:
    points = _tables(config)[config.num_cells].points
    unknown = [str(steps) for steps in config.fidelities if steps not in points]
    if unknown:
        raise UserError(
            f"--fidelities has {', '.join(unknown)}, and the bench was scored after {', '.join(map(str, points))} "
            "generator steps; choose from these"
        )
    return recipe.judge(recipe.SIDE)


def _tables(config: SearchConfig) -> dict[int, bench.Table]:
    """Of every number of cells that the search comes to; UserError where one is missing, or not complete."""
    found = {}
    for cells in range(config.first_cells, config.num_cells + 1):
        found[cells] = bench.load(num_cells=cells, folder=pathlib.Path(config.table) if config.table else None)
        found[cells].check_complete()
    return found


def _new_recorded(parts: Parts) -> FromScratch:
    config = parts.config
    tables = _tables(config)
    recorded = Recorded(tables.values())
    return FromScratch(
        workers=recorded,
        training=recorded,
        folder=None,
        fidelities=config.fidelities or tables[config.num_cells].points[-1:],
        images_per_step=assembly.images_per_step(config.final),
        reward=objectives.reward(config.reward),
        measured=objectives.measured(config),
        cost_of=parts.constraints.cheapest,
        plan=parts.plan,
    )


_KINDS = {
    "shared_weights": Kind(_named_network, _new_shared_weights),
    "from_scratch": Kind(_named_network, _new_from_scratch),
    "table": Kind(_judge, _new_recorded),
}
