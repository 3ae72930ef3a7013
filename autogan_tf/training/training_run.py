"""A complete training run in its folder: numbers, sample grids, checkpoints, scores; what `train` and `search` do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import kernel
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.metrics.reference import Reference
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed
from autogan_tf.training import sampling
from autogan_tf.training.trainer import Trainer, TrainingCollapsed
from autogan_tf.training.training_log import TrainingLog

GRID_IMAGES = 100


def run_training(
    trainer: Trainer,
    *,
    folder: RunFolder,
    terminal: Terminal,
    network: FeatureNetwork,
    reference: Reference,
    evaluate_every: int,
    num_eval_imgs: int,
    score_each: bool = False,
    restarts: int = 0,
    real_images: np.ndarray | None = None,
    report_on: RunFolder | None = None,
) -> dict[str, Any]:
    """Trains to the end, scores the moving-average generator, and keeps the checkpoint with the best score.

    Args:
      trainer: holds the networks and how long to train.
      folder: exists, with config.json and genotype.json.
      terminal: where progress is shown.
      network: the feature network that scores.
      reference: the real images seen through it.
      evaluate_every: generator steps between sample grids and checkpoints; 0: at the end only.
      num_eval_imgs: images that a score is taken from.
      score_each: scores at each of these, not at the end only. checkpoints/best and samples/final.png are those of the
        lowest Fréchet distance.
      real_images: uint8 [N, S, S, C], shown beside the generated ones; in the order of the reference's features, whose
        nearest are shown if it has them. Then the kernel distance is taken, too, if there are enough images.
      report_on: the run whose report is kept up to date, where that is not `folder` but the search that it is part of.
      restarts: how often a collapsed GAN begins again with other weights; its best checkpoint so far stays.

    Returns:
      The best scores, as appended to evaluations.jsonl, with their "step".

    Raises:
      TrainingDiverged: a loss or a gradient became NaN or infinite; the newest checkpoint is the last good state.
      TrainingCollapsed: the losses stand still, after the last restart.
    """
    checkpoints = Checkpoints(folder.checkpoints, {"trainer": trainer})
    best_checkpoint = Checkpoints(folder.best_checkpoint, {"trainer": trainer}, keep=1)
    checkpoints.save(0, {"step": 0})
    best: dict[str, Any] = {}
    # a conditional generator's grid has a class in each row, as far as they go
    num_classes = trainer.generator.num_classes
    labels = sampling.label_rows(GRID_IMAGES, num_classes) if num_classes else None

    kept = reference.features
    metrics = ("is", "fid", "kid") if kept is not None and kernel.enough(len(kept), num_eval_imgs) else ("is", "fid")
    every = evaluate_every if score_each and evaluate_every else trainer.steps
    report = Refreshed(report_on or folder)
    with MetricsLog(folder) as log:
        told = TrainingLog(
            folder=folder,
            terminal=terminal,
            log=log,
            steps=trainer.steps,
            evaluations=-(-trainer.steps // every),
            real_images=real_images,
        )
        told.begin(trainer.generator.genotype, bottom_width=trainer.generator.bottom_width, seed=trainer.seed)

        def evaluate(step: int) -> None:
            # the same latents every time, so that one can watch each image come to be
            grid = _gather(trainer.sample(GRID_IMAGES, purpose="grid", labels=labels))
            told.grid(step, grid)
            checkpoints.save(step, {"step": step})
            if not (score_each or step == trainer.steps):
                return
            batches = told.scoring(num_eval_imgs, trainer.sample(num_eval_imgs, purpose="evaluation"))
            found = evaluate_images(batches, network, reference, metrics=metrics, seed=trainer.seed)
            scores = {"step": step} | found
            better = not best or scores["frechet_distance"] < best["frechet_distance"]
            told.scores(step, scores, better=better, in_a_row=score_each)
            told.neighbours(step, grid, network, reference)
            if better:
                best.update(scores)
                best_checkpoint.save(step, {"step": step})
                told.best(grid)
            report.now()
            told.training(step)

        def collapse(error: TrainingCollapsed, attempt: int) -> None:
            told.collapse(error.step, attempt)
            if attempt < restarts:
                told.event(f"{error}; beginning again with other weights ({attempt + 1} of {restarts})")
                told.training(0)
            report.now()

        told.training(0)
        _attempts(trainer, restarts, collapse, report=told.report, evaluate=evaluate, evaluate_every=evaluate_every)
        terminal.end_overall()
        return best


def follow_training(trainer: Trainer, *, restarts: int = 0) -> None:
    """The same training where another process, the chief, writes and scores; arguments and errors as there."""
    _attempts(trainer, restarts, lambda error, attempt: None, report=lambda step, losses: None)


def _attempts(
    trainer: Trainer, restarts: int, collapse: Callable[[TrainingCollapsed, int], None], **callbacks: Any
) -> None:
    for attempt in range(restarts + 1):
        try:
            trainer.run(**callbacks)
            return
        except TrainingCollapsed as error:
            collapse(error, attempt)
            if attempt == restarts:
                raise
            trainer.draw_weights(attempt=attempt + 1)


def _gather(batches: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(batches))
