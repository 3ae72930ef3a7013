"""The settings of what a long command shows at the terminal, which search and train share."""

from autogan_tf.config.fields import setting

VERBOSITIES = ("quiet", "normal", "detailed")


def verbosity(*, group: str) -> str:
    """--verbosity."""
    return setting(
        "normal",
        "What the terminal shows: quiet, results and errors only; normal, bars and a line for every event; detailed, a "
        "line for every step of the strategy or report of the training, too.",
        group=group,
        choices=VERBOSITIES,
    )
