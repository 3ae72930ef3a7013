"""The search as a whole (paper section 3.4, MLAS): rounds in which the strategy learns, growth by cells, ranking."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.image_sides import image_sides
from autogan_tf.nas import earlier_states, ranking, reward_check
from autogan_tf.nas.plan import Plan, Ranked
from autogan_tf.nas.position import Part
from autogan_tf.nas.protocols import Estimator, Observer, Pause, Strategy
from autogan_tf.nas.trial import Scoring, Tokens
from autogan_tf.runs import machine
from autogan_tf.search_space.genotype import Genotype

IDLE = 10  # iterations in a row that cost nothing, after which a search with a budget ends
_TOLD_HERE = ("scores", "trained_steps", "earlier_rewards")  # of a step, whatever a strategy says under these names


class Searcher:
    """Runs the search; its public attributes are what a checkpoint has to hold.

    Args:
      strategy: proposes the architectures.
      estimator: says what they are worth.
      plan: how much of everything.
      observer: is told what happens.
      pause: called with the training steps done so far, whenever `state` and `trackables` are all that the search
        needs to go on: in all phases every few seconds, and with `save=True` after each iteration and before the first.
        Not called with weights that diverged.
      state: of a search to go on with, as `state` told it; the trackables are then restored by the caller.
    """

    def __init__(
        self,
        *,
        strategy: Strategy,
        estimator: Estimator,
        plan: Plan,
        observer: Observer,
        pause: Pause = lambda steps, save=False: None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.strategy, self.estimator, self.plan = strategy, estimator, plan
        self._observer, self._call_pause = observer, pause
        self.iteration = 0  # iterations done
        self.idle, self._images = 0, 0.0  # iterations in a row that cost nothing; what all so far have cost
        self.stage = plan.first_cells - 1
        self.leaders: dict[str, float] = {}  # the best architectures of the stage with their rewards, best first
        self.part = Part()
        self.ranking: dict[str, Any] = {}  # what a ranking has found so far
        self.ranked: list[Ranked] = []  # the result, once it is there
        if state is not None:
            self._restore(state)
        estimator.open(self.stage)
        self._clock = time.monotonic()

    def run(self) -> list[Ranked]:
        """The whole search; the `topk` architectures, best first.

        Raises:
          TrainingDiverged: a loss of shared weights became NaN or infinite.
        """
        if self.ranked:
            return self.ranked
        self._pause(save=True)
        while self.iteration < self.plan.max_search_iter and not self._is_spent():
            grown = sum(step <= self.iteration for step in self.plan.grow_steps)
            if self.stage < self.plan.first_cells - 1 + grown:
                self._grow()
            self._iterate()
            self.iteration += 1
            before, self._images = self._images, self._spent_images()
            self.idle = self.idle + 1 if self._images == before else 0
            self.part = Part()
            self._pause(save=True)
        self.ranked = self._final_ranking()
        self._pause(save=True)
        return self.ranked

    def _is_spent(self) -> bool:
        """Whether the whole generators' search has cost as much as it may, or asks for nothing new any more."""
        is_over = self._spent_images() >= self.plan.budget or self.idle >= IDLE
        return bool(self.plan.budget) and is_over and self.stage == self.plan.num_cells - 1

    def _spent_images(self) -> float:
        return self.estimator.spent().images(scored_image_cost=self.plan.scored_image_cost)

    def _pause(self, *, save: bool = False) -> None:
        now = time.monotonic()
        self.part.seconds += now - self._clock
        self._clock = now
        self._call_pause(self.estimator.steps_done(self.part), save=save)
        self._clock = time.monotonic()

    def _iterate(self) -> None:
        """One iteration, or what of it is still to be done."""
        part = self.part
        self.ranking = {}  # a search that was given more iterations may have been ranking already
        if part.name == "shared" and part.step == 0:  # a ranking before it counts by itself
            part.seconds, self._clock = 0.0, time.monotonic()
        if part.name == "shared":
            part.numbers = self._train()
            part.enter("round")
            self._pause()
        if part.name == "round":
            part.numbers |= self._run_round()
            following = self.iteration + 1
            ranks_next = following in self.plan.grow_steps or following == self.plan.max_search_iter or self._is_spent()
            again = self.estimator.end_round(part.numbers, ranks_next=ranks_next, observer=self._observer)
            part.enter("shared again" if again else "done")
        if part.name == "shared again":
            self._train()
        seconds = part.seconds + time.monotonic() - self._clock
        # a strategy's numbers hide none of the estimator's of the same name, and neither's hide the searcher's
        numbers = dict(self.strategy.summary()) | dict(self.estimator.summary()) | part.numbers
        numbers |= {"stage": self.stage, "seconds": seconds, "memory_mb": machine.peak_memory_mb()}
        numbers |= self.estimator.spent().as_numbers()
        self._observer.numbers(step=self.iteration, phase="search", numbers=numbers)

    def _train(self) -> dict[str, Any]:
        """What the estimator trains before a round."""
        return dict(
            self.estimator.train(
                self.strategy,
                self.part,
                description=f"iteration {self.iteration + 1}",
                observer=self._observer,
                pause=self._pause,
            )
        )

    def _run_round(self) -> dict[str, Any]:
        """A round of the strategy: architectures are asked for, scored and told. What came of it, to log."""
        strategy, part, total = self.strategy, self.part, self.strategy.steps_per_round
        scoring = Scoring("round", self.iteration, self.plan.rl_num_eval_img)
        begun = part.begun or part.step > 0  # an earlier version did not say the former
        self.estimator.begin(scoring, again=begun)
        description = f"iteration {self.iteration + 1}: the strategy"
        self._observer.phase(description, total, "steps")
        if not begun:
            strategy.begin_round(self.iteration)
            part.begun = True
        while True:
            began = time.monotonic()
            asked = strategy.ask()
            if not asked:
                break
            trials = self.estimator.evaluate(asked, scoring, observer=self._observer, pause=self._pause)
            if self.estimator.shows_progress:
                self._observer.phase(description, total, "steps")
                self._observer.done(part.step)
            numbers = strategy.tell(trials)
            if not numbers:
                continue
            rewards_by_name = {_named(trial.tokens): trial.reward for trial in trials}
            part.tried |= rewards_by_name
            part.rewards += [trial.reward for trial in trials]
            told: dict[str, Any] = {n: v for n, v in numbers.items() if n not in _TOLD_HERE}
            told["rewards"] = rewards_by_name
            scores = {_named(trial.tokens): dict(trial.scores_beyond_reward) for trial in trials}
            if any(scores.values()):
                told["scores"] = scores
            if any(trial.steps for trial in trials):
                told["trained_steps"] = {_named(trial.tokens): trial.steps for trial in trials}
            if any(trial.earlier for trial in trials):
                told["earlier_rewards"] = {_named(trial.tokens): dict(trial.earlier) for trial in trials}
            for trial in trials:
                for name, score in trial.scores_beyond_reward.items():
                    part.scores.setdefault(name, []).append(score)
            told |= {"iteration": self.iteration, "scored": len(asked), "seconds": time.monotonic() - began}
            told |= self.estimator.spent().as_numbers()
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
        return {
            **({"mean_scores": means} if means else {}),
            "best": tried[best],
            "best_architecture": best,
            "best_so_far": next(iter(self.leaders.values())),
            "leaders": self.leaders,
            "mean": float(np.mean(part.rewards)),
            "distinct": len(tried),
        }

    def _rank(self, description: str) -> ranking.Kept:
        """The best `topk` of `num_candidate` architectures of the present stage; where rewards last, the best that were
        tried are among them."""
        plan = self.plan
        tokens = self.strategy.finalists(plan.num_candidate, self.iteration)
        if self.estimator.rewards_last:
            leaders = [tuple(map(int, name.split())) for name in self.leaders]
            tokens = list(dict.fromkeys([*leaders, *tokens]))
        self._observer.phase(description, plan.score_repeats * len(tokens), "scores")
        sums = np.array(self.ranking.get("sums", [0.0] * len(tokens)))
        for repeat in range(self.ranking.get("repeats", 0), plan.score_repeats):
            scoring = Scoring("ranking", self.iteration, plan.rl_num_eval_img, repeat)
            self.estimator.begin(scoring, again=True)
            trials = self.estimator.evaluate(tokens, scoring, observer=self._observer, pause=self._pause)
            sums += [trial.reward for trial in trials]
            self.ranking = {"repeats": repeat + 1, "sums": sums.tolist()}
        self.ranking = {}
        means = sums / plan.score_repeats
        reward_check.tell_if_equal(self._observer, means, f"rewards in {description!r}", "the order says")
        expected = self.strategy.expected(dict(zip(tokens, means.tolist(), strict=True)))
        return ranking.best(tokens, means, topk=plan.topk, expected=expected)

    def _grow(self) -> None:
        best = self._rank(f"ranking before cell {self.stage + 2}")
        rows = [_named(tokens) for tokens in best.tokens]
        kept = dict(zip(rows, best.rewards, strict=True))
        numbers = {"stage": self.stage, "kept": kept, **self.estimator.spent().as_numbers()}
        self._observer.numbers(step=self.iteration, phase="growth", numbers=numbers)
        self.stage += 1
        self.leaders = {}
        side = image_sides(bottom_width=self.plan.bottom_width, num_cells=self.stage + 1)[-1]
        self._observer.event(f"growing to {side} pixels on {len(rows)} prefixes: {', '.join(rows)}")
        self.strategy.grow(best.tokens)
        self.estimator.open(self.stage)
        self._pause(save=True)

    def _final_ranking(self) -> list[Ranked]:
        plan = self.plan
        if "best" not in self.ranking:
            kept = self._rank("ranking complete architectures")
            best = [list(tokens) for tokens in kept.tokens]
            self.ranking = {"best": best, "rewards": kept.rewards, "expected": kept.expected}
        rows, rewards = [tuple(row) for row in self.ranking["best"]], self.ranking["rewards"]
        expected = self.ranking.get("expected")  # which an earlier version did not write
        scoring = Scoring("final", 0, plan.num_eval_imgs)
        self.estimator.begin(scoring, again=True)
        self._observer.phase(f"scoring the best {len(rows)} on more images", len(rows), "architectures")
        trials = self.estimator.evaluate(rows, scoring, observer=self._observer, pause=self._pause)
        scores = [trial.reward for trial in trials]
        reward_check.tell_if_equal(self._observer, scores, "scores on more images", "the order says")
        self.ranking = {}
        spent = self.estimator.spent().as_numbers()
        self._observer.numbers(step=self.iteration, phase="ranking", numbers={"ranked": len(rows), **spent})
        ranked = [
            Ranked(
                Genotype.from_tokens(trial.tokens, plan.space),
                reward,
                trial.reward,
                plan.num_eval_imgs,
                trial.scores,
                trial.steps,
                found,
            )
            for trial, reward, found in zip(trials, rewards, expected or [None] * len(rows), strict=True)
        ]
        return ranked if expected else sorted(ranked, key=lambda entry: -entry.score)

    def state(self) -> dict[str, Any]:
        """The plain part of the state, JSON-able: counters and the beam that the present stage builds on."""
        return {
            "iteration": self.iteration,
            "idle": [self.idle, self._images],
            "stage": self.stage,
            "leaders": self.leaders,
            "part": dataclasses.asdict(self.part),
            "ranking": self.ranking,
            "ranked": [
                [list(r.genotype.tokens), r.reward, r.score, r.num_images, dict(r.scores), r.steps, r.expected]
                for r in self.ranked
            ],
            "strategy": self.strategy.state(),
            "estimator": self.estimator.state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        state = earlier_states.in_todays_form(state)
        self.iteration, (self.idle, self._images) = state["iteration"], state["idle"]
        self.stage, self.leaders, self.ranking = state["stage"], dict(state["leaders"]), dict(state["ranking"])
        self.part = Part(**state["part"])
        space = self.plan.space
        self.ranked = [Ranked(Genotype.from_tokens(tokens, space), *rest) for tokens, *rest in state["ranked"]]
        self.strategy.restore(state["strategy"])
        self.estimator.restore(state["estimator"])

    def trackables(self) -> dict[str, tf.Module]:
        """The part of the state that lives in TensorFlow variables."""
        return dict(self.estimator.trackables()) | self.strategy.trackables()


def _named(tokens: Tokens) -> str:
    return " ".join(map(str, tokens))
