"""Times parts of the program against their alternatives: python tools/benchmark.py train

What is compared runs in alternation in one process, so that the ratios hold on a noisy machine; medians are printed.
`--json=FILE` keeps the numbers. Where a part takes `--torch_python=PYTHON`, an interpreter with PyTorch, that is
measured too; nothing is installed.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

import benchmark_checkpoints  # noqa: E402 (beside this file)
import benchmark_data  # noqa: E402
import benchmark_metrics  # noqa: E402
import benchmark_sample  # noqa: E402
import benchmark_search  # noqa: E402
import benchmark_serve  # noqa: E402
import benchmark_train  # noqa: E402
from timing import Report, at_least  # noqa: E402 (beside this file)

from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.runs.folder import write_atomically  # noqa: E402


def main(argv: Sequence[str] | None = None) -> None:
    """The command, with the words of `argv` or those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    modules = {
        "train": benchmark_train,
        "search": benchmark_search,
        "sample": benchmark_sample,
        "data": benchmark_data,
        "checkpoints": benchmark_checkpoints,
        "serve": benchmark_serve,
        "metrics": benchmark_metrics,
    }
    for name, module in modules.items():
        assert module.__doc__
        module.add_arguments(commands.add_parser(name, help=module.__doc__.partition(": ")[2].rstrip(".")))
    for command in commands.choices.values():
        command.add_argument("--json", type=pathlib.Path, help="file for the numbers")
        command.add_argument(
            "--rounds", type=at_least(1), default=5, help="how often each is timed, after a first time (default 5)"
        )
    arguments = parser.parse_args(argv)
    report = Report()
    try:
        modules[arguments.command].run(arguments, report)
    except UserError as error:
        parser.error(str(error))
    if arguments.json:
        words = list(sys.argv[1:] if argv is None else argv)
        document = {"command": words, "machine": report.machine, "tables": report.tables}
        write_atomically(arguments.json, json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
