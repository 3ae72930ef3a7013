"""What a person sees: lines always, a bar on a terminal only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from autogan_tf.runs import progress
from autogan_tf.runs.progress import Terminal


@pytest.fixture
def screen(monkeypatch):
    """screen(is_terminal, ...) -> (a Terminal, what it wrote)."""

    def made(is_terminal: bool, **arguments):
        output = io.StringIO()

        def console(**options) -> Console:
            return Console(**options, file=output, force_terminal=is_terminal, width=100, color_system=None)

        monkeypatch.setattr(progress, "Console", console)
        return Terminal(**arguments), output

    return made


def use(terminal: Terminal) -> None:
    with terminal:
        terminal.done(1)  # before any phase: nothing to move
        terminal.overall("search", 4, "iterations")
        terminal.phase("shared GAN", 10, "steps")
        terminal.done(5)
        terminal.advance_overall(1, left=3600.0)
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
    for shown in ("controller", "3/3", "left"):  # the last phase, its count, and what is left of the whole
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


def test_verbosity_chooses_the_lines(screen):
    for verbosity, shown in (("quiet", "r"), ("normal", "lr"), ("detailed", "dlr")):
        terminal, output = screen(False, verbosity=verbosity)
        with terminal:
            terminal.detail("d")
            terminal.line("l")
            terminal.result("r")
        assert output.getvalue() == "".join(f"{text}\n" for text in shown)


def test_a_quiet_terminal_has_no_bars(screen):
    terminal, output = screen(True, verbosity="quiet")
    use(terminal)
    assert output.getvalue().strip() == ""


def test_the_time_that_is_told_counts_down(screen, monkeypatch):
    terminal, _ = screen(True)
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    terminal.overall("search", 4, "iterations")
    task, column = terminal._bar.tasks[0], progress._LeftColumn()
    assert column.render(task).plain == ""  # no rate of its own: iterations differ too much
    terminal.advance_overall(1, left=3725.0)
    assert column.render(task).plain == "1:02:05 left"
    now[0] += 5
    assert column.render(task).plain == "1:02:00 left"


def test_the_best_stand_over_the_bars(screen):
    terminal, output = screen(True)
    with terminal:
        terminal.overall("search", 4, "iterations")
        terminal.best(("best so far", "reward"), [("1 0 1 1", "3.141")])
        terminal.phase("controller", 3, "steps")
        terminal._bar.refresh()
        assert "best so far" in output.getvalue() and "3.141" in output.getvalue()
        terminal.end_overall()
        assert terminal._bar.table is None


def test_long_lines_are_not_broken(screen):
    terminal, output = screen(False)
    with terminal:
        terminal.line("x" * 300)
    assert output.getvalue() == "x" * 300 + "\n"
