"""Finds a generator by AutoGAN's search, and trains it: python -m autogan_tf.search --flagfile=cifar10.flags

Ends with the ranked architectures (genotypes/01.json ...) and, in best/, a complete training run of the best one.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autogan_tf.config import (
    command_line,
    environment,
    fields,
    final_training,
    listing,
    resume_settings,
    strategy_settings,
)
from autogan_tf.config.search import SearchConfig
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype

if TYPE_CHECKING:
    from autogan_tf.data.image_data import ImageData
    from autogan_tf.features.protocol import FeatureNetwork
    from autogan_tf.nas.constraints import Constraints
    from autogan_tf.nas.plan import Plan, Ranked
    from autogan_tf.nas.protocols import Estimator
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import StopRequest
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.opening import Opened


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(SearchConfig, argv, doc=__doc__ or "", body=_search)


def _search(config: SearchConfig) -> int:
    catalog.space(config.space).check_num_cells(config.num_cells)
    # imported late, here and below: --help and errors in the flags must not wait for NumPy and TensorFlow
    from autogan_tf.nas.estimation import objectives

    objectives.measured(config)  # fails where a name is wrong
    config = dataclasses.replace(config, reward=str(objectives.reward(config.reward)))  # as one writes it
    environment.set_tensorflow_defaults()
    from autogan_tf.training.distribution import as_a_worker

    with as_a_worker(config.distribution):
        return _search_here(config)


def _search_here(config: SearchConfig) -> int:
    from autogan_tf.bench import recipe
    from autogan_tf.data import image_data, sources
    from autogan_tf.nas import assembly
    from autogan_tf.nas.best_training import train_best
    from autogan_tf.nas.estimation import catalog as estimators
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder, versions
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.assembly import check_images
    from autogan_tf.training.loop import TrainingDiverged
    from autogan_tf.training.opening import opened
    from autogan_tf.training.trainer import TrainingCollapsed

    batches = {"dis_batch_size": config.dis_batch_size, "gen_batch_size": config.gen_batch_size}
    if config.train_steps:
        batches |= {f"{final_training.PREFIX}{name}": getattr(config.final, name) for name in batches}
    if config.estimation == "table":
        recipe.check_search(config)
    looks_up = config.estimation == "table" and not config.train_steps  # which needs no images
    begun = opened(
        config,
        command="search",
        resolution=config.resolution,
        batches=batches,
        complete=_complete,
        data=recipe.not_loaded(config.resolution) if looks_up else None,
    )
    if begun is None:
        return 0
    config = begun.config
    assembly.leave_graphs(config)
    data, distribution = begun.data, begun.distribution
    if not looks_up:
        sources.require_at_least(data, config.dis_batch_size, "dis_batch_size")
    if config.train_steps:
        check_images(config.final, data, prefix=final_training.PREFIX)
    image_data.warn_if_enlarged(data)
    constraints = assembly.new_constraints(config, data)
    constraints.check()
    assembly.check_can_draw(config, constraints)
    assembly.check_measurable(config)
    if not looks_up:
        assembly.check_counts(config, len(data.images))
    plan = assembly.new_plan(config, len(data.images))
    if config.dry_run:
        print(listing.format_settings(config))
        print(_describe(config, data, plan, constraints))
        if begun.found:
            print(begun.found)
        return 0
    if not distribution.is_chief:
        return _follow(config, plan, begun, constraints)
    with locked(pathlib.Path(begun.run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(begun.run_dir, command="search", resume=config.resume)
        if begun.found:
            terminal.line(begun.found)
        settings = fields.to_dict(config) | {"replica_count": distribution.count, **_content(data)}
        settings |= resume_settings.plugin_digest(config)
        if resumes:
            resume_settings.check_same_data(settings, folder.settings())
            resume_settings.check_same_stack(config, folder.packages(), versions())
        network = estimators.network_of(config, begun, terminal)
        if resumes:
            folder.resume(settings=settings)
        else:
            folder.create(command="search", settings=settings)

        def search(stop: StopRequest) -> None:
            started = time.monotonic()
            parts = estimators.Parts(config, plan, begun, network, constraints, terminal, stop)
            estimator = estimators.new_estimator(parts)
            ranked = _run_search(config, plan, begun, network, constraints, estimator, folder, terminal, stop)
            searched = time.monotonic()
            terminal.result(f"the search took {_minutes(searched - started)}; best: {ranked[0].genotype}")
            if not config.train_steps:
                return
            best, scores = train_best(
                config,
                ranked,
                begun,
                network=network,
                folder=folder,
                terminal=terminal,
                stop=stop,
                begun_in=estimator.trained_in,
            )
            which = f"; of {config.train_top} trained ones the best: {best}" if config.train_top > 1 else ""
            terminal.result(
                f"trained generator: Inception score {scores['inception_score']:.3f}, Fréchet distance "
                f"{scores['frechet_distance']:.3f} on {scores['num_images']:,} images ({scores['feature_network']}); "
                f"samples in {folder.best.samples / 'final.png'}{which}"
            )
            terminal.line(f"the final training took {_minutes(time.monotonic() - searched)}")

        failures = (TrainingDiverged, TrainingCollapsed)
        return exit_code_of(search, folder=folder, terminal=terminal, failures=failures)


def _complete(config: SearchConfig, folder: RunFolder) -> str:
    """The best architecture of a run that has nothing left to do; UserError where it would be another search."""
    from autogan_tf.nas.best_training import is_complete

    grows = ["max_search_iter"] if not folder.genotype_file.exists() else []  # what was ranked stays ranked
    grows.append("train_top")
    # a learning rate that falls depends on the number of steps, and so do candidates that are trained for all of them
    candidates_depend = config.estimation == "from_scratch" and not config.fidelities
    if not config.final.lr_decay and (folder.genotype_file.exists() or not candidates_depend):
        grows.append("train_steps")
    resume_settings.check_same(config, folder.settings(), grows=tuple(grows))
    return str(Genotype.load(folder.genotype_file)) if is_complete(config, folder) else ""


def _content(data: ImageData) -> dict[str, str]:
    """What a run that goes on must find again, if it has looked at images."""
    return {"data_digest": data.digest()} if len(data.images) else {}


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def _describe(config: SearchConfig, data: ImageData, plan: Plan, constraints: Constraints) -> str:
    """Sizes and planned work, for --dry_run."""
    from autogan_tf.nas import assembly

    sizes = {}
    if config.estimation == "shared_weights":
        gan = assembly.new_shared_gan(config, data.images.shape[-1])
        sizes = {
            name: sum(math.prod(variable.shape) for variable in network.trainable_variables)
            for name, network in (("supernet generator", gan.generator), ("discriminator", gan.discriminator))
        }
    architectures = catalog.space(config.space).size(config.num_cells)
    scored = plan.max_search_iter * strategy_settings.chosen(config).trials_per_round
    final = config.final
    number = f"{len(data.images):,} images" if len(data.images) else "no images (the table needs none)"
    lines = [
        f"data: {data.name}, {number} of {data.resolution} pixels, {data.channels} channel{'s' * (data.channels > 1)}",
        *(f"{name}: {count:,} parameters" for name, count in sizes.items()),
        f"search space: {architectures:,} architectures of {config.num_cells} cells",
        *_costs(config, constraints),
        *_work(config, plan),
        f"strategy {config.strategy}: {scored:,} scorings of {plan.rl_num_eval_img:,} images at most",
        f"final training: {final.max_iter:,} generator steps of {final.gen_batch_size} images, each after "
        f"{final.n_critic} of the discriminator with {final.dis_batch_size}"
        + (f", of the best {config.train_top} architectures" if config.train_top > 1 else ""),
    ]
    return "\n".join(lines)


def _work(config: SearchConfig, plan: Plan) -> list[str]:
    """What is trained before the final training, for --dry_run."""
    if config.estimation == "shared_weights":
        return [
            f"shared GAN: {plan.max_search_iter} iterations of {plan.shared_steps:,} discriminator steps "
            f"of {config.dis_batch_size} images, one generator step of {config.gen_batch_size} in {config.n_critic}"
        ]
    if config.estimation == "table":
        return [f"from the bench's table: {plan.max_search_iter} iterations, nothing is trained"]
    steps = [f"{number:,}" for number in config.candidate_steps]
    going_on = " if they are then in the best third" if len(steps) > 1 else ""
    return [
        f"from scratch: {plan.max_search_iter} iterations, candidates are trained for {', '.join(steps)} generator "
        f"steps{going_on}, in {config.workers} process{'es' * (config.workers > 1)}"
    ]


def _costs(config: SearchConfig, constraints: Constraints) -> list[str]:
    """What the architectures cost, and how many of them the constraints admit."""
    from autogan_tf.data import seeds

    least, most = constraints.range()
    lines = [
        f"costs with train_gf_dim {config.final.gf_dim}: {least.parameters:,} to {most.parameters:,} parameters, "
        f"{least.multiply_adds:,} to {most.multiply_adds:,} multiply-adds"
    ]
    if constraints.is_bounded:
        share = constraints.admitted_share(seeds.numpy_rng(config.seed, "admitted_share"))
        lines.append(
            f"constraints: {f'{share:.1%}' if share else 'less than 0.1%'} of the architectures keep to them, "
            "estimated from 1,000 draws"
        )
    return lines


def _follow(config: SearchConfig, plan: Plan, begun: Opened, constraints: Constraints) -> int:
    """The same search on a worker that is not the chief, which alone writes and speaks."""
    from autogan_tf.nas import assembly
    from autogan_tf.nas.best_training import follow_best
    from autogan_tf.nas.estimation import catalog as estimators
    from autogan_tf.nas.search_run import follow_search
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import Interrupted, StopRequest
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.loop import TrainingDiverged
    from autogan_tf.training.trainer import TrainingCollapsed

    distribution = begun.distribution
    terminal = Terminal(silent=True)
    network = estimators.network_of(config, begun, terminal)
    chiefs = RunFolder(begun.run_dir) if config.resume != "never" else None
    try:
        with StopRequest().listening() as stop:
            parts = estimators.Parts(config, plan, begun, network, constraints, terminal, stop)
            estimator = estimators.new_estimator(parts)
            ranked = follow_search(
                strategy=assembly.new_strategy(config, distribution, constraints, rewards_last=estimator.rewards_last),
                estimator=estimator,
                plan=plan,
                distribution=distribution,
                folder=chiefs,
                stop=stop,
            )
            if config.train_steps:
                follow_best(config, ranked, begun, folder=chiefs, stop=stop)
    except Interrupted as error:
        return error.exit_code
    except (TrainingDiverged, TrainingCollapsed):
        return 1
    return 0


def _run_search(
    config: SearchConfig,
    plan: Plan,
    begun: Opened,
    network: FeatureNetwork,
    constraints: Constraints,
    estimator: Estimator,
    folder: RunFolder,
    terminal: Terminal,
    stop: StopRequest,
) -> list[Ranked]:
    from autogan_tf.nas import assembly
    from autogan_tf.nas.estimation import objectives
    from autogan_tf.nas.search_run import run_search

    return run_search(
        strategy=assembly.new_strategy(
            config, begun.distribution, constraints, rewards_last=estimator.rewards_last
        ),
        estimator=estimator,
        plan=plan,
        distribution=begun.distribution,
        images=begun.data.images,
        reward=objectives.reward(config.reward),
        folder=folder,
        terminal=terminal,
        network=network,
        cost_of=assembly.cost_of_trained(config, begun.data),
        grid_every=config.grid_every,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=config.keep_checkpoints,
        stop=stop,
    )


if __name__ == "__main__":
    sys.exit(main())
