"""Draws images from a trained generator: python -m autogan_tf.sample --run_dir=runs/NAME --grid=samples.png

The generator is a run's, a SavedModel's (--saved_model), one that comes with the program
(--saved_model=pretrained:autogan_cifar10_a) or a server's (--server=http://HOST:8501). Every image has a
seed, which always gives the same image; --images=FOLDER writes each as a file of its own. Of a conditional generator
--label chooses the class.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from autogan_tf.config import command_line, environment
from autogan_tf.config.errors import UserError
from autogan_tf.config.sample import SampleConfig

if TYPE_CHECKING:
    import numpy as np

    from autogan_tf.models.generator import Generator
    from autogan_tf.serving.saved_generator import SavedGenerator


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(SampleConfig, argv, doc=__doc__ or "", body=_sample)


def _sample(config: SampleConfig) -> int:
    environment.set_tensorflow_defaults()
    # imported late: --help and errors in the flags must not wait for TensorFlow
    import numpy as np

    from autogan_tf.runs import machine
    from autogan_tf.runs.folder import check_new_file
    from autogan_tf.runs.image_grid import grid, write_png
    from autogan_tf.runs.progress import Terminal

    machine.use_threads(config.threads)
    check_new_file(config.grid, flag="grid")
    check_new_file(config.images, flag="images")
    seeds = config.seed + np.arange(config.num_images, dtype=np.int64)
    batches, labels = _served(config, seeds) if config.server else _drawn(config, seeds)
    kept = []
    with Terminal() as terminal:
        terminal.phase("drawing", config.num_images, "images")
        done = 0
        for batch in batches:
            if config.images:
                _write_files(pathlib.Path(config.images), batch, seeds[done:], labels, done)
            if config.grid:
                kept.append(batch)
            done += len(batch)
            terminal.done(done)
        if config.grid:
            pixels = grid(np.concatenate(kept), columns=config.columns, scale=config.scale)
            write_png(pathlib.Path(config.grid), pixels)
        written = " and ".join(place for place in (config.grid, config.images) if place)
        terminal.line(f"{config.num_images:,} images, seeds {seeds[0]} to {seeds[-1]}, in {written}")
    return 0


def _drawn(config: SampleConfig, seeds: np.ndarray) -> tuple[Iterator[np.ndarray], np.ndarray | None]:
    """Batches of images, uint8 [n, S, S, C], and their labels, from a generator in this process."""
    from autogan_tf.training import sampling

    generator = _generator(config)
    labels = _labels(config, generator.num_classes)
    graph = sampling.quantized(generator, latent_dim=generator.latent_dim, conditional=generator.num_classes > 0)
    batches = sampling.of_seeds(
        graph, seeds, latent_dim=generator.latent_dim, batch_size=config.batch_size, labels=labels
    )
    return batches, labels


def _served(config: SampleConfig, seeds: np.ndarray) -> tuple[Iterator[np.ndarray], np.ndarray | None]:
    """The same from a server, which does not tell how many classes there are."""
    import numpy as np

    from autogan_tf.serving.client import Client

    client = Client(config.server, model=config.model)
    conditional = "label" in client.signatures().get("sample", {}).get("inputs", {})
    if conditional != (config.label is not None):
        what = "has classes; choose one with --label" if conditional else "has no classes; leave --label out"
        raise UserError(f"the model {config.model} of {config.server} {what}")
    labels = np.full(len(seeds), config.label, np.int32) if conditional else None

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, len(seeds), config.batch_size):
            part = slice(start, start + config.batch_size)
            yield client.sample(seeds[part], labels=None if labels is None else labels[part])

    return batches(), labels


def _generator(config: SampleConfig) -> Generator | SavedGenerator:
    from autogan_tf.pretrained import generators
    from autogan_tf.serving.saved_generator import SavedGenerator
    from autogan_tf.training import trained

    if generators.is_named(config.saved_model):
        return generators.load(config.saved_model)
    if config.saved_model:
        return SavedGenerator(config.saved_model)
    run = trained.training_run(config.run_dir)
    return trained.load_generator(run, weights=config.weights, checkpoint=config.checkpoint)


def _labels(config: SampleConfig, num_classes: int) -> np.ndarray | None:
    import numpy as np

    from autogan_tf.training import sampling

    if config.label is None:
        return sampling.label_rows(config.num_images, num_classes, columns=config.columns) if num_classes else None
    if not num_classes:
        raise UserError(
            f"--label={config.label} is for conditional generators, and this one has no classes; leave it out"
        )
    if config.label >= num_classes:
        raise UserError(f"--label={config.label} must be less than the generator's {num_classes} classes")
    return np.full(config.num_images, config.label, np.int32)


def _write_files(
    folder: pathlib.Path, batch: np.ndarray, seeds: np.ndarray, labels: np.ndarray | None, first: int
) -> None:
    """SEED.png each, of a conditional generator SEED-LABEL.png."""
    import tensorflow as tf

    from autogan_tf.runs.folder import write_atomically

    for place, (image, seed) in enumerate(zip(batch, seeds, strict=False)):
        name = f"{seed:08d}" if labels is None else f"{seed:08d}-{labels[first + place]}"
        # as the served signature encodes them, so that the files are equal, too
        write_atomically(folder / f"{name}.png", tf.io.encode_png(image).numpy())


if __name__ == "__main__":
    sys.exit(main())
