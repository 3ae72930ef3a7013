"""A folder of images that something has generated, read as they are: nothing is cropped or resized."""

from __future__ import annotations

import collections
import concurrent.futures
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files, seeds


class GeneratedFolder:
    """All PNG and JPEG files under a folder, at any depth, in the order of their paths.

    Attributes:
      resolution: side of the images in pixels.
      channels: 1 if every image is grey, else 3.

    Raises:
      UserError: no such folder, no images in it, files whose header cannot be read, images that are not square or not
        all of one size.
    """

    def __init__(self, path: str) -> None:
        self._flag = f"--images={path}"
        root = Path(paths.resolve(path.removeprefix("folder:"), given=self._flag)).absolute()
        if not root.is_dir():
            raise UserError(
                f"{self._flag}: {root} {'is not a folder' if root.exists() else 'does not exist'}; "
                "give a folder with PNG or JPEG images"
            )
        try:
            self._names = sorted(image_files.walk(root))
        except OSError as error:
            raise UserError(f"{self._flag}: {error.filename} cannot be read: {error.strerror}") from error
        if not self._names:
            endings = ", ".join(image_files.EXTENSIONS)
            raise UserError(f"{self._flag}: no files ending in {endings}; give another folder")
        self._paths = [root / name for name in self._names]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            headers = list(pool.map(image_files.read_header, self._paths))
        self._refuse({name: why for name, (_, why) in zip(self._names, headers, strict=True) if why}, "cannot be read")
        sizes = [(header.width, header.height) for header, _ in headers if header is not None]
        width, height = collections.Counter(sizes).most_common(1)[0][0]
        self._refuse(
            {
                name: f"{size[0]} x {size[1]}"
                for name, size in zip(self._names, sizes, strict=True)
                if size != (width, height) or width != height
            },
            f"are not square and all of one size, such as {min(width, height)} x {min(width, height)}",
        )
        self.resolution = width
        self.channels = 1 if all(header.grey for header, _ in headers if header is not None) else 3

    def __len__(self) -> int:
        return len(self._paths)

    def batches(self, number: int, *, batch_size: int, seed: int) -> Iterator[np.ndarray]:
        """Yields uint8 [n, S, S, C], `number` images in all, in the order of their paths.

        Fewer than all are drawn at random by `seed`, since a folder may be sorted by class.

        Raises:
          UserError: files that cannot be read.
        """
        chosen = np.sort(seeds.numpy_rng(seed, "generated folder").choice(len(self), number, replace=False))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for first in range(0, number, batch_size):
                part = chosen[first : first + batch_size]
                paths = [self._paths[index] for index in part]
                batch = np.empty([len(paths), self.resolution, self.resolution, self.channels], np.uint8)
                results = list(pool.map(image_files.decode_into, paths, batch))
                self._refuse(
                    {self._names[index]: why for index, (_, why) in zip(part, results, strict=True) if why},
                    "cannot be read",
                )
                yield batch

    def _refuse(self, reasons: dict[str, str], what: str) -> None:
        if reasons:
            raise UserError(
                f"{self._flag}: {len(reasons)} of {len(self._names)} images {what}: {image_files.named(reasons)}; "
                "replace or remove them"
            )
