"""A shared GAN and a scorer that compute nothing and note everything, to test what the searcher does with them."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import types
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config import strategy_settings
from autogan_tf.config.semantics import Semantics
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import generator_cost
from autogan_tf.nas.constraints import Constraints
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.candidate_training import Job, Result
from autogan_tf.nas.estimation.from_scratch import FromScratch
from autogan_tf.nas.estimation.shared_weights import SharedWeights
from autogan_tf.nas.estimation.workers import Inline, Workers
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.searcher import Searcher
from autogan_tf.nas.strategies import catalog
from autogan_tf.nas.strategies.shared_sampling import SharedSampling
from autogan_tf.nas.task import Admits, Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.distribution import Distribution
from autogan_tf.training.loop import Progress, TrainingDiverged

DEFAULTS: dict[str, Any] = {
    "max_search_iter": 4,
    "grow_steps": (1, 3),
    "shared_steps": 5,
    "dis_batch_size": 4,
    "ctrl_step": 3,
    "ctrl_sample_batch": 2,
    "ctrl_lr": 3.5e-4,
    "ctrl_beta1": 0.9,
    "ctrl_beta2": 0.999,
    "hid_size": 4,
    "baseline_decay": 0.9,
    "entropy_coeff": 1e-3,
    "round_trials": 7,
    "trial_batch": 2,
    "population": 3,
    "tournament": 2,
    "initial_trials": 5,
    "surrogate": "ridge",
    "objectives": ("is", "parameters"),
    "nsga2_population": 3,
    "rl_num_eval_img": 20,
    "num_eval_imgs": 50,
    "num_candidate": 6,
    "topk": 3,
    "score_repeats": 1,
    "seed": 1,
    "semantics": Semantics.corrected(),
}


def made_of(config_class: type, values: dict[str, Any]) -> Any:
    """A dataclass with those of the values that it has fields for."""
    names = {field.name for field in dataclasses.fields(config_class)}
    return config_class(**{name: value for name, value in values.items() if name in names})


def cost_of(genotype: Genotype) -> Cost:
    """What a generator of three channels costs."""
    return generator_cost(genotype, gf_dim=3, latent_dim=2)


@functools.cache
def admits(**bounds: int | None) -> Admits | None:
    """Of whole generators of three cells those that keep to the bounds; the answers are remembered."""
    allowed = Constraints(space=autogan.SPACE, num_cells=3, cost_of=cost_of, **bounds)
    return functools.cache(allowed.admits) if allowed.is_bounded else None


class FakeLoop:
    """Trains nothing. Phases in `collapse` stop after 2 steps; the phase `diverge` ends in NaN."""

    def __init__(self, gan: FakeGan, stage: int, side: int) -> None:
        self.gan, self.stage, self.side = gan, stage, side
        self.trace_count = 0

    def run(self, *, begin: int, end: int, first_step: int, tokens) -> Progress:
        if begin == 0:
            self.gan.phase += 1
            self.gan.log.append(("train", self.stage, self.side, first_step, tokens.numpy().tolist()))
        self.trace_count = 1
        if self.gan.phase == self.gan.diverge:
            raise TrainingDiverged("d_loss", float("nan"), first_step + begin + 1)
        if self.gan.phase in self.gan.collapse and end >= 2:
            return Progress(2, 0.5, 0.25, 2.0, 3.0, True)
        g_loss, g_norm = (0.25, 3.0) if begin == 0 else (float("nan"), float("nan"))
        return Progress(end, 0.5, g_loss, 2.0, g_norm, False)


class FakeGan:
    """In place of a `SharedGan` with bottom_width 4; `phase` counts training phases from 0."""

    def __init__(self, log: list, *, collapse: Sequence[int] = (), diverge: int = -1) -> None:
        self.log, self.collapse, self.diverge, self.phase = log, collapse, diverge, -1
        self.generator = types.SimpleNamespace(bottom_width=4)
        self.distribution = Distribution()
        self.detector = types.SimpleNamespace(
            spread=lambda: types.SimpleNamespace(numpy=lambda: np.array([0.5, 0.25])),
            clear=lambda: self.log.append(("clear",)),
        )

    def images_generated(self, steps: int) -> int:
        return 10 * steps

    def draw_weights(self, *, generation: int) -> None:
        self.log.append(("draw_weights", generation))

    def stage_loop(self, *, stage: int, stream) -> FakeLoop:
        return FakeLoop(self, stage, int(stream.batch(0).shape[1]))


class FakeScorer:
    """The score is the sum of the tokens, and a tenth of it more on the many images of the final scoring.

    drifting: adds to each score what depends on its phase and on how many were scored in that phase before, and an
      architecture that comes again in a phase keeps its score. So a search that loses what the scorer remembers ends
      otherwise.
    always: the score of every architecture instead.
    measured: if it names them, parameters are a score, too: a hundred less for each token.
    """

    def __init__(self, log: list, *, drifting: bool, always: float | None, measured: Sequence[str] = ()) -> None:
        self.log, self.drifting, self.always, self.measured = log, drifting, always, measured
        self.phase: tuple[str, int] = ("", 0)
        self.found: dict[tuple[int, ...], float] = {}
        self.scored = self.generated = 0

    def start_phase(self, name: str, number: int, *, again: bool = False) -> None:
        self.log.append(("scoring", name, number))
        if not (again and self.phase == (name, number)):
            self.phase, self.found, self.scored = (name, number), {}, 0

    def state(self) -> dict:
        found = [[list(tokens), score] for tokens, score in self.found.items()]
        return {"phase": list(self.phase), "found": found, "scored": self.scored, "generated": self.generated}

    def restore(self, state: dict) -> None:
        self.phase = tuple(state["phase"])
        self.found = {tuple(tokens): score for tokens, score in state["found"]}
        self.scored, self.generated = state["scored"], state["generated"]

    def trials(self, architectures: Sequence[Sequence[int]], *, num_images: int) -> list[Trial]:
        scores = [self.score(tokens, num_images=num_images) for tokens in architectures]
        found = []
        for tokens, score in zip(architectures, scores, strict=True):
            more = {"parameters": 5000.0 - 100 * sum(tokens)} if "parameters" in self.measured else {}
            found.append(Trial(tuple(tokens), score, {"is": score} | more))
        return found

    def score(self, tokens: Sequence[int], *, num_images: int) -> float:
        self.log.append(("score", tuple(tokens), num_images))
        if tuple(tokens) not in self.found:
            score = float(sum(tokens)) * (1.1 if num_images == 50 else 1.0) if self.always is None else self.always
            drift = 0.01 * ((7 * self.scored + 3 * self.phase[1] + len(self.phase[0])) % 23)
            self.found[tuple(tokens)] = score + (drift if self.drifting else 0.0)
            self.scored += 1
            self.generated += num_images
        return self.found[tuple(tokens)]


class FakeTraining:
    """Trains candidates without computing: `disk` has how far each folder's run has come, and outlives a search.

    The score is the sum of the tokens, a hundredth more for each step, and what depends on the seed; a tenth of it
    more on the many images of the final scoring. Those in `diverging` fail at step 3.
    """

    def __init__(
        self, log: list, disk: MutableMapping[str, int], diverging: Sequence[Sequence[int]] = ()
    ) -> None:
        self.log, self.disk, self.diverging = log, disk, [tuple(tokens) for tokens in diverging]

    def run(self, job: Job, *, stop=None) -> Result:
        name = job.folder.rsplit("/", 1)[-1]
        begin = self.disk.get(name, 0)
        if begin < job.steps:
            self.log.append(("candidate", name, job.tokens, begin, job.steps))
            self.disk[name] = job.steps
        if job.tokens in self.diverging and job.steps > 3:
            return Result(self._scores(job, 3), 3, "d_loss became nan at discriminator step 4")
        return Result(self._scores(job, job.steps), job.steps)

    def score(self, job: Job) -> Result:
        assert self.disk[job.folder.rsplit("/", 1)[-1]] >= job.steps
        return Result(self._scores(job, job.steps), job.steps)

    def pictures(self, job: Job) -> np.ndarray:
        return np.full((4, 8, 8, 1), 10 * sum(job.tokens), np.uint8)

    def _scores(self, job: Job, steps: int) -> dict[str, float]:
        score = float(sum(job.tokens)) + 0.01 * steps + job.seed % 997 / 10_000
        return {"inception_score": score * (1.1 if job.num_images == 50 else 1.0), "frechet_distance": 100.0 - score}


class Told:
    """Notes what the searcher tells."""

    def __init__(self, log: list) -> None:
        self.log = log
        self.phases: list[tuple[str, int, str]] = []
        self.rows: list[tuple[int, str, dict]] = []
        self.events: list[str] = []
        self.furthest: dict[str, int] = {}

    def phase(self, description: str, total: int, unit: str) -> None:
        self.phases.append((description, total, unit))

    def done(self, done: int) -> None:
        self.furthest[self.phases[-1][0]] = done

    def numbers(self, *, step: int, phase: str, numbers) -> None:
        self.rows.append((step, phase, dict(numbers)))

    def event(self, text: str) -> None:
        self.events.append(text)

    def of(self, phase: str) -> list[tuple[int, dict]]:
        return [(step, numbers) for step, name, numbers in self.rows if name == phase]


class Search:
    """A search among fakes, with everything that it did."""

    def __init__(
        self,
        *,
        collapse: Sequence[int] = (),
        diverge: int = -1,
        drifting: bool = False,
        always: float | None = None,
        state: dict | None = None,
        pause_every: int = 0,
        strategy: str = "reinforce",
        shared_sampling: str = "strategy",
        max_parameters: int | None = None,
        max_multiply_adds: int | None = None,
        fidelities: Sequence[int] = (),
        disk: MutableMapping[str, int] | None = None,
        diverging: Sequence[Sequence[int]] = (),
        workers: Callable[[], Workers] | None = None,
        own_seeds: bool = False,
        **changes,
    ) -> None:
        self.log: list[tuple] = []
        self.pauses: list[tuple[int, dict, list[np.ndarray], int]] = []
        self.saved: list[dict] = []
        self.told = Told(self.log)
        self.plan = made_of(Plan, DEFAULTS | changes)
        self.disk = {} if disk is None else disk
        settings = made_of(strategy_settings.entry(strategy).settings, DEFAULTS | changes)
        task = Task(
            space=autogan.SPACE,
            seed=self.plan.seed,
            num_cells=self.plan.first_cells,
            semantics=self.plan.semantics,
            rewards_last=bool(fidelities),
            admits=admits(max_parameters=max_parameters, max_multiply_adds=max_multiply_adds),
        )
        proposes = catalog.new_strategy(strategy, settings, task)
        self._measured = tuple(dict.fromkeys(["is", *getattr(settings, "objectives", ())]))
        self.searcher = Searcher(
            strategy=proposes if shared_sampling == "strategy" else SharedSampling(proposes, shared_sampling, task),
            estimator=self._from_scratch(fidelities, diverging, workers, own_seeds)
            if fidelities
            else SharedWeights(
                gan=FakeGan(self.log, collapse=collapse, diverge=diverge),  # type: ignore[arg-type]
                scorer=FakeScorer(  # type: ignore[arg-type]
                    self.log, drifting=drifting, always=always, measured=self._measured
                ),
                images=np.random.default_rng(0).integers(0, 256, (6, 32, 32, 1)).astype(np.uint8),
                plan=self.plan,
                pause_every=pause_every,
            ),
            plan=self.plan,
            observer=self.told,
            pause=self._pause,
            state=state,
        )

    def _from_scratch(
        self,
        fidelities: Sequence[int],
        diverging: Sequence[Sequence[int]],
        workers: Callable[[], Workers] | None,
        own_seeds: bool,
    ) -> FromScratch:
        training = FakeTraining(self.log, self.disk, diverging)
        return FromScratch(
            workers=workers() if workers else Inline(training),  # type: ignore[arg-type]
            training=training,  # type: ignore[arg-type]
            folder=pathlib.Path("trials"),
            fidelities=fidelities,
            images_per_step=100,
            reward=objectives.reward("is"),
            cost_of=lambda tokens: Cost(sum(tokens), 10 * sum(tokens)),
            plan=self.plan,
            own_seeds=own_seeds,
            measured=self._measured,
        )

    def _pause(self, steps: int, *, save: bool = False) -> None:
        searcher = self.searcher
        if save:
            self.log.append(("save", searcher.iteration))
        state = json.loads(json.dumps(searcher.state()))
        weights = [variable.numpy() for part in searcher.strategy.trackables().values() for variable in part.variables]
        gan = getattr(searcher.estimator, "gan", None)
        self.pauses.append((steps, state, weights, gan.phase if gan else -1))
        if save:
            self.saved.append(searcher.state())

    def run(self) -> Search:
        tf.config.run_functions_eagerly(True)  # with so little to compute, tracing would take most of the time
        try:
            self.ranked = self.searcher.run()
        finally:
            tf.config.run_functions_eagerly(False)
        return self

    def entries(self, kind: str) -> list[tuple]:
        return [entry for entry in self.log if entry[0] == kind]


@pytest.fixture(scope="session")
def fake_search() -> type[Search]:
    """The class `Search`; its constructor takes what differs from the default plan (three cells, four iterations)."""
    return Search
