"""What may be tried at a stage: how likely each is, what a mutation changes, and what happens when few are admitted."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.nas import candidates
from autogan_tf.nas.candidates import Candidates
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import Decision, Option, SearchSpace

SIZE = Decision("size", tuple(Option(str(i), f"{i}", "") for i in range(3)))
KIND = Decision("kind", (Option("a", "a", ""), Option("b", "b", "")))
FIXED = Decision("fixed", (Option("only", "only", ""),))
# 3 · 2 · 1 architectures of a cell
SPACE = SearchSpace("small", lambda cell: (SIZE, KIND, FIXED), max_cells=4)
KEPT = [(0, 0, 0), (2, 1, 0), (1, 1, 0)]


def rng(number: int = 0) -> np.random.Generator:
    return np.random.default_rng(number)


def test_each_is_as_likely_as_any_other():
    """3 prefixes times 6 cells, 18,000 draws: 1000 each, with a standard deviation of 31."""
    grown = Candidates(SPACE, num_cells=2, prefixes=KEPT)
    assert grown.size == 18
    drawn = grown.draw(18_000, rng())
    assert len(set(drawn)) == 18 and {tokens[:3] for tokens in drawn} == set(KEPT)
    assert all(abs(drawn.count(tokens) - 1000) < 160 for tokens in set(drawn))


def test_a_sample_is_distinct_and_avoids_what_it_should():
    grown = Candidates(SPACE, num_cells=2, prefixes=KEPT)
    avoid = grown.sample(10, rng(1))
    rest = grown.sample(100, rng(2), avoid=avoid)
    assert len(set(avoid)) == 10 and len(rest) == len(set(rest)) == 8 and not set(avoid) & set(rest)


def test_neighbours_change_the_prefix_or_one_decision_of_the_new_cell():
    grown = Candidates(SPACE, num_cells=2, prefixes=KEPT)
    assert grown.neighbours((2, 1, 0, 1, 0, 0)) == [
        (0, 0, 0, 1, 0, 0), (1, 1, 0, 1, 0, 0),  # the prefix
        (2, 1, 0, 0, 0, 0), (2, 1, 0, 2, 0, 0),  # size
        (2, 1, 0, 1, 1, 0),  # kind
    ]  # fmt: skip
    alone = Candidates(SPACE, num_cells=2, prefixes=KEPT[:1])
    assert len(alone.neighbours((0, 0, 0, 1, 0, 0))) == 3
    assert len(Candidates(SPACE, num_cells=3).neighbours((0,) * 9)) == 9


def test_a_mutation_takes_the_prefix_and_every_decision_as_often():
    """Three things that can change: 2000 each of 6000 (standard deviation 37); within one its values evenly."""
    grown = Candidates(SPACE, num_cells=2, prefixes=KEPT)
    generator = rng(3)
    mutants = [grown.mutate((2, 1, 0, 1, 0, 0), generator) for _ in range(6000)]
    assert set(mutants) == set(grown.neighbours((2, 1, 0, 1, 0, 0)))
    assert abs(mutants.count((2, 1, 0, 1, 1, 0)) - 2000) < 185
    for tokens in ((0, 0, 0, 1, 0, 0), (1, 1, 0, 1, 0, 0), (2, 1, 0, 0, 0, 0), (2, 1, 0, 2, 0, 0)):
        assert abs(mutants.count(tokens) - 1000) < 145


def test_only_admitted_ones_are_drawn_and_each_is_judged_once():
    judged = []

    def admits(tokens):
        judged.append(tokens)
        return sum(tokens) % 2 == 0

    grown = Candidates(SPACE, num_cells=2, prefixes=KEPT, admits=admits)
    assert len(set(grown.draw(300, rng()))) == 9
    assert all(sum(tokens) % 2 == 0 for tokens in grown.neighbours((2, 1, 0, 1, 0, 0)))
    assert len(judged) == len(set(judged)) == 18


def test_without_an_admitted_neighbour_a_mutation_is_any_other():
    two = Candidates(SPACE, admits=lambda tokens: tokens in ((0, 0, 0), (1, 1, 0)))
    assert two.mutate((0, 0, 0), rng()) == (1, 1, 0)
    assert Candidates(SPACE, admits=lambda tokens: tokens == (0, 0, 0)).mutate((0, 0, 0), rng()) == (0, 0, 0)


def test_of_a_large_stage_what_is_admitted_is_found_by_drawing():
    """373,248 architectures, one in 36 admitted."""
    large = Candidates(autogan.SPACE, num_cells=3, admits=lambda tokens: tokens[:4] == (1, 0, 1, 1))
    drawn = large.draw(200, rng())
    assert len(drawn) == 200 and {tokens[:4] for tokens in drawn} == {(1, 0, 1, 1)}
    sample = large.sample(50, rng(1), avoid=drawn)
    assert len(set(sample)) == len(sample) == 50 and not set(sample) & set(drawn)


def test_of_a_large_stage_with_few_admitted_these_come_again(monkeypatch):
    monkeypatch.setattr(candidates, "TRIES", 3000)
    few = Candidates(autogan.SPACE, num_cells=3, admits=lambda tokens: not any(tokens[:8]))  # one in 1296
    drawn = few.draw(20, rng())
    assert len(drawn) == 20 and len(set(drawn)) < 20 and not any(any(tokens[:8]) for tokens in drawn)


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(UserError, match="none of the 6 architectures of 1 cells"):
        Candidates(SPACE, admits=lambda tokens: False)
    monkeypatch.setattr(candidates, "TRIES", 100)
    none = Candidates(autogan.SPACE, num_cells=3, admits=lambda tokens: False)
    with pytest.raises(UserError, match="of 120 random architectures of 3 cells none keeps to .* raise these bounds"):
        none.draw(1, rng())
    with pytest.raises(UserError, match="has 1 to 4 cells, got 5"):
        Candidates(SPACE, num_cells=5)
    with pytest.raises(ValueError, match="of 1 cells at least one must be open, but the prefixes have 1"):
        Candidates(SPACE, num_cells=1, prefixes=KEPT)
    for tokens in ((0, 1, 0, 0, 0, 0), (0, 0, 0)):  # not kept; too short
        with pytest.raises(ValueError, match="begins with a kept one"):
            Candidates(SPACE, num_cells=2, prefixes=KEPT).neighbours(tokens)
