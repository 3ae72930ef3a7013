"""The networks of a finished training run, read from its folder: what evaluates, samples, exports and converts it."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping

import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data.literal_path import literal
from autogan_tf.models import finite
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator
from autogan_tf.runs import checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.search_space.genotype import Genotype

WEIGHTS = {"average": "ema_generator", "last": "generator"}


def training_run(path: str | pathlib.Path) -> RunFolder:
    """The folder of the training run at `path`, for a search its best/; UserError when there is none."""
    folder = RunFolder(path)
    if folder.best.config_file.exists():
        folder = folder.best
    for file in (folder.config_file, folder.genotype_file):
        if not file.exists():
            raise UserError(f"--run_dir={path} holds no finished run: {file} does not exist; give a run's folder")
    return folder


def load_generator(folder: RunFolder, *, weights: str = "average", checkpoint: str = "best") -> Generator:
    """The generator of a training run.

    Args:
      folder: from `training_run`.
      weights: "average" for the moving average, "last" for the weights of the checkpoint's step.
      checkpoint: "best" for the one with the best score, where there is one, "newest" for the newest.

    Raises:
      UserError: no checkpoint, a damaged one, one that does not fit the run's genotype, or weights that are not finite.
    """
    genotype = Genotype.load(folder.genotype_file)
    name = WEIGHTS[weights]
    prefix = _prefix(folder, checkpoint)
    shapes = _shapes(prefix, f"trainer/{name}")
    latent_dim, outputs = _shape(shapes, "l1/kernel", prefix)
    *_, gf_dim, channels = _shape(shapes, "to_rgb_conv/kernel", prefix)
    classes = _shape(shapes, "to_rgb_bn/gamma", prefix)[:-1]  # [C], or of a conditional network [classes, C]
    network = Generator(
        genotype,
        gf_dim=gf_dim,
        latent_dim=latent_dim,
        bottom_width=round((outputs / gf_dim) ** 0.5),
        channels=channels,
        num_classes=classes[0] if classes else 0,
        spectral_norm="to_rgb_conv/u" in shapes,
    )
    _restore(prefix, name, network)
    return network


def load_discriminator(folder: RunFolder, *, checkpoint: str = "best") -> Discriminator:
    """The discriminator of a training run; `checkpoint` and errors as for `load_generator`."""
    prefix = _prefix(folder, checkpoint)
    shapes = _shapes(prefix, "trainer/discriminator")
    blocks = {match[1] for name in shapes if (match := re.match(r"blocks/(\d+)/", name))}
    *_, channels, df_dim = _shape(shapes, "blocks/0/c1/kernel", prefix)
    seen, _ = _shape(shapes, "last_dense/kernel", prefix)
    network = Discriminator(
        num_cells=len(blocks),
        df_dim=df_dim,
        channels=channels,
        spectral_norm="blocks/0/c1/u" in shapes,
        minibatch_std=seen == df_dim + 1,
        num_classes=shapes.get("embedding/kernel", [0])[0],
    )
    _restore(prefix, "discriminator", network)
    return network


def _prefix(folder: RunFolder, which: str) -> str:
    """The path of a checkpoint without its endings."""
    found = None
    if which == "best":
        found = checkpoints.newest(folder.best_checkpoint, otherwise="take another with --checkpoint=newest")
    found = found or checkpoints.newest(folder.checkpoints, otherwise="copy them back from elsewhere")
    if found is None:
        raise UserError(f"{folder.checkpoints} holds no checkpoint, so there are no weights to load")
    return found.prefix


def _shapes(checkpoint: str, prefix: str) -> dict[str, list[int]]:
    """Shapes of the variables under `prefix`, by path."""
    try:
        with literal(checkpoint) as given:
            shapes = tf.train.load_checkpoint(given).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        raise UserError(f"the checkpoint {checkpoint} is damaged: {error}") from None
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    return {
        name.removeprefix(f"{prefix}/").removesuffix(suffix): shape
        for name, shape in shapes.items()
        if name.startswith(f"{prefix}/")
    }


def _shape(shapes: Mapping[str, list[int]], name: str, checkpoint: str) -> list[int]:
    if name not in shapes:
        raise UserError(f"the checkpoint {checkpoint} has no {name}: it is not of such a network")
    return shapes[name]


def _restore(prefix: str, name: str, network: tf.keras.Model) -> None:
    checkpoint = tf.train.Checkpoint(trainer=tf.train.Checkpoint(**{name: network}))
    try:
        with literal(prefix) as given:
            checkpoint.read(given).expect_partial().assert_existing_objects_matched()
    except (tf.errors.OpError, ValueError, AssertionError) as error:
        what = str(error).splitlines()[0]
        raise UserError(f"the checkpoint {prefix} is damaged or does not fit the run's genotype: {what}") from None
    finite.check(
        finite.named_weights(network),
        of=f"the {name} in the checkpoint {prefix}",
        remedy="the training diverged or the file was changed; give another run, or other --weights or --checkpoint",
    )
