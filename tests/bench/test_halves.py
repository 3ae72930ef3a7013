"""The two halves of the bench: as large as each other, alike in how they upsample, and of the same cells for ever."""

from __future__ import annotations

import collections
import hashlib
import itertools

from autogan_tf.bench import halves
from autogan_tf.search_space import autogan

EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(2))))


def test_each_has_half_of_the_architectures():
    tuning, proof = ([tokens for tokens in EVERY if halves.admits(half)(tokens)] for half in ("tuning", "proof"))
    assert len(tuning) == len(proof) == 1296 and sorted(tuning + proof) == EVERY and halves.admits("all") is None
    for half in (tuning, proof):
        assert len({tokens[:4] for tokens in half}) == 18
        assert collections.Counter(tokens[2] for tokens in half) == {0: 432, 1: 432, 2: 432}


def test_beginnings_are_in_the_half_of_what_they_begin():
    assert all(halves.is_of_tuning(tokens) == halves.is_of_tuning(list(tokens[:4])) for tokens in EVERY)


def test_they_are_those_that_were_drawn():
    """Results that were published for a half are of these cells."""
    text = repr(sorted(halves.FIRST_CELLS_OF_TUNING))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "0fa22b0c510463b5"
