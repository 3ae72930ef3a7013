"""The published space against numbers worked by hand from the paper's table; every space by its own rules."""

import math
import subprocess
import sys

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.search_space import autogan, catalog
from autogan_tf.search_space.space import Decision, Option, SearchSpace

AUTOGAN = autogan.SPACE

# a space that is not AutoGAN's: another decision in the second cell, one of a single option, one of the discriminator
KERNEL = Decision("kernel", (Option("1", "one", ""), Option("3", "three", "3 x 3"), Option("5", "five", "5 x 5")))
FIXED = Decision("fixed", (Option("only", True, "fixed"),))
POOL = Decision("pool", (Option("mean", "mean", "mean"), Option("max", "max", "max")), part="discriminator")
TOY = SearchSpace("toy", lambda cell: (KERNEL, FIXED, POOL)[: cell + 1], max_cells=3)
SPACES = [*catalog.SPACES.values(), TOY]


def test_three_cells_have_the_published_number_of_architectures():
    # conv 2, norm 3, up 3, shortcut 2 = 36 for a cell; times 2 and times 4 skip patterns for the second and third
    assert [math.prod(AUTOGAN.cell_counts(cell)) for cell in range(3)] == [36, 72, 144]
    assert AUTOGAN.size(3) == 36 * 72 * 144 == 373_248


def test_token_counts_by_hand():
    assert AUTOGAN.counts(1) == (2, 3, 3, 2)
    assert AUTOGAN.counts(3) == (2, 3, 3, 2, 2, 3, 3, 2, 2, 2, 3, 3, 2, 4)
    assert AUTOGAN.counts(4)[14:] == (2, 3, 3, 2, 8)
    assert TOY.counts(3) == (3, 3, 1, 3, 1, 2)


def test_slices_by_hand():
    assert AUTOGAN.slices(4) == (slice(0, 4), slice(4, 9), slice(9, 14), slice(14, 19))
    assert TOY.slices(3) == (slice(0, 1), slice(1, 3), slice(3, 6))


@pytest.mark.parametrize(("tokens", "cells"), [(4, 1), (9, 2), (14, 3), (19, 4)])
def test_number_of_cells_from_the_number_of_tokens(tokens, cells):
    assert AUTOGAN.num_cells_of(tokens) == cells


@pytest.mark.parametrize("tokens", [-1, 0, 1, 3, 5, 8, 10, 13, 15, 1000])
def test_a_number_of_tokens_between_cells_is_refused_with_the_number(tokens):
    with pytest.raises(ValueError, match=f"has 4, 9, 14, .* got {tokens}$"):
        AUTOGAN.num_cells_of(tokens)


@pytest.mark.parametrize("cell", [-1, 8])
def test_a_cell_outside_of_the_space_is_refused(cell):
    with pytest.raises(ValueError, match=f"from 0 to 7, got {cell}"):
        AUTOGAN.cell_counts(cell)


def test_options_by_hand():
    names = [[option.name for option in decision.options] for decision in AUTOGAN.decisions(2)]
    assert names == [
        ["post", "pre"],
        ["none", "batch", "instance"],
        ["bilinear", "nearest", "deconv"],
        ["no", "yes"],
        ["none", "from 2", "from 1", "from 1 and 2"],  # the most significant bit is the earliest cell
    ]
    assert [option.value for option in AUTOGAN.decisions(2)[4].options] == [
        (False, False), (False, True), (True, False), (True, True)
    ]  # fmt: skip


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_samples_lie_in_the_space_and_reach_every_option(space):
    drawn = space.sample(np.random.default_rng(1), num_cells=3, number=400)
    counts = space.counts(3)
    assert drawn.dtype == np.int32 and drawn.shape == (400, len(counts))
    assert [sorted(set(column)) for column in drawn.T.tolist()] == [list(range(count)) for count in counts]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_neighbours_are_all_architectures_with_one_decision_changed(space):
    tokens = tuple(space.sample(np.random.default_rng(2), num_cells=3, number=1)[0].tolist())
    found = space.neighbours(tokens)
    assert len(set(found)) == len(found) == sum(count - 1 for count in space.counts(3))
    assert all(sum(a != b for a, b in zip(tokens, other, strict=True)) == 1 for other in found)
    assert all(0 <= token < count for other in found for token, count in zip(other, space.counts(3), strict=True))
    begin = space.slices(3)[1].start
    assert space.neighbours(tokens, first_cell=1) == [other for other in found if other[:begin] == tokens[:begin]]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@pytest.mark.parametrize("first_cell", [0, 2])
