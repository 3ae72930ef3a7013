"""The generator's cell (paper figure 2): a convolution block that doubles the resolution, a second, shortcut, skips.

One class serves both networks. A derived cell knows its choices and holds only the layers that they use; a supernet's
cell holds every branch and takes the choices as integer tensors, picked with `tf.switch_case`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import tensorflow as tf

from autogan_tf.models import batch_norm, layers, replicas
from autogan_tf.models.spectral_norm import SpectralConv2D, SpectralDeconv2D
from autogan_tf.search_space import choices
from autogan_tf.search_space.genotype import CellGenotype

Token: TypeAlias = int | tf.Tensor
Nest = TypeVar("Nest")
POST, PRE = (choices.CONVS.index(name) for name in ("post", "pre"))
BATCH = choices.NORMS.index("batch")
DECONV = choices.UPSAMPLINGS.index("deconv")


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


PLAIN = Make()


def select(token: Token, branches: Sequence[Callable[[], Nest]]) -> Nest:
    """The result of branch number `token`: picked now for an integer, in the graph for an int32 scalar tensor."""
    if isinstance(token, int):
        return branches[token]()
    return tf.switch_case(token, list(branches))


def project_and_upsample(
    x: tf.Tensor, up: Token, deconvs: Sequence[SpectralDeconv2D | None], conv: SpectralConv2D, training: bool
) -> tf.Tensor:
    """A 1x1 convolution of x enlarged by 2 per deconvolution of `deconvs`, in the way that token `up` names.

    Computed before enlarging where the two commute (all but deconvolution). `deconvs` may hold None where `up` is an
    integer other than DECONV.
    """

    def deconv() -> tf.Tensor:
        y = x
        for layer in deconvs[:-1]:
            assert layer is not None
            y = layer(y, training=training)
        return conv(y, training=training, deconv=deconvs[-1])

    factor = 2 ** len(deconvs)
    return select(
        up,
        [
            lambda: layers.bilinear_upsample(conv(x, training=training), factor),
            lambda: layers.nearest_upsample(conv(x, training=training), factor),
            deconv,
        ],
    )


def upsample_and_convolve(
    x: tf.Tensor, up: Token, deconv: SpectralDeconv2D | None, conv: SpectralConv2D, training: bool
) -> tf.Tensor:
    """A 3x3 convolution of x enlarged by 2 in the way that token `up` names; `deconv` as in `project_and_upsample`."""

    return select(
        up,
        [
            lambda: conv(layers.bilinear_upsample(x, 2), training=training),
            lambda: conv(x, training=training, nearest=True),
            lambda: conv(x, training=training, deconv=deconv),
        ],
    )


class ConvBlock(tf.keras.layers.Layer):
    """post: (upsample,) convolution, norm, ReLU; pre: norm, ReLU, (upsample,) convolution.

    [N, H, W, C] -> [N, H', W', C]. The first block of a cell upsamples; the second one does not. In methods `norm` and
    `up` are tokens: integers in a derived network, int32 scalars in the supernet.
    """

    def __init__(
        self,
        width: int,
        *,
        post: bool,
        upsamples: bool,
        genotype: CellGenotype | None,
        make: Make,
        name: str,
    ) -> None:
        super().__init__(name=name, autocast=False)
        self.post = post
        self.upsamples = upsamples
        self.parts: dict[str, tf.keras.layers.Layer] = {"conv": make.conv(width, width, 3, "conv")}
        if genotype is None or genotype.norm == "batch":
            self.parts["bn"] = make.batch_norm(width, "bn")
        if upsamples and (genotype is None or genotype.up == "deconv"):
            self.parts["deconv"] = make.deconv(width, "deconv")
        self.instance_norm = layers.InstanceNorm()
        self.built = True

    def _convolve(self, x: tf.Tensor, up: Token, mode: layers.Pass) -> tf.Tensor:
        conv = self.parts["conv"]
        if self.upsamples:
            return upsample_and_convolve(x, up, self.parts.get("deconv"), conv, mode.training)
        return conv(x, training=mode.training)

    def before_norm(self, x: tf.Tensor, up: Token, mode: layers.Pass) -> tf.Tensor:
        """What comes before the norm."""
        return self._convolve(x, up, mode) if self.post else x

    def normalized(
        self, x: tf.Tensor, norm: Token, mode: layers.Pass, moments: batch_norm.Moments | None = None
    ) -> tf.Tensor:
        """The norm; `moments`: of all replicas' images, where batch norm shall not communicate by itself."""

        def batch() -> tf.Tensor:
            bn = self.parts["bn"]
            return bn(x, mode) if moments is None else bn.train_with_moments(x, moments, mode)

        return select(norm, [lambda: x, batch, lambda: self.instance_norm(x)])

    def after_norm(self, x: tf.Tensor, up: Token, mode: layers.Pass) -> tf.Tensor:
        """ReLU and what comes after it."""
        x = tf.nn.relu(x)
        return x if self.post else self._convolve(x, up, mode)

    def call(self, x: tf.Tensor, norm: Token, up: Token, mode: layers.Pass) -> tf.Tensor:
        """The whole block."""
        return self.after_norm(self.normalized(self.before_norm(x, up, mode), norm, mode), up, mode)


