"""Where files of pictures lie: a folder or a zip file, which the readers need not tell apart."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from autogan_tf.config import paths
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files

LABELS_FILE = "dataset.json"
_SYSTEM_FOLDERS = {
    *("@eadir", "@__thumb", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "$recycle.bin"),
    *("__macosx", "__pycache__", "lost+found", "system volume information"),
}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}


class ImageTree(Protocol):
    """Files of pictures, by their path from the top with / between folders.

    Attributes:
      where: the folder or zip file.
      images: the paths of the pictures, in code point order.
      others: the paths of all other files but hidden ones and those of operating systems.
      num_hidden: of the files that are named like pictures and are hidden.
      base: the folder inside that stands for the whole, "" or ending in /: subfolders of it may be classes.
      content: a digest of the content as far as it is known without reading it, else "".
    """

    where: Path
    images: list[str]
    others: list[str]
    num_hidden: int
    base: str
    content: str

    def open(self, path: str) -> BinaryIO:
        """Opens one of the files; OSError, or zipfile's errors where it is damaged."""

    def files(self) -> list[Path]:
        """The files on the disk that the pictures are read from."""


class FolderTree:
    """A folder with all that is under it."""

    base = content = ""

    def __init__(self, folder: Path) -> None:
        """Lists it. OSError where a folder cannot be listed."""
        self.where = folder
        self.images, self.others, self.num_hidden = sort_out(_walk(folder))

    def open(self, path: str) -> BinaryIO:
        return open(self.where / path, "rb")

    def files(self) -> list[Path]:
        return [self.where / path for path in self.images]


def _walk(folder: Path, prefix: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths of the files under `folder`, relative to the first one; not those in folders that are to be skipped."""
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back up
        return
    for name in os.listdir(folder):
        path = folder / name
        if path.is_dir():
            if not is_skipped(name):
                yield from _walk(path, f"{prefix}{name}/", above | {real})
        elif path.is_file() or path.is_symlink():
            # A link that leads nowhere counts, and if it is named like an image, as one that cannot be read.
            yield prefix + name


def is_skipped(folder_name: str) -> bool:
    """Whether a folder is hidden, or one that systems put beside pictures: previews, waste baskets."""
    return folder_name.startswith(".") or folder_name.lower() in _SYSTEM_FOLDERS


def sort_out(paths: Iterator[str]) -> tuple[list[str], list[str], int]:
    """Pictures, other files and the number of hidden pictures of `paths`, as `ImageTree` has them."""
    images, others, num_hidden = [], [], 0
    for path in paths:
        name = path.rsplit("/", 1)[-1].lower()
        is_image = name.endswith(image_files.EXTENSIONS)
        if name.startswith("."):
            num_hidden += is_image
        elif is_image:
            images.append(path)
        elif name not in _SYSTEM_FILES:
            others.append(path)
    return sorted(images), sorted(others), num_hidden


def common_folders(paths: list[str]) -> list[str]:
    """The folders, from the top, in which all the paths lie."""
    return list(os.path.commonprefix([path.split("/")[:-1] for path in paths]))


def open_tree(text: str, *, setting: str) -> ImageTree:
    """The folder or zip file of a path, in which there is at least one picture.

    Args:
      text: the path; a leading ~ is the home directory.
      setting: what the user gave, e.g. "--dataset=folder:photos", for messages.

    Raises:
      UserError: nothing there, neither a folder nor a zip file, not readable, no pictures, a zip file that is damaged
        or made to do damage.
    """
    from autogan_tf.data import zip_tree

    try:
        where = Path(paths.resolve(text, given=setting)).absolute()
        if where.is_dir():
            tree: ImageTree = FolderTree(where)
        elif where.is_file() and zip_tree.is_zip(where):
            tree = zip_tree.ZipTree(where, setting=setting)
        else:
            problem = "is not a folder, nor a zip file" if where.exists() else "does not exist"
            raise UserError(f"{setting}: {where} {problem}; give the path of a folder or zip file with images")
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # no home directory, no name that can be
        at = getattr(error, "filename", None) or text
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{setting}: {shown(str(at))} cannot be read: {reason}") from error
    if not tree.images:
        found = left_out(tree)
        raise UserError(
            f"{setting}: {where} holds no images{f', but {found}' if found else ''}; needed are files ending in "
            f"{', '.join(image_files.EXTENSIONS)}"
        )
    return tree


def left_out(tree: ImageTree, *, but: str = "") -> str:
    """What is not read, by kind and number: "12 .txt, 3 hidden"; "" for nothing. `but`: a file that is read."""
    kinds = collections.Counter(os.path.splitext(path)[1].lower() or "without an ending" for path in tree.others)
    if but in tree.others:
        kinds -= collections.Counter([os.path.splitext(but)[1]])
    kinds["hidden"] = tree.num_hidden
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {shown(kind)}" for kind, number in ordered if number)
