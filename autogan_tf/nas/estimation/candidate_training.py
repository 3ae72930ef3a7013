"""A candidate trained from scratch: an ordinary training run in a folder of its own, up to a number of steps."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autogan_tf.config import final_training, plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import pipeline, sources
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import ImageStore
from autogan_tf.features import choice, classifier_choice
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import kernel, reference
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.metrics.reference import Reference
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import Objective, Seen
from autogan_tf.nas.estimation.reward import some_real
from autogan_tf.nas.trial import Tokens
from autogan_tf.runs import machine, tensorflow_warnings
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.keeper import StopRequest
from autogan_tf.runs.lock import InUse, locked
from autogan_tf.runs.progress import Terminal
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import assembly
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.loop import TrainingDiverged
from autogan_tf.training.trainer import Trainer, TrainingCollapsed
from autogan_tf.training.training_run import GRID_IMAGES

SECONDS_FOR_LOCK = 120.0  # that the process of a search that was killed may take to end


@dataclasses.dataclass(frozen=True)
class Job:
    """A part of a candidate's training; plain data that goes to other processes.

    folder: of the candidate's run; it goes on there if it has begun.
    tokens: the architecture, of as many cells as the search has come to.
    seed: of the training.
    steps: generator steps at whose end it is scored.
    num_images: generated images that it is scored on.
    """

    folder: str
    tokens: Tokens
    seed: int
    steps: int
    num_images: int

    @property
    def goal(self) -> str:
        """What is so when it is done, in words."""
        return f"{self.folder} was trained to step {self.steps}"


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a job.

    scores: as `evaluate_images` gives them.
    step: generator steps that the generator which was scored had made.
    failure: why it can be trained no further, else "": losses became NaN, or stood still. Then the scores are those of
      its newest checkpoint.
    """

    scores: Mapping[str, Any]
    step: int
    failure: str = ""


class CandidateTraining:
    """Trains candidates, one after the other, with the settings of a search's final training.

    Args:
      config: of the search.
      data: the images at the whole generator's resolution.
      network: scores.
      store: keeps the images at the size of a stage.
      distribution: where the steps run.
    """

    def __init__(
        self,
        config: SearchConfig,
        data: ImageData,
        network: FeatureNetwork,
        *,
        store: ImageStore,
        distribution: Distribution | None = None,
    ) -> None:
        self._config, self._data, self._network, self._store = config, data, network, store
        self._distribution = distribution or Distribution()
        self._seen: dict[int, tuple[ImageData, Reference]] = {}  # by side in pixels
        self._graphs: dict[int, Trainer] = {}  # the newest, by number of cells

    def run(self, job: Job, *, stop: StopRequest | None = None) -> Result:
        """Does the job, or what of it an earlier process has not done.

        Raises:
          Interrupted: `stop` asked for it; what was trained has been saved.
          UserError: the folder holds another run, is in use, or cannot be written to.
        """
        done = _done(job)
        if done is not None:
            return done
        with locked_when_free(pathlib.Path(job.folder)), tensorflow_warnings.silenced():
            config, trainer, data, seen = self._built(job)
            genotype = trainer.generator.genotype
            folder = RunFolder(job.folder)
            assembly.prepare_folder(
                config, genotype, data, self._distribution, folder, resumes=folder.config_file.exists()
            )
            try:
                assembly.train_until(
                    config,
                    trainer,
                    data,
                    steps=job.steps,
                    num_images=job.num_images,
                    folder=folder,
                    network=self._network,
                    reference=seen,
                    stop=stop,
                    more=self._more(seen),
                )
            except (TrainingDiverged, TrainingCollapsed) as error:
                return self._scored(job, trainer, seen, failure=str(error))
            found = _done(job)
            assert found is not None
            return found

    def score(self, job: Job) -> Result:
        """The scores of the candidate as its run's newest checkpoint has it, on as many images as the job says."""
        with tensorflow_warnings.silenced():
            _, trainer, _, seen = self._built(job)
            return self._scored(job, trainer, seen)

    def pictures(self, job: Job) -> np.ndarray:
        """uint8 [100, S, S, C]: what the candidate's newest checkpoint draws, always on the same latents."""
        with tensorflow_warnings.silenced():
            _, trainer, _, _ = self._built(job)
            _restore(job, trainer)
            return np.concatenate(list(trainer.sample(GRID_IMAGES, purpose="grid")))

    def _scored(self, job: Job, trainer: Trainer, seen: Reference, *, failure: str = "") -> Result:
        step = _restore(job, trainer)
        kept = seen.features
        with_kernel = kept is not None and kernel.enough(len(kept), job.num_images)
        scores = evaluate_images(
            trainer.sample(job.num_images, purpose="evaluation"),
            self._network,
            seen,
            metrics=("is", "fid", "kid") if with_kernel else ("is", "fid"),
            seed=trainer.seed,
            more=self._more(seen),
        )
        return Result(scores, step, failure)

    def _more(self, reference: Reference) -> dict[str, Callable[[np.ndarray, np.ndarray], float]]:
        """By key, the objectives of the search that an evaluation has not got by itself."""

        def scored_by(objective: Objective) -> Callable[[np.ndarray, np.ndarray], float]:
            def score(features: np.ndarray, logits: np.ndarray) -> float:
                real = reference.features
                seen = Seen(
                    logits=logits,
                    features=features,
                    real_statistics=reference.statistics,
                    real_features=None if real is None else some_real(real, seed=self._config.seed),
                )
                return objective.measure(seen)

            return score

        names = objectives.measured(self._config)
        return {key: scored_by(objective) for key, objective in objectives.beyond_evaluation(names).items()}

    def _built(self, job: Job) -> tuple[TrainConfig, Trainer, ImageData, Reference]:
        space = catalog.space(self._config.space)
        genotype = Genotype.from_tokens(job.tokens, space)
        config = dataclasses.replace(final_training.of(self._config, arch=str(genotype)), seed=job.seed)
        if not self._config.train_steps:
            config = dataclasses.replace(config, max_iter=self._config.candidate_steps[-1])
        side = image_sides(bottom_width=config.bottom_width, num_cells=len(genotype.cells))[-1]
        data, seen = self._at(side)
        graphs = self._graphs_for(config, genotype, data)
        return config, assembly.new_trainer(config, genotype, data, self._distribution, graphs=graphs), data, seen

    def _graphs_for(self, config: TrainConfig, genotype: Genotype, data: ImageData) -> Trainer | None:
        """Where a candidate computes; None for in graphs of its own."""
        special = config.conditional or config.normalizes_generator or config.jit_compile
        if self._config.candidate_graphs == "own" or special or self._distribution.count > 1:
            return None
        key = len(genotype.cells)
        if key not in self._graphs:
            self._graphs.clear()  # of an earlier stage, which does not come again soon
            self._graphs[key] = assembly.new_trainer(config, genotype, data, self._distribution, changeable=True)
        return self._graphs[key]

    def _at(self, side: int) -> tuple[ImageData, Reference]:
        """The real images of so many pixels, and what is seen of them."""
        if side not in self._seen:
            images = pipeline.reduce(self._data.images, side, store=self._store)
            data = dataclasses.replace(self._data, images=images)
            cache_dir = choice.cache_folder(self._config.cache_dir)
            seen = reference.of_images(data, self._network, cache_dir=cache_dir, with_features=True)
            self._seen[side] = (data, seen)
        return self._seen[side]


