"""The project's one way to derive random numbers: every draw is a function of (seed, purpose, step), never of state.

Nothing here keeps a generator, so resuming a run needs only its step number. `alg='philox'` is named everywhere because
TensorFlow's automatic choice gives other numbers under XLA and on other devices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

Step: TypeAlias = "int | tf.Tensor"


def _digest(*parts: object) -> bytes:
    return hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()


class ChangeableSeed:
    """A run's seed that changes between the calls of a graph, which is traced once for all seeds.

    Anywhere outside of a graph, and in a graph that is to keep its seed, an integer does. Both give the same numbers.

    Args:
      value: the seed at first.
      purposes: those that are drawn for, each with one step.
    """

    def __init__(self, value: int, *, purposes: Sequence[str]) -> None:
        self.value = value
        # made here: a function that made a variable would be traced twice
        self._states = {
            purpose: tf.Variable(_first_state(value, purpose, 1), trainable=False) for purpose in purposes
        }

    def change(self, value: int) -> None:
        """From the next call of a graph on the seed is `value`."""
        self.value = value
        for purpose, state in self._states.items():
            state.assign(_first_state(value, purpose, 1))

    def state(self, purpose: str, num_steps: int) -> tf.Tensor:
        """int32 [2]: what steps are mixed into, as it is when the graph is called."""
        if purpose not in self._states or num_steps != 1:
            raise ValueError(
                f"this seed changes for {', '.join(self._states)}, each with one step; got {purpose} with {num_steps}"
            )
        return self._states[purpose].read_value()


Seed: TypeAlias = "int | ChangeableSeed"


def _first_state(seed: int, purpose: str, num_steps: int) -> np.ndarray:
    return np.frombuffer(_digest(int(seed), purpose, num_steps)[:8], np.int32)


def _check(seed: object, purpose: object) -> None:
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise TypeError(f"seed must be a Python integer, got {seed!r}")
    if not isinstance(purpose, str) or not purpose:
        raise TypeError(f"purpose must be a non-empty string such as 'latents', got {purpose!r}")


def stateless_seed(seed: Seed, purpose: str, *steps: Step) -> tf.Tensor:
    """The seed of one random draw, for TensorFlow's stateless operations.

    Args:
      seed: the run's seed, any Python integer, or one that changes.
      purpose: what is drawn, e.g. 'discriminator_latents'; two purposes never share numbers.
      *steps: which draw: Python integers or scalar integer tensors (also inside `tf.function`), any 64-bit value. The
        same value as an integer and as a tensor gives the same seed. The order matters, and so does how many there are.

    Returns:
      int32 tensor [2]. All 64 bits depend on every argument: with k seeds in use, the probability that any two agree
      is about k^2 / 2^65, that is 3e-8 for a million.

    Raises:
      TypeError: seed is not an integer or purpose not a string.
    """
    _check(seed.value if isinstance(seed, ChangeableSeed) else seed, purpose)
    # The digest mixes what is known while tracing; philox mixes in what may be a tensor. `stateless_fold_in` is not
    # used: it keeps only 32 bits of the seed it is given, too few once two steps are folded in one after the other.
    if isinstance(seed, ChangeableSeed):
        state = seed.state(purpose, len(steps))
    else:
        state = tf.constant(_first_state(seed, purpose, len(steps)))
    for step in steps:
        words = tf.bitcast(tf.cast(step, tf.int64), tf.int32)
        state = tf.random.stateless_uniform(
            [2], seed=tf.bitwise.bitwise_xor(state, words), minval=None, maxval=None, dtype=tf.int32, alg="philox"
        )
    return state


def latents(seed: tf.Tensor, shape: Sequence[int] | tf.Tensor) -> tf.Tensor:
    """Standard normal numbers, float32 of `shape`, from a seed of `stateless_seed` (int32 [2])."""
    return tf.random.stateless_normal(shape, seed=seed, dtype=tf.float32, alg="philox")


def uniform(
    seed: tf.Tensor,
    shape: Sequence[int] | tf.Tensor,
    minval: Any = 0,
    maxval: Any = 1,
    dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """Uniform numbers in [minval, maxval) of `shape` and `dtype`, from a seed of `stateless_seed` (int32 [2]).

    Integer dtypes need integer bounds.
    """
    return tf.random.stateless_uniform(shape, seed=seed, minval=minval, maxval=maxval, dtype=dtype, alg="philox")


def unit(seed: tf.Tensor, shape: Sequence[int | tf.Tensor] | tf.Tensor) -> tf.Tensor:
    """float32 multiples of 2^-24 in [0, 1) of `shape`, the same inside and outside of what XLA compiles."""
    # philox gives XLA the same bits, but XLA makes other floats of them than `stateless_uniform` does elsewhere
    bits = uniform(seed, shape, minval=None, maxval=None, dtype=tf.int32)
    return tf.cast(tf.bitwise.bitwise_and(bits, 2**24 - 1), tf.float32) * 2.0**-24


def numpy_rng(seed: int, purpose: str, *steps: int) -> np.random.Generator:
    """A NumPy generator of its own for one draw (or one short series of draws) on the host.

    Args and errors as `stateless_seed`, with Python integers as steps; its numbers are not those of `stateless_seed`.
    """
    _check(seed, purpose)
    # One 256-bit integer: a list of small ones would be zero-padded, and [1, 2] and [1, 2, 0] would draw the same.
    entropy = _digest("numpy", int(seed), purpose, *(int(step) for step in steps))
    return np.random.default_rng(int.from_bytes(entropy, "little"))
