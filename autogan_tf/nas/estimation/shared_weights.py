"""Architectures judged by weights that they share (paper section 3.4): trained in phases, scored in between."""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.image_sides import image_sides
from autogan_tf.data import pipeline
from autogan_tf.data.image_store import IN_MEMORY, ImageStore
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.position import Part
from autogan_tf.nas.protocols import Observer, Strategy
from autogan_tf.nas.trial import Scoring, Spent, Tokens, Trial
from autogan_tf.training.loop import GanLoop

SECONDS_BETWEEN_REPORTS = 1.0
_TOLD = ("d_loss", "g_loss", "d_gradient_norm", "g_gradient_norm")


class SharedWeights:
    """An `Estimator`: the shared GAN trains in every iteration, and its weights are scored as they are then.

    Args:
      gan: the shared GAN.
      scorer: gives the rewards.
      images: uint8 [N, S, S, C], the data at the last stage's size.
      plan: of the search.
      store: keeps the images at the size of a stage.
      pause_every: 0, or discriminator steps at whose multiples there is a pause for certain, where training comes to
        them.
    """

    rewards_last = False
    shows_progress = False

    def __init__(
        self,
        *,
        gan: SharedGan,
        scorer: Scorer,
        images: np.ndarray,
        plan: Plan,
        store: ImageStore = IN_MEMORY,
        pause_every: int = 0,
    ) -> None:
        self.gan, self.scorer, self._plan = gan, scorer, plan
        self._agreed = gan.distribution.agreed  # workers must not differ in what they draw or learn from
        self._images, self._store, self._pause_every = images, store, pause_every
        self.phases = 0  # phases of shared training done
        self.resets = 0
        self._spent = Spent()
        self._size = 1.0  # of an image of the stage, in images of the last one
        self.loop: GanLoop | None = None  # of the stage
        self._chunk = 1  # steps between two looks at training, soon so many as take about SECONDS_BETWEEN_REPORTS

    def open(self, stage: int) -> None:
        """As `Estimator.open`."""
        if self.loop is not None and not self._plan.semantics.windows_survive_growth:
            self.gan.detector.clear()
        self._size = self._plan.size_of_images(stage + 1)
        side = image_sides(bottom_width=self.gan.generator.bottom_width, num_cells=stage + 1)[-1]
        stream = ImageStream(
            images=pipeline.reduce(self._images, side, store=self._store),
            batch_size=self._plan.dis_batch_size,
            seed=self._plan.seed,
        )
        self.loop, self._chunk = self.gan.stage_loop(stage=stage, stream=stream), 1

    def train(
        self, strategy: Strategy, part: Part, *, description: str, observer: Observer, pause: Callable[[], None]
    ) -> dict[str, Any]:
        """As `Estimator.train`: a phase, with another architecture for every discriminator step."""
        assert self.loop is not None
        steps = self._plan.shared_steps
        tokens = tf.constant(strategy.training_tokens(steps, self.phases))
        observer.phase(f"{description}: shared GAN", steps, "steps")
        begin = first = part.step
        first_step = self.phases * steps
        numbers = {name: part.latest.get(name, math.nan) for name in _TOLD}
        began = time.monotonic()
        while True:
            started, is_traced = time.monotonic(), self.loop.trace_count > 0
            # TensorFlow counts what workers exchange by stretches, which must therefore be the same on all of them
            end = int(self._agreed(np.array(self._end_of_stretch(first_step, begin))))
            progress = self.loop.run(begin=begin, end=end, first_step=first_step, tokens=tokens)
            observer.done(progress.steps)
            latest = {name: getattr(progress, name) for name in numbers}
            numbers |= {name: value for name, value in latest.items() if not math.isnan(value)}
            if is_traced:  # otherwise most of the time was for that
                rate = (progress.steps - begin) / max(time.monotonic() - started, 1e-3)
                self._chunk = max(1, round(rate * SECONDS_BETWEEN_REPORTS))
            if progress.stopped or progress.steps >= steps:
                break
            begin = part.step = progress.steps
            part.latest = {name: value for name, value in numbers.items() if not math.isnan(value)}
            pause()
        self.phases += 1
        images = progress.steps * self._plan.dis_batch_size + self.gan.images_generated(progress.steps)
        self._spent = self._spent.plus(trained=self._size * images)
        spread = self.gan.detector.spread().numpy()
        return numbers | {
            "d_loss_spread": float(spread[0]),
            "g_loss_spread": float(spread[1]),
            "collapsed": progress.stopped,
            "shared_steps": progress.steps,
            "images_per_second": (progress.steps - first)
            * self._plan.dis_batch_size
            / max(time.monotonic() - began, 1e-3),
        }

    def _end_of_stretch(self, first_step: int, begin: int) -> int:
        """Where the stretch from step `begin` of a shared phase ends, before which there were `first_step` steps."""
        end = min(self._plan.shared_steps, begin + self._chunk)
        if self._pause_every:
            following = ((first_step + begin) // self._pause_every + 1) * self._pause_every
            end = min(end, following - first_step)
        return end

    def begin(self, scoring: Scoring, *, again: bool) -> None:
        """As `Estimator.begin`."""
        names = {"round": "controller", "ranking": f"ranking/{scoring.repeat}", "final": "final"}
        if scoring.kind != "round" and self._plan.semantics.fresh_latents:
            again = False  # the latents go by the order of the scorings, which begins anew
        self.scorer.start_phase(names[scoring.kind], scoring.number, again=again)

    def evaluate(
        self, asked: Sequence[Tokens], scoring: Scoring, *, observer: Observer, pause: Callable[[], None]
    ) -> list[Trial]:
        """As `Estimator.evaluate`: in a round all in one call, otherwise one after the other with pauses."""
        if scoring.kind == "round":
            return self._trials(asked, scoring)
        found: list[Trial] = []
        for tokens in asked:
            found += self._trials([tokens], scoring)
            observer.done(scoring.repeat * len(asked) + len(found))
            pause()  # the scorer remembers
        return found

    def _trials(self, asked: Sequence[Tokens], scoring: Scoring) -> list[Trial]:
        """What the architectures are worth; all workers take the chief's numbers."""
        before = self.scorer.generated
        trials = self.scorer.trials(asked, num_images=scoring.num_images)
        self._spent = self._spent.plus(scored=self._size * (self.scorer.generated - before))
        found = self._agreed(np.array([[trial.reward, *trial.scores.values()] for trial in trials]))
        return [
            Trial(trial.tokens, reward, dict(zip(trial.scores, scores, strict=True)))
            for trial, (reward, *scores) in zip(trials, found.tolist(), strict=True)
        ]

    def end_round(self, numbers: Mapping[str, Any], *, ranks_next: bool, observer: Observer) -> bool:
        """As `Estimator.end_round`: the dynamic reset, where the losses stand still."""
        if not numbers["collapsed"]:
            return False
        self.resets += 1
        self.gan.draw_weights(generation=self.resets)
        observer.event("the losses stand still: the shared GAN's weights are drawn anew")
        return ranks_next and not self._plan.semantics.ranks_untrained_weights

    def summary(self) -> dict[str, Any]:
        """As `Estimator.summary`."""
        return {"resets": self.resets}

    def steps_done(self, part: Part) -> int:
        """As `Estimator.steps_done`: of the discriminator."""
        return self.phases * self._plan.shared_steps + (part.step if part.name != "round" else 0)

    def spent(self) -> Spent:
        """As `Estimator.spent`."""
        return self._spent

    def pictures(self, tokens: Tokens) -> np.ndarray:
        """As `Estimator.pictures`."""
        return self.scorer.pictures(tokens)

    def trained_in(self, tokens: Tokens) -> pathlib.Path | None:
        """As `Estimator.trained_in`: nowhere."""
        return None

    def state(self) -> dict[str, Any]:
        """As `Estimator.state`."""
        spent = [self._spent.trained, self._spent.scored]
        return {"phases": self.phases, "resets": self.resets, "scorer": self.scorer.state(), "spent": spent}

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Estimator.restore`."""
        self.phases, self.resets = state["phases"], state["resets"]
        self.scorer.restore(state["scorer"])
        self._spent = Spent(*state["spent"])

    def trackables(self) -> dict[str, tf.Module]:
        """As `Estimator.trackables`."""
        return {"gan": self.gan}

    def close(self) -> None:
        """As `Estimator.close`: nothing."""
