"""The networks that `benchmark.py` times: ours, the same as a plain graph, as a supernet, and PyTorch's beside us."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast
from unittest import mock

import numpy as np
import tensorflow as tf
from other_python import OtherPython, add_torch_python  # beside this file
from timing import add_counts, add_some_of

from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline, seeds
from autogan_tf.interop import official_names
from autogan_tf.models import initializers, layers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import Generator, SupernetGenerator
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.adam import Adam
from autogan_tf.training.collapse import CollapseDetector
from autogan_tf.training.gan_step import GanStep
from autogan_tf.training.precision import COMPUTE_DTYPES
from autogan_tf.training.precision import check as check_precision

LEARNING_RATE, BETA_1, BETA_2 = 2e-4, 0.0, 0.9  # the published ones
LATENT_DIM, BOTTOM_WIDTH, CHANNELS = 128, 4, 3
SMALL_SIZES = [("batch_size", 32, "images of both steps"), ("dim", 32, "channels of both networks")]
TORCH_SCRIPT = pathlib.Path(__file__).with_name("torch_gan.py")
STEPS = ("discriminator", "generator")
TORCH = ("default", "channels_last", "channels_last_bfloat16")  # variants of torch_gan.py


def genotype(text: str) -> Genotype:
    """An argparse type: a published name, a genotype file, or integers."""
    try:
        integers = text.replace(" ", "").isdigit()
        return published.choose(arch=text if integers else "", genotype="" if integers else text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_arguments(parser: argparse.ArgumentParser, ways: Sequence[str]) -> None:
    """Which networks, in which ways; the sizes' defaults are the published ones."""
    parser.add_argument(
        "--genotype",
        type=genotype,
        default="autogan_cifar10_a",
        help="a published name, a genotype file or integers (default %(default)s)",
    )
    counts = [
        ("gf_dim", 256, "channels of the generator"),
        ("df_dim", 128, "channels of the discriminator"),
        ("gen_batch_size", 128, "latents of a generator step, and of a sampling"),
        ("dis_batch_size", 64, "images of a discriminator step"),
    ]
    add_counts(parser, counts)
    add_some_of(parser, "ways", ways)
    add_some_of(parser, "torch_ways", TORCH)
    add_torch_python(parser, needs="PyTorch")


def drawn_inputs(arguments: argparse.Namespace) -> dict[str, np.ndarray]:
    """Real images float32 [N, S, S, C] and the latents of both steps, the same for all that is compared."""
    rng = np.random.default_rng(0)
    side = BOTTOM_WIDTH * 2 ** len(arguments.genotype.cells)
    return {
        "real": rng.uniform(-1, 1, (arguments.dis_batch_size, side, side, CHANNELS)).astype(np.float32),
        "z": rng.standard_normal((arguments.dis_batch_size, LATENT_DIM)).astype(np.float32),
        "z_generator": rng.standard_normal((arguments.gen_batch_size, LATENT_DIM)).astype(np.float32),
    }


