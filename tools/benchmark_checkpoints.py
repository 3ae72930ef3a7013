"""`benchmark.py checkpoints`: what a checkpoint at the published sizes takes, in time and on the disk."""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import pathlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from timing import Report, alternate  # beside this file

from autogan_tf.config.search import SearchConfig
from autogan_tf.data.image_data import ImageData
from autogan_tf.models.controller import Controller
from autogan_tf.nas import assembly
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.search_space import published
from autogan_tf.training import assembly as training
from autogan_tf.training.adam import Adam
from autogan_tf.training.distribution import Distribution


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Saves a search and a training with fresh weights, in turn."""
    config = SearchConfig()
    gan = assembly.new_shared_gan(config, 3)
    controller = Controller(stage=config.num_cells - 1)
    optimizer = Adam(controller.trainable_variables, learning_rate=config.ctrl_lr, beta_1=0.9, beta_2=0.999)
    images = np.zeros([64, 32, 32, 3], np.uint8)
    data = ImageData(name="zeros", images=images, labels=None, num_classes=0, split="train", smallest_side=32)
    trainer = training.new_trainer(config.final, published.load("autogan_cifar10_a"), data, Distribution())
    searched = {"gan": gan, "controller": controller, "controller_optimizer": optimizer}
    weights = {
        "search": _bytes(gan.generator) + _bytes(gan.discriminator) + _bytes(controller),
        "training": _bytes(trainer.generator) + _bytes(trainer.discriminator),
    }
    most = {
        "search": 3.1 * weights["search"],
        "training": 4.1 * _bytes(trainer.generator) + 3.1 * _bytes(trainer.discriminator),
    }
    with tempfile.TemporaryDirectory() as name:
        folders = {kind: pathlib.Path(name) / kind for kind in weights}
        objects: dict[str, Mapping[str, Any]] = {"search": searched, "training": {"trainer": trainer}}
        numbers = itertools.count(1)
        ways = {
            kind: functools.partial(_save, Checkpoints(folders[kind], objects[kind]), numbers) for kind in weights
        }
        seconds = alternate(ways, arguments.rounds)
        sizes = {kind: _size_of_newest(folders[kind]) for kind in weights}
    interval = 60 * config.save_minutes
    rows = [
        {
            "checkpoint of a": kind,
            "MB": sizes[kind] / 1e6,
            "MB of weights": weights[kind] / 1e6,
            "at most MB": most[kind] / 1e6,
            "seconds": statistics.median(seconds[kind]),
            f"% of {config.save_minutes:g} minutes": 100 * statistics.median(seconds[kind]) / interval,
        }
        for kind in weights
    ]
    report.rows("A checkpoint at the published sizes, as often as it is saved by default", rows)


def _save(checkpoints: Checkpoints, numbers: Iterator[int]) -> None:
    checkpoints.save(next(numbers), {"phase": "benchmark"})


def _bytes(network: tf.Module) -> int:
    """Of all its variables, statistics and spectral norms' vectors included."""
    return sum(math.prod(variable.shape) * variable.dtype.size for variable in network.variables)


def _size_of_newest(folder: pathlib.Path) -> int:
    newest = max(folder.glob("ckpt-*.index"), key=lambda path: path.stat().st_mtime)
    return sum(path.stat().st_size for path in folder.glob(f"{newest.stem}.*"))
