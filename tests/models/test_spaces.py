"""Every space of the catalogue, and those of the guide's plug-ins: what its networks cost, are called and converted to.

That supernet and derived networks agree is tested in tests/nas/test_conformance.py.
"""

from __future__ import annotations

import math
import pathlib
import re
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config import plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.image_sides import image_sides
from autogan_tf.data import seeds
from autogan_tf.interop import official_pytorch
from autogan_tf.models import initializers, layers
from autogan_tf.models.controller import Controller
from autogan_tf.models.generator import Generator, SupernetGenerator, generator_cost
from autogan_tf.models.spectral_norm import SpectralDeconv2D
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.cell_outline import outline
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace
from tests.plugged import restored

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples"
NAMES = [*catalog.SPACES, "with_sub_pixel", "chain"]
SIZES = {"gf_dim": 3, "latent_dim": 5, "bottom_width": 6, "channels": 2}


@pytest.fixture(params=NAMES)
def space(request) -> Iterator[SearchSpace]:
    with restored():
        plugins.load([str(EXAMPLES / "sub_pixel.py"), str(EXAMPLES / "chain.py")])
        yield catalog.space(request.param)


def some(space: SearchSpace, number: int, *, num_cells: int = 3) -> list[Genotype]:
    drawn = space.sample(np.random.default_rng(8), num_cells=num_cells, number=number)
    return [Genotype.from_tokens(tokens, space) for tokens in drawn.tolist()]


def drawn(network):
    initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(0, "weights"))
    return network


def counted_multiply_adds(network: Generator, num_cells: int) -> int:
    """From the kernels that the network has and the maps that they meet in a forward pass of one image."""
    sides = image_sides(bottom_width=network.bottom_width, num_cells=num_cells)
    found: list[int] = []

    def watch(path: str, layer: tf.keras.layers.Layer) -> None:
        called = layer.call

        def call(x, *arguments, **options):
            y = called(x, *arguments, **options)
            if hasattr(layer, "kernel"):
                # a convolution has every weight once for a pixel of its output, a transposed one of its input
                pixels = math.prod((x if isinstance(layer, SpectralDeconv2D) else y).shape[1:-1])
                cell = re.fullmatch(r"cell(\d+)\.(sc|skip\d+)_conv", path)
                if cell:  # counted at the cell's size, though some are computed before the map is enlarged
                    assert pixels in (sides[int(cell[1]) - 1] ** 2, x.shape[1] ** 2)
                    pixels = sides[int(cell[1]) - 1] ** 2
                found.append(math.prod(layer.kernel.shape) * pixels)
            return y

        layer.call = call

    for path, layer in network.named_layers().items():
        watch(path, layer)
    network(np.zeros((1, network.latent_dim), np.float32))
    assert len(found) == sum(hasattr(layer, "kernel") for layer in network.named_layers().values())  # each once
    return sum(found)


def test_multiply_adds_are_those_of_the_network_that_is_built(space, monkeypatch):
    # where it is worth it, two kernels are joined and applied as one
    monkeypatch.setattr(layers, "is_worth_joining", lambda x, kernel: False)
    for num_cells in (1, 3):
        for genotype in some(space, 6, num_cells=num_cells):
            network = Generator(genotype, **SIZES)
            assert generator_cost(genotype, **SIZES).multiply_adds == counted_multiply_adds(network, num_cells)


def test_the_words_for_a_cell_are_true_of_the_network_that_is_built(space):
    for genotype in some(space, 12):
        names = set(Generator(genotype, **SIZES).named_layers())
        for number, cell in enumerate(genotype.cells, 1):
            words = outline(cell)
            assert bool(words.shortcut) == (f"cell{number}.sc_conv" in names)
            assert {f"cell{number}.skip{source}_conv" for source in words.skips} == {
                name for name in names if re.fullmatch(rf"cell{number}\.skip\d+_conv", name)
            }
            order = "pre" if words.block[-1] == "conv 3 × 3" else "post"
            assert {f"cell{number}.{order}_conv{block}.conv" for block in (1, 2)} <= names
            assert ("batch norm" in words.block) == (f"cell{number}.{order}_conv1.bn" in names)
            assert (words.upsampling == "transposed convolution") == (f"cell{number}.{order}_conv1.deconv" in names)
            assert words.rest == ()


def test_networks_of_the_published_space_are_converted_there_and_back_and_others_are_refused(space):
    networks = [Generator(genotype, **SIZES) for genotype in some(space, 4)]
    supernet = SupernetGenerator(space=space, num_cells=2, **SIZES)
    if space is not autogan.SPACE:
        for network, kind in ((networks[0], "generator"), (supernet, "generator"),
                              (Controller(stage=1, hid_size=2, space=space), "controller")):  # fmt: skip
            with pytest.raises(UserError, match=f"has the search space autogan, and this {kind} is of {space.name};"):
                official_pytorch.state_dict(network)
        return
    latents = np.random.default_rng(0).standard_normal((2, SIZES["latent_dim"])).astype(np.float32)
    for network in map(drawn, networks):
        again = official_pytorch.generator(official_pytorch.state_dict(network), network.genotype.tokens)
        np.testing.assert_array_equal(again(latents), network(latents))
    arrays = official_pytorch.state_dict(drawn(supernet))
    again = official_pytorch.state_dict(official_pytorch.supernet(arrays))
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
