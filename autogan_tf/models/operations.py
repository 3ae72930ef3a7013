"""What an option of a cell's decision stands for: what it builds, computes and costs. A new option is a class here.

Options are found by their value in the search space: `NORMS["batch"]`, `UPSAMPLINGS["nearest"]`. How weights begin
is said by the layer that an option builds: its method `draw_weights`, see `initializers.py`.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.models import batch_norm, cost, layers
from autogan_tf.models.cost import Cost
from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDeconv2D


class Make(NamedTuple):
    """Makes a generator's layers with weights: with spectral norm or without, conditional (num_classes > 0) or not."""

    spectral_norm: bool = False
    num_classes: int = 0

    def conv(self, inputs: int, outputs: int, kernel: int, name: str) -> SpectralConv2D:
        """A convolution with bias, `kernel` x `kernel`."""
        return SpectralConv2D(inputs, outputs, kernel, name, normalize=self.spectral_norm)

    def deconv(self, channels: int, name: str) -> SpectralDeconv2D:
        """A transposed convolution, kernel 2, stride 2."""
        return SpectralDeconv2D(channels, name, normalize=self.spectral_norm)

    def batch_norm(self, channels: int, name: str) -> layers.BatchNorm:
        """A batch norm."""
        return layers.BatchNorm(channels, name, num_classes=self.num_classes)


class Norm:
    """A norm without weights; this one does nothing.

    layer_name: of the layer with weights, where `build` makes one: the last part of its path, which enters its seed.
    """

    layer_name: str | None = None

    def build(self, make: Make, channels: int) -> tf.keras.layers.Layer:
        """The layer with weights of [N, H, W, channels], called `layer_name`."""
        raise TypeError(f"{type(self).__name__} has no weights")

    def apply(
        self,
        x: tf.Tensor,
        layer: tf.keras.layers.Layer | None,
        mode: layers.Pass,
        moments: batch_norm.Moments | None = None,
    ) -> tf.Tensor:
        """[N, H, W, C] normalised; `moments`: of all replicas' images, where it shall not exchange them by itself."""
        return x

    def local_moments(self, x: tf.Tensor) -> batch_norm.Moments:
        """What replicas have to exchange about x in training; zeros where nothing is."""
        return batch_norm.no_moments(x.shape[-1])

    def cost(self, channels: int, *, num_classes: int) -> Cost:
        """Of one application."""
        return cost.NOTHING


class NormByBatch(Norm):
    """Batch norm; of a conditional network with weights for each class."""

    layer_name = "bn"

    def build(self, make: Make, channels: int) -> tf.keras.layers.Layer:
        return make.batch_norm(channels, self.layer_name)

    def apply(
        self,
        x: tf.Tensor,
        layer: tf.keras.layers.Layer | None,
        mode: layers.Pass,
        moments: batch_norm.Moments | None = None,
    ) -> tf.Tensor:
        assert layer is not None
        return layer(x, mode) if moments is None else layer.train_with_moments(x, moments, mode)

    def local_moments(self, x: tf.Tensor) -> batch_norm.Moments:
        return batch_norm.moments(x)

    def cost(self, channels: int, *, num_classes: int) -> Cost:
        return Cost(2 * channels * max(1, num_classes), 0)


class NormByInstance(Norm):
    """Instance norm over H, W without affine parameters, computed in float32."""

    def apply(
        self,
        x: tf.Tensor,
        layer: tf.keras.layers.Layer | None,
        mode: layers.Pass,
        moments: batch_norm.Moments | None = None,
    ) -> tf.Tensor:
        return layers.instance_normalized(x)


class Upsampling(abc.ABC):
    """A way to double the sides of a map.

    layer_name: of the layer with weights, where `build` makes one for every doubling.
    """

    layer_name: str | None = None

    def build(self, make: Make, channels: int, name: str) -> tf.keras.layers.Layer:
        """The layer with weights for one doubling."""
        raise TypeError(f"{type(self).__name__} has no weights")

    @abc.abstractmethod
    def convolved(
        self, x: tf.Tensor, layer: tf.keras.layers.Layer | None, conv: SpectralConv2D, training: bool
    ) -> tf.Tensor:
        """A 3x3 convolution of x doubled: [N, H, W, C] -> [N, 2H, 2W, C']."""

    @abc.abstractmethod
    def projected(
        self, x: tf.Tensor, doublings: Sequence[tf.keras.layers.Layer | None], conv: SpectralConv2D, training: bool
    ) -> tf.Tensor:
        """A 1x1 convolution of x doubled once for each entry of `doublings`, the layers of `build` or None.

        Where the two commute, the convolution is computed first, on the smaller map.
        """

    def cost(self, channels: int, *, height: int) -> Cost:
        """Of one doubling, to `height` x `height`."""
        return cost.NOTHING


class Bilinear(Upsampling):
    """Bilinear interpolation."""

    def convolved(self, x, layer, conv, training):
        return conv(layers.bilinear_upsample(x, 2), training=training)

    def projected(self, x, doublings, conv, training):
        return layers.bilinear_upsample(conv(x, training=training), 2 ** len(doublings))


class Nearest(Upsampling):
    """Every pixel repeated."""

    def convolved(self, x, layer, conv, training):
        return conv(x, training=training, nearest=True)

    def projected(self, x, doublings, conv, training):
        return layers.nearest_upsample(conv(x, training=training), 2 ** len(doublings))


class Deconv(Upsampling):
    """A transposed convolution, kernel 2, stride 2, for every doubling."""

    layer_name = "deconv"

    def build(self, make: Make, channels: int, name: str) -> tf.keras.layers.Layer:
        return make.deconv(channels, name)

    def convolved(self, x, layer, conv, training):
        return conv(x, training=training, deconv=layer)

    def projected(self, x, doublings, conv, training):
        *first, last = doublings
        for layer in first:
            x = layer(x, training=training)
        return conv(x, training=training, deconv=last)

    def cost(self, channels: int, *, height: int) -> Cost:
        return cost.conv_cost(2, channels, channels, height, stride_taps=4)


NORMS: dict[str, Norm] = {"none": Norm(), "batch": NormByBatch(), "instance": NormByInstance()}
UPSAMPLINGS: dict[str, Upsampling] = {"bilinear": Bilinear(), "nearest": Nearest(), "deconv": Deconv()}
ORDERS = ("post", "pre")  # of a convolution block: after the convolution come norm and ReLU, or before it
VALUES: dict[str, Collection[str]] = {"conv": ORDERS, "norm": NORMS, "up": UPSAMPLINGS}  # that options may have
# what a cell knows how to carry out; the values of the last two are false or true, and that for each earlier cell
DECISIONS = (*VALUES, "shortcut", "skips")


def register(value: str, operation: Norm | Upsampling) -> None:
    """Adds a norm or an upsampling, from a file that --plugin names; `value`: of the option that a space gives it.

    Raises UserError where the value, or its `layer_name`, is taken.
    """
    kind = "norm" if isinstance(operation, Norm) else "upsampling"
    known: dict[str, Any] = NORMS if isinstance(operation, Norm) else UPSAMPLINGS
    if value in known:
        raise UserError(f"there is the {kind} {value!r} already; give yours another value")
    taken = {"conv"} | {norm.layer_name for norm in NORMS.values()} | {up.layer_name for up in UPSAMPLINGS.values()}
    if operation.layer_name in taken - {None}:
        raise UserError(f"layers called {operation.layer_name!r} there are already; give yours another layer_name")
    known[value] = operation
