"""The settings of where steps run and in what precision, which the search and the training share."""

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import setting

DISTRIBUTIONS = ("one", "mirrored", "multi_worker", "tpu")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def distribution(*, group: str) -> str:
    """--distribution."""
    return setting(
        "one",
        "Where training steps run: on one device; mirrored on all GPUs of this machine; multi_worker on every process "
        "that TF_CONFIG names; tpu. Batch sizes are those of all replicas together.",
        group=group,
        choices=DISTRIBUTIONS,
    )


def replicas(*, group: str) -> int:
    """--replicas."""
    return setting(
        0,
        "Replicas of --distribution=mirrored; 0 for all GPUs. Where there is none, so many logical devices on the CPU.",
        group=group,
        minimum=0,
    )


def precision(*, group: str, what: str = "feature maps are") -> str:
    """--precision; `what` is computed in it, with its verb."""
    return setting(
        "float32",
        f"What {what} computed in; weights, statistics, spectral norm and losses stay float32. With mixed_float16 the "
        "loss is scaled.",
        group=group,
        choices=PRECISIONS,
    )


def validate(*, distribution: str, replicas: int) -> None:
    """Raises UserError where replicas are counted that the distribution does not choose."""
    if replicas and distribution != "mirrored":
        raise UserError(
            f"--replicas={replicas} is for --distribution=mirrored, but --distribution is {distribution}; leave it "
            "out, or give --distribution=mirrored"
        )
