"""The settings of the data set, which the commands share."""

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, setting


def dataset(*, group: str) -> str:
    """--dataset."""
    return setting(
        "cifar10",
        "Images to learn: a TensorFlow Datasets name (cifar10, stl10, mnist, ...), mnist5k (5,000 MNIST digits that "
        "come with a dependency), or folder:PATH, a folder or zip file of images: PNG, JPEG, WebP, BMP, TIFF, GIF and "
        "others. Its classes are its subfolders, or the labels in its dataset.json, as in StyleGAN's data sets.",
        group=group,
        path=("folder:",),
    )


def data_dir(*, group: str) -> str:
    """--data_dir."""
    return setting(
        "",
        "Folder of the data prepared by TensorFlow Datasets; empty for $TFDS_DATA_DIR or ~/tensorflow_datasets.",
        group=group,
        path=PATH,
    )


def download(*, group: str) -> bool:
    """--download."""
    return setting(False, "Download and prepare the data set if it is not there.", group=group)


def data_memory_gb(*, group: str) -> float:
    """--data_memory_gb."""
    return setting(
        0.0,
        "Gigabytes of images that are kept in memory (TensorFlow's copy for training comes on top); images beyond that "
        "lie in temporary files in cache_dir and are read as they are needed, with the same results. 0 for half of the "
        "memory that is free.",
        group=group,
        minimum=0,
    )


def validate(*, dataset: str) -> None:
    """Raises UserError where no data set is named."""
    if not dataset.strip():
        raise UserError("--dataset must name a data set, but it is empty; for example --dataset=cifar10")
