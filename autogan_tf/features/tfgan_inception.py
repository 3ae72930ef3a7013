"""TF-GAN's own Inception, a SavedModel or a TensorFlow Hub module, run by `tfgan.eval` but loaded once.

TF-GAN's loader (`classifier_fn_from_tfhub`) loads the module anew at each call; `run_inception` takes any function in
its place. This and metrics/tfgan_scores.py are the only modules that import tensorflow-gan: a feature network must not
import the scores, which look through it. The imports are inside the functions, as they take a second.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import inception_network, saved_model, tfgan
from autogan_tf.features.inception_network import RESOLUTION

PUBLISHED = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"  # tfgan.eval.INCEPTION_TFHUB
FEATURES = "pool_3"  # tfgan.eval.INCEPTION_FINAL_POOL
LOGITS = "logits"  # tfgan.eval.INCEPTION_OUTPUT


class TfganInception:
    """A module of TF-GAN's form as a `FeatureNetwork`.

    Attributes:
      name: "tfgan_inception".
      digest: 16 hexadecimal digits of the module's graph, with the constants in it, and variables.
      num_features, num_logits: columns of the two outputs; 2048 and 1008 for the published module.
    """

    name = "tfgan_inception"

    def __init__(self, module: Any, *, digest: str) -> None:
        """Takes a loaded module; `load` is the way in."""
        self.digest = digest
        self._module = module
        self._outputs = tf.function(
            self._run_inception,
            input_signature=[tf.TensorSpec([None, RESOLUTION, RESOLUTION, 3], tf.float32)],
            autograph=False,
        )
        features, logits = self._outputs(tf.zeros([1, RESOLUTION, RESOLUTION, 3]))
        self.num_features, self.num_logits = int(features.shape[1]), int(logits.shape[1])

    def __call__(self, images: tf.Tensor | np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits of images, eagerly or inside `tf.function`.

        Args:
          images: [N, H, W, C], uint8 or float32 in [-1, 1], any size, C 3 or 1; brought to 299 x 299 and scaled just as
            for `inception`, by the part of the original graph that TF-GAN's module leaves to its caller.

        Returns:
          float32 features [N, num_features] (the output `pool_3`) and logits [N, num_logits].

        Raises:
          ValueError: another rank, depth or type, or images without pixels.
        """
        features, logits = self._outputs(inception_network.prepared(images))
        return tf.ensure_shape(features, [None, self.num_features]), tf.ensure_shape(logits, [None, self.num_logits])

    def _run_inception(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = tfgan.module("eval").run_inception(images, classifier_fn=self._module)
        if not isinstance(outputs, dict) or not {FEATURES, LOGITS} <= set(outputs):
            found = ", ".join(sorted(outputs)) if isinstance(outputs, dict) else type(outputs).__name__
            raise UserError(f"its outputs must be a dict with {FEATURES!r} and {LOGITS!r}; it gives {found}")
        count = tf.shape(images)[0]
        features, logits = (tf.reshape(tf.cast(outputs[key], tf.float32), [count, -1]) for key in (FEATURES, LOGITS))
        return features, logits


def load(handle: str, *, download: bool = False) -> TfganInception:
    """The module behind a handle.

    Args:
      handle: a SavedModel folder, or what TensorFlow Hub resolves, such as `PUBLISHED`.
      download: whether TensorFlow Hub may fetch a handle that is no local folder (it keeps a copy under
        TFHUB_CACHE_DIR).

    Raises:
      UserError: a handle that would need a download without `download`, one that cannot be fetched or loaded, or a
        module that is not of TF-GAN's form: a callable from float32 [N, 299, 299, 3] to a dict with `pool_3` and
        `logits`.
    """
    handle = str(handle)
    folder = pathlib.Path(handle)
    if not folder.is_dir():
        folder = _fetched(handle, download=download)
    module = saved_model.load_module(folder)
    if not callable(module):
        raise UserError(f"the module {handle} cannot serve as TF-GAN's Inception: it cannot be called")
    try:
        return TfganInception(module, digest=saved_model.files_digest(folder))
    except (UserError, tf.errors.OpError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"the module {handle} cannot serve as TF-GAN's Inception: {reason}") from None


def _fetched(handle: str, *, download: bool) -> pathlib.Path:
    if "://" not in handle:
        raise UserError(
            f"no TF-GAN Inception at {handle}: there is no such folder; give a SavedModel folder, or {PUBLISHED} with "
            f"--download"
        )
    if not download:
        raise UserError(
            f"the TF-GAN Inception {handle} is no local folder, and nothing is downloaded unless --download is given; "
            f"give --download, or the folder of a copy"
        )
    import tensorflow_hub

    try:
        return pathlib.Path(tensorflow_hub.resolve(handle))
    except Exception as error:  # urllib, tarfile and TensorFlow's file systems raise types of their own
        raise UserError(f"cannot fetch the TF-GAN Inception {handle}: {' '.join(str(error).split())}") from None
