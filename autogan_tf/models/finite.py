"""Weights that are NaN or infinite, named: the check of all that reads, converts or writes a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError

_NAMED = 5  # of the arrays at fault


def named_weights(network: tf.keras.Model) -> dict[str, tf.Variable]:
    """The variables of a network of this package by the layers' paths: "cell1.post_conv1.conv.kernel"."""
    return {
        f"{path}.{variable.name.partition(':')[0]}": variable
        for path, layer in network.named_layers().items()
        for variable in layer.variables
    }


def faults(weights: Mapping[str, np.ndarray | tf.Variable | tf.Tensor]) -> list[str]:
    """For each floating array with NaN or infinity its name and how many: "l1.kernel (2 of 80 are NaN)"."""
    found = []
    for name, weight in weights.items():
        array = np.asarray(weight)
        if array.dtype.kind not in "fcV" or np.isfinite(array).all():  # V: bfloat16
            continue
        counts = {"NaN": np.isnan(array).sum(), "infinite": np.isinf(array).sum()}
        said = " and ".join(f"{count:,} of {array.size:,} are {kind}" for kind, count in counts.items() if count)
        found.append(f"{name} ({said})")
    return found


def check(weights: Mapping[str, np.ndarray | tf.Variable | tf.Tensor], *, of: str, remedy: str) -> None:
    """Raises UserError where an array is not finite.

    Args:
      weights: arrays by name.
      of: what they belong to, for the message.
      remedy: what to do.
    """
    found = faults(weights)
    if found:
        more = f" and {len(found) - _NAMED:,} more arrays" if len(found) > _NAMED else ""
        raise UserError(f"{of} has weights that are not finite numbers: {', '.join(found[:_NAMED])}{more}; {remedy}")
