"""Shows what a run did, or compares several: python -m autogan_tf.report runs/NAME [runs/OTHER ...]

Of one run it writes report.html and report.json into the run's folder, as search and train do while they go on; of
several comparison.html and comparison.json here. The pages need no network and no server: open them in a browser.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence

from autogan_tf.config import command_line
from autogan_tf.config.report import ReportConfig


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(ReportConfig, argv, doc=__doc__ or "", body=_report)


def _report(config: ReportConfig) -> int:
    from autogan_tf.runs import report  # late: --help must not wait for Matplotlib

    if len(config.run_dir) == 1:
        written = report.write(config.run_dir[0])
    else:
        written = report.compare(config.run_dir, pathlib.Path(config.output or "comparison.html"))
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
