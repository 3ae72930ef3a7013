"""The settings of the feature network, which every command that scores images shares."""

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, setting

NAMES = ("classifier", "efficientnet_lite0", "inception")
SAVED_MODEL = "saved_model:"


def features(default: str, *, group: str, if_empty: str = "") -> str:
    """--features; `if_empty` says what an empty value means."""
    return setting(
        default,
        "Network that the scores look through: inception (the one of published scores; needs inception_weights), "
        "efficientnet_lite0 (real ImageNet weights, from a small package), classifier (trained on the data set itself, "
        f"once), or saved_model:FOLDER, a SavedModel with outputs named features and logits.{if_empty}",
        group=group,
        path=(SAVED_MODEL,),
    )


def inception_weights(*, group: str) -> str:
    """--inception_weights."""
    return setting(
        "",
        "Weights of features=inception: the .pth file of pytorch-fid or torch-fidelity, or TF-GAN's module as a "
        "SavedModel folder or a hub handle.",
        group=group,
        path=PATH,
    )


def features_resolution(*, group: str) -> int:
    """--features_resolution."""
    return setting(
        0,
        "Side in pixels to which efficientnet_lite0 resizes images; 0 for 224, as it was trained. Smaller is faster.",
        group=group,
        minimum=0,
    )


def classifier_steps(*, group: str) -> int:
    """--classifier_steps."""
    return setting(4000, "Training steps of the classifier.", group=group, minimum=1)


def classifier_batch_size(*, group: str) -> int:
    """--classifier_batch_size."""
    return setting(128, "Images of a training step of the classifier.", group=group, minimum=1)


def classifier_width(*, group: str) -> int:
    """--classifier_width."""
    return setting(32, "Channels of the classifier's first block.", group=group, minimum=1)


def classifier_seed(*, group: str) -> int:
    """--classifier_seed."""
    return setting(
        0,
        "Seed of the classifier, whatever --seed is: runs with the same one are judged by the same network.",
        group=group,
        minimum=0,
        maximum=2**31 - 1,
    )


def cache_dir(*, group: str) -> str:
    """--cache_dir."""
    return setting(
        "",
        "Folder where decoded images, trained classifiers and statistics of real images are kept for later runs; "
        "empty for ~/.cache/autogan_tf, or without a home folder for none.",
        group=group,
        path=PATH,
    )


def validate(*, features: str, inception_weights: str, features_resolution: int) -> None:
    """Raises UserError for a network that does not exist, or settings of another one."""
    if features not in NAMES and not (features.startswith(SAVED_MODEL) and features != SAVED_MODEL):
        raise UserError(
            f"--features must be one of {', '.join(NAMES)} or {SAVED_MODEL}FOLDER, but it is {features!r}; "
            "choose one of these"
        )
    if features == "inception" and not inception_weights:
        raise UserError(
            "--features=inception needs --inception_weights=FILE.pth (published by pytorch-fid and torch-fidelity) or "
            "TF-GAN's module; or choose --features=efficientnet_lite0, whose weights come as a package"
        )
    if inception_weights and features != "inception":
        raise UserError(
            f"--inception_weights go with --features=inception, but it is {features}; leave one of the two out"
        )
    if features_resolution and features != "efficientnet_lite0":
        raise UserError(
            f"--features_resolution goes with --features=efficientnet_lite0, but it is {features}; leave it out"
        )
