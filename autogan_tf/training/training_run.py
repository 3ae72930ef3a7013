"""A complete training run in its folder: numbers, sample grids, checkpoints, scores; what `train` and `search` do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.features.protocol import FeatureNetwork, network_identity, warn_if_not
from autogan_tf.metrics import kernel
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.metrics.reference import Reference
from autogan_tf.runs import log_files
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import Keeper, StopRequest
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed
from autogan_tf.training import sampling
from autogan_tf.training.trainer import Trainer, TrainingCollapsed
from autogan_tf.training.training_log import TrainingLog

GRID_IMAGES = 100


@dataclasses.dataclass
class Position:
    """How far a training is; with the weights all that it needs to go on.

    step: generator steps done in this attempt; attempt: collapses before it; shown: the last step with a sample grid;
    evaluated: the last one whose evaluation, of which the grid is the first part, was completed; saves: checkpoints
    written; best: the scores with the lowest Fréchet distance so far.
    """

    step: int = 0
    attempt: int = 0
    shown: int = 0
    evaluated: int = 0
    saves: int = 0
    best: dict[str, Any] = dataclasses.field(default_factory=dict)


def run_training(
    trainer: Trainer,
    *,
    folder: RunFolder,
    terminal: Terminal,
    network: FeatureNetwork,
    reference: Reference,
    evaluate_every: int,
    num_eval_imgs: int,
    until: int | None = None,
    score_each: bool = False,
    restarts: int = 0,
    real_images: np.ndarray | None = None,
    report_on: RunFolder | None = None,
    save_steps: int = 0,
    save_minutes: float = 0.0,
    keep_checkpoints: int = 2,
    stop: StopRequest | None = None,
    more: Mapping[str, Callable[[np.ndarray, np.ndarray], float]] | None = None,
) -> dict[str, Any]:
    """Trains to the end, scores the moving-average generator, and keeps the checkpoint with the best score.

    Where the folder has a checkpoint the training goes on from there, and what was logged after it is cut off.

    Args:
      trainer: holds the networks and how long to train.
      folder: exists, with config.json and genotype.json.
      terminal: where progress is shown.
      network: the feature network that scores.
      reference: the real images seen through it.
      evaluate_every: generator steps between sample grids and checkpoints; 0: at the end only.
      num_eval_imgs: images that a score is taken from. Scores that an earlier process took from another number of them
        are not compared with.
      until: generator steps at which it ends, with an evaluation, though more are to follow some day; None for all.
      score_each: scores at each of these, not at the end only. checkpoints/best and samples/final.png are those of the
        lowest Fréchet distance.
      restarts: how often a collapsed GAN begins again with other weights; its best checkpoint so far stays.
      real_images: uint8 [N, S, S, C], shown beside the generated ones; in the order of the reference's features, whose
        nearest are shown if it has them. Then the kernel distance is taken, too, if there are enough images.
      report_on: the run whose report is kept up to date: this one, or the search that it is part of; None for none.
      save_steps, save_minutes, stop: see `Keeper`.
      keep_checkpoints: how many of the newest checkpoints stay, besides the best one.
      more: further scores, see `evaluate_images`.

    Returns:
      The best scores, as appended to evaluations.jsonl, with their "step".

    Raises:
      TrainingDiverged: a loss or a gradient became NaN or infinite; the newest checkpoint is the last good state.
      TrainingCollapsed: the losses stand still, after the last restart.
      Interrupted: `stop` asked for it; the newest checkpoint is the present state.
      SaveFailed: a checkpoint could not be written; those before are as they were.
      UserError: the folder's checkpoints are all damaged, or lost, or of another run.
    """
    checkpoints = Checkpoints(folder.checkpoints, {"trainer": trainer}, keep=keep_checkpoints)
    best_checkpoint = Checkpoints(folder.best_checkpoint, {"trainer": trainer}, keep=1)
    position, resumes = _resumed(checkpoints, folder, network)
    trainer.distribution.check_same_checkpoint(position.saves, folder=folder.checkpoints)
    steps = trainer.steps if until is None else until
    as_many = position.best.get("num_images") == num_eval_imgs
    if position.evaluated >= steps:
        if as_many:
            return position.best
        position.evaluated = steps - 1  # once more, on as many images as are wanted now
    if not _is_there(best_checkpoint, position.best) or not as_many:
        position.best = {}
    # a conditional generator's grid has a class in each row, as far as they go
    num_classes = trainer.generator.num_classes
    labels = sampling.label_rows(GRID_IMAGES, num_classes) if num_classes else None
    kept = reference.features
    metrics = ("is", "fid", "kid") if kept is not None and kernel.enough(len(kept), num_eval_imgs) else ("is", "fid")
    every = evaluate_every if score_each and evaluate_every else steps
    report = Refreshed(report_on) if report_on else None
    with MetricsLog(folder) as log:
        told = TrainingLog(
            folder=folder,
            terminal=terminal,
            log=log,
            steps=steps,
            evaluations=-(-steps // every),
            real_images=real_images,
        )

        def save() -> str:
            position.saves += 1
            log.flush()
            state = dataclasses.asdict(position) | {"network": network_identity(network)}
            return checkpoints.save(position.saves, state | {"logs": log_files.mark(folder)})

        keeper = Keeper(
            save,
            every_steps=save_steps,
            every_minutes=save_minutes,
            stop=stop,
            any_worker=trainer.distribution.any_worker,
        )

        def pause(step: int) -> None:
            position.step = step
            keeper.pause(step)

        def evaluate(step: int) -> None:
            # the same latents every time, so that one can watch each image come to be
            grid = _gather(trainer.sample(GRID_IMAGES, purpose="grid", labels=labels))
            if position.shown < step:
                told.grid(step, grid)
            position.shown = step
            if not (score_each or step == steps):
                position.evaluated = step
                keeper.now(step)
                return
            keeper.now(step)  # scoring may take long
            batches = told.scoring(num_eval_imgs, trainer.sample(num_eval_imgs, purpose="evaluation"))
            batches = _interruptible(batches, keeper)
            found = evaluate_images(batches, network, reference, metrics=metrics, seed=trainer.seed, more=more)
            scores = {"step": step} | found
            better = not position.best or scores["frechet_distance"] < position.best["frechet_distance"]
            told.scores(step, scores, better=better, in_a_row=score_each)
            told.neighbours(step, grid, network, reference)
            if better:
                position.best = scores
                best_checkpoint.save(step, {"step": step})
                told.best(grid)
            position.evaluated = step
            keeper.now(step)
            if report:
                report.now()
            told.training(step)

        def collapse(error: TrainingCollapsed, attempt: int) -> None:
            told.collapse(error.step, attempt)
            if attempt < restarts:
                told.event(f"{error}; beginning again with other weights ({attempt + 1} of {restarts})")
                told.training(0)
                position.attempt = attempt + 1
                position.step = position.shown = position.evaluated = 0
                keeper.begin(0)
            if report:
                report.now()

        if resumes:
            told.go_on(position.step)
            keeper.begin(position.step)
        else:
            if folder.was_resumed:
                told.event("nothing had been saved yet: beginning anew")
            told.begin(trainer.generator.genotype, bottom_width=trainer.generator.bottom_width, seed=trainer.seed)
            save()
        told.training(position.step)
        due = position.step == steps or (evaluate_every and position.step % evaluate_every == 0)
        if due and position.evaluated < position.step:  # saved before its evaluation, or in it
            evaluate(position.step)
        _attempts(
            trainer,
            restarts,
            collapse,
            first=position.attempt,
            start=position.step,
            report=told.report,
            evaluate=evaluate,
            evaluate_every=evaluate_every,
            until=until,
            pause_every=save_steps,
            pause=pause,
        )
        terminal.end_overall()
        return position.best


def follow_training(
    trainer: Trainer,
    *,
    folder: RunFolder | None = None,
    restarts: int = 0,
    stop: StopRequest | None = None,
) -> None:
    """The same training where another process, the chief, writes and scores; arguments and errors as there.

    folder: the chief's, which this process must see to go on from the chief's checkpoint.
    """
    position = Position()
    if folder is not None:
        checkpoints = Checkpoints(folder.checkpoints, {"trainer": trainer})
        saved = checkpoints.find(tidy=False)
        if saved is not None:
            checkpoints.restore(saved)
            position = _position(saved.state)
    trainer.distribution.check_same_checkpoint(position.saves, folder=folder.checkpoints if folder else "no folder")
    if position.evaluated >= trainer.steps:
        return
    keeper = Keeper(lambda: "the chief's checkpoint", stop=stop, any_worker=trainer.distribution.any_worker)
    _attempts(
        trainer,
        restarts,
        lambda error, attempt: None,
        first=position.attempt,
        start=position.step,
        report=lambda step, losses: None,
        pause=keeper.pause,
    )


def scores_if_complete(folder: RunFolder, *, steps: int, num_images: int) -> dict[str, Any]:
    """The best scores of a training that has made its `steps` and has been scored on so many images; else nothing."""
    saved = Checkpoints(folder.checkpoints, {}).find(tidy=False)
    if saved is None or saved.state.get("evaluated", 0) < steps or saved.state["best"]["num_images"] != num_images:
        return {}
    return saved.state["best"]


def _resumed(checkpoints: Checkpoints, folder: RunFolder, network: FeatureNetwork) -> tuple[Position, bool]:
    """Where the run in the folder stands, restored, its logs cut back to there; and whether there is one."""
    saved = checkpoints.find()
    if saved is None:
        if log_files.has_progress(folder):
            raise UserError(
                f"the training in {folder.path} has made progress and there is no checkpoint in {folder.checkpoints}; "
                "copy its checkpoints back, or begin anew in another folder"
            )
        log_files.cut_back(folder, {})
        return Position(), False
    checkpoints.restore(saved)
    warn_if_not(network, saved.state["network"])
    log_files.cut_back(folder, saved.state["logs"])
    return _position(saved.state), True


def _is_there(best_checkpoint: Checkpoints, scores: Mapping[str, Any]) -> bool:
    """Whether the checkpoint with the best scores so far can be read; a warning where it was and is not any more."""
    try:
        found = best_checkpoint.find()
    except UserError as error:
        logging.warning("%s; from here on the best of the later evaluations is kept", error)
        return False
    if found is None and scores:
        logging.warning("checkpoints/best is missing; from here on the best of the later evaluations is kept")
    return found is not None


def _position(state: Mapping[str, Any]) -> Position:
    names = {field.name for field in dataclasses.fields(Position)}
    return Position(**{name: value for name, value in state.items() if name in names})


def _attempts(
    trainer: Trainer,
    restarts: int,
    collapse: Callable[[TrainingCollapsed, int], None],
    *,
    first: int = 0,
    start: int = 0,
    **callbacks: Any,
) -> None:
    for attempt in range(first, restarts + 1):
        try:
            trainer.run(start=start if attempt == first else 0, **callbacks)
            return
        except TrainingCollapsed as error:
            collapse(error, attempt)
            if attempt == restarts:
                raise
            trainer.draw_weights(attempt=attempt + 1)


def _interruptible(batches: Iterable[np.ndarray], keeper: Keeper) -> Iterator[np.ndarray]:
    for batch in batches:
        keeper.check()
        yield batch


def _gather(batches: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(batches))
