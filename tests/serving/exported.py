"""A small generator and how export writes it."""

from __future__ import annotations

import pathlib

import numpy as np

from autogan_tf.models.generator import Generator
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.serving import model_folder, signatures

LATENT_DIM = 5


def small_generator(num_classes: int = 0, gf_dim: int = 4) -> Generator:
    """One cell, 8 x 8 grey pixels, weights and statistics drawn."""
    genotype = Genotype.from_tokens([0, 1, 2, 1])
    generator = Generator(genotype, gf_dim=gf_dim, latent_dim=LATENT_DIM, channels=1, num_classes=num_classes)
    rng = np.random.default_rng(0)
    for variable in generator.variables:
        scale = 2 / np.prod(variable.shape[:-1]) ** 0.5  # images shall not be black and white
        variable.assign(rng.uniform(0.1, 0.6, variable.shape) * rng.choice([-1, 1], variable.shape) * scale)
    for variable in generator.non_trainable_variables:
        variable.assign(np.abs(variable.numpy()))
    return generator


def write(folder: pathlib.Path, generator: Generator, **options) -> pathlib.Path:
    """A version of it, as export writes it; `draw`: the function in another form, with constants for weights."""
    draw = options.pop("draw", None)
    return model_folder.write_version(
        folder,
        draw or signatures.drawing(generator),
        latent_dim=LATENT_DIM,
        num_classes=generator.num_classes,
        variables=[] if draw else generator.variables,
        description={"num_classes": generator.num_classes, "made_by": "a test"},
        **options,
    )
