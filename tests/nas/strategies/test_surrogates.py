"""Surrogates: features by hand, and what they learn of worths that are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from scipy import stats

from autogan_tf.nas.strategies import surrogates
from autogan_tf.nas.strategies.surrogates import Surrogate
from autogan_tf.search_space import autogan
from autogan_tf.search_space.space import Decision, Option, SearchSpace

KINDS = ("linear", "ridge", "forest", "perceptrons")


def small_space() -> SearchSpace:
    """norm (2 options) and up (3) in each of two cells, and skip (2) in the second."""
    norm = Decision("norm", tuple(Option(name, name, "") for name in ("none", "batch")))
    up = Decision("up", tuple(Option(name, name, "") for name in ("a", "b", "c")))
    skip = Decision("skip", tuple(Option(name, name, "") for name in ("none", "yes")))
    return SearchSpace("small", lambda cell: (norm, up, skip) if cell else (norm, up), max_cells=2)


def drawn(number: int, *, num_cells: int = 2, seed: int = 0) -> list[tuple[int, ...]]:
    rows = autogan.SPACE.sample(np.random.default_rng(seed), num_cells=num_cells, number=number).tolist()
    return list(dict.fromkeys(map(tuple, rows)))


def test_features_by_hand():
    options, common = surrogates.encoded([(1, 2, 0, 0, 1), (0, 1)], small_space(), num_cells=2)
    assert options.tolist() == [
        [0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1],  # norm, up; norm, up, skip
        [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    # how often: norm none, batch; up a, b, c; skip none, yes
    assert common.tolist() == [[1, 1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 0, 0]]


def test_normal_scores_by_hand():
    third = stats.norm.ppf(5 / 6)
    assert surrogates.normal_scores([30.0, -1e9, 20.0]) == pytest.approx([third, -third, 0.0])
    assert surrogates.normal_scores([1.0, 1.0]) == pytest.approx([stats.norm.ppf(0.5)] * 2)
    assert len(surrogates.normal_scores([])) == 0


def additive(tokens: tuple[int, ...]) -> float:
    worth = np.random.default_rng(5).normal(size=(14, 4))
    return float(sum(worth[place, token] for place, token in enumerate(tokens)))


def together(tokens: tuple[int, ...]) -> float:
    """Good where the first two decisions are both first or both not, and nothing else."""
    return float((tokens[0] == 0) == (tokens[1] == 0))


@pytest.mark.parametrize(
    ("kind", "worth", "least"),
    [(kind, additive, 0.5) for kind in KINDS] + [(kind, together, 0.6) for kind in KINDS if kind != "linear"],
)
def test_what_was_not_seen_is_put_in_order(kind, worth, least):
    tokens = drawn(300)
    surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=2)
    surrogate.fit([{one: worth(one) for one in tokens[:100]}])
    expected = surrogate.predict(tokens[100:])
    assert stats.kendalltau(expected, [worth(one) for one in tokens[100:]]).statistic > least


@pytest.mark.parametrize("kind", ["linear", "ridge"])
def test_no_singular_values_are_asked_for(kind, monkeypatch):
    """Of 464 architectures' options and pairs of them they did not converge, in a search like others."""

    def fails(*arguments, **settings):
        raise np.linalg.LinAlgError("SVD did not converge")

    for module in (scipy.linalg, np.linalg):
        monkeypatch.setattr(module, "svd", fails)
    tokens = drawn(500)  # more than there are columns
    surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=2)
    surrogate.fit([{one: additive(one) for one in tokens}])
    assert stats.kendalltau(surrogate.predict(tokens), [additive(one) for one in tokens]).statistic > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_of_each_group_only_the_order_counts(kind):
    """Another scale, another origin, one that failed: all the same."""
    tokens = drawn(80)
    groups = [{one: additive(one) for one in tokens[:30]}, {one: additive(one) for one in tokens[30:60]}]
    worst = min(groups[0], key=lambda one: groups[0][one])
    others = [groups[0] | {worst: -1e30}, {one: 1000 + 7 * reward for one, reward in groups[1].items()}]
    found = []
    for some in (groups, others):
        surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=2, seed=3)
        surrogate.fit(some)
        found.append(surrogate.predict(tokens))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_architectures_tell_of_larger_ones(kind):
    """An option that is bad in the first cell is expected to be bad in the second, too."""
    smaller = drawn(36, num_cells=1)
    place = [decision.name for decision in autogan.SPACE.decisions(0)].index("up")
    bad = 2
    surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=2)
    surrogate.fit([{one: -float(one[place] == bad) for one in smaller}])
    second = autogan.SPACE.slices(2)[1].start + place
    assert [decision.name for decision in autogan.SPACE.decisions(1)].index("up") == place
    larger = [one for one in drawn(200) if one[place] != bad]
    expected = surrogate.predict(larger)
    has = np.array([one[second] == bad for one in larger])
    assert expected[has].mean() < expected[~has].mean() - 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_without_anything_to_learn_from_all_are_alike(kind):
    surrogate = Surrogate(kind, space=autogan.SPACE, num_cells=2)
    tokens = drawn(10)
    for groups in ([], [{}], [{tokens[0]: 1.0, tokens[1]: 2.0}], [{one: 3.0 for one in tokens}]):
        surrogate.fit(groups)
        assert surrogate.predict(tokens).tolist() == [0.0] * len(tokens)
    assert surrogate.predict([]).tolist() == []
