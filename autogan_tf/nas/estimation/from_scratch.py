"""Architectures judged by training each of them from scratch, those that fall behind not to the end."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.reward_expression import Reward
from autogan_tf.data import seeds
from autogan_tf.models.cost import Cost
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.candidate_training import CandidateTraining, Job, Result
from autogan_tf.nas.estimation.objectives import OBJECTIVES, Seen
from autogan_tf.nas.estimation.recorded import Recorded
from autogan_tf.nas.estimation.workers import Workers
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.position import Part
from autogan_tf.nas.protocols import Observer, Strategy
from autogan_tf.nas.trial import Scoring, Spent, Tokens, Trial

SHARE = 3  # one in so many candidates goes on (eta of successive halving)


@dataclasses.dataclass
class Candidate:
    """What is known of a training.

    number: of its folder, from 1; repeat: 0, or of further trainings of the same architecture with other seeds.
    scores: by the steps that it was to be trained for: by objective, with "step", those that it was.
    failure: why it cannot be trained further, or "".
    """

    number: int
    tokens: Tokens
    repeat: int = 0
    scores: dict[int, dict[str, float]] = dataclasses.field(default_factory=dict)
    failure: str = ""

    @property
    def newest(self) -> dict[str, float]:
        """The scores after the most steps."""
        return self.scores[max(self.scores)]

    def failed_by(self, steps: int) -> bool:
        """Whether it failed on its way to so many steps; what came after them does not count."""
        return bool(self.failure) and max(self.scores) <= steps


class FromScratch:
    """An `Estimator`: candidates are trained as the final training is, each in a folder of its own.

    In a round they are trained to the first of the fidelities and scored; those among the best third of all candidates
    of the stage that came so far, at least one, go on to the next fidelity (successive halving, Jamieson and Talwalkar,
    arXiv 1502.07943; without waiting for all, as in Li et al., arXiv 1810.05934, but who stopped stays behind). A
    reward is that of the last fidelity reached. An architecture is trained once, whoever asks for it again. Rankings
    train all their candidates to the last fidelity; their repeats train again, with other seeds.

    Args:
      workers: do the trainings.
      training: for pictures, and for scores on more images, in this process.
      folder: whose subfolders 000001, 000002, ... are the candidates' runs; None where there are none.
      fidelities: generator steps, rising.
      images_per_step: with which a generator step is made, and the discriminator's before it.
      reward: what candidates are rewarded for.
      measured: objectives, those of the reward among them, see `objectives.measured`; none: those of the reward alone.
      cost_of: what the generator that is trained in the end costs, see `Constraints.cheapest`.
      plan: of the search.
      own_seeds: each candidate trains with a seed of its own, else all do with the plan's.
    """

    rewards_last = True
    shows_progress = True

    def __init__(
        self,
        *,
        workers: Workers,
        training: CandidateTraining | Recorded,
        folder: pathlib.Path | None,
        fidelities: Sequence[int],
        images_per_step: int,
        reward: Reward,
        cost_of: Callable[[Tokens], Cost],
        plan: Plan,
        own_seeds: bool = True,
        measured: Sequence[str] = (),
    ) -> None:
        self._workers, self._training, self._folder = workers, training, folder
        self._fidelities, self._reward, self._cost_of, self._plan = tuple(fidelities), reward, cost_of, plan
        self._images_per_step, self._own_seeds = images_per_step, own_seeds
        self._measured = tuple(measured) or reward.names
        self._candidates: dict[tuple[Tokens, int], Candidate] = {}
        self._spent, self._steps = Spent(), 0  # of all of them

    def open(self, stage: int) -> None:
        """As `Estimator.open`: candidates of another number of cells are others."""

    def train(
        self, strategy: Strategy, part: Part, *, description: str, observer: Observer, pause: Callable[[], None]
    ) -> dict[str, Any]:
        """As `Estimator.train`: candidates have nothing in common."""
        return {}

    def begin(self, scoring: Scoring, *, again: bool) -> None:
        """As `Estimator.begin`."""

    def evaluate(
        self, asked: Sequence[Tokens], scoring: Scoring, *, observer: Observer, pause: Callable[[], None]
    ) -> list[Trial]:
        """As `Estimator.evaluate`."""
        going = [self._candidate(tokens, scoring.repeat) for tokens in dict.fromkeys(asked)]
        candidates = {candidate.tokens: candidate for candidate in going}
        for steps in self._fidelities:
            self._train(going, steps, observer=observer, pause=pause)
            if scoring.kind == "round" and steps != self._fidelities[-1]:
                going = self._best(going, steps)
        if scoring.kind != "final" or scoring.num_images == self._plan.rl_num_eval_img:
            return [self._trial_so_far(candidates[tokens]) for tokens in asked]
        trials = []
        for tokens in asked:
            result = self._training.score(self._job(candidates[tokens], self._fidelities[-1], scoring.num_images))
            trials.append(self._trial(tokens, self._scores(tokens, result)))
            observer.done(len(trials))
            pause()
        return trials

    def _candidate(self, tokens: Tokens, repeat: int) -> Candidate:
        key = (tokens, repeat)
        if key not in self._candidates:
            self._candidates[key] = Candidate(len(self._candidates) + 1, tokens, repeat)
        return self._candidates[key]

    def _train(
        self, going: Sequence[Candidate], steps: int, *, observer: Observer, pause: Callable[[], None]
    ) -> None:
        """Trains those that can be and have not been to so many steps."""
        left = [candidate for candidate in going if steps not in candidate.scores and not candidate.failure]
        if not left:
            return
        what = "candidate" if len(left) == 1 else "candidates"
        observer.phase(f"training {len(left)} {what} to step {steps:,}", len(left), "candidates")
        jobs = [self._job(candidate, steps, self._plan.rl_num_eval_img) for candidate in left]
        results = self._workers.map(jobs, wait=pause)
        for done, (candidate, result) in enumerate(zip(left, results, strict=True), 1):
            self._take(candidate, {steps: self._scores(candidate.tokens, result)})
            candidate.failure = result.failure
            if result.failure:
                name = f"{candidate.number:06d} [{' '.join(map(str, candidate.tokens))}]"
                observer.event(f"candidate {name} goes no further than step {result.step}: {result.failure}")
            observer.done(done)
            pause()

    def _take(self, candidate: Candidate, scores: Mapping[int, dict[str, float]]) -> None:
        """Further scores of a candidate, and what they cost."""
        before = candidate.newest["step"] if candidate.scores else 0.0
        candidate.scores |= scores
        steps = candidate.newest["step"] - before if candidate.scores else 0.0
        size = self._plan.size_of_images(self._plan.space.num_cells_of(len(candidate.tokens)))
        self._steps += int(steps)
        self._spent = self._spent.plus(
            trained=size * self._images_per_step * steps, scored=size * self._plan.rl_num_eval_img * len(scores)
        )

    def _best(self, going: Sequence[Candidate], steps: int) -> list[Candidate]:
        """Of those, who is among the best third of all that have been trained so far in the stage.

        By what was known when they came to these steps, so that a search that was killed since chooses the same.
        """
        length = len(going[0].tokens) if going else 0
        peers = [
            candidate
            for candidate in self._candidates.values()
            if candidate.repeat == 0 and len(candidate.tokens) == length and steps in candidate.scores
        ]
        peers.sort(key=lambda candidate: (candidate.failed_by(steps), -self._reward.evaluate(candidate.scores[steps])))
        best = {candidate.tokens for candidate in peers[: max(1, len(peers) // SHARE)]}
        return [candidate for candidate in going if candidate.tokens in best]

    def _job(self, candidate: Candidate, steps: int, num_images: int) -> Job:
        seed = self._plan.seed
        own = candidate.tokens if self._own_seeds else ()
        if own or candidate.repeat:
            seed = int(seeds.numpy_rng(seed, "candidate_seed", candidate.repeat, *own).integers(2**31))
        return Job(str(self._folder_of(candidate) or ""), candidate.tokens, seed, steps, num_images)

    def _scores(self, tokens: Tokens, result: Result) -> dict[str, float]:
        found: dict[str, float] = {"step": result.step}
        for name in self._measured:
            objective = OBJECTIVES[name]
            if objectives.of_cost_alone(objective):
                found[name] = objective.measure(Seen(cost=self._cost_of(tokens)))
            else:
                found[name] = float(result.scores[objective.key])
        return found

    def _trial(self, tokens: Tokens, scores: Mapping[str, float]) -> Trial:
        by_objective = {name: scores[name] for name in self._measured}
        return Trial(tokens, self._reward.evaluate(scores), by_objective, int(scores["step"]))

    def _trial_so_far(self, candidate: Candidate) -> Trial:
        """By the newest scores, with what came before them."""
        *before, newest = sorted(candidate.scores)
        earlier = {steps: self._reward.evaluate(candidate.scores[steps]) for steps in before}
        return dataclasses.replace(self._trial(candidate.tokens, candidate.scores[newest]), earlier=earlier)

    def end_round(self, numbers: Mapping[str, Any], *, ranks_next: bool, observer: Observer) -> bool:
        """As `Estimator.end_round`."""
        return False

    def summary(self) -> dict[str, Any]:
        """As `Estimator.summary`: trainings begun, and generator steps made in them."""
        return {"candidates": len(self._candidates), "candidate_steps": self._steps}

    def steps_done(self, part: Part) -> int:
        """As `Estimator.steps_done`: of all candidates' generators."""
        return self._steps

    def spent(self) -> Spent:
        """As `Estimator.spent`; scores of the end, on more images, do not count."""
        return self._spent

    def pictures(self, tokens: Tokens) -> np.ndarray | None:
        """As `Estimator.pictures`."""
        candidate = self._candidates[(tokens, 0)]
        return self._training.pictures(self._job(candidate, self._fidelities[0], self._plan.rl_num_eval_img))

    def trained_in(self, tokens: Tokens) -> pathlib.Path | None:
        """As `Estimator.trained_in`; nowhere where losses became NaN, or stood still."""
        candidate = self._candidates[(tokens, 0)]
        return None if candidate.failure else self._folder_of(candidate)

    def _folder_of(self, candidate: Candidate) -> pathlib.Path | None:
        return self._folder / f"{candidate.number:06d}" if self._folder else None

    def close(self) -> None:
        """As `Estimator.close`."""
        self._workers.close()

    def state(self) -> dict[str, Any]:
        """As `Estimator.state`."""
        return {
            "candidates": [
                [list(c.tokens), c.repeat, [[steps, dict(scores)] for steps, scores in c.scores.items()], c.failure]
                for c in self._candidates.values()
            ]
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Estimator.restore`."""
        self._candidates, self._spent, self._steps = {}, Spent(), 0
        for tokens, repeat, scores, failure in state["candidates"]:
            candidate = self._candidate(tuple(tokens), repeat)
            self._take(candidate, {steps: dict(found) for steps, found in scores})
            candidate.failure = failure

    def trackables(self) -> dict[str, tf.Module]:
        """As `Estimator.trackables`: none."""
        return {}
