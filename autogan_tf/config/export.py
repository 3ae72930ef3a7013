"""The settings of `python -m autogan_tf.export`."""

import dataclasses

from autogan_tf.config import generator_settings, plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

_WHAT = "generator"
_OUTPUT = "output"
_SHOW = "instead of writing"


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """`run_dir` or `saved_model`, and `output`; or `describe`. `validate()` raises UserError otherwise."""

    run_dir: str = generator_settings.run_dir("is exported", group=_WHAT)
    saved_model: str = setting(
        "", "Instead of a run's the generator pretrained:NAME, which comes with the program.", group=_WHAT, path=PATH
    )
    weights: str = generator_settings.weights(group=_WHAT)
    checkpoint: str = generator_settings.checkpoint(group=_WHAT)

    output: str = setting(
        "", "The model's folder, which gets a numbered version; its last name is the model's.", group=_OUTPUT, path=PATH
    )
    version: int | None = setting(
        None, "Number of the version. None for one more than the newest there.", group=_OUTPUT, minimum=1
    )
    float16: bool = setting(
        False, "Store the weights in half precision: half the size, computed in float32.", group=_OUTPUT
    )
    tflite: str = setting(
        "", "Also write a TensorFlow Lite file, File.tflite, from z to images.", group=_OUTPUT, path=PATH
    )
    plugin: tuple[str, ...] = plugins.plugin(group=_OUTPUT)
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_OUTPUT, minimum=0)

    describe: str = setting(
        "", "A folder that export has written, or one of its versions: prints what is in it.", group=_SHOW, path=PATH
    )

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        if self.describe:
            if self.run_dir or self.saved_model or self.output:
                raise UserError("--describe only prints; leave out --run_dir, --saved_model and --output")
            return
        if self.run_dir and self.saved_model:
            raise UserError("--run_dir and --saved_model are two generators; give one of them")
        if self.saved_model and not self.saved_model.startswith(generator_settings.PRETRAINED):
            raise UserError(
                f"--saved_model={self.saved_model} is none that comes with the program; give pretrained:NAME, or a "
                "run's folder (--run_dir): a SavedModel is exported already"
            )
        if not (self.run_dir or self.saved_model) or not self.output:
            missing = "output" if self.run_dir or self.saved_model else "run_dir"
            raise UserError(f"--{missing} is empty; give both a run's folder (--run_dir) and the model's (--output)")
        if self.tflite and not self.tflite.endswith(".tflite"):
            raise UserError(f"--tflite={self.tflite} must end in .tflite")
