"""The bench's table: what is asked of it against rows by hand, random search against all draws that there are."""

from __future__ import annotations

import itertools
import statistics

import numpy as np
import pytest

from autogan_tf.bench import table
from autogan_tf.config.errors import UserError
from autogan_tf.models.cost import Cost
from autogan_tf.search_space.genotype import Genotype

POINTS = [10, 30]
NUMBERS = {"is": [1.0, 2.0], "kid": [0.3, 0.2], "d_loss": [2.0, 1.5], "g_loss": [-0.5, 0.5], "seconds": [1.0, 3.0],
           "scoring": [0.5, 1.0]}  # fmt: skip
DISTANCES = {(0, 0, 0, 0): 8.0, (0, 0, 1, 0): 5.0, (1, 2, 2, 1): 9.0, (1, 0, 0, 0): 7.0, (0, 1, 2, 1): 6.0}
FRESH = {(0, 0, 0, 0): 6.0, (0, 0, 1, 0): 6.5, (1, 2, 2, 1): 8.0, (1, 0, 0, 0): 5.5}


def row(tokens, seed, distances, **more) -> dict:
    return {"tokens": list(tokens), "seed": seed, "failure": "", "points": POINTS, "machine": "A", **NUMBERS,
            "fid": distances, **more}  # fmt: skip


def rows() -> list[dict]:
    found = [row(tokens, 0, [20.0, value]) for tokens, value in DISTANCES.items()]
    found += [row(tokens, 1, [21.0, value], machine="B") for tokens, value in FRESH.items()]
    short = {name: values[:1] for name, values in NUMBERS.items()}
    return [*found, row((0, 2, 0, 0), 0, [50.0], failure="a loss became NaN", **short)]


def cost_of(genotype: Genotype) -> Cost:
    return Cost(1000 + sum(genotype.tokens), 2000)


@pytest.fixture(scope="module", params=["new", "read"])
def made(request, tmp_path_factory) -> table.Table:
    found = table.of_rows(rows(), cost_of)
    if request.param == "new":
        return found
    file = tmp_path_factory.mktemp("bench") / "table.npz"
    file.write_bytes(found.to_bytes())
    return table.read(file)


def test_a_training_is_found_by_architecture_length_and_seed(made):
    assert made.points == (10, 30) and made.num_cells == 1 and len(made.architectures) == 6
    assert made.query("0 0 1 0") == table.Training(
        tokens=(0, 0, 1, 0), seed=0, steps=30, inception_score=2.0, frechet_distance=5.0,
        kernel_distance=float(np.float32(0.2)), d_loss=1.5, g_loss=0.5, seconds=3.0, scoring_seconds=1.0,
        parameters=1001, multiply_adds=2000, failure="", machine="A",
    )  # fmt: skip
    assert made.query(Genotype.from_string("1 2 2 1"), steps=10, seed=1).frechet_distance == 21
    assert made.query([1, 2, 2, 1], seed=1).machine == "B"
    assert made.seeds("0 0 0 0") == (0, 1) and made.seeds("0 1 2 1") == (0,) and made.seeds("1 1 1 1") == ()


def test_of_a_training_that_failed_the_last_scores_are_given(made):
    failed = made.query("0 2 0 0")
    assert (failed.steps, failed.frechet_distance, failed.failure) == (10, 50.0, "a loss became NaN")
    assert made.query("0 2 0 0", steps=10).failure == ""


@pytest.mark.parametrize(
    ("asked", "options", "told"),
    [
        ("1 1 1 1", {}, "with no seed"),
        ("0 1 2 1", {"seed": 1}, "with seeds 0"),
        ("0 0 0 0", {"steps": 20}, "after 10, 30 steps, not 20"),
        ("0 0 0 0 0 0 0 0 0", {}, "1 cells of the space autogan"),
        ("0 0 9 0", {}, "9"),
    ],
)
def test_what_the_table_lacks_is_one_error(made, asked, options, told):
    with pytest.raises(UserError, match=told):
        made.query(asked, **options)


def test_a_training_that_failed_before_it_was_scored_is_as_bad_as_the_worst():
    nothing = {name: [] for name in (*NUMBERS, "fid")}
    made = table.of_rows([*rows(), row((1, 1, 1, 1), 0, [], **nothing | {"failure": "at once"})], cost_of)
    found = made.query("1 1 1 1")
    assert (found.steps, found.failure, found.parameters) == (0, "at once", 1004) and np.isnan(found.frechet_distance)
    assert made.values()[1, 1, 1, 1] == 50 and made.values("inception_score")[1, 1, 1, 1] == 1
    assert made.best().tokens == (0, 0, 1, 0)


def test_the_best_by_every_score(made):
    assert made.best().tokens == (0, 0, 1, 0) and made.best(seed=1).tokens == (1, 0, 0, 0)
    assert made.values(seed=1) == FRESH
    best = made.best("inception_score")
    assert best.inception_score == 2.0


@pytest.mark.parametrize("number", [1, 2, 3, 5, 6])
def test_random_search_is_the_mean_of_all_draws(made, number):
    values = DISTANCES | {(0, 2, 0, 0): 50.0}
    expected = statistics.fmean(min(values[t] for t in drawn) for drawn in itertools.combinations(values, number))
    assert made.expected_best(number) == pytest.approx(expected)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_random_search_judged_by_another_seed(made, number):
    """Chosen by seed 0 among those with a seed 1, and worth what that says."""
    draws = list(itertools.combinations(FRESH, number))
    expected = statistics.fmean(FRESH[min(drawn, key=lambda tokens: DISTANCES[tokens])] for drawn in draws)
    assert made.expected_best(number, judged=FRESH) == pytest.approx(expected)


@pytest.mark.parametrize("number", [0, 7])
def test_a_number_that_cannot_be_drawn_is_refused(made, number):
    with pytest.raises(UserError, match="from 1 to 6"):
        made.expected_best(number)


def test_of_two_rows_of_one_training_the_first_counts():
    twice = table.of_rows([row((0, 0, 0, 0), 0, [1.0, 2.0]), row((0, 0, 0, 0), 0, [3.0, 4.0])], cost_of)
    assert len(twice.architectures) == 1 and twice.query("0 0 0 0").frechet_distance == 2


def test_rows_of_different_lengths_make_no_table():
    with pytest.raises(UserError, match="different numbers of steps"):
        table.of_rows([row((0, 0, 0, 0), 0, [1.0, 2.0]), row((0, 0, 1, 0), 0, [3.0, 4.0], points=[10, 20])], cost_of)


def test_of_three_cells_there_is_a_sample():
    """Which the table says where a search asks for all."""
    tokens = (0, 1, 2, 1, 1, 2, 0, 1, 1, 0, 0, 1, 0, 3)
    sample = table.of_rows([row(tokens, seed, [9.0, 4.0]) for seed in (0, 1)], cost_of)
    assert sample.num_cells == 3 and sample.query(tokens, seed=1).frechet_distance == 4
    with pytest.raises(UserError, match="is a random sample, 1 of 373,248 architectures.* all of up to 2 cells"):
        sample.check_complete()


@pytest.mark.parametrize("content", [None, b"", b"PK no archive"])
def test_a_damaged_file_is_one_error(tmp_path, content):
    file = tmp_path / "table.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read the bench's table .*table\.npz"):
        table.read(file)


def test_a_table_that_does_not_come_with_the_program():
    with pytest.raises(UserError, match="no table of 7 cells"):
        table.load(num_cells=7)
