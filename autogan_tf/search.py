"""Finds a generator by AutoGAN's search, and trains it: python -m autogan_tf.search --flagfile=cifar10.flags

Ends with the ranked architectures (genotypes/01.json ...) and, in best/, a complete training run of the best one.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, fields, listing, resume_settings, strategy_settings
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.nas import objectives
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype

if TYPE_CHECKING:
    from autogan_tf.data.image_data import ImageData
    from autogan_tf.data.image_store import ImageStore
    from autogan_tf.features.protocol import FeatureNetwork
    from autogan_tf.nas.constraints import Constraints
    from autogan_tf.nas.plan import Plan, Ranked
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import StopRequest
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.distribution import Distribution


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(SearchConfig, argv, doc=__doc__ or "", body=_search)


def _search(config: SearchConfig) -> int:
    catalog.space(config.space).check_num_cells(config.num_cells)
    config = dataclasses.replace(config, reward=str(objectives.reward(config.reward)))  # as one writes it
    environment.set_tensorflow_defaults()
    # imported late, here and below: --help and errors in the flags must not wait for TensorFlow
    from autogan_tf.training.distribution import as_a_worker

    with as_a_worker(config.distribution):
        return _search_here(config)


def _search_here(config: SearchConfig) -> int:
    import tensorflow as tf

    from autogan_tf.data import image_data, sources
    from autogan_tf.features import choice
    from autogan_tf.nas import assembly
    from autogan_tf.runs import machine
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder, default_run_dir
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training import precision
    from autogan_tf.training.distribution import start as start_distribution
    from autogan_tf.training.loop import TrainingDiverged

    machine.use_threads(config.threads)
    distribution = start_distribution(config.distribution, replicas=config.replicas)
    distribution.check_same_settings("search", config)
    distribution.check_batches(
        dis_batch_size=config.dis_batch_size,
        gen_batch_size=config.gen_batch_size,
        train_dis_batch_size=config.train_dis_batch_size,
        train_gen_batch_size=config.train_gen_batch_size,
    )
    if not tf.config.list_physical_devices("GPU"):
        # rewriting the supernet's graphs takes longer than all that it gains on CPUs
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    precision.check(config.precision)
    run_dir = config.run_dir or default_run_dir("search", config.dataset)
    complete = False
    if distribution.is_chief:  # which alone writes; it may have begun by now
        _, resumes = RunFolder.open(run_dir, command="search", resume=config.resume)
        if resumes and not config.dry_run:
            _check_same(config, RunFolder(run_dir))
            if _is_complete(config, RunFolder(run_dir)):
                print(f"the run in {run_dir} is complete: {Genotype.load(RunFolder(run_dir).genotype_file)}")
                complete = True
    if distribution.chiefs(complete):
        return 0
    where: dict[str, Any] = {"dataset": config.dataset, "data_dir": config.data_dir, "download": config.download}
    found = sources.check_available(**where)
    store = choice.image_store(
        config.cache_dir, memory_gb=config.data_memory_gb, keeps_decoded=not config.dry_run
    )
    data = sources.load(resolution=config.resolution, warn_enlarged=False, store=store, **where)
    distribution.check_same_images(data)
    sources.require_at_least(data, config.dis_batch_size, "dis_batch_size")
    sources.require_at_least(data, config.train_dis_batch_size, "train_dis_batch_size")
    image_data.warn_if_enlarged(data)
    constraints = assembly.new_constraints(config, data.channels)
    constraints.check()
    assembly.check_counts(config, len(data.images))
    plan = assembly.new_plan(config, len(data.images))
    if config.dry_run:
        print(listing.format_settings(config))
        print(_describe(config, data, plan, constraints))
        if found:
            print(found)
        return 0
    if not distribution.is_chief:
        return _follow(config, plan, data, store, where, constraints, distribution, RunFolder(run_dir))
    with locked(pathlib.Path(run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(run_dir, command="search", resume=config.resume)
        if found:
            terminal.line(found)
        settings = fields.to_dict(config) | {"replica_count": distribution.count, "data_digest": data.digest()}
        if resumes:
            resume_settings.check_same_data(settings, folder.settings())
        network = _network(config, where, store, terminal)
        assembly.check_can_rank(config, network, data.images)
        if resumes:
            folder.resume(settings=settings)
        else:
            folder.create(command="search", settings=settings)

        def search(stop: StopRequest) -> None:
            started = time.monotonic()
            ranked = _run_search(
                config, plan, data, store, network, constraints, folder, terminal, distribution, stop
            )
            searched = time.monotonic()
            terminal.result(f"the search took {_minutes(searched - started)}; best: {ranked[0].genotype}")
            if config.train_steps:
                _train_best(config, ranked[0], data, network, folder, terminal, distribution, stop)
                terminal.line(f"the final training took {_minutes(time.monotonic() - searched)}")

        return exit_code_of(search, folder=folder, terminal=terminal, failures=(TrainingDiverged,))


def _check_same(config: SearchConfig, folder: RunFolder) -> None:
    """UserError where the run would go on with another search."""
    grows = ["max_search_iter"] if not folder.genotype_file.exists() else []  # what was ranked stays ranked
    if not config.train_lr_decay:  # which depends on the number of steps
        grows.append("train_steps")
    before = {"reward": "is", "max_parameters": 0, "max_multiply_adds": 0}  # of runs from when these were no settings
    resume_settings.check_same(config, before | dict(folder.settings()), grows=tuple(grows))


def _is_complete(config: SearchConfig, folder: RunFolder) -> bool:
    from autogan_tf.training.training_run import scores_if_complete

    if not folder.genotype_file.exists():
        return False
    return not config.train_steps or bool(scores_if_complete(folder.best, steps=config.train_steps))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def _describe(config: SearchConfig, data: ImageData, plan: Plan, constraints: Constraints) -> str:
    """Sizes and planned work, for --dry_run."""
    from autogan_tf.nas import assembly

    gan = assembly.new_shared_gan(config, data.images.shape[-1])
    sizes = {
        name: sum(math.prod(variable.shape) for variable in network.trainable_variables)
        for name, network in (("supernet generator", gan.generator), ("discriminator", gan.discriminator))
    }
    architectures = gan.generator.space.size(config.num_cells)
    scored = plan.max_search_iter * strategy_settings.chosen(config).trials_per_round
    lines = [
        f"data: {data.name}, {len(data.images):,} images of {data.resolution} pixels, "
        f"{data.channels} channel{'s' * (data.channels > 1)}",
        *(f"{name}: {count:,} parameters" for name, count in sizes.items()),
        f"search space: {architectures:,} architectures of {config.num_cells} cells",
        *_costs(config, constraints),
        f"shared GAN: {plan.max_search_iter} iterations of {plan.shared_steps:,} discriminator steps "
        f"of {config.dis_batch_size} images, one generator step of {config.gen_batch_size} in {config.n_critic}",
        f"strategy {config.strategy}: {scored:,} scorings of {plan.rl_num_eval_img:,} images at most",
        f"final training: {config.train_steps:,} generator steps of {config.train_gen_batch_size} images, "
        f"each after {config.train_n_critic} of the discriminator with {config.train_dis_batch_size}",
    ]
    return "\n".join(lines)


def _costs(config: SearchConfig, constraints: Constraints) -> list[str]:
    """What the architectures cost, and how many of them the constraints admit."""
    from autogan_tf.data import seeds

    least, most = constraints.range()
    lines = [
        f"costs with train_gf_dim {config.train_gf_dim}: {least.parameters:,} to {most.parameters:,} parameters, "
        f"{least.multiply_adds:,} to {most.multiply_adds:,} multiply-adds"
    ]
    if constraints.is_bounded:
        share = constraints.admitted_share(seeds.numpy_rng(config.seed, "admitted_share"))
        lines.append(
            f"constraints: {f'{share:.1%}' if share else 'less than 0.1%'} of the architectures keep to them, "
            "estimated from 1,000 draws"
        )
    return lines


def _network(
    config: SearchConfig, where: Mapping[str, Any], store: ImageStore, terminal: Terminal
) -> FeatureNetwork:
    """The feature network; the classifier comes from the cache, or is trained now."""
    from autogan_tf.data import sources
    from autogan_tf.features import choice
    from autogan_tf.features.classifier import load_or_train

    def make_classifier() -> FeatureNetwork:
        train, test = sources.labelled_splits(
            resolution=config.resolution, warn_enlarged=False, store=store, **where
        )
        started = time.monotonic()
        terminal.phase("training the classifier", config.classifier_steps, "steps")
        classifier = load_or_train(
            train=train,
            test=test,
            sizes=image_sides(bottom_width=config.bottom_width, num_cells=config.num_cells),
            steps=config.classifier_steps,
            batch_size=config.classifier_batch_size,
            width=config.classifier_width,
            seed=config.seed,
            cache_dir=choice.cache_folder(config.cache_dir),
            log=lambda numbers: terminal.done(numbers["step"]),
        )
        how = "from the cache" if classifier.from_cache else f"trained in {_minutes(time.monotonic() - started)}"
        accuracy = ", ".join(f"{value:.1%} at {size} pixels" for size, value in sorted(classifier.accuracy.items()))
        terminal.line(f"classifier {how}: test accuracy {accuracy}")
        return classifier

    return choice.load(
        config.features,
        inception_weights=config.inception_weights,
        resolution=config.features_resolution,
        download=config.download,
        make_classifier=make_classifier,
    )


def _follow(
    config: SearchConfig,
    plan: Plan,
    data: ImageData,
    store: ImageStore,
    where: Mapping[str, Any],
    constraints: Constraints,
    distribution: Distribution,
    folder: RunFolder,
) -> int:
    """The same search on a worker that is not the chief, which alone writes and speaks."""
    from autogan_tf.features import choice
    from autogan_tf.nas import assembly
    from autogan_tf.nas.search_run import follow_search
    from autogan_tf.runs.keeper import Interrupted, StopRequest
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.loop import TrainingDiverged
    from autogan_tf.training.training_run import follow_training

    network = _network(config, where, store, Terminal(silent=True))
    assembly.check_can_rank(config, network, data.images)
    gan = assembly.new_shared_gan(config, data.images.shape[-1], distribution)
    real = assembly.real_images(
        config, data, network, store=store, cache_dir=choice.cache_folder(config.cache_dir)
    )
    scorer = assembly.new_scorer(config, gan, network, real, constraints)
    chiefs = folder if config.resume != "never" else None
    try:
        with StopRequest().listening() as stop:
            ranked = follow_search(
                strategy=assembly.new_strategy(config, distribution, constraints),
                gan=gan,
                scorer=scorer,
                images=data.images,
                store=store,
                plan=plan,
                folder=chiefs,
                stop=stop,
            )
            if config.train_steps:
                follow_training(
                    assembly.new_trainer(config, ranked[0].genotype, data, distribution),
                    folder=chiefs.best if chiefs else None,
                    stop=stop,
                )
    except Interrupted as error:
        return error.exit_code
    except TrainingDiverged:
        return 1
    return 0


def _run_search(
    config: SearchConfig,
    plan: Plan,
    data: ImageData,
    store: ImageStore,
    network: FeatureNetwork,
    constraints: Constraints,
    folder: RunFolder,
    terminal: Terminal,
    distribution: Distribution,
    stop: StopRequest,
) -> list[Ranked]:
    from autogan_tf.features import choice
    from autogan_tf.nas import assembly
    from autogan_tf.nas.search_run import run_search

    real = assembly.real_images(
        config,
        data,
        network,
        store=store,
        cache_dir=choice.cache_folder(config.cache_dir),
        begin=lambda description, total: terminal.phase(description, total, "images"),
        progress=terminal.done,
    )
    gan = assembly.new_shared_gan(config, data.images.shape[-1], distribution)
    return run_search(
        strategy=assembly.new_strategy(config, distribution, constraints),
        gan=gan,
        scorer=assembly.new_scorer(config, gan, network, real, constraints),
        images=data.images,
        store=store,
        plan=plan,
        folder=folder,
        terminal=terminal,
        network=network,
        cost_of=assembly.cost_of_trained(config, data.channels),
        grid_every=config.grid_every,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=config.keep_checkpoints,
        stop=stop,
    )


def _train_best(
    config: SearchConfig,
    best: Ranked,
    data: ImageData,
    network: FeatureNetwork,
    folder: RunFolder,
    terminal: Terminal,
    distribution: Distribution,
    stop: StopRequest,
) -> None:
    from autogan_tf.features import choice
    from autogan_tf.metrics import reference
    from autogan_tf.nas import assembly
    from autogan_tf.runs.folder import write_atomically
    from autogan_tf.training.training_run import run_training

    trainer = assembly.new_trainer(config, best.genotype, data, distribution)
    if not folder.best.config_file.exists():
        folder.best.create(command="train", settings=fields.to_dict(config))
    write_atomically(folder.best.genotype_file, folder.genotype_file.read_bytes())
    scores = run_training(
        trainer,
        folder=folder.best,
        terminal=terminal,
        network=network,
        reference=reference.of_images(
            data, network, cache_dir=choice.cache_folder(config.cache_dir), with_features=True
        ),
        evaluate_every=config.train_eval_every,
        num_eval_imgs=config.num_eval_imgs,
        real_images=data.images,
        report_on=folder,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=config.keep_checkpoints,
        stop=stop,
    )
    terminal.result(
        f"trained generator: Inception score {scores['inception_score']:.3f}, Fréchet distance "
        f"{scores['frechet_distance']:.3f} on {scores['num_images']:,} images ({scores['feature_network']}); "
        f"samples in {folder.best.samples / 'final.png'}"
    )


if __name__ == "__main__":
    sys.exit(main())
