"""Candidates for a ranking, drawn from a controller, and the controller's state after those that are kept."""

from __future__ import annotations

import itertools
import math

import numpy as np
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.nas.strategies.controller_policy import LISTED, ControllerPolicy
from autogan_tf.nas.task import Admits

UNIFORM_DRAWS = 20_000
DRAWS_PER_CANDIDATE = 50  # how hard to try to find distinct candidates in what the controller draws


def candidates(
    policy: ControllerPolicy, *, number: int, seed: int, step: int, admits: Admits | None = None
) -> np.ndarray:
    """`number` distinct admitted architectures, int32 [number, T], in the order in which the controller draws them.

    When a sharp controller does not give that many, the rest is drawn uniformly; when the space holds fewer, all of
    them are returned. Of more than `LISTED` endings the rest is what `UNIFORM_DRAWS` draws give.
    """
    draw = seeds.stateless_seed(seed, "candidates", step)
    drawn = policy.sample(number * DRAWS_PER_CANDIDATE, draw)[0].numpy()
    found = [row for row in dict.fromkeys(map(tuple, drawn.tolist())) if admits is None or admits(row)][:number]
    counts = policy.controller.token_counts
    if len(found) < number and math.prod(counts) > LISTED:
        rng = seeds.numpy_rng(seed, "uniform_candidates", step)
        prefixes = policy.prefixes.numpy()[rng.integers(policy.prefixes.shape[0], size=UNIFORM_DRAWS)]
        rows = np.concatenate([prefixes, rng.integers(0, counts, (UNIFORM_DRAWS, len(counts)))], axis=1)
        rest = [row for row in dict.fromkeys(map(tuple, rows.tolist())) if admits is None or admits(row)]
        found += [row for row in rest if row not in set(found)][: number - len(found)]
    elif len(found) < number:
        cells = list(itertools.product(*map(range, counts)))
        prefixes = list(dict.fromkeys(map(tuple, policy.prefixes.numpy().tolist())))
        rest = sorted({prefix + cell for prefix in prefixes for cell in cells} - set(found))
        rest = [row for row in rest if admits is None or admits(row)]
        order = seeds.numpy_rng(seed, "uniform_candidates", step).permutation(len(rest))
        found += [rest[i] for i in order[: number - len(found)]]
    return np.array(found, np.int32)


def states_after(policy: ControllerPolicy, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The controller's state (h, c), float32 [N, hidden] each, after it has written `tokens`, int32 [N, T]."""
    decisions = len(policy.controller.token_counts)
    start = policy.states_before(tokens)
    h, c = policy.controller(start, forced=tf.constant(tokens[:, -decisions:])).state
    return h.numpy(), c.numpy()
