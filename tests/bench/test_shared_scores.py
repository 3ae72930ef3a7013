"""Shared scores: what is asked of them against rows by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autogan_tf.bench import shared_scores
from autogan_tf.config.errors import UserError

TOKENS = ((0, 0, 0, 0, 0, 0, 0, 0, 0), (0, 0, 1, 0, 1, 2, 0, 1, 1), (1, 2, 2, 1, 0, 0, 0, 0, 1))
SUPERNETS = (("published", 0), ("published", 3), ("uniform", 0))


def value(place: int, supernet: int) -> float:
    return 10.0 * place + supernet + 1


def rows() -> list[dict]:
    found = [
        {"tokens": list(tokens), "seed": seed, "sampling": sampling, "fid": value(place, supernet), "failure": "",
         "is": 100 - value(place, supernet), "kid": value(place, supernet) / 7, "seconds": 1.0, "machine": "A",
         "trained_images": 1000.0 + supernet, "scored_images": 200.25}
        for supernet, (sampling, seed) in enumerate(SUPERNETS) for place, tokens in enumerate(TOKENS)
    ]  # fmt: skip
    found[0] |= {"fid": None, "is": None, "kid": None, "failure": "NaN"}
    return found[::-1]


@pytest.fixture(scope="module", params=["new", "read"])
def made(request, tmp_path_factory) -> shared_scores.SharedScores:
    found = shared_scores.of_rows(rows())
    if request.param == "new":
        return found
    folder = tmp_path_factory.mktemp("bench")
    (folder / shared_scores.FILE).write_bytes(found.to_bytes())
    return shared_scores.load(folder)


def test_scores_are_found_by_sampling_seed_and_name(made):
    assert made.supernets == SUPERNETS and made.architectures == TOKENS
    assert made.seeds("published") == (0, 3) and made.seeds("uniform") == (0,) and made.seeds("fair") == ()
    assert made.scores("uniform", 0) == {tokens: value(place, 2) for place, tokens in enumerate(TOKENS)}
    assert made.scores("published", 3, "inception_score")[TOKENS[2]] == 100 - value(2, 1)
    assert made.scores("published", 3, "kernel_distance")[TOKENS[1]] == float(np.float32(value(1, 1) / 7))


def test_what_could_not_be_scored_is_as_bad_as_the_worst(made):
    assert made.scores("published", 0)[TOKENS[0]] == value(2, 0)
    assert made.scores("published", 0, "inception_score")[TOKENS[0]] == 100 - value(2, 0)
    assert not any(map(math.isnan, made.scores("published", 0).values()))


def test_costs_of_each_supernet(made):
    assert made.cost("published", 3) == shared_scores.Cost(trained=1001.0, scored=200.25)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("fair", 0), "no supernet fair with seed 0; it has published 0, published 3, uniform 0"),
        (("uniform", 3), "no supernet uniform with seed 3"),
        (("uniform", 0, "fid"), "inception_score, frechet_distance, kernel_distance, not by fid"),
    ],
)
def test_what_there_is_not_is_one_error(made, asked, told):
    with pytest.raises(UserError, match=told):
        made.scores(*asked)


def test_a_cost_of_a_supernet_that_there_is_not(made):
    with pytest.raises(UserError, match="no supernet uniform with seed 7"):
        made.cost("uniform", 7)


@pytest.mark.parametrize("some", [[], rows()[1:]])
def test_rows_that_lack_an_architecture_of_a_supernet_are_refused(some):
    with pytest.raises(UserError, match="some are missing"):
        shared_scores.of_rows(some)


def test_of_two_rows_of_one_architecture_the_first_counts():
    twice = shared_scores.of_rows([*rows(), *(row | {"fid": 77.0} for row in rows())])
    assert twice.scores("uniform", 0)[TOKENS[0]] == value(0, 2)


@pytest.mark.parametrize("content", [b"", b"PK no archive", None])
def test_a_missing_or_damaged_file_is_one_error(tmp_path, content):
    if content is None:
        with pytest.raises(UserError, match=f"no shared scores in {tmp_path} yet"):
            shared_scores.load(tmp_path)
        return
    (tmp_path / shared_scores.FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read the bench's shared scores .*2-cells-shared\.npz"):
        shared_scores.load(tmp_path)
