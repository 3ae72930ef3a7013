"""The settings of which trained generator is meant, shared by the commands that use one."""

from autogan_tf.config.fields import PATH, setting

PRETRAINED = "pretrained:"  # before the name of a generator that comes with the program


def run_dir(purpose: str, *, group: str) -> str:
    """--run_dir; `purpose` says what its generator does."""
    return setting("", f"A run's folder, of a search or a training: its generator {purpose}.", group=group, path=PATH)


def saved_model(*, group: str) -> str:
    """--saved_model."""
    return setting(
        "",
        "A generator as a SavedModel whose default signature takes z and gives images, or pretrained:NAME, which comes "
        "with the program.",
        group=group,
        path=PATH,
    )


def weights(*, group: str) -> str:
    """--weights."""
    return setting(
        "average",
        "Which weights of a run: average is their moving average, last those of the last step.",
        group=group,
        choices=("average", "last"),
    )


def checkpoint(*, group: str) -> str:
    """--checkpoint."""
    return setting(
        "best",
        "Which checkpoint of a run: the one with the lowest Fréchet distance when it was scored, or the newest.",
        group=group,
        choices=("best", "newest"),
    )
