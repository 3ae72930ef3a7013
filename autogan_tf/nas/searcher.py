"""The search as a whole (paper section 3.4, MLAS): train the shared GAN, train the controller, grow, and rank."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.image_sides import image_sides
from autogan_tf.data import pipeline, seeds
from autogan_tf.data.image_store import IN_MEMORY, ImageStore
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.models.controller import Controller
from autogan_tf.nas import beam, reward_check
from autogan_tf.nas.plan import Plan, Ranked
from autogan_tf.nas.position import Observer, Part, Pause
from autogan_tf.nas.reinforce import Reinforce
from autogan_tf.nas.reward import Scorer
from autogan_tf.nas.shared_gan import SharedGan
from autogan_tf.runs import machine
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.loop import GanLoop

SECONDS_BETWEEN_REPORTS = 1.0


class Searcher:
    """Runs the search; its public attributes are what a checkpoint has to hold.

    Args:
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
        self.gan, self.scorer, self.plan = gan, scorer, plan
        self._agreed = gan.distribution.agreed  # workers must not differ in what they draw or learn from
        self._images, self._observer, self._store = images, observer, store
        self._call_pause, self._pause_every = pause, pause_every
        self.iteration = 0  # iterations done
        self.phases = 0  # phases of shared training done
        self.resets = 0
        self.stage = 0
        self.leaders: dict[str, float] = {}  # the best architectures of the stage with their rewards, best first
        self.part = Part()
        self.ranking: dict[str, Any] = {}  # what a ranking has found so far
        self.ranked: list[Ranked] = []  # the result, once it is there
        if state is None:
            self.policy = self._new_policy(np.zeros((1, 0), np.int32), self._zero_states())
        else:
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
            if self.stage < sum(step <= self.iteration for step in self.plan.grow_steps):
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
        shared = self.part.step if self.part.name != "controller" else 0
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
            part.enter("controller")
            self._pause()
        if part.name == "controller":
            part.numbers |= self._train_controller()
            part.enter("done")
            if part.numbers["collapsed"]:
                self.resets += 1
                self.gan.draw_weights(generation=self.resets)
                self._observer.event("the losses stand still: the shared GAN's weights are drawn anew")
                following = self.iteration + 1
                ranks_next = following in self.plan.grow_steps or following == self.plan.max_search_iter
                if ranks_next and not self.plan.reference_semantics:
                    part.enter("shared again")
        if part.name == "shared again":
            self._train_shared()
        seconds = part.seconds + time.monotonic() - self._clock
        numbers = part.numbers | {"stage": self.stage, "resets": self.resets, "seconds": seconds}
        numbers["memory_mb"] = machine.peak_memory_mb()
        self._observer.numbers(step=self.iteration, phase="search", numbers=numbers)

    def _train_shared(self) -> dict[str, Any]:
        """A phase of shared training: a freshly drawn architecture for every discriminator step."""
        plan, steps = self.plan, self.plan.shared_steps
        draw = seeds.stateless_seed(plan.seed, "shared_architectures", self.phases)
        tokens = tf.constant(self._agreed(np.asarray(self.policy.sample(steps, draw)[0])))
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

    def _train_controller(self) -> dict[str, Any]:
        """A controller phase: the weights are fixed, architectures are drawn, scored and learnt from."""
        plan = self.plan
        self.scorer.start_phase("controller", self.iteration, again=self.part.step > 0)
        self._observer.phase(f"iteration {self.iteration + 1}: controller", plan.ctrl_step, "steps")
        part = self.part
        if part.step == 0:
            first = None
            if not plan.reference_semantics:
                first = self._draw_and_score("baseline_architectures", self.iteration)[2]
            self.policy.start_phase(first)
        tried, rewards_of_phase, entropies = part.tried, part.rewards, part.entropies
        for number in range(part.step, plan.ctrl_step):
            began = time.monotonic()
            step = self.iteration * plan.ctrl_step + number
            tokens, (decisions, state), rewards = self._draw_and_score("controller_architectures", step)
            update = self.policy.learn(decisions, state, rewards)
            names = [" ".join(map(str, row)) for row in tokens]
            tried |= dict(zip(names, rewards.tolist(), strict=True))
            rewards_of_phase += rewards.tolist()
            entropies.append(update.entropy)
            numbers = update._asdict() | {"reward": float(np.mean(rewards)), "baseline": self.policy.baseline}
            numbers["rewards"] = dict(zip(names, rewards.tolist(), strict=True))
            numbers |= {"scored": len(names), "seconds": time.monotonic() - began}
            self._observer.numbers(step=step, phase="controller", numbers=numbers)
            self._observer.done(number + 1)
            part.step = number + 1
            self._pause()
        if len(tried) > 1:
            which = f"rewards of iteration {self.iteration + 1}"
            reward_check.tell_if_equal(self._observer, rewards_of_phase, which, "the controller learns")
        best = max(tried, key=lambda name: tried[name])
        leaders = sorted((self.leaders | tried).items(), key=lambda entry: -entry[1])
        self.leaders = dict(leaders[: plan.topk])
        policy = self.policy.choices()
        names = [decision.name for decision in plan.space.decisions(self.stage)]
        return {
            "best": tried[best],
            "best_architecture": best,
            "best_so_far": next(iter(self.leaders.values())),
            "leaders": self.leaders,
            "mean": float(np.mean(rewards_of_phase)),
            "entropy": float(np.mean(entropies)),
            "distinct": len(tried),
            "policy": [probabilities.tolist() for probabilities in policy.probabilities],
            "entropies": dict(zip(names, policy.entropies.tolist(), strict=True)),
        }

    def _draw_and_score(self, purpose: str, step: int):
        tokens, decisions, state = self.policy.sample(
            self.plan.ctrl_sample_batch, seeds.stateless_seed(self.plan.seed, purpose, step)
        )
        tokens = self._agreed(tokens.numpy())
        decisions = decisions._replace(tokens=tf.constant(tokens[:, -decisions.tokens.shape[1] :]))
        rewards = self.scorer.scores(tokens.tolist(), num_images=self.plan.rl_num_eval_img)
        return tokens.tolist(), (decisions, state), self._agreed(rewards)

    def _rank(self, description: str) -> beam.Beam:
        """The best `topk` of `num_candidate` architectures of the present stage."""
        plan = self.plan
        draw = beam.drawn_candidates if plan.reference_semantics else beam.candidates
        tokens = self._agreed(draw(self.policy, number=plan.num_candidate, seed=plan.seed, step=self.iteration))
        self._observer.phase(description, plan.score_repeats * len(tokens), "scores")
        sums = np.array(self.ranking.get("sums", [0.0] * len(tokens)))
        for repeat in range(self.ranking.get("repeats", 0), plan.score_repeats):
            # as published each scoring has other latents, in the order of the scorings
            self.scorer.start_phase(f"ranking/{repeat}", self.iteration, again=not plan.reference_semantics)
            scores = []
            for row in tokens.tolist():
                scores.append(self.scorer.score(row, num_images=plan.rl_num_eval_img))
                self._observer.done(repeat * len(tokens) + len(scores))
                self._pause()  # the scorer remembers
            sums += scores
            self.ranking = {"repeats": repeat + 1, "sums": sums.tolist()}
        self.ranking = {}
        means = self._agreed(sums) / plan.score_repeats
        reward_check.tell_if_equal(self._observer, means, f"rewards in {description!r}", "the order says")
        return beam.rank(self.policy, tokens, scores=means, topk=plan.topk)

    def _grow(self) -> None:
        best = self._rank(f"ranking before cell {self.stage + 2}")
        rows = [" ".join(map(str, row)) for row in best.tokens.tolist()]
        kept = dict(zip(rows, best.scores, strict=True))
        self._observer.numbers(
            step=self.iteration, phase="growth", numbers={"stage": self.stage, "kept": kept}
        )
        self.stage += 1
        self.leaders = {}
        self._observer.event(f"growing to {self._side} pixels on {len(rows)} prefixes: {', '.join(rows)}")
        self.policy = self._new_policy(best.tokens, best.states)
        if not self.plan.reference_semantics:
            self.gan.detector.clear()
        self.loop, self._chunk = self._new_loop(), 1
        self._pause(save=True)

    def _final_ranking(self) -> list[Ranked]:
        plan = self.plan
        if "best" not in self.ranking:
            best = self._rank("ranking complete architectures")
            self.ranking = {"best": best.tokens.tolist(), "rewards": list(best.scores), "scores": []}
        rows, rewards, scores = (self.ranking[name] for name in ("best", "rewards", "scores"))
        self.scorer.start_phase("final", 0, again=True)
        self._observer.phase(f"scoring the best {len(rows)} on more images", len(rows), "architectures")
        for row in rows[len(scores) :]:
            scores.append(float(self._agreed(np.array(self.scorer.score(row, num_images=plan.num_eval_imgs)))))
            self._observer.done(len(scores))
            self._pause()
        reward_check.tell_if_equal(self._observer, scores, "scores on more images", "the order says")
        self.ranking = {}
        ranked = [
            Ranked(Genotype.from_tokens(row, plan.space), reward, score, plan.num_eval_imgs)
            for row, reward, score in zip(rows, rewards, scores, strict=True)
        ]
        return sorted(ranked, key=lambda entry: -entry.score)

    def _zero_states(self) -> tuple[np.ndarray, np.ndarray]:
        zeros = np.zeros((1, self.plan.hid_size), np.float32)
        return zeros, zeros

    def _new_policy(self, prefixes: np.ndarray, states: tuple[np.ndarray, np.ndarray]) -> Reinforce:
        plan = self.plan
        controller = Controller(stage=self.stage, hid_size=plan.hid_size, space=plan.space)
        controller.initialize(seeds.stateless_seed(plan.seed, "controller_weights", self.stage))
        return Reinforce(
            controller=controller,
            prefixes=prefixes,
            prefix_states=states,
            learning_rate=plan.ctrl_lr,
            beta_1=plan.ctrl_beta1,
            beta_2=plan.ctrl_beta2,
            baseline_decay=plan.baseline_decay,
            entropy_coeff=plan.entropy_coeff,
            reference_semantics=plan.reference_semantics,
        )

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
            "ranked": [[list(r.genotype.tokens), r.reward, r.score, r.num_images] for r in self.ranked],
            "prefixes": self.policy.prefixes.numpy().tolist(),
            "prefix_states": [part.numpy().tolist() for part in self.policy.prefix_states],
            "baseline": self.policy.state(),
            "scorer": self.scorer.state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.iteration, self.phases, self.resets = state["iteration"], state["phases"], state["resets"]
        self.stage, self.leaders, self.ranking = state["stage"], dict(state["leaders"]), dict(state["ranking"])
        self.part = Part(**state["part"])
        space = self.plan.space
        self.ranked = [Ranked(Genotype.from_tokens(tokens, space), *rest) for tokens, *rest in state["ranked"]]
        prefixes = np.array(state["prefixes"], np.int32).reshape(len(state["prefixes"]), -1)
        h, c = (np.array(part, np.float32) for part in state["prefix_states"])
        self.policy = self._new_policy(prefixes, (h, c))
        self.policy.restore(state["baseline"])
        self.scorer.restore(state["scorer"])

    def trackables(self) -> dict[str, tf.Module]:
        """The part of the state that lives in TensorFlow variables."""
        return {"gan": self.gan, "controller": self.policy.controller, "controller_optimizer": self.policy.optimizer}
