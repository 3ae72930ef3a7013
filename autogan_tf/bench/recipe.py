"""How the tables' trainings were made: settings, images and the classifiers that judged, the same for all.

The images do not come with the tables, and whoever only looks up what is on record does not need them (`not_loaded`).
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from autogan_tf.bench.table import WHOLE
from autogan_tf.config import command_line, fields, final_training
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import seeds
from autogan_tf.data.image_data import ImageData
from autogan_tf.features.classifier import Classifier, read

FLAGS = "bench_train.flags"
FULL_SIZE_FLAGS = "bench_full_size.flags"  # the same, as long as architectures of more cells need it
SEARCH_FLAGS = "bench_search.flags"  # a search whose candidates are trained so
SHARED_FLAGS = "bench_shared.flags"  # a search whose shared weights score all architectures of two cells
DATASET, SIDE, NUM_CELLS = "cifar10", 16, WHOLE  # side of two cells' images in pixels
_CHANNELS, _CLASSES = 3, 10
JUDGES = (SIDE, 2 * SIDE)  # largest sides in pixels of the images that each classifier judges
FOLDER = pathlib.Path(__file__).parent / "table"


def settings(flags: Sequence[str] = (), *, num_cells: int = NUM_CELLS) -> TrainConfig:
    """Of `train`, for generators of so many cells; the architecture is left open. With `flags`, of a recipe that
    differs by them."""
    file = FLAGS if num_cells <= NUM_CELLS else FULL_SIZE_FLAGS
    return command_line.parse(TrainConfig, [f"--flagfile={file}", "--arch=0 0 0 0", *flags], doc="")


def training_seed(tokens: Sequence[int], seed: int) -> int:
    """Of weights, latents and the order of images in the training of an architecture that the table calls by `seed`.

    Each architecture has others, so that what trainings have in common is not the luck of one seed.
    """
    return int(seeds.numpy_rng(0, "bench_training", seed, *tokens).integers(2**31))


def check_search(config: SearchConfig) -> None:
    """UserError where a search's settings are not those that the table's trainings were made with."""
    ours, theirs = settings(), config.final
    compared = {
        field.name: final_training.flag_of(field.name)
        for field in fields.fields_of(TrainConfig)
        if field.rules.group in ("networks", "training") and field.name not in ("max_iter", "on_collapse")
    }
    wanted = {flag: (getattr(theirs, name), getattr(ours, name)) for name, flag in compared.items()}
    wanted |= {
        "space": (config.space, "autogan"),
        "dataset": (config.dataset, DATASET),
        "rl_num_eval_img": (config.rl_num_eval_img, ours.num_eval_imgs),
        "num_eval_imgs": (config.num_eval_imgs, ours.num_eval_imgs),
        "features": (config.features, "classifier"),
    }
    wrong = [f"--{flag}={fields.to_text(found)}" for flag, (found, needed) in wanted.items() if found != needed]
    if config.num_cells > NUM_CELLS:
        wrong.append(f"--num_cells={config.num_cells}")
    if wrong:
        raise UserError(
            f"--estimation=table has the trainings of {FLAGS}, up to {NUM_CELLS} cells, and the settings are others: "
            f"{', '.join(wrong)}; begin with --flagfile={SEARCH_FLAGS}"
        )


def not_loaded(side: int) -> ImageData:
    """What is known of images of `side` x `side` pixels without them: name, depth and classes; there are none in it."""
    return ImageData(
        name=DATASET,
        images=np.zeros([0, side, side, _CHANNELS], np.uint8),
        labels=np.zeros([0], np.int32),
        num_classes=_CLASSES,
        split="train",
    )


def judge(side: int) -> Classifier:
    """The classifier that comes with the tables for images of `side` pixels; UserError where there is none."""
    for largest in JUDGES:
        if side <= largest:
            return read(judge_file(largest))
    raise UserError(f"the bench judges images of up to {JUDGES[-1]} pixels, got {side}")


def judge_file(largest: int) -> pathlib.Path:
    """Where the classifier for images of up to `largest` pixels lies, one of JUDGES."""
    return FOLDER / f"judge-{largest}.npz"
