"""Networks with the weights of the published PyTorch implementation, and their weights by its names.

    state = official_pytorch.read_checkpoint("official.pth")
    network = official_pytorch.generator(state, published.load("autogan_cifar10_a").tokens)
    arrays = official_pytorch.state_dict(network)  # the very arrays that it was loaded from

`state` maps the original's parameter names to NumPy arrays; a whole training checkpoint is accepted, too, and then
gives its `dis_state_dict` or its `avg_gen_state_dict` (the moving average; pass `checkpoint["gen_state_dict"]` for the
other).
Sizes are inferred from the arrays. All functions raise `UserError`, which lists everything that does not fit.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.interop import official_names
from autogan_tf.interop.official_names import BATCHES, DERIVED, SUPERNET
from autogan_tf.interop.pth_reader import read_checkpoint
from autogan_tf.models import finite
from autogan_tf.models.controller import Controller
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, SupernetGenerator
from autogan_tf.search_space.genotype import Genotype

__all__ = ["controller", "discriminator", "generator", "read_checkpoint", "state_dict", "supernet"]

State = Mapping[str, np.ndarray]
Shapes = Mapping[str, tuple[int, ...]]  # by name
DATA_PARALLEL = "module."  # what torch.nn.DataParallel puts before every name


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a loaded network remembers of its state: the layout of names (None: that of its kind), the order, and arrays
    without a variable."""

    layout: str | None
    prefix: str
    names: tuple[str, ...]
    extras: Mapping[str, np.ndarray]

    def to_json(self) -> dict[str, Any]:
        """For a run's config.json; meant for derived networks, whose only extras are counts of batches."""
        return dataclasses.asdict(self) | {"extras": {name: array.tolist() for name, array in self.extras.items()}}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Origin:
        """What `to_json` wrote."""
        extras = {name: np.array(value, np.int64) for name, value in document["extras"].items()}
        return cls(document["layout"], document["prefix"], tuple(document["names"]), extras)


def generator(state: Mapping[str, Any], tokens: Sequence[int]) -> Generator:
    """The derived generator of the architecture `tokens`, from a supernet's state or a derived network's.

    A supernet's state serves fewer cells than it has, too (4, 9, ... tokens), as while it grows.
    """
    state, prefix = _plain_state(state, "avg_gen_state_dict", "gen_state_dict")
    genotype = Genotype.from_tokens([int(token) for token in tokens])
    layout = _generator_layout(state)
    sizes = _Sizes.of(state)
    cells = len(genotype.cells)
    if cells > sizes.num_cells or (layout == DERIVED and cells < sizes.num_cells):
        raise UserError(
            f"the tokens {genotype} describe {cells} cells, but the state has {sizes.num_cells}; "
            f"{'at most' if layout == SUPERNET else 'exactly'} as many are needed"
        )
    network = Generator(genotype, **sizes.arguments())
    if layout == DERIVED and not official_names.has_derived_names(network):
        raise UserError(f"the tokens {genotype} ask for deconvolutions, which the derived layout of names has not")
    unused = sizes.supernet_shapes() if layout == SUPERNET else {}
    _load(network, state, prefix=prefix, layout=layout, ignored=unused)
    return network


def supernet(state: Mapping[str, Any]) -> SupernetGenerator:
    """The generator with every branch; call(z, tokens=..., stage=..., training=...)."""
    state, prefix = _plain_state(state, "avg_gen_state_dict", "gen_state_dict")
    if _generator_layout(state) != SUPERNET:
        raise UserError("the state is of a derived generator (cell1.c1.weight ...); a supernet's has every branch")
    sizes = _Sizes.of(state)
    network = SupernetGenerator(num_cells=sizes.num_cells, **sizes.arguments())
    _load(network, state, prefix=prefix, kept=sizes.supernet_shapes())
    return network


def discriminator(state: Mapping[str, Any], stage: int) -> Discriminator:
    """The discriminator, looking with the blocks of `stage` (from 0); call(images, training=...)."""
    state, prefix = _plain_state(state, "dis_state_dict")
    blocks = _numbers(r"block(\d+)\.", state)
    if blocks < 2:
        raise UserError(f"no discriminator's state: names such as block1.c1.weight_orig are needed, got {_some(state)}")
    df_dim, channels, *_ = _shape(state, "block1.c1.weight_orig", 4)
    if not 0 <= stage < blocks - 1:
        raise UserError(f"stage must be from 0 to {blocks - 2} for a discriminator of {blocks} blocks, got {stage}")
    network = Discriminator(num_cells=blocks - 1, df_dim=df_dim, channels=channels, stage=stage)
    _load(network, state, prefix=prefix)
    return network


