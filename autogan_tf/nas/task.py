"""What a search strategy is given besides its settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.nas.trial import Tokens
from autogan_tf.search_space.space import SearchSpace

Admits: TypeAlias = Callable[[Tokens], bool]


def _as_they_are(array: np.ndarray) -> np.ndarray:
    return array


@dataclasses.dataclass(frozen=True)
class Task:
    """Attributes:
    space: of the architectures.
    seed: of the run.
    num_cells: of the first stage's architectures: 1 where the search grows by cells, or all of them at once.
    admits: whether an architecture may be tried, at every stage; None: all may.
    agreed: of workers, the chief's values of an array, see `Distribution.agreed`; for what may differ by rounding.
    rewards_last: whether rewards of one round compare with those of another, see `Estimator`.
    semantics: the published behaviours, for strategies that there are in the published implementation.
    """

    space: SearchSpace
    seed: int
    num_cells: int = 1
    admits: Admits | None = None
    agreed: Callable[[np.ndarray], np.ndarray] = _as_they_are
    rewards_last: bool = False
    semantics: Semantics = CORRECTED
