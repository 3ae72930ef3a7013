"""The record of published behaviours by itself; what each switch does is tested where it is read."""

from __future__ import annotations

import dataclasses

import pytest

from autogan_tf.config.semantics import Semantics


def test_published_and_corrected_differ_in_every_switch():
    published, corrected = (dataclasses.asdict(each) for each in (Semantics.published(), Semantics.corrected()))
    assert {name for name in published if published[name] == corrected[name]} == set()
    assert Semantics.of_flag(True) == Semantics.published() and Semantics.of_flag(False) == Semantics.corrected()
    with pytest.raises(dataclasses.FrozenInstanceError):
        Semantics.published().reward_splits = 1  # type: ignore[misc]


def test_every_switch_is_explained():
    for field in dataclasses.fields(Semantics):
        assert f"      {field.name}: " in (Semantics.__doc__ or "")


def test_a_threshold_of_the_reset_in_both_units():
    """The published variance of 1e-3 is the same test as the standard deviation."""
    published, corrected = Semantics.published(), Semantics.corrected()
    assert published.as_standard_deviation(0.25) == 0.5 and corrected.as_standard_deviation(0.25) == 0.25
    assert (published.default_reset_threshold, corrected.default_reset_threshold) == (1e-3, 0.0316)
    for each in (published, corrected):
        assert each.as_standard_deviation(each.default_reset_threshold) == pytest.approx(0.0316, rel=1e-3)