def controller(state: Mapping[str, Any], stage: int) -> Controller:
    """The controller that writes cell number `stage` (from 0)."""
    state, prefix = _plain_state(state)
    if stage < 0:
        raise UserError(f"stage must be at least 0, got {stage}")
    hid_size = _shape(state, "lstm.weight_hh", 2)[1]
    network = Controller(stage=stage, hid_size=hid_size)
    _load(network, state, prefix=prefix)
    return network


def state_dict(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """All arrays of a network by the original's names and layouts, those that it was loaded from.

    A supernet gives every array, unused ones included; a derived generator those that it uses. A network that was not
    loaded gets the supernet's names, a derived generator without deconvolutions the derived ones.
    """
    origin = getattr(model, "official_origin", Origin(layout=None, prefix="", names=(), extras={}))
    arrays = {
        official.name: np.ascontiguousarray(official.layout.to_official(official.variable.numpy()))
        for official in official_names.arrays(model, origin.layout)
    }
    arrays |= {name: array.copy() for name, array in origin.extras.items()}
    order = [*(name for name in origin.names if name in arrays), *(name for name in arrays if name not in origin.names)]
    return {origin.prefix + name: arrays[name] for name in order}


@dataclasses.dataclass(frozen=True)
class _Sizes:
    """Of a generator."""

    num_cells: int
    gf_dim: int
    latent_dim: int
    bottom_width: int
    channels: int

    @classmethod
    def of(cls, state: State) -> _Sizes:
        rows, latent_dim = _shape(state, "l1.weight", 2)
        channels, gf_dim, *_ = _shape(state, "to_rgb.2.weight", 4)
        bottom_width = math.isqrt(rows // gf_dim)
        if bottom_width < 1 or bottom_width**2 * gf_dim != rows:
            raise UserError(
                f"l1.weight has {rows} rows, which is no square times the {gf_dim} channels of to_rgb.2.weight"
            )
        return cls(_numbers(r"cell(\d+)\.", state), gf_dim, latent_dim, bottom_width, channels)

    def arguments(self) -> dict[str, Any]:
        """For the networks' constructors."""
        return {
            "gf_dim": self.gf_dim,
            "latent_dim": self.latent_dim,
            "bottom_width": self.bottom_width,
            "channels": self.channels,
        }

    def supernet_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every array that a supernet's state may hold. Its cells carry deconvolutions that no architecture uses: in
        the second blocks, and for skips of more doublings than a cell can get."""
        width = self.gf_dim
        shapes: dict[str, tuple[int, ...]] = {}

        def convolution(name: str, kernel: int, outputs: int = width) -> None:
            shapes[f"{name}.weight"] = (outputs, width, kernel, kernel)
            shapes[f"{name}.bias"] = (outputs,)

        def norm(name: str) -> None:
            shapes.update({f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")})
            shapes[f"{name}.{BATCHES}"] = ()

        shapes["l1.weight"] = (self.bottom_width**2 * width, self.latent_dim)
        shapes["l1.bias"] = (self.bottom_width**2 * width,)
        for cell in range(1, self.num_cells + 1):
            for block in ("post_conv1", "pre_conv1", "post_conv2", "pre_conv2"):
                convolution(f"cell{cell}.{block}.conv", 3)
                convolution(f"cell{cell}.{block}.deconv", 2)
                norm(f"cell{cell}.{block}.bn")
            convolution(f"cell{cell}.deconv_sc", 2)
            convolution(f"cell{cell}.c_sc", 1)
            for source in range(cell - 1):
                convolution(f"cell{cell}.skip_in_ops.{source}", 1)
            for doublings in range(1, max(2, self.num_cells - 1) + 1):
                name = f"cell{cell}.skip_deconvx{2**doublings}"
                for number in range(doublings):
                    convolution(name if doublings == 1 else f"{name}.{number}", 2)
        norm("to_rgb.0")
        convolution("to_rgb.2", 3, outputs=self.channels)
        return shapes


def _plain_state(state: Mapping[str, Any], *parts: str) -> tuple[dict[str, np.ndarray], str]:
    """The names and arrays of one network, without DataParallel's prefix, and that prefix.

    `parts`: what a whole checkpoint calls that network; the first one that it has is taken. UserError where it holds
    anything but arrays by name.
    """
    found = next((part for part in parts if isinstance(state.get(part), Mapping)), None)
    if found is not None:
        state = state[found]
    elif any(isinstance(value, Mapping) for value in state.values()):
        held = ", ".join(map(str, state))
        raise UserError(f"the checkpoint holds {held}; {' or '.join(parts) or 'one network'} is needed")
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError(f"the state must hold arrays by name, got {name!r} as a name")
        if not isinstance(value, np.ndarray | np.generic | int | float):
            raise UserError(f"the state must hold arrays by name, but its {name} is a {type(value).__name__}")
    prefix = DATA_PARALLEL if state and all(name.startswith(DATA_PARALLEL) for name in state) else ""
    return {name.removeprefix(prefix): np.asarray(array) for name, array in state.items()}, prefix


def _generator_layout(state: State) -> str:
    if any(re.match(r"cell\d+\.(pre|post)_conv", name) for name in state):
        return SUPERNET
    if any(re.match(r"cell\d+\.c1\.", name) for name in state):
        return DERIVED
    raise UserError(
        "no generator's state: names such as cell1.pre_conv1.conv.weight (supernet) or cell1.c1.weight (derived) are "
        f"needed, got {_some(state)}"
    )


def _numbers(pattern: str, state: State) -> int:
    """The largest number that `pattern` finds at the beginning of a name; 0 for none."""
    return max((int(match[1]) for name in state if (match := re.match(pattern, name))), default=0)


def _some(state: State) -> str:
    names = list(state)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "no names"


def _shape(state: State, name: str, dimensions: int) -> tuple[int, ...]:
    if name not in state:
        raise UserError(f"the state has no {name}, from which sizes are inferred; it has {_some(state)}")
    if state[name].ndim != dimensions:
        raise UserError(f"{name} must have {dimensions} dimensions, got the shape {state[name].shape}")
    return state[name].shape


def _load(
    network: tf.keras.Model,
    state: State,
    *,
    prefix: str,
    layout: str = SUPERNET,
    kept: Shapes = MappingProxyType({}),
    ignored: Shapes = MappingProxyType({}),
) -> None:
    """Assigns the state to the network's variables, which it holds by the names of `layout`.

    `kept`, `ignored`: what else the state may hold, with the shapes; what is kept is given back by `state_dict`, as are
    the counts of batches of the network's norms. UserError that lists names that are missing or unknown, shapes that do
    not fit, and values that are not finite in the variables' type; then nothing is assigned.
    """
    theirs = list(official_names.arrays(network, layout))
    own = {official.name: official.official_shape for official in theirs}
    counts = {name.replace("running_mean", BATCHES): () for name in own if name.endswith(".running_mean")}
    shapes = {**ignored, **kept, **counts, **own}
    problems = [f"{name} is missing" for name in own if name not in state]
    for name, array in state.items():
        if name not in shapes:
            problems.append(f"{name} is unknown")
        elif array.shape != shapes[name]:
            problems.append(f"{name} has the shape {array.shape} instead of {shapes[name]}")
        elif array.dtype.kind not in "fiu":
            problems.append(f"{name} holds {array.dtype}, not numbers")
    if problems:
        raise UserError(f"the state does not fit {type(network).__name__}: {'; '.join(problems)}")
    with np.errstate(over="ignore"):  # of float64; what then is infinite is refused
        arrays = {
            official.name: state[official.name].astype(official.variable.dtype.as_numpy_dtype) for official in theirs
        }
    finite.check(arrays, of=f"the state of the {type(network).__name__}", remedy="take another checkpoint")
    for official in theirs:
        official.variable.assign(official.layout.to_ours(arrays[official.name]))
    extras = {
        name: array.copy() for name, array in state.items() if name not in own and (name in kept or name in counts)
    }
    network.official_origin = Origin(layout=layout, prefix=prefix, names=tuple(state), extras=extras)
