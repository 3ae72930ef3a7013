"""The settings of `python -m autogan_tf.report`."""

import dataclasses

from autogan_tf.config import plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

_RUNS = "runs"
_OUTPUT = "output"


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """At least one run; `validate()` raises UserError otherwise."""

    run_dir: tuple[str, ...] = setting(
        (),
        "Folders of runs, separated by commas, or simply the words of the command line.",
        group=_RUNS,
        words=True,
        path=PATH,
    )
    output: str = setting(
        "",
        "Of several runs, the file of their comparison, NAME.html, with NAME.json beside it; empty for "
        "comparison.html. The report of one run goes into its folder.",
        group=_OUTPUT,
        path=PATH,
    )

    plugin: tuple[str, ...] = plugins.plugin(group=_RUNS)

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        if not self.run_dir or not all(self.run_dir):
            raise UserError("no run is given; name one or several: python -m autogan_tf.report runs/NAME")
        if len(set(self.run_dir)) < len(self.run_dir):
            raise UserError(f"a run is given twice among {', '.join(self.run_dir)}; name each once")
        if self.output and len(self.run_dir) == 1:
            raise UserError(
                f"--output={self.output} is for comparing several runs; the report of one goes into its folder, "
                f"{self.run_dir[0]}/report.html"
            )
        if self.output and not self.output.endswith(".html"):
            raise UserError(f"--output={self.output} must end in .html")
