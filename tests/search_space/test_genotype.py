"""Genotypes: tokens, names and JSON agree; whatever is not a genotype is refused in one line."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan, published
from autogan_tf.search_space.genotype import Genotype

A = "1 0 1 1  1 0 0 1 1  1 0 1 0 3"

# Architecture A of the paper's figure 4, written out by hand
A_CELLS = (
    {"conv": "pre", "norm": "none", "up": "nearest", "shortcut": True},
    {"conv": "pre", "norm": "none", "up": "bilinear", "shortcut": True, "skips": (True,)},
    {"conv": "pre", "norm": "none", "up": "nearest", "shortcut": False, "skips": (True, True)},
)


@st.composite
def token_lists(draw):
    num_cells = draw(st.integers(1, 5))
    return [draw(st.integers(0, count - 1)) for count in autogan.SPACE.counts(num_cells)]


def document(**changes) -> str:
    """A's genotype file, written here by hand, with fields replaced (None: left out)."""
    cells = [
        {"conv": "pre", "norm": "none", "up": "nearest", "shortcut": True},
        {"conv": "pre", "norm": "none", "up": "bilinear", "shortcut": True, "skips": [True]},
        {"conv": "pre", "norm": "none", "up": "nearest", "shortcut": False, "skips": [True, True]},
    ]
    fields = {
        "format": "autogan-genotype",
        "version": 2,
        "space": "autogan",
        "name": "a",
        "tokens": [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 3],
        "cells": cells,
        "scores": {},
        "cost": {},
    } | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def assert_refused(text: str, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        Genotype.from_json(text, where="my.json")
    message = str(caught.value)
    assert "\n" not in message
    for word in ("my.json", *words):
        assert word in message


def test_a_by_hand():
    assert tuple(dict(cell) for cell in Genotype.from_string(A).cells) == A_CELLS
    assert Genotype.from_cells(A_CELLS).tokens == (1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 3)
    assert str(Genotype.from_cells(A_CELLS)) == A


def test_the_most_significant_skip_bit_is_the_earliest_cell():
    cells = Genotype.from_string("0 0 0 0  0 0 0 0 0  0 0 0 0 1  0 0 0 0 4").cells
    assert cells[2]["skips"] == (False, True)
    assert cells[3]["skips"] == (True, False, False)


@given(token_lists())
def test_tokens_survive_every_form(tokens):
    genotype = Genotype.from_tokens(tokens, name="x")
    assert genotype.tokens == tuple(tokens)
    assert Genotype.from_string(str(genotype)) == genotype
    back = Genotype.from_json(genotype.to_json(scores={"inception_score": 8.5}))
    assert back == genotype
    assert back.name == "x"


def test_all_architectures_of_two_cells_are_different():
    counts = autogan.SPACE.counts(2)
    cells = {Genotype.from_tokens(index).cells for index in np.ndindex(*counts)}
    assert len(cells) == math.prod(counts) == 36 * 72


def test_json_by_hand():
    genotype = Genotype.from_json(document())
    assert genotype == Genotype.from_cells(A_CELLS)
    text = genotype.to_json(scores={"inception_score": 8.55}, cost={"parameters": 4_405_251, "multiply_adds": 7})
    assert json.loads(text) == json.loads(
        document(scores={"inception_score": 8.55}, cost={"parameters": 4_405_251, "multiply_adds": 7})
    )


def test_a_file_of_the_version_before_is_read():
    """It had no space, and its first cell an empty list of skips."""
    cells = [dict(A_CELLS[0], skips=[]), *A_CELLS[1:]]
    genotype = Genotype.from_json(document(version=1, space=None, cells=cells))
    assert genotype == Genotype.from_string(A) and genotype.space is autogan.SPACE


@pytest.mark.parametrize("space", [None, "autogen", 3])
def test_a_space_that_is_not_known_is_refused(space):
    assert_refused(document(space=space), "space")


def test_the_name_is_not_part_of_the_architecture():
    assert Genotype.from_string(A, name="x") == Genotype.from_string(A, name="y")
    assert len({Genotype.from_string(A, name="x"), Genotype.from_string(A, name="y")}) == 1


@pytest.mark.parametrize("position", range(14))
@pytest.mark.parametrize("wrong", ["too large", -1, 0.5, 1.0, True, "1", None])
def test_every_token_out_of_range_is_refused_with_its_value(position, wrong):
    limit = (2, 3, 3, 2, 2, 3, 3, 2, 2, 2, 3, 3, 2, 4)[position]
    value = limit if wrong == "too large" else wrong
    tokens: list = [0] * 14
    tokens[position] = value
    with pytest.raises(UserError) as caught:
        Genotype.from_tokens(tokens)
    cell = 1 if position < 4 else 2 if position < 9 else 3
    assert f"cell {cell}" in str(caught.value)
    assert str(value) in str(caught.value)
    assert f"0 to {limit - 1}" in str(caught.value)


@pytest.mark.parametrize("position", range(14))
def test_every_token_that_disagrees_with_the_cells_is_refused(position):
    tokens = [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 3]
    tokens[position] = 1 - tokens[position] if tokens[position] < 2 else 0
    assert_refused(document(tokens=tokens), "tokens", "cells", "different")


@pytest.mark.parametrize("length", [0, 1, 3, 5, 8, 13, 15])
def test_a_wrong_number_of_tokens_is_refused(length):
    with pytest.raises(UserError, match=f"got {length}"):
        Genotype.from_tokens([0] * length)
    assert_refused(document(tokens=[0] * length), f"got {length}")


@pytest.mark.parametrize("text", ["1 0 1", "1 0 1 x", "1 0 1 -1", "1.0 0 1 1", "", "²"])
def test_what_is_no_list_of_integers_is_refused(text):
    with pytest.raises(UserError):
        Genotype.from_string(text)


def test_commas_and_blanks_both_separate():
    assert Genotype.from_string("1,0,1,1, 1 0 0 1 1") == Genotype.from_string("1 0 1 1 1 0 0 1 1")


def test_not_json_is_refused():
    assert_refused("not json", "JSON")


@pytest.mark.parametrize("text", ["[]", "3", '"text"', "{}", document(format="other"), document(format=None)])
def test_another_format_is_refused_with_the_one_needed(text):
    assert_refused(text, "autogan-genotype")


@pytest.mark.parametrize("version", [0, 3, "1", True, None])
def test_another_version_is_refused(version):
    assert_refused(document(version=version), "version")


CELL = {"conv": "pre", "norm": "none", "up": "nearest", "shortcut": True}


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        (CELL | {"conv": "middle"}, '"middle"'),
        (CELL | {"norm": "group"}, '"group"'),
        (CELL | {"up": "cubic"}, '"cubic"'),
        (CELL | {"up": 1}, "1"),
        (CELL | {"up": []}, "up"),
        (CELL | {"shortcut": 1}, "shortcut"),
        (CELL | {"shortcut": "yes"}, "shortcut"),
        (CELL | {"skips": [True]}, "skips"),
        (CELL | {"skips": None}, "skips"),
        ({}, "nothing"),
        ({"conv": "pre"}, "norm"),
        ("pre", "cells"),
    ],
)
def test_a_malformed_cell_is_refused(cell, word):
    assert_refused(document(tokens=[1, 0, 1, 1], cells=[cell]), word)


