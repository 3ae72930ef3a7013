"""How many images the scores need: the scores themselves are the yardstick."""

from __future__ import annotations

import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.metrics.evaluator import check_counts
from autogan_tf.metrics.extrapolation import inception_score_infinity
from autogan_tf.metrics.kernel import kernel_distance
from autogan_tf.metrics.precision_recall import prdc


def rows(number: int) -> np.ndarray:
    return np.random.default_rng(number).standard_normal((number, 3))


SCORES = {
    "kid": lambda images, real: kernel_distance(rows(real), rows(images)),
    "prdc": lambda images, real: prdc(real=rows(real), fake=rows(images)),
    "is_inf": lambda images, real: inception_score_infinity(rows(images)),
}


@pytest.mark.parametrize(
    ("metric", "images", "real", "enough"),
    [
        ("kid", 2, 2, True),
        ("kid", 4, 2048, True),
        ("kid", 3, 2048, False),
        ("kid", 2049, 6, True),
        ("kid", 2049, 5, False),
        ("prdc", 6, 6, True),
        ("prdc", 5, 6, False),
        ("prdc", 6, 5, False),
        ("is_inf", 27, 2, True),
        ("is_inf", 26, 2, False),
    ],
)
def test_the_check_agrees_with_the_score(metric, images, real, enough):
    def raises(function) -> bool:
        try:
            function()
        except UserError:
            return True
        return False

    assert raises(lambda: check_counts([metric], num_images=images, num_real=real, splits=1)) == (not enough)
    assert raises(lambda: SCORES[metric](images, real)) == (not enough)


def test_parts_of_the_inception_score_need_an_image_each():
    check_counts(["is", "fid"], num_images=10, num_real=None, splits=10)
    with pytest.raises(UserError, match="at least 10 images, got 9"):
        check_counts(["is", "fid"], num_images=9, num_real=None, splits=10)
