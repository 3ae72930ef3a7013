"""The search space against numbers worked by hand from the paper's table of choices."""

import math
import subprocess
import sys

import pytest

from autogan_tf.search_space import choices


def test_three_cells_have_the_published_number_of_architectures():
    # conv 2, norm 3, up 3, shortcut 2 = 36 for a cell; times 2 and times 4 skip patterns for the second and third
    assert [math.prod(choices.cell_token_counts(cell)) for cell in range(3)] == [36, 72, 144]
    assert math.prod(choices.token_counts(3)) == 36 * 72 * 144 == 373_248


def test_token_counts_by_hand():
    assert choices.token_counts(1) == (2, 3, 3, 2)
    assert choices.token_counts(3) == (2, 3, 3, 2, 2, 3, 3, 2, 2, 2, 3, 3, 2, 4)
    assert choices.token_counts(4)[14:] == (2, 3, 3, 2, 8)


def test_cell_slices_by_hand():
    assert choices.cell_slices(4) == (slice(0, 4), slice(4, 9), slice(9, 14), slice(14, 19))


@pytest.mark.parametrize(("tokens", "cells"), [(4, 1), (9, 2), (14, 3), (19, 4)])
def test_number_of_cells_from_the_number_of_tokens(tokens, cells):
    assert choices.num_cells_of(tokens) == cells


@pytest.mark.parametrize("tokens", [-1, 0, 1, 3, 5, 8, 10, 13, 15])
def test_a_number_of_tokens_between_cells_is_refused_with_the_number(tokens):
    with pytest.raises(ValueError, match=f"got {tokens}$"):
        choices.num_cells_of(tokens)


def test_negative_cell_is_refused():
    with pytest.raises(ValueError, match="got -1"):
        choices.cell_token_counts(-1)


def test_the_room_imports_no_tensorflow():
    code = (
        "import sys\n"
        "from autogan_tf.search_space import choices, cost, genotype, published\n"
        "assert published.load('autogan_cifar10_a').cells\n"
        "print('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
