"""Trains the classifier: which images a step sees, at which sizes, and how the weights move."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from autogan_tf.data import pipeline
from autogan_tf.data.seeds import numpy_rng

# A change of any of these gives other weights, so all are part of the cache's key.
CONSTANTS = {
    "peak_learning_rate": 0.1,
    "warmup": 0.2,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "full_size_share": 0.5,
    "crop_fraction": 16,
}
LOG_EVERY = 20

Log = Callable[[dict], None]


class OneCycle(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises linearly from 0 to `peak`, then falls linearly to 0 (Smith, arXiv 1708.07120).

    Args:
      steps: length of the whole cycle.
      peak: highest learning rate.
      warmup: share of the steps, in (0, 1), at which the peak lies.
    """

    def __init__(self, *, steps: int, peak: float, warmup: float) -> None:
        super().__init__()
        self.steps, self.peak, self.warmup = steps, peak, warmup

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        # Half a step in: neither the first step nor the last is wasted on a rate of 0.
        position = (tf.cast(step, tf.float32) + 0.5) / self.steps
        return self.peak * tf.minimum(position / self.warmup, (1 - position) / (1 - self.warmup))

    def get_config(self) -> dict:
        return {"steps": self.steps, "peak": self.peak, "warmup": self.warmup}


def augmented(
    images: np.ndarray, indices: np.ndarray, *, padding: int, flip: bool, rng: np.random.Generator
) -> np.ndarray:
    """The chosen images, shifted at random by up to `padding` pixels with reflected borders; mirrored or not if `flip`.

    Args:
      images: uint8 [N, S, S, C]; padding < S.
      indices: which of them, int [B].

    Returns:
      uint8 [B, S, S, C].
    """
    side = images.shape[1]
    coordinates = []
    for _ in range(2):
        line = np.arange(side) + rng.integers(-padding, padding + 1, size=(len(indices), 1))
        line = np.abs(line)
        coordinates.append(side - 1 - np.abs(side - 1 - line))
    rows, columns = coordinates
    if flip:
        mirrored = rng.integers(0, 2, size=(len(indices), 1)).astype(bool)
        columns = np.where(mirrored, columns[:, ::-1], columns)
    return images[indices[:, None, None], rows[:, :, None], columns[:, None, :]]


def group_ends(*, batch_size: int, num_groups: int) -> list[int]:
    """Where each group of a batch ends: full size first (half the batch), then the smaller sizes in equal parts."""
    if num_groups == 1:
        return [batch_size]
    full = batch_size - int(batch_size * (1 - CONSTANTS["full_size_share"]))
    rest = np.linspace(full, batch_size, num_groups)
    return [int(round(end)) for end in rest]


def enlarged(images: tf.Tensor, resolution: int) -> tf.Tensor:
    """float32 images of any size -> [N, resolution, resolution, C] by bilinear interpolation (half-pixel centres)."""
    if images.shape[1] == resolution and images.shape[2] == resolution:
        return images
    return tf.image.resize(images, [resolution, resolution], "bilinear")


def train_network(
    network: tf.keras.Model,
    *,
    images: np.ndarray,
    labels: np.ndarray,
    sizes: Sequence[int],
    steps: int,
    batch_size: int,
    flip: bool,
    label_smoothing: float,
    seed: int,
    log: Log | None,
) -> None:
    """Trains in place: SGD with Nesterov momentum and one cycle of the learning rate, on cross-entropy.

    Half of every batch is at full size; the rest has been reduced to each smaller size and enlarged again, so that
    the scores of early stages' images mean something. The same arguments give the same weights, bit for bit, on one
    machine and thread count.

    Args:
      network: as `classifier_network.build_network` makes it, initialised.
      images: uint8 [N, S, S, C].
      labels: int [N], 0 to classes - 1.
      sizes: image sides, ascending, the last one S.
      steps: gradient steps, at least 1.
      batch_size: images a step.
      flip: mirror half of the images (right for photographs, wrong for digits).
      label_smoothing: in [0, 1); 0 leaves the probabilities calibrated, which the Inception score needs.
      seed: of order and augmentation.
      log: called every 20 steps and after the last with {"step", "steps", "loss", "rate" in steps per second}.

    Raises:
      FloatingPointError: the loss is not finite.
    """
    resolution, classes = images.shape[1], network.outputs[1].shape[1]
    ends = group_ends(batch_size=batch_size, num_groups=len(sizes))
    groups = list(zip([0, *ends[:-1]], ends, [sizes[-1], *sizes[:-1]], strict=True))
    schedule = OneCycle(steps=steps, peak=CONSTANTS["peak_learning_rate"], warmup=CONSTANTS["warmup"])
    optimizer = tf.keras.optimizers.SGD(
        schedule,
        momentum=CONSTANTS["momentum"],
        nesterov=True,
        weight_decay=CONSTANTS["weight_decay"],
        jit_compile=False,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])

    @tf.function
    def train_step(parts: list[tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
        inputs = tf.concat([enlarged(pipeline.to_float(part), resolution) for part in parts], axis=0)
        wanted = tf.one_hot(targets, classes) * (1 - label_smoothing) + label_smoothing / classes
        with tf.GradientTape() as tape:
            _, logits = network(inputs, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits))
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    padding = resolution // CONSTANTS["crop_fraction"]
    started, losses = time.monotonic(), []
    for step in range(steps):
        indices = pipeline.batch_indices(
            seed=seed,
            first_position=step * batch_size,
            batch_size=batch_size,
            num_images=len(images),
            purpose="classifier_order",
        ).numpy()
        rng = numpy_rng(seed, "classifier_augmentation", step)
        batch = augmented(images, indices, padding=int(padding), flip=flip, rng=rng)
        parts = [tf.constant(pipeline.reduce(batch[a:b], size)) for a, b, size in groups]
        losses.append(float(train_step(parts, tf.constant(labels[indices], tf.int32))))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the classifier's loss is {losses[-1]} at step {step + 1} of {steps}")
        if step == 0:
            started = time.monotonic()  # the first step traces; its time would spoil the rate for long
        if log and ((step + 1) % LOG_EVERY == 0 or step + 1 == steps):
            rate = step / max(time.monotonic() - started, 1e-9)
            log({"step": step + 1, "steps": steps, "loss": sum(losses) / len(losses), "rate": rate})
            losses = []


def accuracy_at(
    network: tf.keras.Model, *, images: np.ndarray, labels: np.ndarray, sizes: Sequence[int], batch_size: int = 250
) -> dict[int, float]:
    """Share of images classified correctly at each of `sizes`, in [0, 1]; images uint8 [N, S, S, C], labels int [N]."""

    resolution = images.shape[1]
    predict = tf.function(
        lambda batch: tf.argmax(network(enlarged(pipeline.to_float(batch), resolution), training=False)[1], axis=1)
    )
    result = {}
    for size in sizes:
        correct = 0
        for start in range(0, len(images), batch_size):
            batch = pipeline.reduce(images[start : start + batch_size], size)
            correct += int(np.sum(predict(tf.constant(batch)).numpy() == labels[start : start + batch_size]))
        result[int(size)] = correct / len(images)
    return result
