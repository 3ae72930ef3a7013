"""What every feature network offers to the scores that look through it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf
from absl import logging


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


def warn_if_not(network: FeatureNetwork, then: str) -> None:
    """A warning where a run that was seen through the network of identity `then` is now seen through another one.

    A classifier that is trained anew on another machine has other last digits; it is not worth losing the run.
    """
    if network_identity(network) != then:
        logging.warning(
            "the run was scored through %s and is from here on scored through %s; such scores do not compare exactly. "
            "The first one lies in the --cache_dir of before",
            then,
            network_identity(network),
        )


def weights_digest(weights: Mapping[str, np.ndarray]) -> str:
    """16 hexadecimal digits of names, types, shapes and values, whatever the mapping's order."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        value = np.asarray(weights[name])
        sha.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        sha.update(value.tobytes())
    return sha.hexdigest()[:16]
