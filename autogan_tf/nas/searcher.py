"""The search as a whole (paper section 3.4, MLAS): train the shared GAN, let the strategy learn, grow, and rank."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.image_sides import image_sides
from autogan_tf.data import pipeline
from autogan_tf.data.image_store import IN_MEMORY, ImageStore
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.nas import earlier_states, ranking, reward_check
from autogan_tf.nas.plan import Plan, Ranked
from autogan_tf.nas.position import Part
from autogan_tf.nas.protocols import Observer, Pause, Strategy
from autogan_tf.nas.reward import Scorer
from autogan_tf.nas.shared_gan import SharedGan
from autogan_tf.nas.trial import Tokens, Trial
from autogan_tf.runs import machine
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.loop import GanLoop

SECONDS_BETWEEN_REPORTS = 1.0


class Searcher:
    """Runs the search; its public attributes are what a checkpoint has to hold.

    Args:
      strategy: proposes the architectures.
      gan: the shared GAN.
      scorer: gives the rewards.
      images: uint8 [N, S, S, C], the data at the last stage's size.
      plan: how much of everything.
      observer: is told what happens.
      pause: called with the discriminator steps done so far, whenever `state` and `trackables` are all that the search
        needs to go on: in all phases every few seconds, and with `save=True` after each iteration and before the first.
        Not called with weights that diverged.
      pause_every: 0, or discriminator steps at whose multiples it is called for certain, where training comes to them.
      store: keeps the images at the size of a stage.
      state: of a search to go on with, as `state` told it; the trackables are then restored by the caller.
    """

    def __init__(
        self,
        *,
        strategy: Strategy,
        gan: SharedGan,
        scorer: Scorer,
        images: np.ndarray,
        plan: Plan,
        observer: Observer,
        pause: Pause = lambda steps, save=False: None,
        pause_every: int = 0,
        store: ImageStore = IN_MEMORY,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.strategy, self.gan, self.scorer, self.plan = strategy, gan, scorer, plan
        self._agreed = gan.distribution.agreed  # workers must not differ in what they draw or learn from
        self._images, self._observer, self._store = images, observer, store
        self._call_pause, self._pause_every = pause, pause_every
        self.iteration = 0  # iterations done
        self.phases = 0  # phases of shared training done
        self.resets = 0
        self.stage = plan.first_cells - 1
        self.leaders: dict[str, float] = {}  # the best architectures of the stage with their rewards, best first
        self.part = Part()
        self.ranking: dict[str, Any] = {}  # what a ranking has found so far
        self.ranked: list[Ranked] = []  # the result, once it is there
        if state is not None:
            self._restore(state)
        self.loop = self._new_loop()
        self._chunk = 1  # steps between two looks at training, soon so many as take about SECONDS_BETWEEN_REPORTS
        self._clock = time.monotonic()

    def run(self) -> list[Ranked]:
        """The whole search; the `topk` architectures, best first.

        Raises:
          TrainingDiverged: a loss of the shared GAN became NaN or infinite.
        """
        if self.ranked:
            return self.ranked
        self._pause(save=True)
        while self.iteration < self.plan.max_search_iter:
            grown = sum(step <= self.iteration for step in self.plan.grow_steps)
            if self.stage < self.plan.first_cells - 1 + grown:
                self._grow()
            self._iterate()
            self.iteration += 1
            self.part = Part()
            self._pause(save=True)
        self.ranked = self._final_ranking()
        self._pause(save=True)
        return self.ranked

    def _pause(self, *, save: bool = False) -> None:
        now = time.monotonic()
        self.part.seconds += now - self._clock
        self._clock = now
        shared = self.part.step if self.part.name != "round" else 0
        self._call_pause(self.phases * self.plan.shared_steps + shared, save=save)
        self._clock = time.monotonic()

    def _iterate(self) -> None:
        """One iteration, or what of it is still to be done."""
        part = self.part
        self.ranking = {}  # a search that was given more iterations may have been ranking already
        if part.name == "shared" and part.step == 0:  # a ranking before it counts by itself
            part.seconds, self._clock = 0.0, time.monotonic()
        if part.name == "shared":
            part.numbers = self._train_shared()
            part.enter("round")
            self._pause()
        if part.name == "round":
            part.numbers |= self._run_round()
            part.enter("done")
            if part.numbers["collapsed"]:
                self.resets += 1
                self.gan.draw_weights(generation=self.resets)
                self._observer.event("the losses stand still: the shared GAN's weights are drawn anew")
                following = self.iteration + 1
                ranks_next = following in self.plan.grow_steps or following == self.plan.max_search_iter
                if ranks_next and not self.plan.semantics.ranks_untrained_weights:
                    part.enter("shared again")
        if part.name == "shared again":
            self._train_shared()
        seconds = part.seconds + time.monotonic() - self._clock
        numbers = part.numbers | {"stage": self.stage, "resets": self.resets, "seconds": seconds}
        numbers["memory_mb"] = machine.peak_memory_mb()
        self._observer.numbers(step=self.iteration, phase="search", numbers=numbers)

    def _train_shared(self) -> dict[str, Any]:
        """A phase of shared training: another architecture for every discriminator step."""
        plan, steps = self.plan, self.plan.shared_steps
        tokens = tf.constant(self.strategy.training_tokens(steps, self.phases))
        self._observer.phase(f"iteration {self.iteration + 1}: shared GAN", steps, "steps")
        begin = first = self.part.step
        first_step = self.phases * steps
        names = ("d_loss", "g_loss", "d_gradient_norm", "g_gradient_norm")
        numbers = {name: self.part.latest.get(name, math.nan) for name in names}
        began = time.monotonic()
        while True:
            started, is_traced = time.monotonic(), self.loop.trace_count > 0
            # TensorFlow counts what workers exchange by stretches, which must therefore be the same on all of them
            end = int(self._agreed(np.array(self._end_of_stretch(first_step, begin))))
            progress = self.loop.run(begin=begin, end=end, first_step=first_step, tokens=tokens)
            self._observer.done(progress.steps)
            latest = {name: getattr(progress, name) for name in numbers}
            numbers |= {name: value for name, value in latest.items() if not math.isnan(value)}
            if is_traced:  # otherwise most of the time was for that
                rate = (progress.steps - begin) / max(time.monotonic() - started, 1e-3)
                self._chunk = max(1, round(rate * SECONDS_BETWEEN_REPORTS))
            if progress.stopped or progress.steps >= steps:
                break
            begin = self.part.step = progress.steps
            self.part.latest = {name: value for name, value in numbers.items() if not math.isnan(value)}
            self._pause()
        self.phases += 1
        spread = self.gan.detector.spread().numpy()
        return numbers | {
            "d_loss_spread": float(spread[0]),
            "g_loss_spread": float(spread[1]),
            "collapsed": progress.stopped,
            "shared_steps": progress.steps,
            "images_per_second": (progress.steps - first) * plan.dis_batch_size / max(time.monotonic() - began, 1e-3),
        }

    def _end_of_stretch(self, first_step: int, begin: int) -> int:
        """Where the stretch from step `begin` of a shared phase ends, before which there were `first_step` steps."""
        end = min(self.plan.shared_steps, begin + self._chunk)
        if self._pause_every:
            following = ((first_step + begin) // self._pause_every + 1) * self._pause_every
            end = min(end, following - first_step)
        return end

    def _run_round(self) -> dict[str, Any]:
        """A round of the strategy: the weights are fixed, architectures are asked for, scored and told."""
        strategy, part, total = self.strategy, self.part, self.strategy.steps_per_round
        self.scorer.start_phase("controller", self.iteration, again=part.step > 0)
        self._observer.phase(f"iteration {self.iteration + 1}: the strategy", total, "steps")
        if part.step == 0:
            strategy.begin_round(self.iteration)
        while True:
            began = time.monotonic()
            asked = strategy.ask()
            if not asked:
                break
            trials = self._trials(asked, num_images=self.plan.rl_num_eval_img)
            numbers = strategy.tell(trials)
            if not numbers:
                continue
            rewards_by_name = {_named(trial.tokens): trial.reward for trial in trials}
            part.tried |= rewards_by_name
            part.rewards += [trial.reward for trial in trials]
            told: dict[str, Any] = dict(numbers) | {"rewards": rewards_by_name}
            scores = {_named(trial.tokens): dict(trial.scores_beyond_reward) for trial in trials}
            if any(scores.values()):
                told["scores"] = scores
            for trial in trials:
                for name, score in trial.scores_beyond_reward.items():
                    part.scores.setdefault(name, []).append(score)
            told |= {"iteration": self.iteration, "scored": len(asked), "seconds": time.monotonic() - began}
            self._observer.numbers(step=self.iteration * total + part.step, phase="strategy", numbers=told)
            part.step += 1
            self._observer.done(part.step)
            self._pause()
        tried = part.tried
        if len(tried) > 1:
            which = f"rewards of iteration {self.iteration + 1}"
            reward_check.tell_if_equal(self._observer, part.rewards, which, "the strategy learns")
        best = max(tried, key=lambda name: tried[name])
        leaders = sorted((self.leaders | tried).items(), key=lambda entry: -entry[1])
        self.leaders = dict(leaders[: self.plan.topk])
        means = {name: float(np.mean(scores)) for name, scores in part.scores.items()}
        return ({"mean_scores": means} if means else {}) | {
            "best": tried[best],
            "best_architecture": best,
            "best_so_far": next(iter(self.leaders.values())),
            "leaders": self.leaders,
            "mean": float(np.mean(part.rewards)),
            "distinct": len(tried),
        } | dict(strategy.summary())

    def _trials(self, asked: Sequence[Tokens], *, num_images: int) -> list[Trial]:
        """What the architectures are worth; all workers take the chief's numbers."""
        trials = self.scorer.trials(asked, num_images=num_images)
        found = self._agreed(np.array([[trial.reward, *trial.scores.values()] for trial in trials]))
        return [
            Trial(trial.tokens, reward, dict(zip(trial.scores, scores, strict=True)))
            for trial, (reward, *scores) in zip(trials, found.tolist(), strict=True)
        ]

    def _rank(self, description: str) -> tuple[list[Tokens], list[float]]:
        """The best `topk` of `num_candidate` architectures of the present stage, best first, with their rewards."""
        plan = self.plan
        tokens = self.strategy.finalists(plan.num_candidate, self.iteration)
        self._observer.phase(description, plan.score_repeats * len(tokens), "scores")
        sums = np.array(self.ranking.get("sums", [0.0] * len(tokens)))
        for repeat in range(self.ranking.get("repeats", 0), plan.score_repeats):
            # fresh latents go by the order of the scorings, which begins anew
            self.scorer.start_phase(f"ranking/{repeat}", self.iteration, again=not plan.semantics.fresh_latents)
            scores = []
            for row in tokens:
                scores.append(self.scorer.score(row, num_images=plan.rl_num_eval_img))
                self._observer.done(repeat * len(tokens) + len(scores))
                self._pause()  # the scorer remembers
            sums += scores
            self.ranking = {"repeats": repeat + 1, "sums": sums.tolist()}
        self.ranking = {}
        means = self._agreed(sums) / plan.score_repeats
        reward_check.tell_if_equal(self._observer, means, f"rewards in {description!r}", "the order says")
        return ranking.best(tokens, means, topk=plan.topk)

    def _grow(self) -> None:
        best, rewards = self._rank(f"ranking before cell {self.stage + 2}")
        rows = [_named(tokens) for tokens in best]
        kept = dict(zip(rows, rewards, strict=True))
        self._observer.numbers(
            step=self.iteration, phase="growth", numbers={"stage": self.stage, "kept": kept}
        )
        self.stage += 1
        self.leaders = {}
        self._observer.event(f"growing to {self._side} pixels on {len(rows)} prefixes: {', '.join(rows)}")
        self.strategy.grow(best)
        if not self.plan.semantics.windows_survive_growth:
            self.gan.detector.clear()
        self.loop, self._chunk = self._new_loop(), 1
        self._pause(save=True)

    def _final_ranking(self) -> list[Ranked]:
        plan = self.plan
        if "best" not in self.ranking:
            best, rewards = self._rank("ranking complete architectures")
            self.ranking = {"best": [list(tokens) for tokens in best], "rewards": rewards, "scores": [], "parts": []}
        rows, rewards, scores, parts = (self.ranking[name] for name in ("best", "rewards", "scores", "parts"))
        self.scorer.start_phase("final", 0, again=True)
        self._observer.phase(f"scoring the best {len(rows)} on more images", len(rows), "architectures")
        for row in rows[len(scores) :]:
            (trial,) = self._trials([tuple(row)], num_images=plan.num_eval_imgs)
            scores.append(trial.reward)
            parts.append(dict(trial.scores))
            self._observer.done(len(scores))
            self._pause()
        reward_check.tell_if_equal(self._observer, scores, "scores on more images", "the order says")
        self.ranking = {}
        ranked = [
            Ranked(Genotype.from_tokens(row, plan.space), reward, score, plan.num_eval_imgs, of_row)
            for row, reward, score, of_row in zip(rows, rewards, scores, parts, strict=True)
        ]
        return sorted(ranked, key=lambda entry: -entry.score)

    @property
    def _side(self) -> int:
        """Of the present stage's images."""
        return image_sides(bottom_width=self.gan.generator.bottom_width, num_cells=self.stage + 1)[-1]

    def _new_loop(self) -> GanLoop:
        stream = ImageStream(
            images=pipeline.reduce(self._images, self._side, store=self._store),
            batch_size=self.plan.dis_batch_size,
            seed=self.plan.seed,
        )
        return self.gan.stage_loop(stage=self.stage, stream=stream)

    def state(self) -> dict[str, Any]:
        """The plain part of the state, JSON-able: counters and the beam that the present stage builds on."""
        return {
            "iteration": self.iteration,
            "phases": self.phases,
            "resets": self.resets,
            "stage": self.stage,
            "leaders": self.leaders,
            "part": dataclasses.asdict(self.part),
            "ranking": self.ranking,
            "ranked": [
                [list(r.genotype.tokens), r.reward, r.score, r.num_images, dict(r.scores)] for r in self.ranked
            ],
            "strategy": self.strategy.state(),
            "scorer": self.scorer.state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        state = earlier_states.in_todays_form(state)
        self.iteration, self.phases, self.resets = state["iteration"], state["phases"], state["resets"]
        self.stage, self.leaders, self.ranking = state["stage"], dict(state["leaders"]), dict(state["ranking"])
        self.part = Part(**state["part"])
        space = self.plan.space
        self.ranked = [Ranked(Genotype.from_tokens(tokens, space), *rest) for tokens, *rest in state["ranked"]]
        self.strategy.restore(state["strategy"])
        self.scorer.restore(state["scorer"])

    def trackables(self) -> dict[str, tf.Module]:
        """The part of the state that lives in TensorFlow variables."""
        return {"gan": self.gan} | self.strategy.trackables()


def _named(tokens: Tokens) -> str:
    return " ".join(map(str, tokens))
