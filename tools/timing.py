"""What the benchmarks share: their arguments, timing in alternation, tables of the numbers."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from autogan_tf.runs import machine

Name = TypeVar("Name", bound=Hashable)
FILE_WIDTH = 120  # columns where the output is no terminal, whose width would be taken for 80


def at_least(least: int) -> Callable[[str], int]:
    """An argparse type: whole numbers of at least `least`."""

    def whole_number(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text!r}")
        return number

    return whole_number


def some_of(names: Sequence[str]) -> Callable[[str], list[str]]:
    """An argparse type: some of `names` with commas between them."""

    def chosen(text: str) -> list[str]:
        found = text.split(",")
        for name in found:
            if name not in names:
                raise argparse.ArgumentTypeError(
                    f"must be some of {', '.join(names)} with commas between, got {name!r}"
                )
        return found

    return chosen


def add_some_of(parser: argparse.ArgumentParser, flag: str, names: Sequence[str]) -> None:
    """A flag for some of `names`; all of them without it."""
    parser.add_argument(
        f"--{flag}", type=some_of(names), default=list(names), help=f"some of {','.join(names)} (default all)"
    )


def add_counts(parser: argparse.ArgumentParser, counts: Sequence[tuple[str, int, str]], *, least: int = 1) -> None:
    """A flag for a whole number of at least `least` for each (name, default, meaning)."""
    for name, default, meaning in counts:
        parser.add_argument(f"--{name}", type=at_least(least), default=default, help=f"{meaning} (default {default:,})")


def run_parts(
    measures: Mapping[str, Callable[[argparse.Namespace, Report], None]], arguments: argparse.Namespace, report: Report
) -> None:
    """Runs those of `measures` that `--parts` names, in their order."""
    for part, measure in measures.items():
        if part in arguments.parts:
            measure(arguments, report)


def alternate(functions: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Seconds of each function, called in turn `rounds` times after one call that does not count."""
    seconds: dict[Name, list[float]] = {name: [] for name in functions}
    for count in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if count:
                seconds[name].append(time.perf_counter() - start)
    return seconds


class Report:
    """Tables on the terminal and the same numbers for a file.

    Attributes:
      machine: what `machine.describe` says.
      tables: {"title", "rows": dictionaries with the same keys} each, as they were printed.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
        self.machine = machine.describe()
        self.tables: list[dict] = []
        self.console.print(f"{self.machine['processor']}, {self.machine['cores']} cores, {self.machine['system']}")

    def times(self, title: str, seconds: Mapping[str, list[float]], *, baseline: str = "", work: float = 0) -> None:
        """A row for each name: median, fastest; if given, times as fast as `baseline`, how much of `work` a second."""
        rows = []
        for name, values in seconds.items():
            median = statistics.median(values)
            row = {"name": name, "median_s": median, "fastest_s": min(values)}
            if baseline:
                row["times_as_fast"] = statistics.median(seconds[baseline]) / median
            if work:
                row["per_second"] = work / median
            rows.append(row)
        self.rows(title, rows)

    def rows(self, title: str, rows: Sequence[Mapping[str, object]]) -> None:
        """A table of dictionaries with the same keys; the first is the row's name."""
        # The title is a line of its own: as the table's it would be wrapped at the table's width.
        self.console.print(f"\n{title}", style="bold", soft_wrap=True)
        table = Table(box=SIMPLE, pad_edge=False)
        for number, key in enumerate(rows[0]):
            table.add_column(key, justify="right" if number else "left", no_wrap=not number)
        for row in rows:
            table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
        self.console.print(table)
        self.tables.append({"title": title, "rows": [dict(row) for row in rows]})
