"""What a person sees: lines always, a bar on a terminal only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autogan_tf.runs import progress
from autogan_tf.runs.progress import Terminal


@pytest.fixture
def screen(monkeypatch):
    """screen(is_terminal) -> (a Terminal, what it wrote)."""

    def made(is_terminal: bool):
        output = io.StringIO()

        def console(**options) -> Console:
            return Console(**options, file=output, force_terminal=is_terminal, width=100, color_system=None)

        monkeypatch.setattr(progress, "Console", console)
        return Terminal(), output

    return made


def use(terminal: Terminal) -> None:
    with terminal:
        terminal.done(1)  # before any phase: nothing to move
        terminal.overall("search", 4, "iterations")
        terminal.phase("shared GAN", 10, "steps")
        terminal.done(5)
        terminal.advance_overall(1)
        terminal.line("iteration 1  best [1 0 1 1]")
        terminal.phase("controller", 3, "steps")
        terminal.done(3)
        terminal.end_overall()


def test_without_a_terminal_there_are_only_the_lines(screen):
    terminal, output = screen(False)
    use(terminal)
    assert output.getvalue() == "iteration 1  best [1 0 1 1]\n"


def test_a_terminal_shows_phase_count_and_whole_job(screen):
    terminal, output = screen(True)
    use(terminal)
    text = output.getvalue()
    assert "iteration 1  best [1 0 1 1]" in text  # what looks like markup is text
    for shown in ("controller", "3/3", "left"):
        assert shown in text


def test_the_rate_has_the_phases_unit(screen):
    terminal, _ = screen(True)
    column = progress._RateColumn()
    task_id = terminal._bar.add_task("x", total=10, unit="steps")
    task = terminal._bar.tasks[0]
    assert task.id == task_id and column.render(task).plain == ""
    task.finished_speed = 2.5
    assert column.render(task).plain == "2.5 steps/s"
    task.finished_speed = 0.25
    assert column.render(task).plain == "4.0 s/step"


def test_long_lines_are_not_broken(screen):
    terminal, output = screen(False)
    with terminal:
        terminal.line("x" * 300)
    assert output.getvalue() == "x" * 300 + "\n"