def _plain_nearest(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.conv2d(layers.nearest_upsample(x, 2), kernel, 1, "SAME")


def _plain_pooled(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.nn.avg_pool2d(tf.nn.conv2d(x, kernel, 1, "SAME"), 2, 2, "VALID")


@contextlib.contextmanager
def as_published() -> Iterator[None]:
    """Graphs that are traced in here convolve 3 x 3 at the full resolution, as the published implementation does."""
    with mock.patch.multiple(
        layers,
        nearest_upsampled_conv2d=_plain_nearest,
        pooled_conv2d=_plain_pooled,
        is_worth_joining=lambda x, kernel: False,
    ):
        yield


def small_gan(arguments: argparse.Namespace, *, n_critic: int, precision: str = "float32") -> SharedGan:
    """Three cells as a search trains them, of the flags of SMALL_SIZES."""
    return SharedGan(
        num_cells=3,
        bottom_width=BOTTOM_WIDTH,
        latent_dim=LATENT_DIM,
        gf_dim=arguments.dim,
        df_dim=arguments.dim,
        channels=CHANNELS,
        g_lr=LEARNING_RATE,
        d_lr=LEARNING_RATE,
        beta1=BETA_1,
        beta2=BETA_2,
        gen_batch_size=arguments.batch_size,
        n_critic=n_critic,
        init_type="xavier_uniform",
        detector=CollapseDetector(window=500, threshold=0.0),
        seed=0,
        precision=precision,
    )


class Ours:
    """The networks of this package and their steps, each a graph that is traced when it is called for the first time.

    Args:
      arguments: of `add_arguments`.
      inputs: of `drawn_inputs`.
      precision: a value of `--precision`.
      supernet: whether the generator is one of all architectures, which is given this one as a tensor.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        inputs: dict[str, np.ndarray],
        *,
        precision: str = "float32",
        supernet: bool = False,
    ) -> None:
        cells, dtype = len(arguments.genotype.cells), COMPUTE_DTYPES[precision]
        sizes = {
            "gf_dim": arguments.gf_dim, "latent_dim": LATENT_DIM, "bottom_width": BOTTOM_WIDTH, "channels": CHANNELS
        }
        self.generator = generator = (
            SupernetGenerator(num_cells=cells, compute_dtype=dtype, **sizes)
            if supernet
            else Generator(arguments.genotype, compute_dtype=dtype, **sizes)
        )
        self.discriminator = Discriminator(
            num_cells=cells, df_dim=arguments.df_dim, channels=CHANNELS, compute_dtype=dtype
        )
        optimizers = []
        for number, network in enumerate((generator, self.discriminator)):
            seed = seeds.stateless_seed(0, "benchmark", number)
            initializers.initialize(network.named_layers(), seed=seed, init_type="xavier_uniform")
            weights = network.trainable_variables
            optimizers.append(Adam(weights, learning_rate=LEARNING_RATE, beta_1=BETA_1, beta_2=BETA_2))
        step = GanStep(
            generator=generator,
            discriminator=self.discriminator,
            g_optimizer=optimizers[0],
            d_optimizer=optimizers[1],
        )
        real, z, z_generator = (tf.constant(inputs[name]) for name in ("real", "z", "z_generator"))
        tokens = (tf.constant(arguments.genotype.tokens),) if supernet else ()
        self._arguments = {
            "discriminator": (real, z, *tokens),
            "generator": (z_generator, *tokens),
            "sample": (z_generator, *tokens),
            "sample of any size": (z_generator, *tokens),
        }
        functions = {
            "discriminator": lambda *given: step.discriminator_step(*given)["loss"],
            "generator": lambda *given: step.generator_step(*given)["loss"],
            "sample": lambda z, tokens=None: pipeline.to_uint8(generator(z, tokens=tokens, training=False)),
        }
        self._graphs = {name: tf.function(function, autograph=False) for name, function in functions.items()}
        # as the commands draw, and a server
        signature = [tf.TensorSpec([None, LATENT_DIM]), *(tf.TensorSpec(given.shape, given.dtype) for given in tokens)]
        self._graphs["sample of any size"] = tf.function(
            functions["sample"], input_signature=signature, autograph=False
        )

    def concrete(self, what: str) -> tf.types.experimental.ConcreteFunction:
        """The traced graph of "discriminator", "generator", "sample" or "sample of any size"."""
        return self._graphs[what].get_concrete_function(*self._arguments[what])

    def step(self, what: str) -> float:
        """The loss of a "discriminator" or "generator" step, which is taken."""
        return float(self._graphs[what](*self._arguments[what]))

    def sample(self) -> np.ndarray:
        """Images uint8 [N, S, S, C]."""
        return self._graphs["sample of any size"](*self._arguments["sample of any size"]).numpy()

    def weights_for_torch(self) -> dict[str, np.ndarray]:
        """All weights by the names and in the layouts of torch_gan.py."""
        arrays = {}
        for prefix, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            named = {_torch_name(path): layer for path, layer in network.named_layers().items()}
            bottom_width = BOTTOM_WIDTH if prefix == "generator" else 0
            for official in official_names.arrays_of_layers(named, bottom_width=bottom_width):
                array = official.layout.to_official(official.variable.numpy())
                arrays[f"{prefix}.{official.name}"] = np.ascontiguousarray(array)
        return arrays


def build(name: str, arguments: argparse.Namespace, inputs: dict[str, np.ndarray], traced: Sequence[str]) -> Ours:
    """Ours in the way of a name: a precision, "plain" or "plain_bfloat16" (see `as_published`), or "supernet".

    traced: the graphs that will be used.
    """
    chosen = "mixed_bfloat16" if name.endswith("bfloat16") else "float32"
    check_precision(chosen)
    ours = Ours(arguments, inputs, precision=chosen, supernet=name == "supernet")
    with as_published() if name.startswith("plain") else contextlib.nullcontext():
        for what in traced:
            ours.concrete(what)
    return ours


def baseline(names: Collection[str]) -> str:
    """What the others are compared with: PyTorch as it comes, else the plain graph, else the first."""
    return next((name for name in ("PyTorch default", "plain") if name in names), next(iter(names)))


def _torch_name(path: str) -> str:
    """A layer's name in torch_gan.py: cell3.pre_conv1.bn here is cells.2.blocks.0.norm there, for example."""
    path = re.sub(r"(cell|block)(\d+)\.", lambda found: f"{found[1]}s.{int(found[2]) - 1}.", path)
    path = re.sub(r"\.(?:post|pre)_conv(\d)\.", lambda found: f".blocks.{int(found[1]) - 1}.", path)
    path = re.sub(r"\.bn$", ".norm", path)
    path = re.sub(r"\.(sc|skip)(\d*)_(conv|deconv)(\d*)$", _torch_path_name, path)
    return re.sub(r"^l[2-9]\d*$", "last", path)


def _torch_path_name(found: re.Match) -> str:
    kind, source, layer, number = found.groups()
    place = "sc" if kind == "sc" else f"skips.{source}"
    return f".{place}.conv" if layer == "conv" else f".{place}.deconvs.{number}"


@contextlib.contextmanager
def torch_variants(
    arguments: argparse.Namespace, inputs: dict[str, np.ndarray], weights: dict[str, np.ndarray], names: Sequence[str]
) -> Iterator[OtherPython]:
    """torch_gan.py with these weights and variants; it takes lines such as "channels_last generator"."""
    settings = {
        "cells": [list(cell.tokens) for cell in arguments.genotype.cells],
        "gf_dim": arguments.gf_dim,
        "df_dim": arguments.df_dim,
        "latent_dim": LATENT_DIM,
        "bottom_width": BOTTOM_WIDTH,
        "channels": CHANNELS,
        "optimizer": [LEARNING_RATE, BETA_1, BETA_2],
        "variants": list(names),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "settings.json").write_text(json.dumps(settings))
        np.savez(folder / "weights.npz", **cast(dict[str, Any], weights))
        np.savez(folder / "inputs.npz", **cast(dict[str, Any], inputs))
        with OtherPython(arguments.torch_python, [str(TORCH_SCRIPT), name], needs="torch and numpy") as torch:
            yield torch
