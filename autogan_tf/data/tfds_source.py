"""Data sets of TensorFlow Datasets, read from where they were prepared; the network is used only when told to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import decoded_cache, image_data, image_store, tfds_prepared

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_TEST_SPLITS = ("test", "validation")
_TEST_SHARE = 0.1
_BATCH = 256


def check_available(*, dataset: str, data_dir: str, download: bool) -> None:
    """Looks at the prepared files without reading images.

    Raises:
      UserError: as `load`; with `download`, data that is merely not prepared is no error.
    """
    request = tfds_prepared.parse(dataset, data_dir)
    folder = tfds_prepared.find_prepared(request)
    if folder is not None:
        tfds_prepared.open_prepared(request, folder)
    elif not tfds_prepared.is_known(request.name):
        raise tfds_prepared.unknown(request)
    elif not download:
        raise tfds_prepared.not_prepared(request)


def load(
    *,
    dataset: str,
    data_dir: str,
    resolution: int,
    split: str,
    download: bool,
    warn_enlarged: bool = True,
    store: image_store.ImageStore = image_store.IN_MEMORY,
) -> image_data.ImageData:
    """Images of a data set that has an `image` feature (uint8, 1 or 3 channels), centre-cropped square and resized.

    Resizing is bilinear and antialiased where it shrinks. Decoding runs in parallel, in the prepared order; beyond the
    result it needs memory for a few batches.

    Args:
      dataset: 'NAME' or 'NAME/CONFIG', each optionally with ':VERSION'; without it the newest prepared one is read.
      data_dir: the folder in which TensorFlow Datasets prepared it, as data_dir/NAME[/CONFIG]/VERSION.
      resolution: side of the result.
      split: 'train' is what a GAN learns from: the data set's train split, for stl10 its train and unlabelled ones.
        'labelled' is what a classifier learns from, and 'test' what it is tested on: the data set's own train and test
        (or validation) splits; where it has none of these with labels, a fixed tenth of train is held out as 'test'.
      download: whether a data set that is not prepared may be downloaded and prepared.
      warn_enlarged: whether the log says so where images were enlarged; see `image_data.warn_if_enlarged`.
      store: keeps the images, and decoded ones for the next time, see `decoded_cache`.

    Returns:
      ImageData with uint8 [N, resolution, resolution, C]. It has labels if there is a `label` feature of classes and
      each example of the split has one (TensorFlow Datasets writes -1 for none).

    Raises:
      UserError: unknown name; not prepared (with the path tried and the command that prepares it); several prepared
        configurations and none named; damaged files; no usable image feature or train split; failed download.
    """
    request = tfds_prepared.parse(dataset, data_dir)
    folder = tfds_prepared.find_prepared(request)
    if folder is None:
        if not tfds_prepared.is_known(request.name):
            raise tfds_prepared.unknown(request)
        if not download:
            raise tfds_prepared.not_prepared(request)
        tfds_prepared.download(request)
        folder = tfds_prepared.find_prepared(request)
        if folder is None:
            raise tfds_prepared.not_prepared(request)
    builder = tfds_prepared.open_prepared(request, folder)
    data = _split(request, builder, resolution, split, store)
    if warn_enlarged:
        image_data.warn_if_enlarged(data)
    return data


def _split(
    request: tfds_prepared.Request,
    builder: tfds.core.DatasetBuilder,
    resolution: int,
    split: str,
    store: image_store.ImageStore,
) -> image_data.ImageData:
    """The split of `load`, put together of what TensorFlow Datasets has."""
    if split == "train":
        return _read(request, builder, tfds_prepared.train_split(request), resolution, split, store)
    test = None
    for name in _TEST_SPLITS:
        present = name in builder.info.splits and builder.info.splits[name].num_examples > 0
        if present and (test is None or test.labels is None):
            test = _read(request, builder, name, resolution, "test", store)
    if test is not None and test.labels is not None:
        return test if split == "test" else _read(request, builder, "train", resolution, split, store)
    train = _read(request, builder, "train", resolution, "labelled", store)
    if test is not None and train.labels is None:
        return test if split == "test" else train
    if len(train.images) < 2:
        raise UserError(f"--dataset={request.dataset}: 1 image cannot be split into a labelled and a test part.")
    return image_data.hold_out(train, max(1, int(len(train.images) * _TEST_SHARE)), split=split, store=store)


def _read(
    request: tfds_prepared.Request,
    builder: tfds.core.DatasetBuilder,
    tfds_split: str,
    resolution: int,
    split: str,
    store: image_store.ImageStore,
) -> image_data.ImageData:
    data = decoded_cache.load_or_read(
        lambda: _decode(request, builder, tfds_split, resolution, store),
        files=sorted(path for path in builder.data_path.iterdir() if path.is_file()),
        part=f"{builder.info.full_name} {tfds_split}",
        resolution=resolution,
        store=store,
    )
    return dataclasses.replace(data, name=request.dataset, split=split)  # it may be kept under others


def _decode(
    request: tfds_prepared.Request,
    builder: tfds.core.DatasetBuilder,
    tfds_split: str,
    resolution: int,
    store: image_store.ImageStore,
) -> image_data.ImageData:
    """The images as a split of TensorFlow Datasets' name."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    label_feature = features["label"] if "label" in features else None
    num_classes = (label_feature.num_classes or 0) if isinstance(label_feature, tfds.features.ClassLabel) else 0
    has_classes = num_classes > 0
    num_images = sum(builder.info.splits[part].num_examples for part in tfds_split.split("+"))
    images = store.allocate([num_images, resolution, resolution, features["image"].shape[-1]])
    labels = np.full([num_images], -1, np.int32)
    sides = np.empty([num_images], np.int32)
    start = 0
    try:
        for batch in _batches(builder, tfds_split, resolution, has_classes):
            stop = start + len(batch["image"])
            images[start:stop], sides[start:stop] = batch["image"], batch["side"]
            if has_classes:
                labels[start:stop] = batch["label"]
            start = stop
    except (tf.errors.OpError, ValueError) as error:
        raise UserError(
            f"--dataset={request.dataset}: image {start} or one soon after it, of split {tfds_split} in "
            f"{builder.data_path}, cannot be read ({tfds_prepared.one_line(error)}). Prepare it anew."
        ) from error
    if start != num_images:
        raise UserError(
            f"--dataset={request.dataset}: split {tfds_split} in {builder.data_path} holds {start} images where its "
            f"description says {num_images}. Prepare it anew."
        )
    labelled = has_classes and bool((labels >= 0).all())
    return image_data.ImageData(
        name=request.dataset,
        images=images,
        labels=labels if labelled else None,
        num_classes=num_classes if labelled else 0,
        split=tfds_split,
        smallest_side=int(sides.min()),
        enlarged=image_data.smaller_ones(sides, resolution, name_of=lambda index: f"example {index} of {tfds_split}"),
    )


def _batches(
    builder: tfds.core.DatasetBuilder, split: str, resolution: int, has_classes: bool
) -> Iterator[dict[str, np.ndarray]]:
    import tensorflow_datasets as tfds

    def crop_and_resize(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        image, side = example["image"], tf.constant(resolution)
        if image.shape[:2] != [resolution, resolution]:  # else each image would pay for operations that change nothing
            height, width = tf.shape(image)[0], tf.shape(image)[1]
            side = tf.minimum(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = image[top : top + side, left : left + side]
            resized = tf.image.resize(square, [resolution, resolution], method="bilinear", antialias=True)
            image = tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 255.0)), tf.uint8)
        result = {"image": image, "side": side}
        return {**result, "label": example["label"]} if has_classes else result

    # One file after the other: the order must not depend on how many processors read.
    config = tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1)
    data = builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    data = data.map(crop_and_resize, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return data.batch(_BATCH).prefetch(2).as_numpy_iterator()
