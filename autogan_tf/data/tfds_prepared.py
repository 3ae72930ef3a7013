"""Finding, opening and, when told to, preparing data of TensorFlow Datasets; the network is never asked by accident."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError
from autogan_tf.data import image_files

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

DEFAULT_DATA_DIR = "~/tensorflow_datasets"

_NAME_FORM = re.compile(r"(?P<name>[A-Za-z]\w*)(/(?P<config>\w[\w.+-]*))?(:(?P<version>\d+\.\d+\.\d+))?")
_VERSION_FORM = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_VALID_FORMS = (
    "Valid are mnist5k, folder:PATH, and the image data sets of TensorFlow Datasets as NAME, NAME/CONFIG or "
    "NAME:VERSION, e.g. cifar10, stl10, mnist."
)
# What a GAN learns from, where that is more than the split 'train'.
_TRAIN_SPLITS = {"stl10": "train+unlabelled"}


@dataclasses.dataclass(frozen=True)
class Request:
    """What --dataset and --data_dir ask for: `dataset` as typed, its parts, and the absolute data folder."""

    dataset: str
    name: str
    config: str | None
    version: str | None
    root: Path

    @property
    def folder(self) -> Path:
        """Where the versions lie."""
        return self.root / self.name / self.config if self.config else self.root / self.name


def train_split(request: Request) -> str:
    """The expression for every image that a GAN may learn from, as parts joined by '+'."""
    return _TRAIN_SPLITS.get(request.name, "train")


def parse(dataset: str, data_dir: str) -> Request:
    """Takes NAME[/CONFIG][:VERSION] apart; raises UserError if it has another form.

    An empty `data_dir` means TensorFlow Datasets' own default.
    """
    match = _NAME_FORM.fullmatch(dataset)
    if match is None:
        raise UserError(f"--dataset={dataset} is not the name of a data set. {_VALID_FORMS}")
    of_environment = os.environ.get("TFDS_DATA_DIR", "")
    if data_dir:
        path = paths.resolve(data_dir, given=f"--data_dir={data_dir}")
    elif of_environment:
        path = paths.resolve(of_environment, given=f"TFDS_DATA_DIR={of_environment}")
    else:
        path = paths.resolve(DEFAULT_DATA_DIR, given=f"--data_dir is empty, which means {DEFAULT_DATA_DIR}")
    return Request(dataset=dataset, root=Path(path).absolute(), **match.groupdict())


def _known_names() -> list[str]:
    import tensorflow_datasets as tfds

    return tfds.list_builders(with_community_datasets=False)


def is_known(name: str) -> bool:
    """Whether TensorFlow Datasets can prepare a data set of this name; asks only the installed package."""
    return name in _known_names()


def unknown(request: Request) -> UserError:
    """The error for a name that is neither known nor prepared, with names close to it."""
    known = ["mnist5k", *_known_names()]
    close = difflib.get_close_matches(request.name.lower(), known, n=3, cutoff=0.6)
    guess = f" Did you mean {' or '.join(close)}?" if close else ""
    return UserError(
        f"--dataset={request.dataset}: TensorFlow Datasets knows no data set {request.name!r}, and none is prepared "
        f"in {request.folder}.{guess} {_VALID_FORMS}"
    )


def not_prepared(request: Request) -> UserError:
    """The error for a known name without prepared data: the path tried, and how to get the data."""
    missing = request.folder / (request.version or "VERSION") / "dataset_info.json"
    return UserError(
        f"--dataset={request.dataset} is not prepared: found no {missing}. If it is "
        f"elsewhere, give the folder that holds {request.name}/ as --data_dir. To download and prepare it, add "
        f"--download, or run: tfds build {request.dataset} --data_dir={request.root}"
    )


def _versions(folder: Path) -> list[tuple[tuple[int, ...], Path]]:
    """Prepared versions directly in `folder`, oldest first."""
    found = []
    if folder.is_dir():
        for child in folder.iterdir():
            match = _VERSION_FORM.fullmatch(child.name)
            if match and (child / "dataset_info.json").is_file():
                found.append((tuple(map(int, match.groups())), child))
    return sorted(found)


def find_prepared(request: Request) -> Path | None:
    """The folder of the version to read, or None where none is prepared.

    It looks at the file system only: a builder asked for by name may ask the network, and retry for minutes.

    Raises:
      UserError: several configurations are prepared and none is named, another version is prepared than the one asked
        for, or the folder cannot be listed.
    """
    try:
        return _find_prepared(request)
    except OSError as error:
        raise UserError(f"--dataset={request.dataset}: {error.filename} cannot be read: {error.strerror}.") from error


def _find_prepared(request: Request) -> Path | None:
    folder = request.folder
    versions = _versions(folder)
    if not versions and request.config is None and folder.is_dir():
        configs = sorted(child for child in folder.iterdir() if child.is_dir() and _versions(child))
        if len(configs) > 1:
            names = ", ".join(f"{request.name}/{child.name}" for child in configs)
            raise UserError(
                f"--dataset={request.dataset}: several configurations are prepared in {folder}; name one of {names}."
            )
        if configs:
            versions = _versions(configs[0])
    if request.version is not None:
        wanted = [path for _, path in versions if path.name == request.version]
        if versions and not wanted:
            names = ", ".join(path.name for _, path in versions)
            raise UserError(
                f"--dataset={request.dataset}: version {request.version} is not prepared in {versions[0][1].parent}, "
                f"which has {names}. Name one of these or none."
            )
        return wanted[0] if wanted else None
    return versions[-1][1] if versions else None


def open_prepared(request: Request, folder: Path) -> tfds.core.DatasetBuilder:
    """A builder for prepared data whose files are all there and whose images can be used, or UserError."""
    import tensorflow_datasets as tfds

    prefix = f"--dataset={request.dataset}"
    try:
        builder = tfds.builder_from_directory(folder)
        splits, features = dict(builder.info.splits), builder.info.features
        paths = [Path(path) for split in splits.values() for path in split.filepaths]
    except Exception as error:  # what it raises depends on how dataset_info.json or features.json is damaged
        raise UserError(
            f"{prefix}: the description in {folder} cannot be read ({one_line(error)}). Prepare it anew."
        ) from error
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UserError(
            f"{prefix}: {len(missing)} of {len(paths)} files are missing: {image_files.listed(map(str, missing))}. "
            "Prepare it anew."
        )
    for split in train_split(request).split("+"):
        if split not in splits or splits[split].num_examples < 1:
            names = ", ".join(splits) or "none"
            raise UserError(f"{prefix}: {folder} has no {split} split with images; its splits: {names}.")
    _check_image_feature(prefix, features)
    return builder


def _check_image_feature(prefix: str, features: Any) -> None:
    import tensorflow_datasets as tfds

    is_dict = isinstance(features, tfds.features.FeaturesDict)
    image = features["image"] if is_dict and "image" in features else None
    if not isinstance(image, tfds.features.Image):
        names = ", ".join(features) if is_dict else type(features).__name__
        raise UserError(f"{prefix} is no image data set: it has no feature 'image'; its features: {names}.")
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise UserError(
            f"{prefix}: images must be uint8 with 1 or 3 channels, but its feature 'image' is "
            f"{np.dtype(image.np_dtype).name} of shape {image.shape}."
        )


def download(request: Request) -> None:
    """Downloads and prepares; raises UserError if that fails, or before it starts if the data set has no images."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(request.dataset, data_dir=request.root)
        _check_image_feature(f"--dataset={request.dataset}", builder.info.features)  # before hours of downloading text
        builder.download_and_prepare()
    except UserError:
        raise
    except Exception as error:  # network, disk, checksum, missing package, manual download: as many types as causes
        raise UserError(
            f"--dataset={request.dataset}: downloading to {request.root} failed: {one_line(error)}. Try again with a "
            f"network connection, or copy a prepared {request.name}/ folder from elsewhere and give its parent as "
            "--data_dir."
        ) from error


def one_line(error: BaseException) -> str:
    """The error's message on one line of at most about 300 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + " ..."
