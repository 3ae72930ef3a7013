"""Where generated images come from: a run, a SavedModel, a folder or a zip file; what `evaluate` looks at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.data.generated_folder import GeneratedFolder
from autogan_tf.models.generator import Generator
from autogan_tf.pretrained import generators
from autogan_tf.runs.folder import RunFolder
from autogan_tf.serving.saved_generator import SavedGenerator
from autogan_tf.training import sampling, trained

PURPOSE = "evaluation"  # which latents a seed means


@dataclasses.dataclass(frozen=True)
class ImageSource:
    """Generated images.

    Attributes:
      name: the path they come from.
      resolution, channels: of the images.
      batches: seed -> iterator over uint8 batches [n, S, S, C].
      run: the run's folder, of a run.
      settings: of that run.
      coloured: which images of a folder have colours where others are grey, in words; "" where all or none have.
      files: seed -> paths of the images inside of the folder or zip file; None where they are no files.
    """

    name: str
    resolution: int
    channels: int
    batches: Callable[[int], Iterator[np.ndarray]]
    run: RunFolder | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    coloured: str = ""
    files: Callable[[int], Sequence[str]] | None = None


def of_run(path: str, *, weights: str, checkpoint: str, number: int, batch_size: int, truncate: bool) -> ImageSource:
    """Images of a run's generator.

    Args:
      path: the run's folder, of a search or a training.
      weights, checkpoint: see `trained.load_generator`.
      number: images of each seed.
      batch_size: images at once; does not change them.
      truncate: see `sampling.quantized`.

    Raises:
      UserError: no finished run there.
    """
    run = trained.training_run(path)
    generator = trained.load_generator(run, weights=weights, checkpoint=checkpoint)
    settings = run.settings()
    class_counts = settings.get("class_counts") or [1] * generator.num_classes
    source = _of_network(
        generator,
        name=shown(str(run.path)),
        class_counts=class_counts,
        number=number,
        batch_size=batch_size,
        truncate=truncate,
    )
    return dataclasses.replace(source, run=run, settings=settings)


def of_saved_model(path: str, *, number: int, batch_size: int, truncate: bool) -> ImageSource:
    """Images of a generator saved as a SavedModel, or that comes with the program; arguments as for `of_run`.
    UserError where there is none."""
    if generators.is_named(path):
        return _of_network(
            generators.load(path), name=path, class_counts=(), number=number, batch_size=batch_size, truncate=truncate
        )
    generator = SavedGenerator(path)
    return ImageSource(
        name=shown(str(generator.path)),
        resolution=generator.resolution,
        channels=generator.channels,
        batches=_batches(
            generator, class_counts=generator.class_counts, number=number, batch_size=batch_size, truncate=truncate
        ),
    )


def _of_network(generator: Generator, *, name: str, **of_batches: Any) -> ImageSource:
    """`of_batches`: see `_batches`."""
    return ImageSource(
        name=name,
        resolution=image_sides(bottom_width=generator.bottom_width, num_cells=generator.num_cells)[-1],
        channels=generator.channels,
        batches=_batches(generator, **of_batches),
    )


def _batches(
    generator: Generator | SavedGenerator,
    *,
    class_counts: Sequence[int],
    number: int,
    batch_size: int,
    truncate: bool,
) -> Callable[[int], Iterator[np.ndarray]]:
    """`class_counts`: how often each class shall come, of a conditional generator."""
    latent_dim = generator.latent_dim
    images = sampling.quantized(
        generator, latent_dim=latent_dim, truncate=truncate, conditional=generator.num_classes > 0
    )

    def batches(seed: int) -> Iterator[np.ndarray]:
        labels = None
        if generator.num_classes:
            labels = sampling.drawn_labels(number, class_counts, seed=seed, purpose=PURPOSE)
        return sampling.sample(
            images, number, latent_dim=latent_dim, seed=seed, purpose=PURPOSE, batch_size=batch_size, labels=labels
        )

    return batches


def of_folder(path: str, *, number: int, batch_size: int) -> ImageSource:
    """`number` images of a folder or zip file, see `GeneratedFolder`; UserError where it has fewer."""
    folder = GeneratedFolder(path)
    if len(folder) < number:
        raise UserError(
            f"--images={path} has {len(folder):,} images, and --num_eval_imgs asks for {number:,}; give "
            f"--num_eval_imgs={len(folder)} or more images"
        )
    return ImageSource(
        name=shown(path),
        resolution=folder.resolution,
        channels=folder.channels,
        batches=lambda seed: folder.batches(number, batch_size=batch_size, seed=seed),
        coloured=folder.coloured,
        files=lambda seed: folder.files(number, seed=seed),
    )
