"""Weights that are NaN or infinite are named and counted."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.models import finite
from tests.serving.exported import small_generator


def test_finite_arrays_and_other_kinds_pass():
    weights = {"a": np.ones(3, np.float32), "b": np.arange(4), "c": np.array(["x"]), "d": np.zeros([0])}
    weights |= {"e": np.ones(2, ml_dtypes.bfloat16), "f": np.array([np.finfo(np.float64).max])}
    assert finite.faults(weights) == []
    finite.check(finite.named_weights(small_generator()), of="it", remedy="nothing")


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_counts(dtype):
    array = np.ones([2, 3], dtype)
    array[0] = [np.nan, np.inf, -np.inf]
    assert finite.faults({"good": np.ones(2), "bad": array}) == ["bad (1 of 6 are NaN and 2 of 6 are infinite)"]
    assert finite.faults({"bad": array[0, 1:]}) == ["bad (2 of 2 are infinite)"]


def test_the_error_names_five_and_counts_the_rest():
    weights = {f"w{place}": np.full(2, np.nan) for place in range(7)}
    with pytest.raises(UserError, match=r"^the network has .*: w0 \(2 of 2 are NaN\), .*w4 .* and 2 more .*; go$"):
        finite.check(weights, of="the network", remedy="go")


def test_every_variable_has_a_name_of_its_own():
    generator = small_generator()
    named = finite.named_weights(generator)
    assert len(named) == len(generator.variables) and "cell1.post_conv1.bn.moving_variance" in named
