"""The policy of an LSTM controller: it draws architectures and learns by REINFORCE (paper section 3.3)."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.data import seeds
from autogan_tf.models.controller import Controller, Decisions, draw_prefixes
from autogan_tf.training.adam import Adam

LISTED = 10_000  # so many ways to decide its cells are listed
DRAWS = 2_000  # from which the policy is estimated where there are more


class Update(NamedTuple):
    """Numbers of one controller step: loss, mean advantage, mean entropy per decision (nats), gradient norm."""

    loss: float
    advantage: float
    entropy: float
    gradient_norm: float


class Policy(NamedTuple):
    """What a controller would draw, decision by decision of its cells.

    probabilities: of each decision's values, float64 [count]; entropies (nats): of each decision, given those before
    it, float64 [D].
    """

    probabilities: list[np.ndarray]
    entropies: np.ndarray


class ControllerPolicy:
    """Draws architectures from a controller and learns from their rewards.

    loss = mean over the batch of (- sum of log-probabilities x advantage - entropy_coeff x sum of entropies), with the
    advantage against the baseline as it was before these rewards.

    Args:
      controller: of the stage at hand.
      prefixes: int32 [K, T], the beam's tokens of the earlier cells ([1, 0] at the first stage).
      prefix_states: (h, c), float32 [K, hidden] each.
      learning_rate, beta_1, beta_2: of Adam.
      baseline_decay: weight of the old baseline, from 0 to below 1.
      entropy_coeff: weight of the entropy bonus.
      semantics: of entropy, advantage and baseline; with `advantage_per_decision` it needs batches of one architecture.
    """

    def __init__(
        self,
        *,
        controller: Controller,
        prefixes: np.ndarray,
        prefix_states: tuple[np.ndarray, np.ndarray],
        learning_rate: float,
        beta_1: float,
        beta_2: float,
        baseline_decay: float,
        entropy_coeff: float,
        semantics: Semantics = CORRECTED,
    ) -> None:
        self.controller = controller
        self.optimizer = Adam(
            controller.trainable_variables, learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, name="ctrl_adam"
        )
        self.prefixes = tf.constant(prefixes, tf.int32)
        self.prefix_states = tuple(tf.constant(part, tf.float32) for part in prefix_states)
        self.baseline_decay, self.entropy_coeff = baseline_decay, entropy_coeff
        self._semantics = semantics
        self._baseline: tf.Tensor | None = None  # of `_baseline_shape`
        self._baseline_shape = [len(controller.token_counts)] if semantics.advantage_per_decision else []
        self._sample = tf.function(self._sample_graph, autograph=False)
        self._all_cells: np.ndarray | None = None  # [cells, D]; None: too many to be listed
        if math.prod(controller.token_counts) <= LISTED:
            self._all_cells = np.array(list(itertools.product(*map(range, controller.token_counts))), np.int32)
        self._decide_all = tf.function(self._decide_all_graph, autograph=False)
        self._update = tf.function(self._update_graph, autograph=False, reduce_retracing=True)

    @property
    def baseline(self) -> float | None:
        """The moving average of the rewards, or None before the phase's first ones."""
        return None if self._baseline is None else float(tf.reduce_mean(self._baseline))

    def start_phase(self, first_rewards: np.ndarray | None = None) -> None:
        """A controller phase begins: the baseline is the mean of a first batch's rewards.

        With `baseline_from_first_reward` the phase's first step sets it instead (`first_rewards` is None).
        """
        self._baseline = None
        if first_rewards is not None:
            self._baseline = tf.fill(self._baseline_shape, tf.constant(np.mean(first_rewards), tf.float32))

    def state(self) -> list[float] | float | None:
        """The baseline as JSON; all else is in the controller and the optimizer."""
        return None if self._baseline is None else self._baseline.numpy().tolist()

    def restore(self, state: list[float] | float | None) -> None:
        """Sets the baseline that `state` told."""
        self._baseline = None if state is None else tf.constant(state, tf.float32)

    def sample(self, batch_size: int, seed: tf.Tensor) -> tuple[tf.Tensor, Decisions, tuple[tf.Tensor, tf.Tensor]]:
        """Draws `batch_size` architectures.

        Returns:
          all their tokens int32 [B, T + D]; the decisions of the last cell; the state (h, c) these started from.
        """
        return self._sample(tf.constant(batch_size), seed)

    def _sample_graph(self, batch_size: tf.Tensor, seed: tf.Tensor):
        which = tf.random.experimental.stateless_fold_in(seed, 0)
        tokens, state = draw_prefixes(self.prefixes, self.prefix_states, batch_size, which)
        decisions = self.controller(state, seed=tf.random.experimental.stateless_fold_in(seed, 1))
        return tf.concat([tokens, decisions.tokens], axis=1), decisions, state

    def states_before(self, tokens: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """The controller's state (h, c), float32 [B, hidden] each, after the prefixes of `tokens`, int32 [B, T]."""
        prefixes = [tuple(row) for row in self.prefixes.numpy().tolist()]
        begin = len(prefixes[0])
        index = [prefixes.index(tuple(row[:begin])) for row in tokens.tolist()]
        h, c = self.prefix_states
        return tf.gather(h, index), tf.gather(c, index)

    def choices(self) -> Policy:
        """What the controller would choose, over all cells and all prefixes, each of which is as likely; where there
        are more than `LISTED` it is estimated from `DRAWS` draws, always of the same numbers."""
        if self._all_cells is None:
            _, drawn, _ = self.sample(DRAWS, seeds.stateless_seed(0, "policy_summary"))
            columns = zip(drawn.tokens.numpy().T, self.controller.token_counts, strict=True)
            shares = [np.bincount(column, minlength=count) / DRAWS for column, count in columns]
            return Policy(shares, drawn.entropies.numpy().astype(np.float64).mean(axis=0))
        log_probs, entropies = (part.numpy().astype(np.float64) for part in self._decide_all())  # [K, cells, D]
        weights = np.exp(log_probs.sum(axis=2)).mean(axis=0)  # of each cell
        weights /= weights.sum()
        columns = zip(self._all_cells.T, self.controller.token_counts, strict=True)
        probabilities = [np.bincount(column, weights, minlength=count) for column, count in columns]
        each = np.exp(log_probs.sum(axis=2, keepdims=True)) * entropies
        return Policy(probabilities, each.sum(axis=1).mean(axis=0))

    def _decide_all_graph(self):
        """Log-probabilities and entropies of every cell after every prefix, float32 [K, cells, D] each."""
        assert self._all_cells is not None
        cells, prefixes = len(self._all_cells), self.prefixes.shape[0]
        state = tuple(tf.repeat(part, cells, axis=0) for part in self.prefix_states)
        decided = self.controller(state, forced=tf.tile(tf.constant(self._all_cells), [prefixes, 1]))
        shape = [prefixes, cells, len(self.controller.token_counts)]
        return tf.reshape(decided.log_probs, shape), tf.reshape(decided.entropies, shape)

    def learn(self, cells: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor], rewards: np.ndarray) -> Update:
        """One step of the controller's optimizer.

        Args:
          cells: int32 [B, D], what was decided for the last cell of B architectures.
          state: (h, c) from which it was decided, float32 [B, hidden] each, see `states_before`.
          rewards: float [B].
        """
        rewards = tf.constant(rewards, tf.float32)
        if self._semantics.advantage_per_decision and rewards.shape[0] != 1:
            raise ValueError(f"an advantage per decision is defined for one architecture, got {rewards.shape[0]}")
        is_first = self._baseline is None
        if is_first and not self._semantics.baseline_from_first_reward:
            raise ValueError("start_phase must be given a first batch's rewards before learn")
        baseline = tf.zeros(self._baseline_shape) if is_first else self._baseline
        numbers, self._baseline = self._update(cells, state, rewards, baseline, tf.constant(is_first))
        return Update(*(float(number) for number in numbers))

    def _update_graph(self, tokens, state, rewards, baseline, is_first):
        semantics, variables = self._semantics, self.controller.trainable_variables
        with tf.GradientTape() as tape:
            decided = self.controller(state, forced=tokens)
            log_prob = tf.reduce_sum(decided.log_probs, axis=1)  # [B]
            if semantics.advantage_per_decision:  # of the one architecture's decisions: [D]
                bonus = self.entropy_coeff * decided.entropies[0]
            else:
                bonus = self.entropy_coeff * tf.reduce_sum(decided.entropies, axis=1)  # [B]
            gained = rewards + bonus if semantics.entropy_in_reward else rewards
            latest = gained if semantics.advantage_per_decision else tf.reduce_mean(gained)
            mixed = self.baseline_decay * baseline + (1.0 - self.baseline_decay) * latest
            updated = tf.where(is_first, latest, mixed)
            before = tf.where(is_first, latest, baseline)
            advantage = gained - (updated if semantics.baseline_includes_reward else before)
            objective = log_prob * (tf.reduce_sum(advantage) if semantics.advantage_per_decision else advantage)
            if not semantics.entropy_in_reward:
                objective += tf.reduce_sum(bonus) if semantics.advantage_per_decision else bonus
            loss = -tf.reduce_mean(objective)
        gradients = tape.gradient(loss, variables)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # the embedding's comes in slices
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        numbers = (loss, tf.reduce_mean(advantage), tf.reduce_mean(decided.entropies), tf.linalg.global_norm(gradients))
        return numbers, tf.stop_gradient(updated)
