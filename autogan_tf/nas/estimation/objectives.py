"""What an architecture can be judged by: named pure functions of what was seen of it. A new objective is an entry here,
or `register`ed from a file of one's own.

The reward is a weighted sum of objectives, see `config/reward_expression.py`. Nothing here imports TensorFlow, so that
the command knows the names before it does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from autogan_tf.config import reward_expression, strategy_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import did_you_mean
from autogan_tf.config.reward_expression import Reward
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance
from autogan_tf.metrics.inception_score import inception_score
from autogan_tf.metrics.kernel import kernel_distance
from autogan_tf.models.cost import Cost

# Real images that the kernel distance compares with: its time grows with the larger of both sides, and beyond the
# published 5,000 images of a reward more real ones hardly lessen its variance.
MAX_REAL_FEATURES = 5000


@dataclasses.dataclass(frozen=True)
class Seen:
    """What was seen of an architecture; None where no objective needs it.

    logits: float32 [N, K], of N generated images through the feature network.
    splits: of the Inception score.
    features: float32 [N, F], of the same images.
    real_statistics: of the features of all real images at the same size.
    real_features: float32 [M, F], of up to MAX_REAL_FEATURES of these, in random order.
    cost: of the generator that is trained in the end, all cells; while the search grows the least parameters and the
      least multiply-adds that the remaining cells can bring it to.
    """

    logits: np.ndarray | None = None
    splits: int = 1
    features: np.ndarray | None = None
    real_statistics: FrechetStatistics | None = None
    real_features: np.ndarray | None = None
    cost: Cost | None = None


@dataclasses.dataclass(frozen=True)
class Real:
    """The real images of one size as the feature network sees them; see `Seen`."""

    statistics: FrechetStatistics
    features: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Objective:
    """One score.

    measure: the score from what was seen.
    needs: the fields of `Seen` that it looks at.
    key: what genotype files and evaluations call the score.
    good: "low" or "high", or "" where it has no direction: then a reward can name it, and --objectives cannot.
    """

    measure: Callable[[Seen], float]
    needs: tuple[str, ...]
    key: str
    good: str = ""


def _inception_score(seen: Seen) -> float:
    """1 to the number of classes; high is good (paper section 3.3)."""
    assert seen.logits is not None
    return inception_score(seen.logits, splits=seen.splits)[0]


def _frechet_distance(seen: Seen) -> float:
    """At least 0; low is good."""
    assert seen.features is not None and seen.real_statistics is not None
    return frechet_distance(FrechetStatistics.from_features(seen.features), seen.real_statistics)


def _kernel_distance(seen: Seen) -> float:
    """Unbiased, hence sometimes below 0; low is good."""
    assert seen.features is not None and seen.real_features is not None
    return kernel_distance(seen.features, seen.real_features)[0]


def _parameters(seen: Seen) -> float:
    assert seen.cost is not None
    return float(seen.cost.parameters)


def _multiply_adds(seen: Seen) -> float:
    """For one image."""
    assert seen.cost is not None
    return float(seen.cost.multiply_adds)


OBJECTIVES: dict[str, Objective] = {
    "is": Objective(_inception_score, ("logits",), "inception_score", good="high"),
    "fid": Objective(_frechet_distance, ("features", "real_statistics"), "frechet_distance", good="low"),
    "kid": Objective(_kernel_distance, ("features", "real_features"), "kernel_distance", good="low"),
    "parameters": Objective(_parameters, ("cost",), "parameters", good="low"),
    "multiply_adds": Objective(_multiply_adds, ("cost",), "multiply_adds", good="low"),
}
# a function of the reward's, and what stands beside the scores in genotype files, evaluations and candidates
_RESERVED = ("log", "step", "steps", "reward", "score", "num_images", "weights", "trained", "feature_network",
             "reference", "seed")  # fmt: skip
_EVALUATED = ("is", "fid", "kid")  # which `evaluate_images` gives by itself


def register(name: str, measure: Callable[[Seen], float], *, needs: Collection[str], good: str = "") -> None:
    """Adds an objective, from a file that --plugin names.

    Args:
      name: in --reward, of letters, digits and _; also what genotype files call the score.
      measure: the score from what was seen of an architecture; a reward adds or subtracts it as --reward says.
      needs: the fields of `Seen` that it looks at.
      good: "low" or "high", for strategies that compare architectures by it (--objectives); "" for rewards alone.

    Raises:
      UserError: a name that is taken or that --reward cannot read, a need that `Seen` does not have, or another `good`.
    """
    fields = [field.name for field in dataclasses.fields(Seen)]
    taken = {*OBJECTIVES, *(objective.key for objective in OBJECTIVES.values()), *_RESERVED}
    if name in taken or not re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", name):
        why = "is taken" if name in taken else "must be of letters, digits and _"
        raise UserError(f"an objective's name {why}, and it is {name!r}; give yours another one")
    if not needs or not set(needs) <= set(fields):
        raise UserError(f"the objective {name} must need some of {', '.join(fields)}, got {', '.join(needs) or 'none'}")
    if good not in ("low", "high", ""):
        raise UserError(f'the objective {name} must say good="low", good="high" or nothing, got {good!r}')
    OBJECTIVES[name] = Objective(measure, tuple(needs), name, good)


def beyond_evaluation(names: Iterable[str]) -> dict[str, Objective]:
    """Those of the objectives that look at images and that no evaluation of a training run has, by key."""
    chosen = (OBJECTIVES[name] for name in names if name not in _EVALUATED)
    return {objective.key: objective for objective in chosen if not of_cost_alone(objective)}


def of_cost_alone(objective: Objective) -> bool:
    """Whether it looks at nothing but the cost."""
    return set(objective.needs) <= {"cost"}


def reward(text: str) -> Reward:
    """The reward that the text describes; UserError, with the names that there are, where it is none."""
    return reward_expression.parse(text, tuple(OBJECTIVES))


def measured(config: Any) -> tuple[str, ...]:
    """The objectives that a search with these settings measures: its reward's, then those that its strategy needs.

    Raises:
      UserError: as `reward`, or --objectives names one that there is not or that has no direction.
    """
    further = strategy_settings.objectives_of(config)
    directions(further)
    return tuple(dict.fromkeys([*reward(config.reward).names, *further]))


def directions(names: Iterable[str]) -> dict[str, str]:
    """By objective "low" or "high", which of both is good.

    Raises:
      UserError: --objectives names one that there is not or that has no direction.
    """
    known = {name: objective.good for name, objective in OBJECTIVES.items() if objective.good}
    for name in names:
        if name not in known:
            why = "which does not say whether low or high is good" if name in OBJECTIVES else "which there is not"
            close = did_you_mean(name, known) or ";"
            raise UserError(f"--objectives has {name!r}, {why}{close} each must be one of {', '.join(known)}")
    return {name: known[name] for name in names}


def needs(names: Iterable[str]) -> frozenset[str]:
    """The fields of `Seen` that the objectives of these names look at."""
    return frozenset(need for name in names for need in OBJECTIVES[name].needs)


def measure(names: Iterable[str], seen: Seen) -> dict[str, float]:
    """The scores of an architecture by objective."""
    return {name: OBJECTIVES[name].measure(seen) for name in names}
