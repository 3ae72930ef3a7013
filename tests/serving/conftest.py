"""Small generators, plain and conditional, and what export makes of them."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.models.generator import Generator
from tests.serving.exported import LATENT_DIM, small_generator, write
from tests.serving.running import running


@pytest.fixture(scope="session")
def plain() -> Generator:
    return small_generator()


@pytest.fixture(scope="session")
def conditional() -> Generator:
    return small_generator(num_classes=3)


@pytest.fixture(scope="session")
def plain_version(plain, tmp_path_factory) -> pathlib.Path:
    return write(tmp_path_factory.mktemp("serving") / "plain", plain)


@pytest.fixture(scope="session")
def conditional_version(conditional, tmp_path_factory) -> pathlib.Path:
    return write(tmp_path_factory.mktemp("serving") / "conditional", conditional)


@pytest.fixture(scope="session")
def signed(plain_version, conditional_version):
    """signed("png", z=…) calls a signature of the plain version, of the conditional one where label is given."""
    loaded = {name: tf.saved_model.load(str(path)) for name, path in
              {"plain": plain_version, "conditional": conditional_version}.items()}  # fmt: skip

    def call(signature: str, **inputs) -> dict[str, np.ndarray]:
        model = loaded["conditional" if "label" in inputs else "plain"]
        return {key: value.numpy() for key, value in model.signatures[signature](**inputs).items()}

    return call


@pytest.fixture
def latents() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((6, LATENT_DIM)).astype(np.float32)


@pytest.fixture(scope="session")
def server(plain_version):
    """A local server of the plain generator, model "plain"."""
    with running(plain_version.parent) as server:
        yield server


@pytest.fixture(scope="session")
def server_of_classes(conditional_version):
    """A local server of the conditional generator, model "conditional"."""
    with running(conditional_version.parent) as server:
        yield server
