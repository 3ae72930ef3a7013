"""The released generators: `--saved_model=pretrained:autogan_cifar10_a`, and in Python

    from autogan_tf.pretrained import generators
    generator = generators.load("autogan_cifar10_a")  # latents float32 [N, 128] -> images float32 [N, 32, 32, 3]

Each is NAME.npz, its weights by the layers' paths, kernels as float16 and all else as float32 (a moving variance may be
beyond what float16 holds), NAME.json, a genotype file with its scores, and NAME.md, its model card.
"""

from __future__ import annotations

import io
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.config.generator_settings import PRETRAINED
from autogan_tf.config.image_sides import image_sides
from autogan_tf.models import finite
from autogan_tf.models.generator import Generator
from autogan_tf.search_space.genotype import Genotype

FOLDER = pathlib.Path(__file__).parent


def names() -> list[str]:
    """Of all released generators."""
    return sorted(path.stem for path in FOLDER.glob("*.npz"))


def is_named(path: str) -> bool:
    """Whether a --saved_model names a released generator."""
    return path.startswith(PRETRAINED)


def stem(name: str) -> str:
    """The name of a released generator without "pretrained:" before it; UserError where there is none."""
    found = name.removeprefix(PRETRAINED)
    if found not in names():
        raise UserError(f"no released generator is called {found!r}; there are {', '.join(names())}")
    return found


def load(name: str) -> Generator:
    """A released generator; it computes in float32.

    Args:
      name: with or without "pretrained:" before it.

    Raises:
      UserError: there is none of that name, or its file is damaged.
    """
    known = stem(name)
    genotype = Genotype.load(FOLDER / f"{known}.json")
    try:
        with np.load(FOLDER / f"{known}.npz", allow_pickle=False) as file:
            weights = {key: file[key].astype(np.float32) for key in file.files}
        return of_weights(genotype, weights)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"the weights of {known} are damaged ({error}); install the program again") from None


def description(name: str, generator: Generator) -> dict[str, Any]:
    """What `export` and `serve` write beside it: genotype, sizes and scores."""
    told = json.loads((FOLDER / f"{stem(name)}.json").read_text(encoding="utf-8"))
    side = image_sides(bottom_width=generator.bottom_width, num_cells=generator.num_cells)[-1]
    return {
        "genotype": told,
        "weights": "average",
        "latent_dim": generator.latent_dim,
        "image_shape": [side, side, generator.channels],
        "num_classes": 0,
        "class_counts": [],
        "scores": [told["scores"]],
        "run": {},
    }


def of_weights(genotype: Genotype, weights: Mapping[str, np.ndarray]) -> Generator:
    """A generator with these weights, which tell its sizes, by their names in `finite.named_weights`."""
    latent_dim, outputs = weights["l1.kernel"].shape
    *_, gf_dim, channels = weights["to_rgb_conv.kernel"].shape
    generator = Generator(
        genotype,
        gf_dim=gf_dim,
        latent_dim=latent_dim,
        bottom_width=round((outputs / gf_dim) ** 0.5),
        channels=channels,
    )
    for key, variable in finite.named_weights(generator).items():
        variable.assign(weights[key])
    return generator


def packed(generator: Generator) -> bytes:
    """The weights as a file NAME.npz.

    Raises:
      UserError: a kernel is NaN or beyond what float16 holds (65,504), or the generator has classes or spectral norm,
        which `of_weights` does not read.
    """
    weights = {key: variable.numpy() for key, variable in finite.named_weights(generator).items()}
    if generator.num_classes or "l1.u" in weights:
        raise UserError("a generator with classes or spectral norm cannot be released yet; release another one")
    with np.errstate(over="ignore"):
        halves = {key: value.astype(np.float16 if value.ndim > 1 else np.float32) for key, value in weights.items()}
    finite.check(halves, of="the generator in float16", remedy="it cannot be released in half precision")
    file = io.BytesIO()
    np.savez_compressed(file, **halves)
    return file.getvalue()
