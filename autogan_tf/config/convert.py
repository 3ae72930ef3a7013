"""The settings of `python -m autogan_tf.convert`."""

import dataclasses

from autogan_tf.config import plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

_FROM = "from the published implementation"
_TO = "to the published implementation"
_BOTH = "both ways"


@dataclasses.dataclass(frozen=True)
class ConvertConfig:
    """Either `checkpoint` with `arch` or `genotype`, or `to_official`; `validate()` raises UserError otherwise."""

    checkpoint: str = setting(
        "", "The .pth or safetensors file to convert; it becomes the run in run_dir.", group=_FROM, path=PATH
    )
    arch: str = setting("", 'Its architecture as integers, in quotes: --arch="1 0 1 1 1 0 0 1 1".', group=_FROM)
    genotype: str = setting("", "Its architecture as a genotype file or a published name.", group=_FROM, path=PATH)
    to_official: str = setting(
        "",
        "The .npz file to write, with the arrays of the run in run_dir under the published names.",
        group=_TO,
        path=PATH,
    )
    network: str = setting(
        "generator", "Which network's arrays to write.", group=_TO, choices=("generator", "discriminator")
    )
    run_dir: str = setting("", "The run's folder: to be made, or to be read for to_official.", group=_BOTH, path=PATH)
    weights: str = setting(
        "average",
        "Which of the generator's weights: average is their moving average, last those of the last step.",
        group=_BOTH,
        choices=("average", "last"),
    )
    plugin: tuple[str, ...] = plugins.plugin(group=_BOTH)
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_BOTH, minimum=0)

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        if bool(self.checkpoint) == bool(self.to_official):
            raise UserError(
                "give either --checkpoint=FILE.pth, to make a run from it, or --to_official=FILE.npz, to write a run's "
                f"arrays; got {'both' if self.checkpoint else 'neither'}"
            )
        if not self.run_dir:
            raise UserError("--run_dir is empty; give the run's folder")
        if self.checkpoint and bool(self.arch) == bool(self.genotype):
            raise UserError(
                "a checkpoint does not say which architecture it is of; give either --arch or --genotype, "
                f"got {'both' if self.arch else 'neither'}"
            )
        if self.to_official and (self.arch or self.genotype):
            raise UserError("--arch and --genotype go with --checkpoint only; the run in --run_dir knows its own")
        if self.to_official and not self.to_official.endswith(".npz"):
            raise UserError(f"--to_official={self.to_official} must end in .npz")
