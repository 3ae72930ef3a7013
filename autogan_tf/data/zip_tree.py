"""A zip file of pictures, read in place: nothing is unpacked onto the disk."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files, image_tree

_ENCRYPTED = 0x1  # bit of a member's flags
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# No picture of these sizes is read as one; what claims so much is made to fill the memory.
_MAX_BYTES = 2**31
_MAX_BYTES_OF_LITTLE, _MAX_RATIO = 2**26, 200


def is_zip(path: Path) -> bool:
    """Whether a file is named or begins like a zip file."""
    with open(path, "rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) == b"PK\x03\x04"


class ZipTree:
    """A zip file; a folder that all pictures are in stands for the whole, as such files are made of folders.

    Pictures whose names come twice are those of the last one, as after unpacking. A backslash in a name is a /.
    """

    def __init__(self, path: Path, *, setting: str) -> None:
        """
        Args:
          path: of the file, which stays open.
          setting: for messages.

        Raises:
          UserError: not a zip file, cut off, or with members that are encrypted, lead out of it, cannot be unpacked
            or would fill the memory. Damage inside of a member is found when that is read.
          OSError: it cannot be read.
        """
        self.where = path
        try:
            self._file = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise UserError(
                f"{setting}: {path} cannot be read as a zip file ({error}); it may be cut off: copy or pack it anew"
            ) from error
        members = {info.filename.replace("\\", "/"): info for info in self._file.infolist() if not info.is_dir()}
        _refuse_dangers(members, path=path, setting=setting)
        self._members = members
        self.images, self.others, self.num_hidden = image_tree.sort_out(
            name for name in members if not any(map(image_tree.is_skipped, name.split("/")[:-1]))
        )
        self.base = "".join(f"{folder}/" for folder in image_tree.common_folders(self.images))
        listing = "".join(f"{name}\0{info.CRC}\0{info.file_size}\n" for name, info in sorted(members.items()))
        self.content = hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()

    def open(self, path: str) -> BinaryIO:
        return cast(BinaryIO, self._file.open(self._members[path]))

    def files(self) -> list[Path]:
        return [self.where]


def _refuse_dangers(members: Mapping[str, zipfile.ZipInfo], *, path: Path, setting: str) -> None:
    dangers: dict[str, str] = {}
    for name, info in members.items():
        if info.flag_bits & _ENCRYPTED:
            dangers[name] = "encrypted"
        elif name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
            dangers[name] = "leads out of the zip file"
        elif info.compress_type not in _METHODS:
            dangers[name] = f"packed in a way that cannot be read, number {info.compress_type}"
        elif info.file_size > _MAX_BYTES or (
            info.file_size > _MAX_BYTES_OF_LITTLE and info.file_size > _MAX_RATIO * info.compress_size
        ):
            dangers[name] = f"{info.compress_size:,} bytes that become {info.file_size:,}"
    if dangers:
        raise UserError(
            f"{setting}: {len(dangers):,} of {len(members):,} files in {path} are not to be read: "
            f"{image_files.named(dangers)}. Unpack it with a tool that you trust, and pack the images alone, without a "
            "password."
        )
    if sum(info.compress_size for info in members.values()) > path.stat().st_size:
        raise UserError(
            f"{setting}: the files in {path} overlap, as in zip files that are made to fill the disk; pack it anew"
        )
