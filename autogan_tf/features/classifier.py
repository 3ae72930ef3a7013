"""`--features=classifier`: a small classifier trained on the data itself, kept in a cache that knows its content."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import tensorflow as tf
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline
from autogan_tf.data.atomic_file import replacing
from autogan_tf.data.image_data import ImageData
from autogan_tf.features import classifier_network, classifier_training
from autogan_tf.features.protocol import weights_digest

CACHE_VERSION = 1


class Classifier:
    """A trained classifier as a `FeatureNetwork`.

    Attributes:
      name: "classifier".
      digest: 16 hexadecimal digits of the weights.
      num_features, num_logits: columns of the two outputs.
      resolution, channels: of the images that it was trained on.
      accuracy: share of the test images classified correctly, by image size.
      from_cache: whether the weights were loaded rather than trained.
      network: the Keras model.
    """

    def __init__(self, network: tf.keras.Model, *, accuracy: dict[int, float], from_cache: bool) -> None:
        self.name = "classifier"
        self.digest = weights_digest(classifier_network.weight_arrays(network))
        self.accuracy = accuracy
        self.from_cache = from_cache
        _, self.resolution, _, self.channels = (int(n or 0) for n in network.input_shape)
        self.num_features, self.num_logits = (int(output.shape[1]) for output in network.outputs)
        self.network = network
        network.trainable = False

    def computing_in(self, precision: str) -> Classifier:
        """The same classifier with feature maps in "float32", "mixed_bfloat16" or "mixed_float16"."""
        if precision == "float32":
            return self
        network = classifier_network.build_network(
            resolution=self.resolution,
            channels=self.channels,
            num_classes=self.num_logits,
            width=self.num_features // classifier_network.FEATURES_PER_WIDTH,
            precision=precision,
        )
        classifier_network.set_weight_arrays(network, classifier_network.weight_arrays(self.network))
        return Classifier(network, accuracy=self.accuracy, from_cache=self.from_cache)

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Features and logits of images, in inference mode.

        Args:
          images: [N, S, S, C], float32 in [-1, 1] or uint8, S at most the training images' side; smaller images are
            enlarged bilinearly. Inside `tf.function`, S and C must be known.

        Returns:
          float32 features [N, num_features], non-negative, and float32 logits [N, num_logits].

        Raises:
          UserError: another rank, depth or type, or larger images.
        """
        images = tf.convert_to_tensor(images)
        if images.dtype not in (tf.uint8, tf.float32):
            raise UserError(f"the classifier takes images of uint8, or float32 in [-1, 1], got {images.dtype.name}")
        _, height, width, channels = images.shape if images.shape.rank == 4 else [None] * 4
        if channels != self.channels or height is None or width is None or max(height, width) > self.resolution:
            raise UserError(
                f"the classifier looks at images of up to {self.resolution} x {self.resolution} x {self.channels}, got "
                f"shape {images.shape}; train it on the data set that these images imitate"
            )
        if images.dtype == tf.uint8:
            images = pipeline.to_float(images)
        features, logits = self.network(classifier_training.enlarged(images, self.resolution), training=False)
        return features, logits


def load_or_train(
    *,
    train: ImageData,
    test: ImageData,
    sizes: Sequence[int],
    steps: int,
    batch_size: int,
    width: int,
    seed: int,
    cache_dir: pathlib.Path | None,
    log: classifier_training.Log | None = None,
    flip: bool | None = None,
    label_smoothing: float = 0.0,
) -> Classifier:
    """The classifier of these data and settings: from the cache if it was trained before, else trained and kept.

    Args:
      train: labelled images; uint8 [N, S, S, C].
      test: labelled images of the same shape, for `accuracy`.
      sizes: image sides that will be scored (the search's stages); the full side S is added where it is missing.
      steps: gradient steps, at least 1.
      batch_size: images a step, at least one for each size.
      width: channels of the network's first stage; its cost grows with the square.
      seed: of weights, order and augmentation.
      cache_dir: folder of `classifier-<key>.npz`; made if missing. The key covers the images and labels and every
        setting that changes the weights. A folder that cannot be read or written costs a warning, no more. None keeps
        nothing.
      log: called now and then while training with {"step", "steps", "loss", "rate"}.
      flip: mirror half of the images; None means for colour images only, since a mirrored digit is no digit.
      label_smoothing: in [0, 1). The default 0 keeps the probabilities calibrated: smoothed ones are too flat for the
        Inception score.

    Returns:
      The classifier; `accuracy` by size, `from_cache`.

    Raises:
      UserError: images without labels, with fewer than two classes, of other sizes than each other, or settings out of
        range.
    """
    sizes = _check(
        train=train, test=test, sizes=sizes, steps=steps, batch_size=batch_size, width=width, smoothing=label_smoothing
    )
    resolution, channels = train.images.shape[1], train.images.shape[3]
    flip = channels == 3 if flip is None else flip
    recipe = {
        "version": CACHE_VERSION,
        "architecture": classifier_network.ARCHITECTURE,
        "constants": classifier_training.CONSTANTS,
        "train": train.digest(),
        "test": test.digest(),
        "sizes": sizes,
        "steps": steps,
        "batch_size": batch_size,
        "width": width,
        "seed": seed,
        "flip": flip,
        "label_smoothing": label_smoothing,
    }
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    path = None if cache_dir is None else pathlib.Path(cache_dir) / f"classifier-{key}.npz"
    network = classifier_network.build_network(
        resolution=resolution, channels=channels, num_classes=int(train.num_classes), width=width
    )
    accuracy = None if path is None else _load(path, network)
    if accuracy is not None:
        return Classifier(network, accuracy=accuracy, from_cache=True)
    classifier_network.initialise(network, seed=seed)
    classifier_training.train_network(
        network,
        images=train.images,
        labels=np.asarray(train.labels),
        sizes=sizes,
        steps=steps,
        batch_size=batch_size,
        flip=flip,
        label_smoothing=label_smoothing,
        seed=seed,
        log=log,
    )
    accuracy = classifier_training.accuracy_at(network, images=test.images, labels=np.asarray(test.labels), sizes=sizes)
    if path is not None:
        _save(path, network, accuracy=accuracy, recipe=recipe)
    return Classifier(network, accuracy=accuracy, from_cache=False)