def test_mutations_are_neighbours_and_reach_all_of_them(space, first_cell):
    rng = np.random.default_rng(3)
    tokens = tuple(space.sample(rng, num_cells=3, number=1)[0].tolist())
    mutants = {space.mutate(tokens, rng, first_cell=first_cell) for _ in range(800)}
    assert mutants == set(space.neighbours(tokens, first_cell=first_cell))


def test_a_mutation_takes_every_decision_as_often_as_the_other():
    rng, tokens = np.random.default_rng(4), (0, 0, 0, 0)
    changed = [next(i for i in range(4) if mutant[i]) for mutant in (AUTOGAN.mutate(tokens, rng) for _ in range(4000))]
    assert np.all(np.abs(np.bincount(changed) - 1000) < 150)  # 5 standard deviations of a count are 137


def test_where_nothing_can_change_there_is_no_mutation():
    alone = SearchSpace("alone", lambda cell: (FIXED,), max_cells=2)
    assert alone.neighbours((0, 0)) == []
    with pytest.raises(ValueError, match="two options"):
        alone.mutate((0, 0), np.random.default_rng(0))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_values_by_name_are_the_tokens_again(space):
    for tokens in space.sample(np.random.default_rng(5), num_cells=3, number=20).tolist():
        cells = space.cells(tokens)
        assert space.tokens_of([dict(cell) for cell in cells]) == tuple(tokens)
        assert [tuple(cell) for cell in cells] == [tuple(d.name for d in space.decisions(i)) for i in range(3)]


def test_words_are_read_out_in_the_order_of_the_decisions():
    assert [cell.in_words() for cell in TOY.cells([2, 0, 0, 1, 0, 1])] == ["5 x 5", "fixed", "3 x 3, fixed, max"]


def test_names_and_values_differ_within_a_decision():
    for space in SPACES:
        for decision in (decision for cell in range(3) for decision in space.decisions(cell)):
            assert len({option.name for option in decision.options}) == len(decision.options)
            assert [decision.token_of(option.value) for option in decision.options] == [*range(len(decision.options))]


def test_an_unknown_space_is_refused_with_the_valid_names():
    with pytest.raises(UserError, match="did you mean autogan.*there are autogan"):
        catalog.space("autogen")


def test_a_number_of_cells_that_a_space_has_not_is_refused():
    TOY.check_num_cells(3)
    for number in (0, 4):
        with pytest.raises(UserError, match=f"toy has 1 to 3 cells, got {number}"):
            TOY.check_num_cells(number)


def test_the_room_imports_no_tensorflow():
    code = (
        "import sys\n"
        "from autogan_tf.search_space import catalog, genotype, published\n"
        "assert published.load('autogan_cifar10_a').cells\n"
        "print('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "False", done.stderr


def test_a_space_with_more_options_by_hand():
    group, leaky = Option("group", "group", "group norm"), Option("leaky", "leaky", "leaky ReLU")
    larger = AUTOGAN.with_options("larger", norm=[group], activation=[Option("relu", "relu", ""), leaky])
    # one option more of the norm, and a decision of two options at the end of every cell
    assert larger.counts(2) == (2, 4, 3, 2, 2, 2, 4, 3, 2, 2, 2) and larger.max_cells == AUTOGAN.max_cells
    assert larger.cells([0, 3, 0, 0, 1])[0]["norm"] == "group"
    assert larger.cells([0, 3, 0, 0, 1])[0].in_words() == (
        "post-activation, group norm, bilinear upsampling, no shortcut, leaky ReLU"
    )
    assert AUTOGAN.counts(1) == (2, 3, 3, 2)


def test_a_space_is_known_by_its_name_once_it_is_registered(monkeypatch):
    monkeypatch.setattr(catalog, "SPACES", dict(catalog.SPACES))
    catalog.register(TOY)
    assert catalog.space("toy") is TOY
    with pytest.raises(UserError, match="called 'toy' already; give yours another name"):
        catalog.register(TOY)
