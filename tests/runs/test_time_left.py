"""Time left, worked by hand."""

from __future__ import annotations

import pytest

from autogan_tf.runs.time_left import TimeLeft


def test_nothing_is_known_before_something_was_done():
    assert TimeLeft({"steps": 10}).seconds() is None


def test_a_rate_is_a_median_without_the_first_record():
    left = TimeLeft({"steps": 10})
    left.did("steps", 1, 60)
    assert left.seconds() == 9 * 60  # all that is known
    for seconds in (2, 4, 90):
        left.did("steps", 1, seconds)
    assert left.seconds() == 6 * 4
    left.did("steps", 6, 24)
    assert left.seconds() == 0


def test_only_the_latest_records_count():
    left = TimeLeft({"steps": 1000})
    for seconds in [1] * 20 + [3] * 9:
        left.did("steps", 1, seconds)
    assert left.seconds() == (1000 - 29) * 3


def test_a_kind_of_which_nothing_was_done_is_guessed_from_another():
    left = TimeLeft({"small": 3, "large": 2, "huge": 1}, as_other={"large": ("small", 4), "huge": ("large", 4)})
    left.did("small", 1, 5)
    assert left.seconds() == 2 * 5 + 2 * 20 + 1 * 80
    left.did("small", 2, 10)
    left.did("large", 1, 12)
    assert left.seconds() == 1 * 12 + 1 * 48


def test_without_a_guess_it_is_unknown():
    left = TimeLeft({"steps": 2, "evaluations": 1})
    left.did("steps", 1, 3)
    assert left.seconds() is None
    left.did("evaluations", 1, 7)
    assert left.seconds() == 3


def test_a_kind_of_which_there_is_none_only_tells_its_rate():
    left = TimeLeft({"scored": 0, "ranking": 100}, as_other={"ranking": ("scored", 1)})
    left.did("scored", 20, 10)
    assert left.seconds() == pytest.approx(50)


def test_nothing_done_in_some_time_gives_no_rate():
    left = TimeLeft({"steps": 10})
    left.did("steps", 0, 5)
    assert left.seconds() is None