def call_in_replicas(
    blocks: Sequence[ConvBlock], x: tf.Tensor, conv: tf.Tensor, norm: tf.Tensor, up: tf.Tensor, mode: layers.Pass
) -> tf.Tensor:
    """The block of `blocks` (post, pre) that token `conv` names, in training on several replicas.

    Replicas cannot communicate inside of a conditional, so batch norm's moments are exchanged between two of them: the
    first goes up to the norm, the second on from there. Where the norm is another one zeros are exchanged.
    """
    height, width, channels = x.shape[1:]
    factors = [2 if block.post and block.upsamples else 1 for block in blocks]

    def begin(block: ConvBlock) -> tuple[tf.Tensor, batch_norm.Moments]:
        y = block.before_norm(x, up, mode)
        nothing = lambda: batch_norm.no_moments(channels)  # noqa: E731
        return y, select(norm, [nothing, lambda: batch_norm.moments(y), nothing])

    y, local = select(conv, [functools.partial(begin, block) for block in blocks])
    moments = batch_norm.over_replicas(local)

    def end(block: ConvBlock, factor: int) -> tf.Tensor:
        ours = tf.ensure_shape(y, [None, factor * height, factor * width, channels])
        return block.after_norm(block.normalized(ours, norm, mode, moments), up, mode)

    return select(conv, [functools.partial(end, *pair) for pair in zip(blocks, factors, strict=True)])


class Cell(tf.keras.layers.Layer):
    """Cell number `index`, from 0: [N, H, W, C] and earlier skip outputs -> (skip output, output), each [N, 2H, 2W, C].

    Args:
      width: channels C.
      index: how many cells come before, hence how many skips may come in.
      genotype: the cell's choices for a derived network; None for the supernet's cell with every branch.
      make: how layers with weights are made.
    """

    def __init__(
        self, width: int, *, index: int, genotype: CellGenotype | None = None, make: Make = PLAIN, name: str
    ) -> None:
        super().__init__(name=name, autocast=False)
        self.index = index
        self._make = make
        self.tokens = genotype.tokens if genotype else None

        def uses(attribute: str, value: object) -> bool:
            return genotype is None or getattr(genotype, attribute) == value

        self.blocks = {
            f"{kind}_conv{number}": ConvBlock(
                width,
                post=kind == "post",
                upsamples=number == 1,
                genotype=genotype,
                make=make,
                name=f"{kind}_conv{number}",
            )
            for kind in ("post", "pre")
            if uses("conv", kind)
            for number in (1, 2)
        }
        self.parts: dict[str, tf.keras.layers.Layer] = {}
        if uses("shortcut", True):
            self._add_path("sc", width, doublings=1, deconvs=uses("up", "deconv"))
        for j in range(index):
            if genotype is None or genotype.skips[j]:  # that map is 2^(index - j) times smaller
                self._add_path(f"skip{j}", width, doublings=index - j, deconvs=uses("up", "deconv"))
        self.built = True

    def _add_path(self, name: str, width: int, *, doublings: int, deconvs: bool) -> None:
        self.parts[f"{name}_conv"] = self._make.conv(width, width, 1, f"{name}_conv")
        for k in range(doublings if deconvs else 0):
            self.parts[f"{name}_deconv{k}"] = self._make.deconv(width, f"{name}_deconv{k}")

    def named_layers(self) -> dict[str, tf.keras.layers.Layer]:
        """Every layer with weights, by its path in the cell ("pre_conv1.conv", "sc_conv", "skip0_deconv1", ...)."""
        of_blocks = {
            f"{name}.{part}": layer for name, block in self.blocks.items() for part, layer in block.parts.items()
        }
        return of_blocks | dict(self.parts)

    def used_layers(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """For each name of `named_layers`: whether the cell with `tokens`, int32 [4 or 5], uses it; boolean scalars."""
        conv, norm, up, shortcut, *skips = tf.unstack(tokens)
        deconv = tf.equal(up, DECONV)
        used = {}
        for name, block in self.blocks.items():
            here = tf.equal(conv, POST if block.post else PRE)
            conditions = {"conv": here, "bn": here & tf.equal(norm, BATCH), "deconv": here & deconv}
            used.update({f"{name}.{part}": conditions[part] for part in block.parts})
        added = {f"skip{j}": tf.equal(skips[0] // 2 ** (self.index - 1 - j) % 2, 1) for j in range(self.index)}
        added["sc"] = tf.equal(shortcut, 1)
        for name in self.parts:
            path, part = name.split("_")
            used[name] = added[path] & deconv if part.startswith("deconv") else added[path]
        return used

    def call(
        self,
        x: tf.Tensor,
        skips: Sequence[tf.Tensor],
        tokens: tf.Tensor | None,
        mode: layers.Pass,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`skips`: the earlier cells' skip outputs; `tokens`: int32 [4 or 5], needed by (only) a supernet's cell.

        The skip output is the first block's output AFTER the incoming skips were added.
        """
        values: Sequence[Token] = self.tokens if self.tokens is not None else tf.unstack(tokens)
        conv, norm, up, shortcut = values[:4]

        def block(number: int, y: tf.Tensor) -> tf.Tensor:
            def of(kind: str) -> Callable[[], tf.Tensor]:
                return lambda: self.blocks[f"{kind}_conv{number}"](y, norm, up, mode)

            if self.tokens is None and mode.training and replicas.count() > 1:
                blocks = [self.blocks[f"{kind}_conv{number}"] for kind in ("post", "pre")]
                return call_in_replicas(blocks, y, conv, norm, up, mode)
            return select(conv, [of("post"), of("pre")])

        def add(flag: Token, y: tf.Tensor, source: tf.Tensor, path: str, doublings: int) -> tf.Tensor:
            deconvs = [self.parts.get(f"{path}_deconv{k}") for k in range(doublings)]

            def projection() -> tf.Tensor:
                return project_and_upsample(source, up, deconvs, self.parts[f"{path}_conv"], mode.training)

            return select(flag, [lambda: y, lambda: y + projection()])

        h = block(1, x)
        for j in range(self.index):
            bit = self.index - 1 - j  # the most significant bit is the earliest cell
            h = add(values[4] // 2**bit % 2, h, skips[j], f"skip{j}", self.index - j)
        return h, add(shortcut, block(2, h), x, "sc", 1)
