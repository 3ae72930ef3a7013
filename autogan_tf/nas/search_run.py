"""A complete search in its folder: progress, numbers, pictures, checkpoints, ranked genotype files."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.config.reward_expression import Reward
from autogan_tf.data.image_data import some_of
from autogan_tf.features.protocol import FeatureNetwork, network_identity, warn_if_not
from autogan_tf.models.cost import Cost
from autogan_tf.nas.estimation.objectives import OBJECTIVES
from autogan_tf.nas.estimation.reward import INCEPTION_SCORE
from autogan_tf.nas.front_files import FrontFiles, in_words
from autogan_tf.nas.plan import Plan, Ranked
from autogan_tf.nas.protocols import Estimator, Strategy
from autogan_tf.nas.search_log import SearchLog
from autogan_tf.nas.searcher import Searcher
from autogan_tf.runs import diagram_pixels, front, log_files
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder, write_atomically
from autogan_tf.runs.image_grid import grid
from autogan_tf.runs.keeper import Keeper, StopRequest
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed
from autogan_tf.runs.tensorboard_log import table
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.distribution import Distribution


def run_search(
    *,
    strategy: Strategy,
    estimator: Estimator,
    plan: Plan,
    distribution: Distribution,
    images: np.ndarray,
    reward: Reward,
    folder: RunFolder,
    terminal: Terminal,
    network: FeatureNetwork,
    cost_of: Callable[[Genotype], Cost],
    grid_every: int = 0,
    save_steps: int = 0,
    save_minutes: float = 0.0,
    keep_checkpoints: int = 2,
    stop: StopRequest | None = None,
) -> list[Ranked]:
    """Searches, and writes what is found; goes on from the folder's checkpoint, if it has one.

    Args:
      strategy, estimator, plan: as for `Searcher`.
      distribution: where training steps run.
      images: uint8 [N, S, S, C], some of which are shown; N may be 0.
      reward: what the architectures are ranked by.
      folder: exists, with config.json.
      terminal: where progress is shown.
      network: that scores, whose name the files bear.
      cost_of: what the trained generator of a genotype costs.
      grid_every: iterations between sample grids; 0: before a growth and at the end only.
      save_steps, save_minutes, stop: see `Keeper`; steps are those of `Estimator.steps_done`.
      keep_checkpoints: how many of the newest checkpoints stay.

    Returns:
      The ranked architectures, best first, as in genotypes/01.json ...

    Raises:
      TrainingDiverged: a loss of the shared GAN became NaN or infinite; the newest checkpoint is the last good state.
      Interrupted: `stop` asked for it; the newest checkpoint is the present state.
      SaveFailed: a checkpoint could not be written; those before are as they were.
      UserError: the folder's checkpoints are all damaged, or lost, or of another run.
    """
    checkpoints = Checkpoints(folder.checkpoints, {}, keep=keep_checkpoints)
    saved = checkpoints.find()
    if saved is None and (folder.genotype_file.exists() or log_files.has_progress(folder)):
        raise UserError(
            f"the search in {folder.path} has made progress and there is no checkpoint in {folder.checkpoints}; copy "
            "its checkpoints back, or begin anew in another folder"
        )
    state = saved.state if saved else {"logs": {}}
    log_files.cut_back(folder, state["logs"])
    seen = {
        "num_images": plan.rl_num_eval_img,
        "feature_network": network_identity(network),
        "weights": "own" if estimator.rewards_last else "shared",
    }
    front_files = FrontFiles(folder, space=plan.space, cost_of=cost_of, seen=seen)
    with MetricsLog(folder) as log:
        if saved:
            warn_if_not(network, saved.state["network"])
            log.tensorboard.go_on()
        else:
            if folder.was_resumed:
                terminal.line("nothing had been saved yet: beginning anew")
            log.tensorboard.begin(folder.settings())
            if len(images):
                log.picture("real", grid(some_of(images, seed=plan.seed)), file="real.png")
            accuracy = getattr(network, "accuracy", None)
            if accuracy:
                log.write(step=0, phase="classifier", numbers={"accuracy": {str(k): v for k, v in accuracy.items()}})
        observer = SearchLog(
            plan=plan,
            folder=folder,
            terminal=terminal,
            log=log,
            draw=estimator.pictures,
            front_files=front_files,
            grid_every=grid_every,
            done=state["search"]["iteration"] if saved else 0,
        )
        saves = saved.number if saved else 0

        def save() -> str:
            nonlocal saves
            saves += 1
            for name, trackable in searcher.trackables().items():
                checkpoints.track(name, trackable)
            log.flush()
            state = {"search": searcher.state(), "network": network_identity(network)}
            return checkpoints.save(saves, state | {"logs": log_files.mark(folder)})

        keeper = Keeper(
            save, every_steps=save_steps, every_minutes=save_minutes, stop=stop, any_worker=distribution.any_worker
        )
        searcher = Searcher(
            strategy=strategy,
            estimator=estimator,
            plan=plan,
            observer=observer,
            pause=keeper.pause,
            state=state.get("search"),
        )
        distribution.check_same_checkpoint(saves, folder=folder.checkpoints)
        if saved:
            for name, trackable in searcher.trackables().items():
                checkpoints.track(name, trackable)
            checkpoints.restore(saved)
            keeper.begin(estimator.steps_done(searcher.part))
            terminal.line(f"going on in iteration {searcher.iteration + 1}, from {saved.prefix}")
        with contextlib.closing(estimator):
            ranked = searcher.run()
        terminal.end_overall()
        log.tensorboard.image("best_architecture", diagram_pixels.pixels(ranked[0].genotype), step=plan.max_search_iter)
        log.tensorboard.text("ranked", _in_words(ranked), step=plan.max_search_iter)
    lines = []
    plain = reward == INCEPTION_SCORE  # else `score`, the reward on more images, is none of the scores
    for place, entry in enumerate(ranked, 1):
        cost = cost_of(entry.genotype)
        scores = {
            "reward": entry.reward,
            **({} if plain else {"score": entry.score, "reward_expression": str(reward)}),
            **({} if entry.expected is None else {"expected": entry.expected}),
            **{OBJECTIVES[name].key: score for name, score in entry.scores.items()},
            "num_images": entry.num_images,
            "feature_network": network_identity(network),
            "weights": "own" if entry.steps else "shared",
            **({"step": entry.steps} if entry.steps else {}),
        }
        text = dataclasses.replace(entry.genotype, name=f"{folder.path.name}-{place:02d}").to_json(
            scores=scores, cost=dataclasses.asdict(cost)
        )
        write_atomically(folder.genotypes / f"{place:02d}.json", text)
        lines.append(
            f"{place:2d}. {entry.genotype}  reward {entry.reward:.3f}, "
            f"on {entry.num_images:,} images {entry.score:.3f}; "
            f"{cost.parameters:,} parameters, {cost.multiply_adds / 1e6:,.0f} M multiply-adds"
        )
    told = front.read(strategy.summary().get("front"))
    if told is not None:
        lines.append(in_words(told, front_files.write(told)))
    # last, as it tells that the search is complete
    write_atomically(folder.genotype_file, (folder.genotypes / "01.json").read_bytes())
    for line in lines:
        terminal.result(line)
    Refreshed(folder).now()
    return ranked


def _in_words(ranked: Sequence[Ranked]) -> str:
    """The best architecture cell by cell, and a table of all, in Markdown."""
    words = [f"{number}. {cell.in_words()}" for number, cell in enumerate(ranked[0].genotype.cells, 1)]
    rows = [(str(entry.genotype), f"{entry.reward:.3f}", f"{entry.score:.3f}") for entry in ranked]
    return "\n".join(["The best architecture, cell by cell:", "", *words, "", table(("all", "reward", "score"), rows)])


class _Silent:
    """Hears what the searcher tells, and says nothing."""

    def phase(self, description: str, total: int, unit: str) -> None:
        pass

    def done(self, done: int) -> None:
        pass

    def numbers(self, *, step: int, phase: str, numbers: Mapping[str, Any]) -> None:
        pass

    def event(self, text: str) -> None:
        pass


def follow_search(
    *,
    strategy: Strategy,
    estimator: Estimator,
    plan: Plan,
    distribution: Distribution,
    folder: RunFolder | None = None,
    stop: StopRequest | None = None,
) -> list[Ranked]:
    """The same search where another process, the chief, writes; arguments, result and errors as for `run_search`.

    folder: the chief's, which this process must see to go on from the chief's checkpoint.
    """
    checkpoints = Checkpoints(folder.checkpoints, {}) if folder else None
    saved = checkpoints.find(tidy=False) if checkpoints else None
    distribution.check_same_checkpoint(
        saved.number if saved else 0, folder=folder.checkpoints if folder else "no folder"
    )
    keeper = Keeper(lambda: "the chief's checkpoint", stop=stop, any_worker=distribution.any_worker)
    searcher = Searcher(
        strategy=strategy,
        estimator=estimator,
        plan=plan,
        observer=_Silent(),
        pause=keeper.pause,
        state=saved.state["search"] if saved else None,
    )
    if checkpoints and saved:
        for name, trackable in searcher.trackables().items():
            checkpoints.track(name, trackable)
        checkpoints.restore(saved)
    return searcher.run()
