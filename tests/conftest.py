"""The tests run TensorFlow as the commands do; small data sets, and two small trained runs for the commands that take
one."""

from __future__ import annotations

import functools
import pathlib
import re
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from autogan_tf.config import environment
from autogan_tf.config.errors import UserError
from autogan_tf.serving.request_error import RequestError

environment.set_tensorflow_defaults()

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")  # is the user's
# Blanks at an end or before a mark, two marks where one belongs ("..." is one), two blanks after a mark.
UNTIDY = re.compile(r"^\s|\s$| [.,;:](?=\s|$)|[,;:] *[.,;:](?=\s|$)|\. *[,;:](?=\s|$)|(?<!\.)\. *\.(?=\s|$)|[.,;:]  ")


def _all_messages_are_tidy(error: type[Exception]) -> None:
    """Every message of `error` that any test provokes is looked at, whatever the test is about."""
    begin = error.__init__

    @functools.wraps(begin)
    def checked(self, *arguments) -> None:
        begin(self, *arguments)
        found = UNTIDY.search(QUOTED.sub("''", str(self)))
        assert not found, f"the message {str(self)!r} has {found[0]!r}"

    error.__init__ = checked  # type: ignore[method-assign]


_all_messages_are_tidy(UserError)
_all_messages_are_tidy(RequestError)


# The processes that share the tests tell each other valid text only.
def pytest_make_parametrize_id(config, val, argname):
    """Texts with halves of characters are named by their escapes."""
    if isinstance(val, str) and val.encode(errors="replace") != val.encode(errors="surrogatepass"):
        return ascii(val)
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """So are they in what a test logged."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach the network fails the test at once instead of being retried."""

    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def prepare_tfds(tmp_path: pathlib.Path, no_network: None) -> Callable[..., str]:
    """prepare(name, {split: [(image [H, W, C], label), ...]}, ...) -> data_dir with that data set prepared.

    Label -1 means none; image_shape and dtype as in tfds.features.Image.
    """
    import tensorflow_datasets as tfds

    def prepare(
        name: str,
        splits: dict[str, list[tuple[np.ndarray, int]]],
        *,
        num_classes: int | None = 10,
        image_shape: tuple[int | None, ...] = (None, None, 3),
        dtype: type = np.uint8,
        version: str = "1.0.0",
        config: str | None = None,
        image_key: str = "image",
    ) -> str:
        features: dict[str, Any] = {image_key: tfds.features.Image(shape=image_shape, dtype=dtype)}
        if num_classes:
            features["label"] = tfds.features.ClassLabel(num_classes=num_classes)

        def examples(pairs: list[tuple[np.ndarray, int]]) -> Any:
            for index, (image, label) in enumerate(pairs):
                yield index, {image_key: image, "label": label} if num_classes else {image_key: image}

        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            config=config,
            version=version,
            features=tfds.features.FeaturesDict(features),
            split_datasets={split: examples(pairs) for split, pairs in splits.items()},
            data_dir=tmp_path / "prepared",
        )
        return str(tmp_path / "prepared")

    return prepare


TRAINING = {
    "arch": "0 1 1 1",
    "dataset": "folder:photos",
    "gf_dim": 4,
    "df_dim": 6,
    "latent_dim": 5,
    "gen_batch_size": 6,
    "dis_batch_size": 5,
    "n_critic": 1,
    "max_iter": 3,
    "num_eval_imgs": 40,
    "classifier_steps": 10,
    "classifier_batch_size": 16,
    "classifier_width": 4,
    "cache_dir": "cache",
}


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory) -> pathlib.Path:
    """photos/ with 24 dark and 12 bright images; runs/plain, and runs/classes, a conditional run."""
    root = tmp_path_factory.mktemp("trained")
    rng = np.random.default_rng(0)
    for name, low, number in (("bright", 128, 12), ("dark", 0, 24)):
        (root / "photos" / name).mkdir(parents=True)
        for index, image in enumerate(rng.integers(low, low + 100, (number, 8, 8), np.uint8)):
            Image.fromarray(image).save(root / "photos" / name / f"{index:02d}.png")
    with pytest.MonkeyPatch.context() as patch:
        from autogan_tf import train

        patch.chdir(root)
        for name, extra in (("plain", {}), ("classes", {"conditional": True})):
            flags = TRAINING | {"run_dir": f"runs/{name}"} | extra
            assert train.main([f"--{flag}={value}" for flag, value in flags.items()]) == 0
    return root
