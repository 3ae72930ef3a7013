"""How the table's trainings were made: settings, images and the classifier that judged, the same for all."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from autogan_tf.config import command_line
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.features.classifier import Classifier, read

FLAGS = "bench_train.flags"
FOLDER = pathlib.Path(__file__).parent / "table"


def settings(flags: Sequence[str] = ()) -> TrainConfig:
    """Of `train`; the architecture is left open. With `flags`, of a recipe that differs by them."""
    return command_line.parse(TrainConfig, [f"--flagfile={FLAGS}", "--arch=0 0 0 0", *flags], doc="")


def images(side: int) -> ImageData:
    """The real digits of `side` x `side` pixels, for training and as the reference of distances."""
    return sources.load(dataset="mnist5k", data_dir="", resolution=side)


def judge(side: int) -> Classifier:
    """The classifier for images of up to `side` pixels, 16, that comes with the table; UserError for another side."""
    return read(judge_file(side))


def judge_file(side: int) -> pathlib.Path:
    """Where `judge` reads."""
    return FOLDER / f"judge-{side}.npz"
