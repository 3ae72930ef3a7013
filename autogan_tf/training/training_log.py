"""What a training shows as it goes: bars and lines, metrics.jsonl, TensorBoard, sample grids and nearest neighbours."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from autogan_tf.data.image_data import some_of
from autogan_tf.features.extraction import outputs_of
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics.neighbours import nearest_rows
from autogan_tf.metrics.reference import Reference
from autogan_tf.runs import diagram_pixels
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.image_grid import grid, write_png
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.time_left import TimeLeft
from autogan_tf.search_space.genotype import Genotype

NEIGHBOURS = 5  # real images beside each generated one
COMPARED = 10  # generated images that have their neighbours shown


class TrainingLog:
    """Told by `run_training` what happens.

    Args:
      folder, terminal, log: where to.
      steps, evaluations: how much there is to do.
      real_images: uint8 [N, S, S, C], what is learnt, in the order of the reference's features; None to show none.
    """

    def __init__(
        self,
        *,
        folder: RunFolder,
        terminal: Terminal,
        log: MetricsLog,
        steps: int,
        evaluations: int,
        real_images: np.ndarray | None,
    ) -> None:
        self._folder, self._terminal, self._log, self._real = folder, terminal, log, real_images
        self._steps, self._evaluations = steps, evaluations
        self._left = TimeLeft({"steps": steps, "evaluations": evaluations})
        self._step, self._clock = 0, time.monotonic()

    def begin(self, genotype: Genotype, *, bottom_width: int, seed: int) -> None:
        """What does not change: settings, architecture, some of the real images."""
        board = self._log.tensorboard
        board.begin(self._folder.settings())
        words = [f"{number}. {cell.in_words()}" for number, cell in enumerate(genotype.cells, 1)]
        board.text("architecture", "\n".join([f"`{genotype}`, cell by cell:", "", *words]))
        board.image("diagram", diagram_pixels.pixels(genotype, bottom_width=bottom_width))
        if self._real is not None:
            self._log.picture("real", grid(some_of(self._real, seed=seed)), file="real.png")
        self._terminal.overall("all", self._steps, "steps")

    def go_on(self, step: int) -> None:
        """An earlier process has begun, and come to `step`."""
        self._log.tensorboard.go_on()
        self._terminal.overall("all", self._steps, "steps")
        self._terminal.advance_overall(step)
        self._left.skip("steps", step)
        self._left.skip("evaluations", self._evaluations * step // self._steps)
        self.event(f"going on from step {step:,}")

    def training(self, step: int) -> None:
        """Training goes on from `step`."""
        self._terminal.phase("training", self._steps, "steps")
        self._terminal.done(step)
        self._step, self._clock = step, time.monotonic()

    def report(self, step: int, numbers: Mapping[str, float]) -> None:
        """Some steps were made."""
        self._log.write(step=step, phase="train", numbers=numbers)
        now = time.monotonic()
        self._left.did("steps", step - self._step, now - self._clock)
        self._step, self._clock = step, now
        self._terminal.done(step)
        self._terminal.advance_overall(step, left=self._left.seconds())
        self._terminal.detail(
            f"step {step:6,d}  d_loss {numbers['d_loss']:.3f}  g_loss {numbers['g_loss']:+.3f}  "
            f"{numbers['images_per_second']:,.0f} images/s"
        )

    def grid(self, step: int, images: np.ndarray) -> None:
        """Samples on the same latents as always, uint8 [N, S, S, C]."""
        self._log.picture("samples", grid(images), file=f"step-{step:06d}.png", step=step)

    def best(self, images: np.ndarray) -> None:
        """These samples are of the best score so far."""
        write_png(self._folder.samples / "final.png", grid(images))

    def scoring(self, number: int, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Passes the batches on, counting the images."""
        self._clock = time.monotonic()
        self._terminal.phase("scoring the trained generator", number, "images")
        count = 0
        for batch in batches:
            yield batch
            count += len(batch)
            self._terminal.done(count)

    def scores(self, step: int, scores: Mapping[str, Any], *, better: bool, in_a_row: bool) -> None:
        """An evaluation; `in_a_row`: one of several, which gets a line."""
        self._log.write(step=step, phase="evaluation", numbers=scores)
        self._folder.append_evaluation(scores)
        self._left.did("evaluations", 1, time.monotonic() - self._clock)
        if in_a_row:
            self._terminal.line(
                f"step {step:6,d}  Fréchet distance {scores['frechet_distance']:.3f}  "
                f"Inception score {scores['inception_score']:.3f}{'  (best so far)' if better else ''}"
            )

    def neighbours(self, step: int, images: np.ndarray, network: FeatureNetwork, reference: Reference) -> None:
        """In each row a generated image and the real ones nearest to it; where the real ones are at hand."""
        if self._real is None or reference.features is None:
            return
        generated = images[:COMPARED]
        features = np.concatenate([features for features, _ in outputs_of([generated], network)])
        rows = nearest_rows(features, reference.features, number=NEIGHBOURS)
        shown = [
            image for made, nearest in zip(generated, rows, strict=True)
            for image in (made, *(self._real[index] for index in nearest))
        ]  # fmt: skip
        pixels = grid(np.stack(shown), columns=rows.shape[1] + 1)
        self._log.picture("neighbours", pixels, file="neighbours.png", step=step)

    def collapse(self, step: int, attempt: int) -> None:
        """The losses stand still."""
        self._log.write(step=step, phase="collapse", numbers={"attempt": attempt})

    def event(self, text: str) -> None:
        """Something worth a line."""
        self._terminal.line(text)
