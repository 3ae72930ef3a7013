"""`--features=inception`: the FID Inception of 2015-12-05, the network that published IS and FID are measured with.

    network = inception.load("weights-inception-2015-12-05-6726825d.pth")
    features, logits = network(images)  # uint8 [N, H, W, 3] -> [N, 2048], [N, 1008]

The layers are in inception_network.py.
"""

from __future__ import annotations

import os
import pathlib
import shlex
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import inception_network
from autogan_tf.features.inception_network import NUM_FEATURES, NUM_LOGITS, RESOLUTION, InceptionNetwork
from autogan_tf.features.protocol import weights_digest
from autogan_tf.interop.official_pytorch import read_checkpoint

# The same file, published twice.
PUBLISHED = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
)
_COUNTER = ".num_batches_tracked"  # PyTorch's batch norm counts its training steps; inference does not use it
_LISTED = 20  # problems spelled out in one message


class Inception:
    """The FID Inception as a `FeatureNetwork`.

    Attributes:
      name: "inception".
      digest: 16 hexadecimal digits of the weights as they were given (counters of training steps left out).
      num_features, num_logits: 2048 and 1008.
    """

    name = "inception"
    num_features = NUM_FEATURES
    num_logits = NUM_LOGITS

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """Takes checked weights; `load` is the way in."""
        self.digest = weights_digest(weights)
        # Resizing happens outside, so that this is traced once for images of all sizes, eager calls included.
        self._activations = tf.function(
            InceptionNetwork(weights),
            input_signature=[tf.TensorSpec([None, RESOLUTION, RESOLUTION, 3], tf.float32)],
            autograph=False,
        )

    def __call__(self, images: tf.Tensor | np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits of images, eagerly or inside `tf.function`.

        Args:
          images: [N, H, W, C], uint8 or float32 in [-1, 1], any size, C 3 or 1 (grey, repeated); resized to 299 x 299
            as TensorFlow 1 did. Inside `tf.function`, C must be known.

        Returns:
          float32 features [N, 2048], non-negative, and float32 logits [N, 1008], without the last layer's bias, as
          the Inception score is defined on this graph.

        Raises:
          UserError: another rank, depth or type, or images without pixels.
        """
        activations = self.activations(images)
        return activations["2048"], activations["logits_unbiased"]

    def activations(self, images: tf.Tensor | np.ndarray) -> dict[str, tf.Tensor]:
        """`InceptionNetwork`'s outputs on images as `__call__` takes them, inner means included."""
        return self._activations(inception_network.prepared(images))


def load(weights: str | os.PathLike[str] | Mapping[str, np.ndarray]) -> Inception:
    """The network with published weights.

    Args:
      weights: path of the .pth file that pytorch-fid and torch-fidelity publish, read without PyTorch; or arrays by its
        names (`inception_network.weight_shapes`). Names that end in num_batches_tracked may be present and are ignored.

    Raises:
      UserError: no such file (and where to get it), a damaged one, or weights that are not this network's: names
        missing or unknown, shapes that do not fit, values that are no finite numbers, negative variances.
    """
    if isinstance(weights, Mapping):
        source, state = "the given weights", dict(weights)
    else:
        path = pathlib.Path(weights)
        if not path.exists():
            raise UserError(
                f"no Inception weights at {path}; download them once, e.g. with "
                f"`curl -L -o {shlex.quote(str(path))} {PUBLISHED[0]}` (the same file: {PUBLISHED[1]}), "
                f"or give the path of your copy"
            )
        source, state = str(path), read_checkpoint(path)
    arrays = {name: np.asarray(value) for name, value in state.items() if not str(name).endswith(_COUNTER)}
    problems = _problems(arrays)
    if problems:
        more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        raise UserError(
            f"{source} do not fit the FID Inception of 2015-12-05: {'; '.join(problems[:_LISTED])}{more}; "
            f"the file that fits is {PUBLISHED[0]}"
        )
    return Inception(arrays)


def _problems(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """What is wrong with the weights, one phrase each."""
    shapes = inception_network.weight_shapes()
    problems = [f"{name} is missing" for name in shapes if name not in arrays]
    for name, array in arrays.items():
        if name not in shapes:
            problems.append(f"{name} is unknown")
        elif array.dtype.kind not in "fiu":
            problems.append(f"{name} holds {array.dtype}, not numbers")
        elif array.shape != shapes[name]:
            problems.append(f"{name} has the shape {array.shape} instead of {shapes[name]}")
        elif not np.isfinite(array).all():
            problems.append(f"{name} has values that are not finite")
        elif name.endswith("running_var") and (array < 0).any():
            problems.append(f"{name} has negative values")
    return problems