def for_worker(config: SearchConfig) -> CandidateTraining:
    """The same in a process that has nothing yet; images and classifier come from the cache where they are there."""
    plugins.load(config.plugin)
    machine.use_threads(config.threads)
    machine.share_gpus()
    store = choice.image_store(config.cache_dir, memory_gb=config.data_memory_gb)
    where: dict[str, Any] = {"dataset": config.dataset, "data_dir": config.data_dir, "download": False}
    data = sources.load(resolution=config.resolution, warn_enlarged=False, store=store, **where)
    network = classifier_choice.network_of(
        config, where, num_cells=config.num_cells, store=store, terminal=Terminal(silent=True)
    )
    return CandidateTraining(config, data, network, store=store)


def _done(job: Job) -> Result | None:
    """What an earlier process found, if it did the job."""
    folder = RunFolder(job.folder)
    if not folder.evaluations_file.exists():
        return None
    for row in folder.evaluations():
        if row.get("step") == job.steps and row.get("num_images") == job.num_images:
            return Result(row, job.steps)
    return None


def _restore(job: Job, trainer: Trainer) -> int:
    """Restores the newest checkpoint; its step."""
    folder = RunFolder(job.folder)
    checkpoints = Checkpoints(folder.checkpoints, {"trainer": trainer})
    saved = checkpoints.find(tidy=False)
    if saved is None:
        raise UserError(
            f"the candidate in {job.folder} has no checkpoint; copy its checkpoints back, or begin the search anew in "
            "another folder"
        )
    checkpoints.restore(saved)
    return int(saved.state["step"])


@contextlib.contextmanager
def locked_when_free(folder: pathlib.Path) -> Iterator[None]:
    """Holds a run's lock, for which it waits: the process of a search that was killed may still be ending."""
    until = time.monotonic() + SECONDS_FOR_LOCK
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(folder))
                break
            except InUse:
                if time.monotonic() > until:
                    raise
            time.sleep(1.0)
        yield
