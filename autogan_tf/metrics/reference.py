"""The real images as a feature network sees them: statistics, features where a score needs them, and their cache."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data.atomic_file import replacing
from autogan_tf.data.image_data import ImageData
from autogan_tf.features.extraction import outputs_of
from autogan_tf.features.protocol import FeatureNetwork, network_identity
from autogan_tf.metrics.feature_store import FeatureStore
from autogan_tf.metrics.frechet import FrechetStatistics

CACHE_VERSION = 1
_BATCH = 100


@dataclasses.dataclass(frozen=True)
class Reference:
    """What generated images are compared with.

    Attributes:
      statistics: mean and covariance of the features, with the number of images, their source and the network.
      features: float32 [N, F], possibly memory-mapped; None where only the statistics are at hand.
    """

    statistics: FrechetStatistics
    features: np.ndarray | None = None

    @property
    def source(self) -> str:
        """Which images, e.g. "cifar10/train"."""
        return self.statistics.source

    def check_network(self, network: FeatureNetwork) -> None:
        """Raises UserError, with both identities, where it was made with another network or other dimensions."""
        identity, made_with = network_identity(network), self.statistics.network
        if made_with and made_with != identity:
            raise UserError(
                f"the reference {self.source or 'statistics'} was made with {made_with}, and the images are seen "
                f"through {identity}: make the reference anew with that network"
            )
        if self.statistics.num_features != network.num_features:
            raise UserError(
                f"the reference {self.source or 'statistics'} has {self.statistics.num_features} features, and "
                f"{identity} gives {network.num_features}: they were made with different networks"
            )


def read(path: str | os.PathLike[str]) -> Reference:
    """Statistics from an .npz file: one of `FrechetStatistics.save`, or TTUR's with mu and sigma.

    Raises:
      UserError: no such file, or without the keys or with other dimensions.
    """
    statistics = FrechetStatistics.load(path)
    statistics.source = statistics.source or pathlib.Path(path).name
    return Reference(statistics)


def of_images(
    data: ImageData,
    network: FeatureNetwork,
    *,
    cache_dir: pathlib.Path | None = None,
    with_features: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Reference:
    """The reference made of all images of `data`, from the cache if it was made before.

    Args:
      data: the real images.
      network: the one that the generated images will be seen through.
      cache_dir: folder of `reference-<key>.npz` (and `reference-<key>.npy`, the features); None for no cache. The key
        covers the images, their source, split and number, the network and its weights, and the types. A folder that
        cannot be read or written costs a warning, and the features are kept in memory.
      with_features: whether the scores need the features, too.
      progress: called with the number of images seen.

    Raises:
      UserError: fewer than 2 images.
    """
    source = f"{data.name}/{data.split}"
    if len(data.images) < 2:
        raise UserError(f"the reference {source} needs at least 2 images, got {len(data.images)}")
    paths = None if cache_dir is None else _cache_paths(data, network, pathlib.Path(cache_dir))
    if paths is not None:
        cached = _load(*paths, with_features=with_features)
        if cached is not None:
            return cached
    statistics = FrechetStatistics(network.num_features, source=source, network=network_identity(network))
    with FeatureStore() as store:
        for features, _ in outputs_of(_blocks(data.images), network):
            statistics.update(features)
            if with_features:
                store.append(features)
            if progress is not None:
                progress(statistics.count)
        if paths is not None and _save(*paths, statistics, store.array if with_features else None):
            cached = _load(*paths, with_features=with_features)
            if cached is not None:
                return cached
        return Reference(statistics, np.array(store.array) if with_features else None)


def _blocks(images: np.ndarray) -> Iterator[np.ndarray]:
    return (images[first : first + _BATCH] for first in range(0, len(images), _BATCH))


def _cache_paths(data: ImageData, network: FeatureNetwork, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    recipe = {
        "version": CACHE_VERSION,
        "images": data.digest(),  # of the pixels after all preprocessing of the source, and their number
        "source": data.name,
        "split": data.split,
        "network": network_identity(network),
        "types": ["float32", "float64"],
    }
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    return folder / f"reference-{key}.npz", folder / f"reference-{key}.npy"


def _load(statistics: pathlib.Path, features: pathlib.Path, *, with_features: bool) -> Reference | None:
    """What the cache holds; None (and a warning, if there is something) where it cannot be used."""
    # os.path, as pathlib's `exists` raises where the folder may not be looked into
    if not os.path.exists(statistics) or (with_features and not os.path.exists(features)):
        return None
    try:
        loaded = FrechetStatistics.load(statistics)
        if not with_features:
            return Reference(loaded)
        array = np.load(features, mmap_mode="r", allow_pickle=False)
        if array.shape != (loaded.count, loaded.num_features) or array.dtype != np.float32:
            raise ValueError(f"{features} holds {array.dtype} {list(array.shape)}")
        return Reference(loaded, array)
    except Exception as error:  # np.load raises anything from OSError to zlib.error on a damaged file
        logging.warning("the cached reference %s cannot be used (%s); making it again", statistics, error)
        return None


def _save(path: pathlib.Path, features_path: pathlib.Path, made: FrechetStatistics, rows: np.ndarray | None) -> bool:
    """Keeps statistics, and features if given; where that fails, a warning and False: what was made is still there."""
    try:
        if rows is not None:
            with replacing(features_path) as file:
                np.save(file, rows)
        made.save(path)
    except OSError as error:
        logging.warning("the reference %s is not kept in the cache: %s", made.source, error)
        return False
    return True
