"""Ranking, by hand."""

import numpy as np

from autogan_tf.nas import ranking


def test_ranking_by_hand():
    tokens = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    best, rewards = ranking.best(tokens, np.array([1.0, 3.0, 2.0, 3.0]), topk=3)
    assert best == [(1, 0, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0)]  # of equals the first one stays first
    assert rewards == [3.0, 3.0, 2.0]
    assert len(ranking.best(tokens, np.arange(4.0), topk=10)[0]) == 4
