"""The generator's cell (paper figure 2): a convolution block that doubles the resolution, a second, shortcut, skips.

One class serves both networks. A derived cell knows its choices and holds only the layers that they use; a supernet's
cell holds every branch and takes the choices as integer tensors, picked with `tf.switch_case`. What an option builds
and computes is in `operations.py`, which branches there are in `branches.py`; here is how the cell puts them together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from autogan_tf.models import batch_norm, cost, layers, replicas
from autogan_tf.models.branches import Branches, Token, select
from autogan_tf.models.cost import Cost
from autogan_tf.models.operations import Make, Upsampling
from autogan_tf.search_space.space import CellChoices, Decision

PLAIN = Make()


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
        branches: Branches,
        make: Make,
        name: str,
    ) -> None:
        super().__init__(name=name, autocast=False)
        self.post = post
        self.upsamples = upsamples
        self._branches = branches
        self.parts: dict[str, tf.keras.layers.Layer] = {"conv": make.conv(width, width, 3, "conv")}
        for norm in branches.held_norms():
            if norm.layer_name:
                self.parts[norm.layer_name] = norm.build(make, width)
        for up in branches.held_ups() if upsamples else ():
            if up.layer_name:
                self.parts[up.layer_name] = up.build(make, width, up.layer_name)
        self.built = True

    def used_parts(self, norm: tf.Tensor, up: tf.Tensor) -> dict[str, tf.Tensor | bool]:
        """For each name of `parts`: whether the block uses it with these tokens, if it is used itself."""
        used: dict[str, tf.Tensor | bool] = {"conv": True}
        used |= {kind.layer_name: tf.equal(norm, i) for i, kind in enumerate(self._branches.norms) if kind.layer_name}
        used |= {kind.layer_name: tf.equal(up, i) for i, kind in enumerate(self._branches.ups) if kind.layer_name}
        return {name: used[name] for name in self.parts}

    def _convolve(self, x: tf.Tensor, up: Token, mode: layers.Pass) -> tf.Tensor:
        conv = self.parts["conv"]
        if not self.upsamples:
            return conv(x, training=mode.training)

        def doubled(kind) -> tf.Tensor:
            return kind.convolved(x, self.parts.get(kind.layer_name), conv, mode.training)

        return select(up, [functools.partial(doubled, kind) for kind in self._branches.ups])

    def before_norm(self, x: tf.Tensor, up: Token, mode: layers.Pass) -> tf.Tensor:
        """What comes before the norm."""
        return self._convolve(x, up, mode) if self.post else x

    def local_moments(self, x: tf.Tensor, norm: Token) -> batch_norm.Moments:
        """What replicas have to exchange about x, which comes before the norm."""
        return select(norm, [functools.partial(kind.local_moments, x) for kind in self._branches.norms])

    def normalized(
        self, x: tf.Tensor, norm: Token, mode: layers.Pass, moments: batch_norm.Moments | None = None
    ) -> tf.Tensor:
        """The norm; `moments`: of all replicas' images, where batch norm shall not communicate by itself."""

        def by(kind) -> tf.Tensor:
            return kind.apply(x, self.parts.get(kind.layer_name), mode, moments)

        return select(norm, [functools.partial(by, kind) for kind in self._branches.norms])

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
    """The block of `blocks` that token `conv` names, in training on several replicas.

    Replicas cannot communicate inside of a conditional, so batch norm's moments are exchanged between two of them: the
    first goes up to the norm, the second on from there. Where the norm is another one zeros are exchanged.
    """
    height, width, channels = x.shape[1:]
    factors = [2 if block.post and block.upsamples else 1 for block in blocks]

    def begin(block: ConvBlock) -> tuple[tf.Tensor, batch_norm.Moments]:
        y = block.before_norm(x, up, mode)
        return y, block.local_moments(y, norm)

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
      decisions: of the cell.
      tokens: the cell's choices for a derived network; None for the supernet's cell with every branch.
      make: how layers with weights are made.
    """

    def __init__(
        self,
        width: int,
        *,
        index: int,
        decisions: Sequence[Decision],
        tokens: Sequence[int] | None = None,
        make: Make = PLAIN,
        name: str,
    ) -> None:
        super().__init__(name=name, autocast=False)
        self.index = index
        self._branches = Branches(decisions, tokens)
        self.blocks = {
            f"{kind}_conv{number}": ConvBlock(
                width,
                post=kind == "post",
                upsamples=number == 1,
                branches=self._branches,
                make=make,
                name=f"{kind}_conv{number}",
            )
            for kind in self._branches.held("conv")
            for number in (1, 2)
        }
        self.parts: dict[str, tf.keras.layers.Layer] = {}
        for part, (_, up) in self._named_parts().items():
            self.parts[part] = make.conv(width, width, 1, part) if up is None else up.build(make, width, part)
        self.built = True

    def _named_parts(self) -> dict[str, tuple[str, Upsampling | None]]:
        """For each name of `parts`: the path that uses it, and the upsampling that does, if it is one's."""
        named: dict[str, tuple[str, Upsampling | None]] = {}
        for path, doublings in self._branches.paths().items():
            named[f"{path}_conv"] = (path, None)
            for up in self._branches.held_ups():
                named |= {f"{path}_{up.layer_name}{k}": (path, up) for k in range(doublings if up.layer_name else 0)}
        return named

    def named_layers(self) -> dict[str, tf.keras.layers.Layer]:
        """Every layer with weights, by its path in the cell ("pre_conv1.conv", "sc_conv", "skip0_deconv1", ...)."""
        of_blocks = {
            f"{name}.{part}": layer for name, block in self.blocks.items() for part, layer in block.parts.items()
        }
        return of_blocks | dict(self.parts)

    def used_layers(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        """For each name of `named_layers`: whether the cell with `tokens`, int32 [D], uses it; boolean scalars."""
        values = self._branches.chosen(tokens)
        used = {}
        for name, block in self.blocks.items():
            here = tf.equal(values["conv"], self._branches.orders.index("post" if block.post else "pre"))
            parts = block.used_parts(values["norm"], values["up"])
            used.update({f"{name}.{part}": here & condition for part, condition in parts.items()})
        for name, (path, up) in self._named_parts().items():
            added = tf.equal(self._branches.is_added(path, values), 1)
            used[name] = added if up is None else added & tf.equal(values["up"], self._branches.ups.index(up))
        return used

    def call(
        self,
        x: tf.Tensor,
        skips: Sequence[tf.Tensor],
        tokens: tf.Tensor | None,
        mode: layers.Pass,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """`skips`: the earlier cells' skip outputs; `tokens`: int32 [D], needed by (only) a supernet's cell.

        The skip output is the first block's output AFTER the incoming skips were added.
        """
        values = self._branches.chosen(tokens)
        conv, norm, up = values["conv"], values["norm"], values["up"]

        def block(number: int, y: tf.Tensor) -> tf.Tensor:
            def of(kind: str) -> Callable[[], tf.Tensor]:
                return lambda: self.blocks[f"{kind}_conv{number}"](y, norm, up, mode)

            if self._branches.tokens is None and mode.training and replicas.count() > 1:
                blocks = [self.blocks[f"{kind}_conv{number}"] for kind in self._branches.orders]
                return call_in_replicas(blocks, y, conv, norm, up, mode)
            return select(conv, [of(kind) for kind in self._branches.orders])

        def add(path: str, y: tf.Tensor, source: tf.Tensor, doublings: int) -> tf.Tensor:
            def projected(kind) -> tf.Tensor:
                own = [self.parts.get(f"{path}_{kind.layer_name}{k}") for k in range(doublings)]
                return kind.projected(source, own, self.parts[f"{path}_conv"], mode.training)

            def projection() -> tf.Tensor:
                return select(up, [functools.partial(projected, kind) for kind in self._branches.ups])

            return select(self._branches.is_added(path, values), [lambda: y, lambda: y + projection()])

        h = block(1, x)
        for j in range(self.index):
            h = add(f"skip{j}", h, skips[j], self.index - j)
        return h, add("sc", block(2, h), x, 1)


def cell_cost(choices: CellChoices, *, width: int, height: int, num_classes: int) -> Cost:
    """Of a derived cell with maps of `width` channels that makes maps of `height` x `height`."""
    branches = Branches(choices.decisions, choices.tokens)
    [norm], [up] = branches.held_norms(), branches.held_ups()
    parts = [cost.conv_cost(3, width, width, height), norm.cost(width, num_classes=num_classes)] * 2
    parts.append(up.cost(width, height=height))
    for doublings in branches.paths().values():
        parts.append(cost.conv_cost(1, width, width, height))
        parts += [up.cost(width, height=height >> k) for k in range(doublings)]
    return cost.total(parts)
