"""Small data sets made on the spot, and a network that answers nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach the network fails the test at once instead of being retried."""

    def refuse(*arguments: Any, **keywords: Any) -> None:
        raise AssertionError(f"the network was asked: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def prepare_tfds(tmp_path: Path, no_network: None) -> Callable[..., str]:
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
