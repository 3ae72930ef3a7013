"""Trains one architecture from scratch: python -m autogan_tf.train --flagfile=cifar10_train.flags --genotype=best.json

The architecture is a genotype file that a search has written, a published name (autogan_cifar10_a) or integers
(--arch="1 0 1 1 ..."). The generator is scored as it trains; the checkpoint with the lowest Fréchet distance is kept.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, fields, listing, resume_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.train import MAX_RESTARTS, TrainConfig
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype

if TYPE_CHECKING:
    from autogan_tf.data.image_data import ImageData
    from autogan_tf.data.image_store import ImageStore
    from autogan_tf.features.protocol import FeatureNetwork
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training.distribution import Distribution
    from autogan_tf.training.trainer import Trainer


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(TrainConfig, argv, doc=__doc__ or "", body=_train)


def _train(config: TrainConfig) -> int:
    genotype = published.choose(arch=config.arch, genotype=config.genotype)
    environment.set_tensorflow_defaults()
    # imported late, here and below: --help and errors in the flags must not wait for TensorFlow
    from autogan_tf.training.distribution import as_a_worker

    with as_a_worker(config.distribution):
        return _train_genotype(config, genotype)


def _train_genotype(config: TrainConfig, genotype: Genotype) -> int:
    from autogan_tf.data import sources
    from autogan_tf.features import choice
    from autogan_tf.metrics import reference
    from autogan_tf.models.generator import generator_cost
    from autogan_tf.runs import machine
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder, default_run_dir, write_atomically
    from autogan_tf.runs.keeper import Interrupted, StopRequest
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training import precision
    from autogan_tf.training.distribution import start as start_distribution
    from autogan_tf.training.loop import TrainingDiverged
    from autogan_tf.training.trainer import TrainingCollapsed
    from autogan_tf.training.training_run import follow_training, run_training, scores_if_complete

    machine.use_threads(config.threads)
    resolution = image_sides(bottom_width=config.bottom_width, num_cells=len(genotype.cells))[-1]
    distribution = start_distribution(config.distribution, replicas=config.replicas)
    distribution.check_same_settings("train", config, architecture=str(genotype))
    distribution.check_batches(dis_batch_size=config.dis_batch_size, gen_batch_size=config.gen_batch_size)
    precision.check(config.precision)
    run_dir = config.run_dir or default_run_dir("train", config.dataset)
    complete = False
    if distribution.is_chief:  # which alone writes; it may have begun by now
        _, resumes = RunFolder.open(run_dir, command="train", resume=config.resume)
        if resumes and not config.dry_run:
            resume_settings.check_same(config, RunFolder(run_dir).settings(), grows=_may_grow(config))
            scores = scores_if_complete(RunFolder(run_dir), steps=config.max_iter)
            if scores:
                print(f"the run in {run_dir} is complete: {_in_words(scores)}")
                complete = True
    if distribution.chiefs(complete):
        return 0
    where: dict[str, Any] = {"dataset": config.dataset, "data_dir": config.data_dir, "download": config.download}
    found = sources.check_available(**where)
    store = choice.image_store(
        config.cache_dir, memory_gb=config.data_memory_gb, keeps_decoded=not config.dry_run
    )
    data = sources.load(resolution=resolution, warn_enlarged=False, store=store, **where)
    distribution.check_same_images(data)
    if (data.smallest_side or resolution) < resolution:
        raise UserError(
            f"{len(genotype.cells)} cells on --bottom_width={config.bottom_width} make images of {resolution} pixels, "
            f"and {data.name} has some of {data.smallest_side} ({data.enlarged}); lower --bottom_width or take "
            "larger images"
        )
    sources.require_at_least(data, config.dis_batch_size, "dis_batch_size")
    if config.conditional and data.labels is None:
        raise UserError(
            f"--conditional needs labelled images, and --dataset={config.dataset} has no labels; leave it out, or for "
            "a folder sort the images into one subfolder for each class or add a dataset.json with labels"
        )
    every = _evaluation_steps(config, len(data.images))
    cost = generator_cost(
        genotype,
        gf_dim=config.gf_dim,
        latent_dim=config.latent_dim,
        bottom_width=config.bottom_width,
        channels=data.channels,
        num_classes=data.num_classes if config.conditional else 0,
    )
    if config.dry_run:
        print(listing.format_settings(config))
        print(_describe(config, genotype, data, every, cost.parameters, cost.multiply_adds))
        if found:
            print(found)
        return 0
    restarts = MAX_RESTARTS if config.on_collapse == "restart" else 0
    if not distribution.is_chief:  # its steps are all that it adds; the chief scores and writes
        try:
            with StopRequest().listening() as stop:
                follow_training(
                    _trainer(config, genotype, data, distribution),
                    folder=RunFolder(run_dir) if config.resume != "never" else None,
                    restarts=restarts,
                    stop=stop,
                )
        except Interrupted as error:
            return error.exit_code
        except (TrainingDiverged, TrainingCollapsed):
            return 1
        return 0
    with locked(pathlib.Path(run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(run_dir, command="train", resume=config.resume)
        if found:
            terminal.line(found)
        settings: dict[str, Any] = {
            "num_cells": len(genotype.cells), "replica_count": distribution.count, "data_digest": data.digest()
        }  # fmt: skip
        if config.conditional:
            settings["class_counts"] = _class_counts(data)
        if resumes:
            resume_settings.check_same_data(settings, folder.settings())
            resume_settings.check_same_replicas(fields.to_dict(config) | settings, folder.settings())
        network = _network(config, where, store, len(genotype.cells), terminal)
        terminal.phase(f"looking at the real images of {data.name}", len(data.images), "images")
        real = reference.of_images(
            data,
            network,
            cache_dir=choice.cache_folder(config.cache_dir),
            with_features=True,
            progress=terminal.done,
        )
        trainer = _trainer(config, genotype, data, distribution)
        if resumes:
            folder.resume(settings=fields.to_dict(config) | settings)
        else:
            folder.create(command="train", settings=fields.to_dict(config) | settings)
        if folder.genotype_file.exists():
            _check_genotype(folder, genotype)
        else:
            text = dataclasses.replace(genotype, name=genotype.name or folder.path.name).to_json(
                cost=dataclasses.asdict(cost)
            )
            write_atomically(folder.genotype_file, text)
        terminal.line(f"training {genotype}: {cost.parameters:,} parameters, into {folder.path}")

        def train(stop: StopRequest) -> None:
            started = time.monotonic()
            best = run_training(
                trainer,
                folder=folder,
                terminal=terminal,
                network=network,
                reference=real,
                evaluate_every=every,
                num_eval_imgs=config.num_eval_imgs,
                score_each=True,
                restarts=restarts,
                real_images=data.images,
                save_steps=config.save_steps,
                save_minutes=config.save_minutes,
                keep_checkpoints=config.keep_checkpoints,
                stop=stop,
            )
            terminal.result(
                f"trained in {(time.monotonic() - started) / 60:.1f} minutes; {_in_words(best)}; "
                f"samples in {folder.samples}"
            )

        failures = (TrainingDiverged, TrainingCollapsed)
        return exit_code_of(train, folder=folder, terminal=terminal, failures=failures)


def _in_words(scores: Mapping[str, Any]) -> str:
    return (
        f"best at step {scores['step']:,}: Fréchet distance {scores['frechet_distance']:.3f}, Inception score "
        f"{scores['inception_score']:.3f} on {scores['num_images']:,} images ({scores['feature_network']})"
    )


def _may_grow(config: TrainConfig) -> tuple[str, ...]:
    """The budgets that may be longer when a run goes on; a rate that falls to 0 depends on the number of steps."""
    return () if config.lr_decay else ("max_iter",)


def _evaluation_steps(config: TrainConfig, num_images: int) -> int:
    """Generator steps between evaluations; the discriminator sees val_freq times the data in them."""
    if config.eval_steps:
        return config.eval_steps
    return max(1, round(config.val_freq * num_images / (config.dis_batch_size * config.n_critic)))


def _describe(
    config: TrainConfig, genotype: Genotype, data: ImageData, every: int, parameters: int, multiply_adds: int
) -> str:
    """Sizes and planned work, for --dry_run."""
    from autogan_tf.models.discriminator import Discriminator

    discriminator = Discriminator(
        num_cells=len(genotype.cells),
        df_dim=config.df_dim,
        channels=data.channels,
        spectral_norm=config.normalizes_discriminator,
        minibatch_std=config.minibatch_std,
        num_classes=data.num_classes if config.conditional else 0,
    )
    weights = sum(math.prod(variable.shape) for variable in discriminator.trainable_variables)
    return "\n".join(
        [
            f"data: {data.name}, {len(data.images):,} images of {data.resolution} pixels, "
            f"{data.channels} channel{'s' * (data.channels > 1)}",
            f"generator: {genotype}, {parameters:,} parameters, {multiply_adds / 1e6:,.0f} M multiply-adds",
            f"discriminator: {weights:,} parameters",
            f"training: {config.max_iter:,} generator steps of {config.gen_batch_size} images, each after "
            f"{config.n_critic} of the discriminator with {config.dis_batch_size}",
            f"evaluation: every {every:,} generator steps, on {config.num_eval_imgs:,} images",
        ]
    )


def _network(
    config: TrainConfig, where: Mapping[str, Any], store: ImageStore, num_cells: int, terminal: Terminal
) -> FeatureNetwork:
    from autogan_tf.data import sources
    from autogan_tf.features import choice
    from autogan_tf.features.classifier import load_or_train

    def make_classifier() -> FeatureNetwork:
        # of all the sizes that a search looks at, so that a search's classifier of these data is found again
        sizes = image_sides(bottom_width=config.bottom_width, num_cells=num_cells)
        train, test = sources.labelled_splits(resolution=sizes[-1], store=store, **where)
        terminal.phase("training the classifier", config.classifier_steps, "steps")
        return load_or_train(
            train=train,
            test=test,
            sizes=sizes,
            steps=config.classifier_steps,
            batch_size=config.classifier_batch_size,
            width=config.classifier_width,
            seed=config.seed,
            cache_dir=choice.cache_folder(config.cache_dir),
            log=lambda numbers: terminal.done(numbers["step"]),
        )

    return choice.load(
        config.features,
        inception_weights=config.inception_weights,
        resolution=config.features_resolution,
        download=config.download,
        make_classifier=make_classifier,
    )


def _class_counts(data: ImageData) -> list[int]:
    import numpy as np

    assert data.labels is not None
    return np.bincount(data.labels, minlength=data.num_classes).tolist()


def _check_genotype(folder: RunFolder, genotype: Genotype) -> None:
    """A genotype file may have changed since the run began."""
    written = Genotype.load(folder.genotype_file)
    if written != genotype:
        raise UserError(
            f"the run in {folder.path} trains {written}, and {genotype} is asked for; give the same one, or another "
            "--run_dir"
        )


def _trainer(
    config: TrainConfig, genotype: Genotype, data: ImageData, distribution: Distribution
) -> Trainer:
    from autogan_tf.data.pipeline import ImageStream
    from autogan_tf.training.collapse import CollapseDetector
    from autogan_tf.training.trainer import Trainer

    threshold = config.semantics.as_standard_deviation(config.reset_threshold)
    detector = CollapseDetector(window=config.dynamic_reset_window, threshold=threshold)
    return Trainer(
        genotype=genotype,
        stream=ImageStream(
            images=data.images,
            batch_size=config.dis_batch_size,
            seed=config.seed,
            labels=data.labels if config.conditional else None,
        ),
        gf_dim=config.gf_dim,
        df_dim=config.df_dim,
        latent_dim=config.latent_dim,
        bottom_width=config.bottom_width,
        channels=data.channels,
        gen_batch_size=config.gen_batch_size,
        n_critic=config.n_critic,
        g_lr=config.g_lr,
        d_lr=config.d_lr,
        beta1=config.beta1,
        beta2=config.beta2,
        init_type=config.init_type,
        steps=config.max_iter,
        lr_decay=config.lr_decay,
        ema_decay=config.ema_decay,
        seed=config.seed,
        loss=config.loss,
        penalty=config.penalty,
        penalty_weight=config.penalty_weight,
        clip_weights=config.clip_weights,
        augment=config.augment,
        spectral_norm=config.normalizes_discriminator,
        generator_spectral_norm=config.normalizes_generator,
        minibatch_std=config.minibatch_std,
        num_classes=data.num_classes if config.conditional else 0,
        class_counts=_class_counts(data) if config.conditional else None,
        precision=config.precision,
        distribution=distribution,
        jit_compile=config.jit_compile,
        detector=detector if threshold else None,
        semantics=config.semantics,
    )


if __name__ == "__main__":
    sys.exit(main())
