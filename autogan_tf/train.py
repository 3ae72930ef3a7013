"""Trains one architecture from scratch: python -m autogan_tf.train --flagfile=cifar10_train.flags --genotype=best.json

The architecture is a genotype file that a search has written, a published name (autogan_cifar10_a) or integers
(--arch="1 0 1 1 ..."). The generator is scored as it trains; the checkpoint with the lowest Fréchet distance is kept.
"""

from __future__ import annotations

import math
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, listing, resume_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.train import TrainConfig
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype

if TYPE_CHECKING:
    from autogan_tf.data.image_data import ImageData
    from autogan_tf.runs.folder import RunFolder


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(TrainConfig, argv, doc=__doc__ or "", body=_train)


def _train(config: TrainConfig) -> int:
    genotype = published.choose(arch=config.arch, genotype=config.genotype, space=config.space)
    environment.set_tensorflow_defaults()
    # imported late, here and below: --help and errors in the flags must not wait for TensorFlow
    from autogan_tf.training.distribution import as_a_worker

    with as_a_worker(config.distribution):
        return _train_genotype(config, genotype)


def _train_genotype(config: TrainConfig, genotype: Genotype) -> int:
    from autogan_tf.features import choice, classifier_choice
    from autogan_tf.metrics import reference
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder, versions
    from autogan_tf.runs.keeper import Interrupted, StopRequest
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.training import assembly
    from autogan_tf.training.loop import TrainingDiverged
    from autogan_tf.training.opening import opened
    from autogan_tf.training.trainer import TrainingCollapsed

    resolution = image_sides(bottom_width=config.bottom_width, num_cells=len(genotype.cells))[-1]
    begun = opened(
        config,
        command="train",
        resolution=resolution,
        batches={"dis_batch_size": config.dis_batch_size, "gen_batch_size": config.gen_batch_size},
        complete=_complete,
        architecture=str(genotype),
    )
    if begun is None:
        return 0
    config, distribution, data = begun.config, begun.distribution, begun.data
    if (data.smallest_side or resolution) < resolution:
        raise UserError(
            f"{len(genotype.cells)} cells on --bottom_width={config.bottom_width} make images of {resolution} pixels, "
            f"and {data.name} has some of {data.smallest_side} ({data.enlarged}); lower --bottom_width or take "
            "larger images"
        )
    assembly.check_images(config, data)
    every = _evaluation_steps(config, len(data.images))
    cost = assembly.cost_of(config, genotype, data)
    if config.dry_run:
        print(listing.format_settings(config))
        print(_describe(config, genotype, data, every, cost.parameters, cost.multiply_adds))
        if begun.found:
            print(begun.found)
        return 0
    if not distribution.is_chief:  # its steps are all that it adds; the chief scores and writes
        chiefs = RunFolder(begun.run_dir) if config.resume != "never" else None
        try:
            with StopRequest().listening() as stop:
                trainer = assembly.new_trainer(config, genotype, data, distribution)
                assembly.follow(config, trainer, folder=chiefs, stop=stop)
        except Interrupted as error:
            return error.exit_code
        except (TrainingDiverged, TrainingCollapsed):
            return 1
        return 0
    with locked(pathlib.Path(begun.run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(begun.run_dir, command="train", resume=config.resume)
        if begun.found:
            terminal.line(begun.found)
        if resumes:
            settings = assembly.written_settings(config, genotype, data, distribution)
            resume_settings.check_same_data(settings, folder.settings())
            resume_settings.check_same_stack(config, folder.packages(), versions())
            resume_settings.check_same_replicas(settings, folder.settings())
        network = classifier_choice.network_of(
            config, begun.where, num_cells=len(genotype.cells), store=begun.store, terminal=terminal
        )
        terminal.phase(f"looking at the real images of {data.name}", len(data.images), "images")
        real = reference.of_images(
            data,
            network,
            cache_dir=choice.cache_folder(config.cache_dir),
            with_features=True,
            progress=terminal.done,
        )
        trainer = assembly.new_trainer(config, genotype, data, distribution)
        assembly.prepare_folder(config, genotype, data, distribution, folder, resumes=resumes)
        terminal.line(f"training {genotype}: {cost.parameters:,} parameters, into {folder.path}")

        def train(stop: StopRequest) -> None:
            started = time.monotonic()
            best = assembly.train(
                config,
                trainer,
                data,
                folder=folder,
                network=network,
                reference=real,
                terminal=terminal,
                stop=stop,
                evaluate_every=every,
            )
            terminal.result(
                f"trained in {(time.monotonic() - started) / 60:.1f} minutes; {_in_words(best)}; "
                f"samples in {folder.samples}"
            )

        failures = (TrainingDiverged, TrainingCollapsed)
        return exit_code_of(train, folder=folder, terminal=terminal, failures=failures)


def _complete(config: TrainConfig, folder: RunFolder) -> str:
    """The scores of a run that has nothing left to do; UserError where it cannot go on with these settings."""
    from autogan_tf.training.training_run import scores_if_complete

    resume_settings.check_same(config, folder.settings(), grows=_may_grow(config))
    scores = scores_if_complete(folder, steps=config.max_iter, num_images=config.num_eval_imgs)
    return _in_words(scores) if scores else ""


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


if __name__ == "__main__":
    sys.exit(main())
