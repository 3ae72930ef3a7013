"""AutoGAN's strategy (paper sections 3.3, 3.4): an LSTM controller for each cell learns from rewards by REINFORCE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.strategy_settings import ReinforceSettings
from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller
from autogan_tf.nas.candidates import Candidates
from autogan_tf.nas.strategies import beam, rejection
from autogan_tf.nas.strategies.controller_policy import ControllerPolicy
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Tokens, Trial


class Reinforce:
    """See `Strategy`. In each round a first batch sets the baseline, then the controller learns `ctrl_step` times.

    Growing begins with a new controller, which decides about the next cell from the states in which the last one ended
    with the architectures that are kept. Architectures that are not admitted are drawn again; what the controller
    learns does not take into account that it could not have drawn them. Where it hardly ever draws admitted ones, these
    are drawn uniformly, and it learns from them.

    Args:
      settings: of the controller.
      task: what is searched; its semantics are those of the controller's update, its baseline and the candidates.

    Raises:
      UserError: settings outside their range.
    """

    def __init__(self, settings: ReinforceSettings, task: Task) -> None:
        settings.validate()
        self._settings, self._task = settings, task
        self._stage, self._round = task.num_cells - 1, 0  # the stage is that of the last cell
        self._step: int | None = None  # of this round how often the controller has learnt; None before the baseline
        self._entropies: list[float] = []  # of this round's steps
        zeros = np.zeros((1, settings.hid_size), np.float32)
        self.policy = self._new_policy(np.zeros((1, 0), np.int32), (zeros, zeros))

    @property
    def steps_per_round(self) -> int:
        """How often a round is told of trials that count."""
        return self._settings.ctrl_step

    def begin_round(self, number: int) -> None:
        """As `Strategy.begin_round`."""
        self._round, self._step, self._entropies = number, None, []
        if self._task.semantics.baseline_from_first_reward:
            self.policy.start_phase(None)
            self._step = 0

    def ask(self) -> list[Tokens]:
        """As `Strategy.ask`: `ctrl_sample_batch` architectures that the controller draws."""
        if self._step is None:
            return self._asked("baseline_architectures", self._round)
        if self._step < self._settings.ctrl_step:
            return self._asked("controller_architectures", self._round * self._settings.ctrl_step + self._step)
        return []

    def _asked(self, purpose: str, step: int) -> list[Tokens]:
        tokens = self._drawn(self._settings.ctrl_sample_batch, purpose, step)
        return [tuple(row) for row in self._task.agreed(tokens).tolist()]

    def _drawn(self, number: int, purpose: str, step: int) -> np.ndarray:
        """Admitted architectures that the controller draws, int32 [number, T]."""

        def draw(size: int, seed: tf.Tensor) -> np.ndarray:
            return self.policy.sample(size, seed)[0].numpy()

        def uniformly(size: int, rng: np.random.Generator) -> list[Tokens]:
            return self._admitted().draw(size, rng)

        return rejection.drawn(
            draw, self._task.admits, uniformly, number=number, seed=self._task.seed, purpose=purpose, step=step
        )

    def _admitted(self) -> Candidates:
        """All that may be tried at the present stage."""
        prefixes = [tuple(row) for row in self.policy.prefixes.numpy().tolist()]
        return Candidates(self._task.space, num_cells=self._stage + 1, prefixes=prefixes, admits=self._task.admits)

    def tell(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        """As `Strategy.tell`: one step of the controller's optimizer."""
        rewards = np.array([trial.reward for trial in trials])
        if self._step is None:
            self.policy.start_phase(rewards)
            self._step = 0
            return {}
        tokens = np.array([trial.tokens for trial in trials], np.int32)
        cells = tf.constant(tokens[:, -len(self.policy.controller.token_counts) :])
        update = self.policy.learn(cells, self.policy.states_before(tokens), rewards)
        self._step += 1
        self._entropies.append(update.entropy)
        return update._asdict() | {"reward": float(np.mean(rewards)), "baseline": self.policy.baseline}

    def summary(self) -> Mapping[str, Any]:
        """As `Strategy.summary`: what the controller would choose now, and how undecided it is."""
        choices = self.policy.choices()
        cells = range(self._stage + 1 - self._open_cells, self._stage + 1)
        names = [
            decision.name if len(cells) == 1 else f"cell_{cell + 1}/{decision.name}"
            for cell in cells
            for decision in self._task.space.decisions(cell)
        ]
        return {
            "entropy": float(np.mean(self._entropies)),
            "policy": [probabilities.tolist() for probabilities in choices.probabilities],
            "entropies": dict(zip(names, choices.entropies.tolist(), strict=True)),
        }

    def training_tokens(self, steps: int, phase: int) -> np.ndarray:
        """As `Strategy.training_tokens`: freshly drawn ones, as published."""
        return self._task.agreed(self._drawn(steps, "shared_architectures", phase))

    def finalists(self, number: int, step: int) -> list[Tokens]:
        """As `Strategy.finalists`: what the controller draws, by default without repetitions."""
        if self._task.semantics.repeated_candidates:
            tokens = self._drawn(number, "candidates", step)
        else:
            tokens = beam.candidates(
                self.policy, number=number, seed=self._task.seed, step=step, admits=self._task.admits
            )
        if not len(tokens):  # of so many architectures that so few of them are admitted
            rng = seeds.numpy_rng(self._task.seed, "admitted_candidates", step)
            tokens = np.array(self._admitted().sample(number, rng), np.int32)
        return [tuple(row) for row in self._task.agreed(tokens).tolist()]

    def expected(self, rewards: Mapping[Tokens, float]) -> list[float] | None:
        """As `Strategy.expected`: nothing but the rewards, as published."""
        return None

    def grow(self, kept: Sequence[Tokens]) -> None:
        """As `Strategy.grow`."""
        tokens = np.array(kept, np.int32)
        states = beam.states_after(self.policy, tokens)
        self._stage += 1
        self.policy = self._new_policy(tokens, states)

    @property
    def _open_cells(self) -> int:
        """Cells that the present controller writes: all of the first stage's, and one in each that follows."""
        return self._task.num_cells if self._stage == self._task.num_cells - 1 else 1

    def _new_policy(self, prefixes: np.ndarray, states: tuple[np.ndarray, np.ndarray]) -> ControllerPolicy:
        settings = self._settings
        controller = Controller(
            stage=self._stage, num_cells=self._open_cells, hid_size=settings.hid_size, space=self._task.space
        )
        controller.initialize(seeds.stateless_seed(self._task.seed, "controller_weights", self._stage))
        return ControllerPolicy(
            controller=controller,
            prefixes=prefixes,
            prefix_states=states,
            learning_rate=settings.ctrl_lr,
            beta_1=settings.ctrl_beta1,
            beta_2=settings.ctrl_beta2,
            baseline_decay=settings.baseline_decay,
            entropy_coeff=settings.entropy_coeff,
            semantics=self._task.semantics,
        )

    def state(self) -> dict[str, Any]:
        """As `Strategy.state`."""
        return {
            "stage": self._stage,
            "round": self._round,
            "step": self._step,
            "entropies": self._entropies,
            "prefixes": self.policy.prefixes.numpy().tolist(),
            "prefix_states": [part.numpy().tolist() for part in self.policy.prefix_states],
            "baseline": self.policy.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """As `Strategy.restore`."""
        self._stage, self._round, self._step = state["stage"], state["round"], state["step"]
        self._entropies = list(state["entropies"])
        prefixes = np.array(state["prefixes"], np.int32).reshape(len(state["prefixes"]), -1)
        h, c = (np.array(part, np.float32) for part in state["prefix_states"])
        self.policy = self._new_policy(prefixes, (h, c))
        self.policy.restore(state["baseline"])

    def trackables(self) -> dict[str, tf.Module]:
        """As `Strategy.trackables`."""
        return {"controller": self.policy.controller, "controller_optimizer": self.policy.optimizer}
