"""What every feature network offers to the scores that look through it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf


class FeatureNetwork(Protocol):
    """A fixed network from images to features (for distances) and class logits (for the Inception score).

    `name` and `digest` go into every reported score: scores seen through two networks cannot be compared.
    """

    @property
    def name(self) -> str:
        """Which network, as `--features` names it."""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that change with any weight."""

    @property
    def num_features(self) -> int:
        """Columns of the features."""

    @property
    def num_logits(self) -> int:
        """Columns of the logits."""

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """NHWC images, float32 in [-1, 1] or uint8 -> float32 features [N, F], logits [N, K]; also in `tf.function`."""


def network_identity(network: FeatureNetwork) -> str:
    """ "name/digest": what two scores must share to be comparable."""
    return f"{network.name}/{network.digest}"


def weights_digest(weights: Mapping[str, np.ndarray]) -> str:
    """16 hexadecimal digits of names, types, shapes and values, whatever the mapping's order."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        value = np.asarray(weights[name])
        sha.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        sha.update(value.tobytes())
    return sha.hexdigest()[:16]
