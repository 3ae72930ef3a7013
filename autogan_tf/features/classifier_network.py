"""The classifier's layers: a small network whose cost at 32 x 32 is about 21.6 M multiply-adds (width 32)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from autogan_tf.data.seeds import numpy_rng

BATCH_NORM_MOMENTUM = 0.9  # short trainings: 0.99 would still remember the first steps at the end
BATCH_NORM_EPSILON = 1e-5
# Bumped whenever layers or their initial values change, so that cached weights of an older layout are not loaded.
ARCHITECTURE = "pooled-2"

FEATURES_PER_WIDTH = 4

_layers = tf.keras.layers


def build_network(
    *, resolution: int, channels: int, num_classes: int, width: int, precision: str = "float32"
) -> tf.keras.Model:
    """The network, with weights still to be set by `initialise`.

    Strided convolution to half the resolution, convolution, pooling, convolution, a residual one, pooling, convolution;
    then the mean over space and one dense layer. The first convolution strides, because on CPUs full-resolution
    activations cost more than all that follows; later ones pool instead, which learned CIFAR-10 faster at equal cost
    than strides and deeper residual blocks did.

    Args:
      resolution: image side, at least 8.
      channels: 1 (grey) or 3 (colour).
      num_classes: columns of the logits, at least 2.
      width: channels of the first stage, at least 1.
      precision: "float32", "mixed_bfloat16" or "mixed_float16": Keras's policy for feature maps; weights, features and
        logits are float32.

    Returns:
      Keras model: float32 [N, resolution, resolution, channels] -> (features [N, 4 * width], logits [N, num_classes]).

    Raises:
      ValueError: an argument below its minimum.
    """
    for name, value, minimum in (
        ("resolution", resolution, 8),
        ("channels", channels, 1),
        ("num_classes", num_classes, 2),
        ("width", width, 1),
    ):
        if value < minimum:
            raise ValueError(f"{name} of the classifier must be at least {minimum}, got {value}")
    images = _layers.Input((resolution, resolution, channels), name="images")
    kind = tf.keras.mixed_precision.Policy(precision)
    x = _block(images, width, kind, name="stem", kernel=4, strides=2)
    x = _layers.MaxPool2D(name="pool1", dtype=kind)(_block(x, 2 * width, kind, name="conv1"))
    x = _block(x, 4 * width, kind, name="conv2")
    x = _layers.Add(name="add", dtype=kind)([x, _block(x, 4 * width, kind, name="residual", activate=False)])
    x = _layers.MaxPool2D(name="pool2", dtype=kind)(_layers.ReLU(name="add_relu", dtype=kind)(x))
    x = _block(x, FEATURES_PER_WIDTH * width, kind, name="conv3")
    features = _layers.GlobalAveragePooling2D(name="features")(x)
    logits = _layers.Dense(num_classes, name="logits")(features)
    return tf.keras.Model(images, (features, logits), name="classifier")


def _block(
    x: tf.Tensor,
    filters: int,
    kind: tf.keras.mixed_precision.Policy,
    *,
    name: str,
    kernel: int = 3,
    strides: int = 1,
    activate: bool = True,
) -> tf.Tensor:
    x = _layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False, name=f"{name}_conv", dtype=kind)(x)
    x = _layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, fused=True, name=f"{name}_norm", dtype=kind
    )(x)
    return _layers.ReLU(name=f"{name}_relu", dtype=kind)(x) if activate else x


def weight_arrays(network: tf.keras.Model) -> dict[str, np.ndarray]:
    """Every weight by name (`stem_conv/kernel`, …), batch-norm statistics included, float32."""
    return {variable.name.split(":")[0]: variable.numpy() for variable in network.weights}


def set_weight_arrays(network: tf.keras.Model, weights: dict[str, np.ndarray]) -> None:
    """The opposite of `weight_arrays`.

    Raises:
      ValueError: names or shapes are not the network's.
    """
    expected = {variable.name.split(":")[0]: variable for variable in network.weights}
    if set(weights) != set(expected):
        raise ValueError(f"weights named {sorted(set(weights) ^ set(expected))} are missing or unknown")
    for name, variable in expected.items():
        if weights[name].shape != variable.shape or weights[name].dtype != np.float32:
            raise ValueError(
                f"{name} must be float32 of shape {tuple(variable.shape)}, "
                f"got {weights[name].dtype} of shape {weights[name].shape}"
            )
    for name, variable in expected.items():
        variable.assign(weights[name])


def initialise(network: tf.keras.Model, *, seed: int) -> None:
    """Draws all weights anew from `seed`: He-normal kernels, zero biases, identity norms.

    The residual branch's norm starts at zero, so that the network starts without that branch (Goyal et
    al. 2017, arXiv 1706.02677, section 5.1), which makes the high learning rate of a short training safe.
    """
    values = {}
    for name, old in weight_arrays(network).items():
        layer, kind = name.split("/")
        if kind == "kernel":
            scale = np.sqrt(2.0 / np.prod(old.shape[:-1])) if layer != "logits" else np.sqrt(1.0 / old.shape[0])
            new = scale * numpy_rng(seed, f"classifier_weights/{name}").standard_normal(old.shape)
        elif kind == "gamma":
            new = np.zeros(old.shape) if layer == "residual_norm" else np.ones(old.shape)
        else:
            new = np.ones(old.shape) if kind == "moving_variance" else np.zeros(old.shape)
        values[name] = new.astype(np.float32)
    set_weight_arrays(network, values)
