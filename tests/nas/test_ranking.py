"""Ranking, by hand."""

import numpy as np

from autogan_tf.nas import ranking


def test_ranking_by_hand():
    tokens = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    found, rewards, expected = ranking.best(tokens, np.array([1.0, 3.0, 2.0, 3.0]), topk=3)
    assert found == [(1, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0)]  # of equals the first one stays first
    assert rewards == [3.0, 3.0, 2.0] and expected is None
    assert len(ranking.best(tokens, np.arange(4.0), topk=10)[0]) == 4


def test_ranking_by_what_is_expected():
    tokens = [(0,), (1,), (2,), (3,)]
    best = ranking.best(tokens, np.array([1.0, 3.0, 2.0, 0.0]), topk=3, expected=[0.5, 0.1, 0.5, 0.9])
    assert best == ([(3,), (0,), (2,)], [0.0, 1.0, 2.0], [0.9, 0.5, 0.5])
