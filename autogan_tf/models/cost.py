"""What networks cost, as plain numbers: parameters and multiply-adds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Cost:
    """Trainable parameters, and multiply-adds for one image (convolutions and dense layers as published: norms,
    activations, additions and resizing not counted, 1x1 convolutions counted at the resolution they are defined at)."""

    parameters: int
    multiply_adds: int


NOTHING = Cost(0, 0)


def total(costs: Iterable[Cost]) -> Cost:
    """The sum."""
    costs = list(costs)
    return Cost(sum(cost.parameters for cost in costs), sum(cost.multiply_adds for cost in costs))


def conv_cost(kernel: int, inputs: int, outputs: int, height: int, *, stride_taps: int = 1) -> Cost:
    """Cost of a `kernel` x `kernel` convolution with bias on an output map of `height` x `height`.

    `stride_taps`: how many output pixels share one application of the kernel (4 for a stride-2 transposed convolution).
    """
    weights = kernel * kernel * inputs * outputs
    return Cost(weights + outputs, weights * height * height // stride_taps)
