"""Many short trainings in one graph: a trainer whose steps and samples are computed in those of a changeable one.

Tracing the steps of a new trainer takes as long as some hundred of them. A changeable trainer traces once, and becomes
one architecture after the other. Here each of these keeps a trainer of its own, whose weights, average and optimizers
are saved and restored as of any training; they go into the changeable one, and what it made of them comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.training.adam import Adam
from autogan_tf.training.trainer import Trainer


class BorrowingTrainer(Trainer):
    """Traces no graph; results differ from `Trainer`'s by the order in which float32 sums of gradients are taken.

    Args:
      graphs: changeable, made with the same arguments but for architecture and seed. Whatever it was before is lost;
        several trainers may use it in turn.
      settings: of `Trainer`.

    Raises:
      ValueError: `graphs` is not changeable, or has other networks.
    """

    def __init__(self, *, graphs: Trainer, **settings: Any) -> None:
        super().__init__(**settings)
        state = _State(self, graphs)
        self._borrowed = lambda: (graphs, state)  # out of sight: it is nothing to be saved

    def run(
        self,
        *,
        evaluate: Callable[[int], None] | None = None,
        pause: Callable[[int], None] = lambda step: None,
        **more: Any,
    ) -> None:
        """As `Trainer.run`."""
        graphs, state = self._borrowed()

        def brought_back(then: Callable[[int], None]) -> Callable[[int], None]:
            def after(done: int) -> None:
                state.bring_back()
                then(done)

            return after

        state.lend()
        graphs.run(evaluate=brought_back(evaluate) if evaluate else None, pause=brought_back(pause), **more)

    def sample(self, number: int, *, purpose: str, labels: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """As `Trainer.sample`; to be used up before another trainer uses the graphs."""
        graphs, state = self._borrowed()
        state.lend()
        return graphs.sample(number, purpose=purpose, labels=labels)


class _State:
    """All variables of a trainer, and their counterparts in a changeable one."""

    def __init__(self, mine: Trainer, others: Trainer) -> None:
        self._genotype, self._seed, self._changeable = mine.generator.genotype, mine.seed, others
        others.generator.become(self._genotype)  # raises for what it cannot become
        pairs: list[tuple[tf.Variable, tf.Variable]] = []
        for name in ("generator", "ema_generator"):
            layers = getattr(others, name).named_layers()
            for path, layer in getattr(mine, name).named_layers().items():
                pairs += zip(layer.variables, layers[path].variables, strict=True)
        pairs += zip(mine.discriminator.variables, others.discriminator.variables, strict=True)
        counterpart = {id(variable): other for variable, other in pairs}
        self._steps: list[tuple[tf.Variable, tf.Variable, list[int]]] = []
        for network, adam, other_adam in (
            (mine.generator, mine.g_optimizer, others.g_optimizer),
            (mine.discriminator, mine.d_optimizer, others.d_optimizer),
        ):
            places = [other_adam.position_of(counterpart[id(variable)]) for variable in network.trainable_variables]
            pairs += _moments(adam, other_adam, places)
            self._steps.append((adam.steps, other_adam.steps, places))
        for module, other in zip(_others(mine), _others(others), strict=True):
            pairs += zip(module.variables, other.variables, strict=True)
        self._pairs = pairs
        known = {id(variable) for variable, _ in pairs} | {id(steps) for steps, _, _ in self._steps}
        left = [variable.name for variable in mine.variables if id(variable) not in known]
        if left:
            raise ValueError(f"these have no counterpart in the graphs: {', '.join(left)}")

    def lend(self) -> None:
        """The changeable trainer becomes what this one is."""
        self._changeable.change_seed(self._seed)
        for generator in (self._changeable.generator, self._changeable.ema_generator):
            generator.become(self._genotype)
        for variable, other in self._pairs:
            other.assign(variable)
        for steps, other, places in self._steps:
            other.assign(tf.tensor_scatter_nd_update(other, [[place] for place in places], steps))

    def bring_back(self) -> None:
        """This trainer becomes what the changeable one is."""
        for variable, other in self._pairs:
            variable.assign(other)
        for steps, other, places in self._steps:
            steps.assign(tf.gather(other, places))


def _moments(adam: Adam, other: Adam, places: list[int]) -> Iterator[tuple[tf.Variable, tf.Variable]]:
    yield adam.learning_rate, other.learning_rate
    for place, its in enumerate(places):
        yield adam.first_moments[place], other.first_moments[its]
        yield adam.second_moments[place], other.second_moments[its]


def _others(trainer: Trainer) -> list[tf.Module]:
    """What has variables besides networks and optimizers."""
    detectors = [trainer.detector] if trainer.detector else []
    return [*detectors, *(trainer.loss_scales or ())]
