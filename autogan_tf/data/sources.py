"""Where images come from: the one place that turns the name given as --dataset into images."""

from __future__ import annotations

from autogan_tf.config.errors import UserError
from autogan_tf.data import folder, mnist5k, tfds_source
from autogan_tf.data.image_data import ImageData, require_at_least
from autogan_tf.data.image_store import IN_MEMORY, ImageStore

__all__ = ["SPLITS", "ImageData", "check_available", "labelled_splits", "load", "require_at_least"]

SPLITS = ("train", "labelled", "test")


def check_available(*, dataset: str, data_dir: str, download: bool = False) -> str:
    """Finds out without decoding any image whether `load` can work; meant for before a run writes its first file.

    It reads file names and descriptions only, so damaged images show up in `load`. What is left out of a folder is said
    in the log.

    Args and Raises: as `load`.

    Returns:
      What was found in a folder or zip file, the classes above all, in a line; "" for the other sources.
    """
    if dataset == mnist5k.NAME:
        mnist5k.check_available()
    elif dataset.startswith(folder.PREFIX):
        return folder.check_available(dataset)
    else:
        tfds_source.check_available(dataset=dataset, data_dir=data_dir, download=download)
    return ""


def load(
    *,
    dataset: str,
    data_dir: str,
    resolution: int,
    split: str = "train",
    download: bool = False,
    warn_enlarged: bool = True,
    store: ImageStore = IN_MEMORY,
) -> ImageData:
    """All images of one split, at one size, in a fixed order.

    Args:
      dataset: 'mnist5k', 'folder:PATH' (a folder or zip file), or a name that TensorFlow Datasets knows or has
        prepared, such as 'cifar10'.
      data_dir: where TensorFlow Datasets keeps prepared data; the other sources do not look at it.
      resolution: side of the images in pixels. Smaller images are enlarged.
      split: 'train' holds every image that a GAN may learn from (mnist5k: all 5,000; stl10: train and unlabelled).
        'labelled' is what a classifier learns from and 'test' what it is tested on; these two are disjoint, but where a
        source has no test split of its own, 'train' holds both.
      download: lets TensorFlow Datasets fetch and prepare what is not there.
      warn_enlarged: whether the log says so where images were enlarged. False for those who may refuse the images, and
        if they do not call `image_data.warn_if_enlarged`.
      store: keeps the images, in memory or on the disk.

    Returns:
      ImageData; its labels are None where the source, or any example of the split, has none.

    Raises:
      UserError: unknown or unprepared data set, or one that cannot be read; see `folder.load`, `tfds_source.load` and
        `ImageStore.allocate`.
      ValueError: a split or resolution that does not exist.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    if resolution < 1:
        raise ValueError(f"resolution must be at least 1, got {resolution}")
    if dataset == mnist5k.NAME:
        return mnist5k.load(resolution=resolution, split=split, warn_enlarged=warn_enlarged, store=store)
    if dataset.startswith(folder.PREFIX):
        return folder.load(
            dataset=dataset, resolution=resolution, split=split, warn_enlarged=warn_enlarged, store=store
        )
    return tfds_source.load(
        dataset=dataset,
        data_dir=data_dir,
        resolution=resolution,
        split=split,
        download=download,
        warn_enlarged=warn_enlarged,
        store=store,
    )


def labelled_splits(
    *,
    dataset: str,
    data_dir: str,
    resolution: int,
    download: bool = False,
    warn_enlarged: bool = True,
    store: ImageStore = IN_MEMORY,
) -> tuple[ImageData, ImageData]:
    """What a classifier of this data is trained and tested on: the splits 'labelled' and 'test' of `load`, disjoint.

    Args: as `load`; what is said, is said once.

    Returns:
      (train, test), both with labels int32 [N] and at least 2 classes.

    Raises:
      UserError: as `load`, or the data has no labels or only one class.
    """
    train, test = (
        load(
            dataset=dataset,
            data_dir=data_dir,
            resolution=resolution,
            split=split,
            download=download,
            warn_enlarged=warn_enlarged and split == "labelled",
            store=store,
        )
        for split in ("labelled", "test")
    )
    if train.labels is None or test.labels is None:
        raise UserError(
            f"--dataset={dataset} has no labels, so no classifier can be trained on it. Choose --features that need "
            "none, or for a folder sort the images into one subfolder for each class or add a dataset.json with labels."
        )
    if train.num_classes < 2:
        raise UserError(f"--dataset={dataset} has {train.num_classes} class; a classifier needs at least 2.")
    return train, test