@pytest.mark.parametrize(
    "changes", [{"tokens": None}, {"cells": None}, {"cells": []}, {"tokens": 5}, {"tokens": "1011"}]
)
def test_missing_or_malformed_lists_are_refused(changes):
    assert_refused(document(**changes))


@pytest.mark.parametrize("token", [1.0, True, "1", None])
def test_json_tokens_must_be_integers(token):
    assert_refused(document(tokens=[token, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 3]))


def test_skips_of_the_wrong_cell_are_refused():
    with pytest.raises(UserError, match="cell 2 must have conv, norm, up, shortcut, skips; got"):
        Genotype.from_cells((A_CELLS[0], A_CELLS[0]))
    with pytest.raises(UserError, match=r"cell 2: skips must be one of \[false\], \[true\]; got \[true, true\]"):
        Genotype.from_cells((A_CELLS[0], A_CELLS[2]))
    with pytest.raises(UserError, match="1 to 8 cells, got 0"):
        Genotype.from_cells(())


def test_loading_files(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(document())
    assert Genotype.load(path) == Genotype.from_cells(A_CELLS)
    with pytest.raises(UserError, match="missing.json"):
        Genotype.load(tmp_path / "missing.json")
    with pytest.raises(UserError, match="cannot read"):
        Genotype.load(tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="a.json"):
        Genotype.load(path)


def test_published_architectures():
    assert published.load("autogan_cifar10_a") == Genotype.from_cells(A_CELLS)
    assert all(published.load(name).name == name for name in published.TOKENS)
    with pytest.raises(UserError, match="autogan_cifar10_a"):
        published.load("autogan")


def test_a_file_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="deep.json is not JSON .nested too deeply"):
        Genotype.load(tmp_path / "deep.json")


def test_cells_in_words():
    first, second, third = (cell.in_words() for cell in Genotype.from_string(A).cells)
    assert first == "pre-activation, no norm, nearest upsampling, shortcut"
    assert second == "pre-activation, no norm, bilinear upsampling, shortcut, skip from cell 1"
    assert third == "pre-activation, no norm, nearest upsampling, no shortcut, skips from cell 1 and 2"
    other = Genotype.from_string("0 1 2 0  0 1 2 0 0  0 1 2 0 1").cells[2]
    assert other.in_words() == "post-activation, batch norm, transposed convolution, no shortcut, skip from cell 2"