def write(path: pathlib.Path, classifier: Classifier) -> None:
    """A file that `read` reads. Weights are kept as float16: let those of `classifier` be such (`rounded`)."""
    weights = classifier_network.weight_arrays(classifier.network)
    about = {"resolution": classifier.resolution, "accuracy": classifier.accuracy, "digest": classifier.digest}
    with replacing(path) as file:
        halves = {name: values.astype(np.float16) for name, values in weights.items()}
        np.savez_compressed(file, about=np.array(json.dumps(about)), **cast(dict[str, Any], halves))


def rounded(classifier: Classifier) -> Classifier:
    """A copy whose weights float16 holds exactly; its accuracy is told as it was before."""
    weights = classifier_network.weight_arrays(classifier.network)
    halves = {name: values.astype(np.float16).astype(np.float32) for name, values in weights.items()}
    return _of_weights(halves, resolution=classifier.resolution, accuracy=classifier.accuracy)


def read(path: pathlib.Path) -> Classifier:
    """The classifier of a file of `write`.

    Raises:
      UserError: no such file, or a damaged one.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            weights = {name: stored[name].astype(np.float32) for name in stored.files if name != "about"}
        if weights_digest(weights) != about["digest"]:
            raise ValueError("its weights do not match their digest")
        accuracy = {int(side): float(value) for side, value in about["accuracy"].items()}
        return _of_weights(weights, resolution=about["resolution"], accuracy=accuracy)
    except Exception as error:  # np.load raises anything from OSError to zlib.error on a damaged file
        raise UserError(f"the classifier {path} cannot be read: {error}") from None


def _of_weights(weights: dict[str, np.ndarray], *, resolution: int, accuracy: dict[int, float]) -> Classifier:
    stem, logits = weights["stem_conv/kernel"], weights["logits/kernel"]
    network = classifier_network.build_network(
        resolution=resolution, channels=stem.shape[2], num_classes=logits.shape[1], width=stem.shape[3]
    )
    classifier_network.set_weight_arrays(network, weights)
    return Classifier(network, accuracy=accuracy, from_cache=True)


def _check(
    *,
    train: ImageData,
    test: ImageData,
    sizes: Sequence[int],
    steps: int,
    batch_size: int,
    width: int,
    smoothing: float,
) -> list[int]:
    """Raises UserError on what cannot be trained on; returns the sizes, ascending, the full one included."""
    remedy = "give a labelled data set (a folder needs one subfolder per class) or another feature network"
    for data in (train, test):
        if data.labels is None:
            raise UserError(f"features=classifier needs labels, and {data.name} ({data.split}) has none: {remedy}")
        if data.images.ndim != 4 or data.images.shape[1:] != train.images.shape[1:] or len(data.images) == 0:
            raise UserError(
                f"features=classifier needs images of one shape, got {data.images.shape} in {data.name} ({data.split}) "
                f"beside {train.images.shape}"
            )
    classes = len(np.unique(np.asarray(train.labels)))
    if classes < 2 or int(train.num_classes) < 2:
        raise UserError(f"features=classifier needs at least 2 classes, and {train.name} has {classes}: {remedy}")
    resolution = train.images.shape[1]
    full = sorted({int(size) for size in sizes} | {resolution})
    if full[0] < 1 or full[-1] > resolution:
        raise UserError(f"features=classifier: sizes must be in 1..{resolution}, the images' side, got {list(sizes)}")
    each_size_once = max(1, 2 * len(full) - 2)
    for name, value, minimum in (("steps", steps, 1), ("width", width, 1), ("batch_size", batch_size, each_size_once)):
        if value < minimum:
            raise UserError(f"features=classifier: {name} must be at least {minimum}, got {value}")
    if not 0 <= smoothing < 1:
        raise UserError(f"features=classifier: label_smoothing must be in [0, 1), got {smoothing}")
    return full


def _save(path: pathlib.Path, network: tf.keras.Model, *, accuracy: dict[int, float], recipe: dict) -> None:
    weights = classifier_network.weight_arrays(network)
    about = {"accuracy": accuracy, "digest": weights_digest(weights), "recipe": recipe}
    try:
        with replacing(path) as file:
            np.savez(file, about=np.array(json.dumps(about)), **cast(dict[str, Any], weights))
    except OSError as error:  # the classifier itself is none the worse for it
        logging.warning("the trained classifier is not kept in the cache: %s", error)


def _load(path: pathlib.Path, network: tf.keras.Model) -> dict[int, float] | None:
    """Sets the network's weights from the cache and returns the accuracies; None (and a warning) where it cannot."""
    if not os.path.exists(path):  # not pathlib's, which raises where the folder may not be looked into
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            weights = {name: stored[name] for name in stored.files if name != "about"}
        if weights_digest(weights) != about["digest"]:
            raise ValueError("its weights do not match their digest")
        accuracy = {int(size): float(value) for size, value in about["accuracy"].items()}
        classifier_network.set_weight_arrays(network, weights)
    except Exception as error:  # np.load raises anything from OSError to zlib.error on a damaged file
        logging.warning("the cached classifier %s cannot be used (%s); training it again", path, error)
        return None
    return accuracy
