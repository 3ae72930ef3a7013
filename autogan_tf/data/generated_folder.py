"""A folder or zip file of images that something has generated, read as they are: nothing is cropped or resized."""

from __future__ import annotations

import collections
import concurrent.futures
import functools
import os
from collections.abc import Iterator

import numpy as np
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_data, image_files, image_tree, seeds


class GeneratedFolder:
    """All pictures under a folder or in a zip file, at any depth, in the order of their paths.

    Attributes:
      resolution: side of the images in pixels.
      channels: 1 if every image is grey, else 3.
      coloured: which have colours, of a mixture; see `image_data.coloured_ones`.

    Raises:
      UserError: no such folder, no images in it, files whose header cannot be read, images that are not square or not
        all of one size.
    """

    def __init__(self, path: str) -> None:
        self._flag = f"--images={path}"
        self._tree = image_tree.open_tree(path.removeprefix("folder:"), setting=self._flag)
        left_out = image_tree.left_out(self._tree, but=image_tree.LABELS_FILE)
        if left_out:
            logging.warning("%s: left out what is no image that is read: %s", self._flag, left_out)
        self._names = self._tree.images
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, image_files.quiet():
            headers = list(pool.map(functools.partial(image_files.read_header, self._tree.open), self._names))
        self._refuse({name: why for name, (_, why) in zip(self._names, headers, strict=True) if why}, "cannot be read")
        sizes = [(header.width, header.height) for header, _ in headers if header is not None]
        squares = [size for size in sizes if size[0] == size[1]]
        width, height = collections.Counter(squares or sizes).most_common(1)[0][0]
        self._refuse(
            {
                name: f"{size[0]} x {size[1]}"
                for name, size in zip(self._names, sizes, strict=True)
                if size != (width, height) or width != height
            },
            f"are not square and all of one size, such as {min(width, height)} x {min(width, height)}",
        )
        self.resolution = width
        coloured = [name for name, (header, _) in zip(self._names, headers, strict=True) if header and not header.grey]
        self.channels = 3 if coloured else 1
        self.coloured = image_data.coloured_ones(coloured, of=len(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def files(self, number: int, *, seed: int) -> list[str]:
        """Paths inside of the folder or zip file of the images that `batches` yields, in their order."""
        chosen = np.sort(seeds.numpy_rng(seed, "generated folder").choice(len(self), number, replace=False))
        return [self._names[index] for index in chosen]

    def batches(self, number: int, *, batch_size: int, seed: int) -> Iterator[np.ndarray]:
        """Yields uint8 [n, S, S, C], `number` images in all, in the order of their paths.

        Fewer than all are drawn at random by `seed`, since a folder may be sorted by class.

        Raises:
          UserError: files that cannot be read.
        """
        chosen = self.files(number, seed=seed)
        decode = functools.partial(image_files.decode_into, self._tree.open)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for first in range(0, number, batch_size):
                names = chosen[first : first + batch_size]
                batch = np.empty([len(names), self.resolution, self.resolution, self.channels], np.uint8)
                with image_files.quiet():
                    results = list(pool.map(decode, names, batch))
                self._refuse(
                    {name: why for name, (_, why) in zip(names, results, strict=True) if why}, "cannot be read"
                )
                yield batch

    def _refuse(self, reasons: dict[str, str], what: str) -> None:
        if reasons:
            raise UserError(
                f"{self._flag}: {len(reasons)} of {len(self._names)} images {what}: {image_files.named(reasons)}; "
                "replace or remove them"
            )
