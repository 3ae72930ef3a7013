"""Declaring settings: types from annotations, rules, JSON and text round trips."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogan_tf.config.command_line import parse
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import check_fields, fields_of, from_dict, setting, to_dict, to_flags


@dataclasses.dataclass(frozen=True)
class Sample:
    switch: bool = setting(False, "A switch.", group="first")
    count: int = setting(3, "A count.", group="first", minimum=1, maximum=9)
    rate: float = setting(0.5, "A rate.", group="second", above=0, below=1)
    word: str = setting("", "A text.", group="second")
    kind: str = setting("plain", "A choice.", group="second", choices=("plain", "fancy"))
    limit: float | None = setting(None, "A limit.", group="third", minimum=0)
    depth: int | None = setting(7, "A depth.", group="third")
    steps: tuple[int, ...] = setting((1, 2), "Steps.", group="third", minimum=1)


samples = st.builds(
    Sample,
    switch=st.booleans(),
    count=st.integers(1, 9),
    rate=st.floats(0, 1, exclude_min=True, exclude_max=True),
    word=st.text(),
    kind=st.sampled_from(["plain", "fancy"]),
    limit=st.none() | st.floats(0, 1e300),
    depth=st.none() | st.integers(),
    steps=st.lists(st.integers(1)).map(tuple),
)


def test_fields_are_read_off_the_annotations():
    read = {field.name: (field.item_type, field.optional, field.sequence) for field in fields_of(Sample)}
    assert read == {
        "switch": (bool, False, False),
        "count": (int, False, False),
        "rate": (float, False, False),
        "word": (str, False, False),
        "kind": (str, False, False),
        "limit": (float, True, False),
        "depth": (int, True, False),
        "steps": (int, False, True),
    }


# No deadline: a loaded machine is no mistake.
@settings(deadline=None, max_examples=50)
@given(samples)
def test_the_flags_of_a_configuration_give_it_back(config):
    assert parse(Sample, to_flags(config), doc="") == config


@settings(deadline=None, max_examples=50)
@given(samples)
def test_a_configuration_survives_json(config):
    assert from_dict(Sample, json.loads(json.dumps(to_dict(config)))) == config


def test_settings_left_out_of_a_dict_keep_their_defaults():
    assert from_dict(Sample, {"count": 4}) == Sample(count=4)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"cuont": 4}, ["cuont", "did you mean count?"]),
        ({"count": 4.0}, ["count", "whole number", "4.0"]),
        ({"count": True}, ["count", "true"]),
        ({"count": None}, ["count", "none"]),
        ({"steps": 3}, ["steps", "3"]),
        ({"steps": [1, "x"]}, ["steps", "1,x"]),
        ({"rate": "0.5"}, ["rate", "0.5"]),
    ],
)
def test_a_dict_that_does_not_fit_is_refused(values, parts):
    with pytest.raises(UserError) as caught:
        from_dict(Sample, values)
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 10},
        {"rate": 0.0},
        {"rate": 1.0},
        {"rate": float("nan")},
        {"limit": float("inf")},
        {"limit": -1.0},
        {"kind": "odd"},
        {"steps": (2, 0)},
        {"steps": [1]},
    ],
)
def test_values_made_in_python_are_checked_by_the_same_rules(wrong):
    with pytest.raises(UserError, match=f"--{next(iter(wrong))} must be"):
        check_fields(Sample(**wrong))


@pytest.mark.parametrize(
    "right", [{"count": 1}, {"count": 9}, {"rate": 1e-9}, {"limit": 0.0}, {"limit": 2}, {"steps": ()}]
)
def test_values_at_the_bounds_are_accepted(right):
    check_fields(Sample(**right))


def test_a_field_without_rules_or_with_a_strange_type_is_a_programmers_mistake():
    @dataclasses.dataclass(frozen=True)
    class Bare:
        count: int = 3

    @dataclasses.dataclass(frozen=True)
    class Strange:
        table: dict = setting({1: 2}.get(1), "A table.", group="g")

    with pytest.raises(TypeError, match="Bare.count"):
        fields_of(Bare)
    with pytest.raises(TypeError, match="Strange.table"):
        fields_of(Strange)
