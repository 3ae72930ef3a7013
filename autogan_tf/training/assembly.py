"""What the settings of a training describe, built and run: by `train`, and by `search` for what it has found."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autogan_tf.config import fields, resume_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.train import MAX_RESTARTS, TrainConfig
from autogan_tf.data import seeds, sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics.reference import Reference
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import generator_cost
from autogan_tf.runs.folder import RunFolder, write_atomically
from autogan_tf.runs.keeper import StopRequest
from autogan_tf.runs.progress import Terminal
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.borrowed_graphs import BorrowingTrainer
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.trainer import Trainer, changeable_seed
from autogan_tf.training.training_run import follow_training, run_training


def check_images(config: TrainConfig, data: ImageData, *, prefix: str = "") -> None:
    """UserError where the data do not suffice; prefix: of the flags' names."""
    sources.require_at_least(data, config.dis_batch_size, f"{prefix}dis_batch_size")
    if config.conditional and data.labels is None:
        raise UserError(
            f"--{prefix}conditional needs labelled images, and --dataset={config.dataset} has no labels; leave it out, "
            "or for a folder sort the images into one subfolder for each class or add a dataset.json with labels"
        )


def num_classes(config: TrainConfig, data: ImageData) -> int:
    """Of the networks; 0 where they are not conditional."""
    return data.num_classes if config.conditional else 0


def cost_of(config: TrainConfig, genotype: Genotype, data: ImageData) -> Cost:
    """What the generator costs."""
    return generator_cost(
        genotype,
        gf_dim=config.gf_dim,
        latent_dim=config.latent_dim,
        bottom_width=config.bottom_width,
        channels=data.channels,
        num_classes=num_classes(config, data),
    )


def restarts(config: TrainConfig) -> int:
    """How often a collapsed GAN begins again."""
    return MAX_RESTARTS if config.on_collapse == "restart" else 0


def written_settings(
    config: TrainConfig, genotype: Genotype, data: ImageData, distribution: Distribution
) -> dict[str, Any]:
    """What config.json holds: the settings, and what else changes the computation."""
    settings = fields.to_dict(config) | {
        "num_cells": len(genotype.cells), "replica_count": distribution.count, "data_digest": data.digest()
    }  # fmt: skip
    settings |= resume_settings.plugin_digest(config)
    return settings | ({"class_counts": _class_counts(data)} if config.conditional else {})


def _class_counts(data: ImageData) -> list[int]:
    assert data.labels is not None
    return np.bincount(data.labels, minlength=data.num_classes).tolist()


def new_trainer(
    config: TrainConfig,
    genotype: Genotype,
    data: ImageData,
    distribution: Distribution,
    *,
    changeable: bool = False,
    graphs: Trainer | None = None,
) -> Trainer:
    """The networks at their beginning, and the loop over them; changeable: see `Trainer`.

    graphs: where steps and samples are computed, see `BorrowingTrainer`; None: in its own.
    """
    threshold = config.semantics.as_standard_deviation(config.reset_threshold)
    detector = CollapseDetector(window=config.dynamic_reset_window, threshold=threshold)
    make = functools.partial(BorrowingTrainer, graphs=graphs) if graphs else Trainer
    seed: seeds.Seed = changeable_seed(config.seed) if changeable else config.seed
    return make(
        genotype=genotype,
        stream=ImageStream(
            images=data.images,
            batch_size=config.dis_batch_size,
            seed=seed,
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
        seed=seed,
        loss=config.loss,
        penalty=config.penalty,
        penalty_weight=config.penalty_weight,
        clip_weights=config.clip_weights,
        augment=config.augment,
        spectral_norm=config.normalizes_discriminator,
        generator_spectral_norm=config.normalizes_generator,
        minibatch_std=config.minibatch_std,
        num_classes=num_classes(config, data),
        class_counts=_class_counts(data) if config.conditional else None,
        precision=config.precision,
        distribution=distribution,
        jit_compile=config.jit_compile,
        detector=detector if threshold else None,
        semantics=config.semantics,
        changeable=changeable,
    )


def prepare_folder(
    config: TrainConfig,
    genotype: Genotype,
    data: ImageData,
    distribution: Distribution,
    folder: RunFolder,
    *,
    resumes: bool,
) -> None:
    """Writes config.json and genotype.json, or notes that the run goes on.

    Raises:
      UserError: the run was begun with another architecture.
    """
    settings = written_settings(config, genotype, data, distribution)
    if resumes:
        folder.resume(settings=settings)
    else:
        folder.create(command="train", settings=settings)
    if folder.genotype_file.exists():
        written = Genotype.load(folder.genotype_file)
        if written != genotype:
            raise UserError(
                f"the run in {folder.path} trains {written}, and {genotype} is asked for; give the same one, or "
                "another --run_dir"
            )
    else:
        named = dataclasses.replace(genotype, name=genotype.name or folder.path.name)
        write_atomically(
            folder.genotype_file, named.to_json(cost=dataclasses.asdict(cost_of(config, genotype, data)))
        )


def train(
    config: TrainConfig,
    trainer: Trainer,
    data: ImageData,
    *,
    folder: RunFolder,
    network: FeatureNetwork,
    reference: Reference,
    terminal: Terminal,
    stop: StopRequest,
    evaluate_every: int,
    score_each: bool = True,
    report_on: RunFolder | None = None,
) -> dict[str, Any]:
    """A whole training into its folder; arguments, result and errors as for `run_training`.

    report_on: the search that it is part of, if its report is to be kept up to date in place of the folder's own.
    """
    return run_training(
        trainer,
        folder=folder,
        terminal=terminal,
        network=network,
        reference=reference,
        evaluate_every=evaluate_every,
        num_eval_imgs=config.num_eval_imgs,
        score_each=score_each,
        restarts=restarts(config),
        real_images=data.images,
        report_on=report_on or folder,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=config.keep_checkpoints,
        stop=stop,
    )


def train_until(
    config: TrainConfig,
    trainer: Trainer,
    data: ImageData,
    *,
    steps: int,
    num_images: int,
    folder: RunFolder,
    network: FeatureNetwork,
    reference: Reference,
    stop: StopRequest | None,
    more: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] | None = None,
) -> None:
    """The first `steps` generator steps of a training into its folder, or those after what is there, without a word.

    At their end it is scored on `num_images` images. Further arguments and errors as for `run_training`.
    """
    run_training(
        trainer,
        folder=folder,
        terminal=Terminal(silent=True),
        network=network,
        reference=reference,
        evaluate_every=0,
        num_eval_imgs=num_images,
        until=steps,
        restarts=restarts(config),
        real_images=data.images,
        save_steps=config.save_steps,
        save_minutes=config.save_minutes,
        keep_checkpoints=1,
        stop=stop,
        more=more,
    )


def follow(config: TrainConfig, trainer: Trainer, *, folder: RunFolder | None, stop: StopRequest) -> None:
    """The same training on a worker that is not the chief, which alone writes and scores; see `follow_training`."""
    follow_training(trainer, folder=folder, restarts=restarts(config), stop=stop)
