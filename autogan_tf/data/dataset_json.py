"""Labels as StyleGAN's data sets have them: a file dataset.json beside the pictures, in a folder or a zip file.

Format: {"labels": [["00000/img00000000.png", 6], ...]}, or {"labels": null} for pictures without labels; paths are
relative to the file. Source: `dataset_tool.py` and `training/dataset.py` of StyleGAN2-ADA and StyleGAN3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autogan_tf.config import json_text
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files
from autogan_tf.data.image_tree import LABELS_FILE, ImageTree, common_folders

_MAX_CLASSES = 100_000


class Labels(NamedTuple):
    """What the file says.

    Attributes:
      path: of the file, inside of the tree.
      values: int32 [N], of the tree's images; None without labels.
      num_classes: the highest label and one, 0 without labels.
      unused: names in the file of pictures that are not there.
    """

    path: str
    values: np.ndarray | None
    num_classes: int
    unused: list[str]


def find(tree: ImageTree, *, setting: str) -> Labels | None:
    """The labels of the file at the top, or in the folder that all pictures are in.

    Args:
      tree: the pictures.
      setting: what the user gave, for messages.

    Returns:
      None where there is no such file, or one of that name which has nothing about labels.

    Raises:
      UserError: no JSON, labels that are no classes, pictures without a label.
    """
    folders = common_folders(tree.images)
    for depth in range(len(folders) + 1):
        top = "".join(f"{folder}/" for folder in folders[:depth])
        if top + LABELS_FILE in tree.others:
            return _read(tree, top, f"{setting}: {tree.where / top / LABELS_FILE}")
    return None


def _read(tree: ImageTree, top: str, where: str) -> Labels | None:
    path = top + LABELS_FILE
    try:
        with tree.open(path) as file:
            content = json_text.parse(file.read().decode("utf-8-sig"))
    except Exception as error:  # whatever reading a damaged zip file raises, too
        raise UserError(f"{where} cannot be read as JSON: {error}; correct or remove it") from error
    if not isinstance(content, dict) or "labels" not in content:
        return None
    given = content["labels"]
    if given is None:
        return Labels(path, None, 0, [])
    by_name = _by_name(given, where)
    wrong = {name: f"{label!r:.60}" for name, label in by_name.items() if not _is_class(label)}
    if wrong:
        raise UserError(
            f'{where}: {len(wrong):,} of {len(by_name):,} "labels" are no class, a whole number from 0 to '
            f'{_MAX_CLASSES - 1:,}: {image_files.named(wrong)}; correct them, or write "labels": null for images '
            "without classes"
        )
    names = [image.removeprefix(top) for image in tree.images]
    without = [name for name in names if name not in by_name]
    if without:
        raise UserError(
            f"{where}: {len(without):,} of {len(names):,} images have no label in it: {image_files.listed(without)}; "
            'add them, remove the images, or write "labels": null for images without classes'
        )
    values = np.array([int(by_name[name]) for name in names], np.int32)
    unused = sorted(by_name.keys() - set(names))
    return Labels(path, values, int(values.max()) + 1, unused)


def _by_name(given: Any, where: str) -> dict[str, Any]:
    pairs = list(given.items()) if isinstance(given, dict) else given
    if not isinstance(pairs, list) or not pairs:
        raise UserError(f'{where}: "labels" must be null or a list of [path, class], got {given!r:.60}; correct it')
    by_name: dict[str, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UserError(f'{where}: "labels" must hold [path, class] for each image, got {pair!r:.60}; correct it')
        name = pair[0].replace("\\", "/").removeprefix("./")
        if name in by_name and by_name[name] != pair[1]:
            raise UserError(
                f'{where}: "labels" has {shown(name)} twice, as {by_name[name]!r:.60} and '
                f"{pair[1]!r:.60}; correct it"
            )
        by_name[name] = pair[1]
    return by_name


def _is_class(label: Any) -> bool:
    """A float of a whole number counts, as NumPy may have written it."""
    is_number = isinstance(label, int | float) and not isinstance(label, bool)
    return is_number and 0 <= label < _MAX_CLASSES and label == int(label)
