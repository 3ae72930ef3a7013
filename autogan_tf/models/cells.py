"""The generator's cell (paper figure 2): a convolution block that doubles the resolution, a second, shortcut, skips.

One class serves both networks. A derived cell knows its choices and holds only the layers that they use; a supernet's
cell holds every branch and takes the choices as integer tensors, picked with `tf.switch_case`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

from autogan_tf.models import layers
from autogan_tf.search_space import choices
from autogan_tf.search_space.genotype import CellGenotype

Token: TypeAlias = int | tf.Tensor
POST, PRE = (choices.CONVS.index(name) for name in ("post", "pre"))
BATCH = choices.NORMS.index("batch")
DECONV = choices.UPSAMPLINGS.index("deconv")


def select(token: Token, branches: Sequence[Callable[[], tf.Tensor]]) -> tf.Tensor:
    """The result of branch number `token`: picked now for an integer, in the graph for an int32 scalar tensor."""
    if isinstance(token, int):
        return branches[token]()
    return tf.switch_case(token, list(branches))


def project_and_upsample(
    x: tf.Tensor, up: Token, deconvs: Sequence[tf.keras.layers.Layer], conv: tf.keras.layers.Layer
) -> tf.Tensor:
    """A 1x1 convolution of x enlarged by 2 per deconvolution of `deconvs`, in the way that token `up` names.

    Computed before enlarging where the two commute (all but deconvolution). `deconvs` may hold None where `up` is an
    integer other than DECONV.
    """

    def deconv() -> tf.Tensor:
        y = x
        for layer in deconvs:
            y = layer(y)
        return conv(y)

    factor = 2 ** len(deconvs)
    return select(
        up,
        [
            lambda: layers.bilinear_upsample(conv(x), factor),
            lambda: layers.nearest_upsample(conv(x), factor),
            deconv,
        ],
    )


def upsample_and_convolve(
    x: tf.Tensor, up: Token, deconv: tf.keras.layers.Layer, conv: tf.keras.layers.Conv2D
) -> tf.Tensor:
    """A 3x3 convolution of x enlarged by 2 in the way that token `up` names; `deconv` as in `project_and_upsample`."""

    def nearest() -> tf.Tensor:
        return tf.nn.bias_add(layers.nearest_upsampled_conv2d(x, tf.convert_to_tensor(conv.kernel)), conv.bias)

    return select(up, [lambda: conv(layers.bilinear_upsample(x, 2)), nearest, lambda: conv(deconv(x))])


class ConvBlock(tf.keras.layers.Layer):
    """post: (upsample,) convolution, norm, ReLU; pre: norm, ReLU, (upsample,) convolution.

    [N, H, W, C] -> [N, H', W', C]. The first block of a cell upsamples; the second one does not.
    """

    def __init__(self, width: int, *, post: bool, upsamples: bool, genotype: CellGenotype | None, name: str) -> None:
        super().__init__(name=name)
        self.post = post
        self.upsamples = upsamples
        self.parts: dict[str, tf.keras.layers.Layer] = {"conv": layers.conv2d(width, width, 3, "conv")}
        if genotype is None or genotype.norm == "batch":
            self.parts["bn"] = layers.BatchNorm(width, "bn")
        if upsamples and (genotype is None or genotype.up == "deconv"):
            self.parts["deconv"] = layers.deconv2d(width, "deconv")
        self.instance_norm = layers.InstanceNorm(name="instance_norm")
        self.built = True

    def _norm_relu(self, x: tf.Tensor, norm: Token, training: bool, momentum: float | tf.Tensor) -> tf.Tensor:
        branches = [
            lambda: x,
            lambda: self.parts["bn"](x, training=training, momentum=momentum),
            lambda: self.instance_norm(x),
        ]
        return tf.nn.relu(select(norm, branches))

    def call(self, x: tf.Tensor, norm: Token, up: Token, training: bool, momentum: float | tf.Tensor) -> tf.Tensor:
        """`norm` and `up` are tokens: integers in a derived network, int32 scalars in the supernet."""
        if not self.post:
            x = self._norm_relu(x, norm, training, momentum)
        conv = self.parts["conv"]
        x = upsample_and_convolve(x, up, self.parts.get("deconv"), conv) if self.upsamples else conv(x)
        return self._norm_relu(x, norm, training, momentum) if self.post else x


class Cell(tf.keras.layers.Layer):
    """Cell number `index`, from 0: [N, H, W, C] and earlier skip outputs -> (skip output, output), each [N, 2H, 2W, C].

    Args:
      width: channels C.
      index: how many cells come before, hence how many skips may come in.
      genotype: the cell's choices for a derived network; None for the supernet's cell with every branch.
    """

    def __init__(self, width: int, *, index: int, genotype: CellGenotype | None = None, name: str) -> None:
        super().__init__(name=name)
        self.index = index
        self.tokens = genotype.tokens if genotype else None

        def uses(attribute: str, value: object) -> bool:
            return genotype is None or getattr(genotype, attribute) == value

        self.blocks = {
            f"{kind}_conv{number}": ConvBlock(
                width, post=kind == "post", upsamples=number == 1, genotype=genotype, name=f"{kind}_conv{number}"
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
        self.parts[f"{name}_conv"] = layers.conv2d(width, width, 1, f"{name}_conv")
        for k in range(doublings if deconvs else 0):
            self.parts[f"{name}_deconv{k}"] = layers.deconv2d(width, f"{name}_deconv{k}")

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
        tokens: tf.Tensor | None = None,
        training: bool = False,
        momentum: float | tf.Tensor = layers.BATCH_NORM_MOMENTUM,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`skips`: the earlier cells' skip outputs; `tokens`: int32 [4 or 5], needed by (only) a supernet's cell.

        The skip output is the first block's output AFTER the incoming skips were added.
        """
        values: Sequence[Token] = self.tokens if self.tokens is not None else tf.unstack(tokens)
        conv, norm, up, shortcut = values[:4]

        def block(number: int, y: tf.Tensor) -> tf.Tensor:
            def of(kind: str) -> Callable[[], tf.Tensor]:
                return lambda: self.blocks[f"{kind}_conv{number}"](y, norm, up, training, momentum)

            return select(conv, [of("post"), of("pre")])

        def add(flag: Token, y: tf.Tensor, source: tf.Tensor, path: str, doublings: int) -> tf.Tensor:
            deconvs = [self.parts.get(f"{path}_deconv{k}") for k in range(doublings)]
            projection = lambda: project_and_upsample(source, up, deconvs, self.parts[f"{path}_conv"])  # noqa: E731
            return select(flag, [lambda: y, lambda: y + projection()])

        h = block(1, x)
        for j in range(self.index):
            bit = self.index - 1 - j  # the most significant bit is the earliest cell
            h = add(values[4] // 2**bit % 2, h, skips[j], f"skip{j}", self.index - j)
        return h, add(shortcut, block(2, h), x, "sc", 1)
