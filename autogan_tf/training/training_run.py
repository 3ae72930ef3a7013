"""A complete training run in its folder: numbers, sample grids, checkpoints, scores; what `train` and `search` do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.metrics.reference import Reference
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.image_grid import write_grid
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.training.trainer import Trainer

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
) -> dict[str, Any]:
    """Trains to the end and scores the moving-average generator.

    Args:
      trainer: holds the networks and how long to train.
      folder: exists, with config.json and genotype.json.
      terminal: where progress is shown.
      network: the feature network that scores.
      reference: the real images seen through it.
      evaluate_every: generator steps between sample grids and checkpoints; 0: at the end only.
      num_eval_imgs: images of the final scores.

    Returns:
      the scores, as appended to evaluations.jsonl.

    Raises:
      TrainingDiverged: a loss became NaN or infinite; the newest checkpoint is the last good state.
    """
    checkpoints = Checkpoints(folder.checkpoints, {"trainer": trainer})
    checkpoints.save(0, {"step": 0})
    terminal.phase("training the best architecture", trainer.steps, "steps")

    def evaluate(step: int) -> None:
        # the same latents every time, so that one can watch each image come to be
        images = _gather(trainer.sample(GRID_IMAGES, purpose="grid"))
        write_grid(folder.samples / f"step-{step:06d}.png", images)
        checkpoints.save(step, {"step": step})

    with MetricsLog(folder.metrics_file, folder.path / "tensorboard") as log:

        def report(step: int, losses: dict[str, float]) -> None:
            terminal.done(step)
            log.write(step=step, phase="train", numbers=losses)

        trainer.run(report=report, evaluate=evaluate, evaluate_every=evaluate_every)
        terminal.phase("scoring the trained generator", num_eval_imgs, "images")
        scores = evaluate_images(
            _counted(trainer.sample(num_eval_imgs, purpose="evaluation"), terminal),
            network,
            reference,
            seed=trainer.seed,
        )
        scores = {"step": trainer.steps} | scores
        log.write(step=trainer.steps, phase="evaluation", numbers=scores)
    folder.append_evaluation(scores)
    write_grid(folder.samples / "final.png", _gather(trainer.sample(GRID_IMAGES, purpose="grid")))
    return scores


def _gather(batches: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(batches))


def _counted(batches: Iterable[np.ndarray], terminal: Terminal) -> Iterable[np.ndarray]:
    count = 0
    for batch in batches:
        yield batch
        count += len(batch)
        terminal.done(count)
