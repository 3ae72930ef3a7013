"""What the person at the terminal sees: bars of the phase and of the whole job, a table of the best, lines above them.

When the output is no terminal there are only the lines.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from types import TracebackType

from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from autogan_tf.config.terminal_settings import VERBOSITIES


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        unit = task.fields.get("unit", "")
        return Text(f"{speed:.1f} {unit}/s" if speed >= 1 else f"{1 / speed:.1f} s/{unit.rstrip('s')}")


class _LeftColumn(ProgressColumn):
    """Of the whole job what it was told last, less what has passed since; of a phase what its rate gives."""

    def render(self, task: Task) -> Text:
        told = task.fields.get("left")
        if told is not None:
            seconds, when = told
            left = max(0.0, seconds - (time.monotonic() - when))
        elif "whole" not in task.fields and task.time_remaining is not None and not task.finished:
            left = task.time_remaining
        else:
            return Text("")
        return Text(f"{timedelta(seconds=round(left))} left")


class _Screen(Progress):
    """The bars, under a table."""

    table: Table | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.table is not None:
            yield self.table
        yield from super().get_renderables()


class Terminal:
    """A context manager; between `phase` calls the bar is that phase's.

    Args:
      stderr: writes there, because standard output is for something else.
      silent: writes nothing.
      verbosity: "quiet": no bars, and only the lines that tell a result; "detailed": also those of every small step.
    """

    def __init__(self, *, stderr: bool = False, silent: bool = False, verbosity: str = "normal") -> None:
        if verbosity not in VERBOSITIES:
            raise ValueError(f"verbosity must be one of {', '.join(VERBOSITIES)}, got {verbosity!r}")
        self._level = VERBOSITIES.index(verbosity)
        self.console = Console(highlight=False, soft_wrap=True, stderr=stderr, quiet=silent, emoji=False)
        self._bar = _Screen(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            _LeftColumn(),
            console=self.console,
            disable=not self.console.is_terminal or self._level == 0,
            speed_estimate_period=60.0,
            transient=True,
        )
        self._task: TaskID | None = None
        self._overall: TaskID | None = None

    def overall(self, description: str, total: int, unit: str) -> None:
        """Adds a second bar for the whole of a long job made of phases."""
        self._overall = self._bar.add_task(description, total=total, unit=unit, whole=True)

    def advance_overall(self, done: int, *, left: float | None = None) -> None:
        """`done` units of the whole job are done; it will take about `left` more seconds, if that is known."""
        if self._overall is not None:
            told = None if left is None else (left, time.monotonic())
            self._bar.update(self._overall, completed=done, left=told)

    def end_overall(self) -> None:
        """Takes the whole job's bar away, and the table of the best."""
        if self._overall is not None:
            self._bar.remove_task(self._overall)
            self._overall = None
        self._bar.table = None

    def phase(self, description: str, total: int, unit: str) -> None:
        """A phase begins: `total` units of work, e.g. "steps"."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(description, total=total, unit=unit)

    def done(self, done: int) -> None:
        """`done` units of the present phase are done."""
        if self._task is not None:
            self._bar.update(self._task, completed=done)

    def result(self, text: str) -> None:
        """One line of text that stays, whatever the verbosity."""
        self.console.print(text, markup=False)

    def line(self, text: str) -> None:
        """One line of text that stays."""
        if self._level >= 1:
            self.result(text)

    def detail(self, text: str) -> None:
        """One line about a small step."""
        if self._level >= 2:
            self.result(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table that stays; the first column to the left, the others to the right."""
        self.console.print(_table(columns, rows), markup=False)

    def best(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table over the bars, in place of the last one; on a terminal only."""
        self._bar.table = _table(columns, rows)

    def __enter__(self) -> Terminal:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
