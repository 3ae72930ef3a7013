"""Makes the README's picture of a report.

    python tools/photograph_report.py --run_dir=runs/NAME

Writes the report of a run anew, opens it in headless Chromium and writes docs/report.png: of the page so much as
--height gives.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import headless  # noqa: E402 (beside this file)

from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.runs import report  # noqa: E402

WIDTH = 1000


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run_dir", required=True, help="the run")
    parser.add_argument("--height", type=int, default=2000, help="in pixels (default 2000)")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "report.png", help="the picture")
    arguments = parser.parse_args(argv)
    try:
        headless.browser()
        page, _ = report.write(arguments.run_dir)
    except (FileNotFoundError, UserError) as error:
        parser.error(str(error))
    with headless.opened(page.absolute().as_uri(), width=WIDTH, height=arguments.height) as tab:
        tab.screenshot(path=arguments.output)


if __name__ == "__main__":
    main()
