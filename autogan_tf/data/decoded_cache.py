"""Images that were decoded before: kept as plain arrays, so that the next command reads them at the disk's speed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from absl import logging

from autogan_tf.data.atomic_file import replacing
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import ImageStore, blocks, is_on_disk

_VERSION = 2  # to be raised when a source decodes, cuts or resizes in another way
_SHARE_OF_DISK = 0.1  # of what is free, at most


def load_or_read(
    read: Callable[[], ImageData], *, files: Iterable[str | os.PathLike[str]], content: str = "", part: str,
    resolution: int, store: ImageStore,
) -> ImageData:  # fmt: skip
    """What `read` returns, from the store's cache folder if the same files were read in the same way before.

    The names of files are not kept, since the caller has them.

    One file `images-<part>-<hash>-<resolution>.npz` for each source and part of it, which is written again when size or
    time of any of `files` has changed. Images that do not fit in memory, or would take more than a tenth of the free
    disk, are not kept, and without a cache folder none are. A cache that cannot be read or written costs a warning.

    Args:
      read: decodes the images, into arrays of `store`.
      files: all files that the result depends on.
      content: what is known of their content without reading it, such as a digest of a zip file's check sums.
      part: names the source and which part of it is read, e.g. "cifar10 train".
      resolution: side of the images.
      store: keeps the images; its `decoded_folder` is the cache's.
    """
    folder = store.decoded_folder
    if folder is None:
        return read()
    try:
        key = _key(files, content, part, resolution)
    except OSError:  # a file that is not there or cannot be looked at: for the reader to report
        return read()
    readable, of_part = re.sub(r"[^A-Za-z0-9.+]+", "_", part)[:80], hashlib.sha256(os.fsencode(part)).hexdigest()[:8]
    path = folder / f"images-{readable}-{of_part}-{resolution}.npz"
    found = _load(path, key, store)
    if found is not None:
        return found
    data = read()
    if not is_on_disk(data.images):
        _save(path, key, data)
    return data


def _key(files: Iterable[str | os.PathLike[str]], known: str, part: str, resolution: int) -> str:
    """SHA-256 of everything that the images depend on, the files by name, size and time of their last change."""
    content = hashlib.sha256(json.dumps([_VERSION, known, part, resolution]).encode())
    for path in files:
        status = os.stat(path)
        content.update(os.fsencode(f"\n{os.fspath(path)}\0{status.st_size}\0{status.st_mtime_ns}"))
    return content.hexdigest()


def _load(path: pathlib.Path, key: str, store: ImageStore) -> ImageData | None:
    """What lies there under that key, the images in an array of `store`; None where there is nothing of use."""
    if not os.path.exists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays, zipfile.ZipFile(path) as parts:
            described = json.loads(arrays["description"].item())
            if described.pop("key") != key:
                return None
            images = store.allocate(described.pop("shape"))
            with parts.open("images.npy") as file:
                np.lib.format.read_magic(file)
                np.lib.format.read_array_header_1_0(file)
                for block in blocks(len(images), images[:1].nbytes):
                    target = images[block]
                    target[...] = np.frombuffer(file.read(target.nbytes), np.uint8).reshape(target.shape)
                if file.read(1):  # which also makes zipfile compare its checksum
                    raise ValueError("it holds more images than it says")
            labels = arrays["labels"] if described["num_classes"] else None
            return ImageData(images=images, labels=labels, **described)
    except Exception as error:  # a damaged file raises anything from OSError to NotImplementedError
        logging.warning("the decoded images in %s cannot be used (%s); decoding them again", path, error)
        return None


def _save(path: pathlib.Path, key: str, data: ImageData) -> None:
    """Keeps the images; where that fails, a warning: they are in memory."""
    described = {
        field.name: getattr(data, field.name)
        for field in dataclasses.fields(data)
        if field.name not in ("images", "labels", "files")
    }
    described |= {"key": key, "shape": list(data.images.shape)}
    labels: dict[str, Any] = {} if data.labels is None else {"labels": data.labels}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if data.images.nbytes > _SHARE_OF_DISK * shutil.disk_usage(path.parent).free:
            return
        with replacing(path) as file:
            np.savez(file, description=np.array(json.dumps(described)), images=data.images, **labels)
    except OSError as error:
        logging.warning("the decoded images of %s are not kept in the cache: %s", data.name, error)
