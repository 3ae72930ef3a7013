"""Every precision, with and without XLA, trains with every choice of a cell and every setting that `train` allows."""

from __future__ import annotations

import json
import math
import os
import pathlib
import subprocess
import sys

import pytest

from tests import pairwise
from tests.training import every_setting

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_few_cases_have_every_pair_that_is_allowed():
    bound = {"a": (0, 1, 2), "b": (0, 1, 2), "c": (0, 1)}
    free = {"d": tuple("wxyz"), "e": (False, True)}
    cases = pairwise.cover(bound, free, lambda case: not (case["a"] == case["b"] == 1 or case["c"] and case["a"] == 2))
    found = set().union(*(pairwise.pairs_of(case) for case in cases))
    # without the pairs a = b = 1 and a = 2, c = 1:
    # ab 8, ac 5, ad 12, ae 6, bc 6, bd 12, be 6, cd 8, ce 4, de 8
    assert len(found) == 75 and len(cases) <= 16
    assert (("a", 1), ("b", 1)) not in found and (("a", 2), ("c", 1)) not in found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_three_steps_with_every_pair_of_settings():
    """In two processes of their own, whose XLA does not optimise: it compiles eight times as fast."""
    command = [sys.executable, every_setting.__file__]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    parts = [
        subprocess.Popen([*command, f"{part}/2"], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for part in (0, 1)
    ]
    printed = [process.communicate(timeout=1400)[0].splitlines() for process in parts]
    assert [process.returncode for process in parts] == [0, 0]
    results = [json.loads(line) for lines in printed for line in lines]
    cases = every_setting.cases()
    assert [result["case"] for result in results] == json.loads(json.dumps(cases[::2] + cases[1::2]))
    assert not [result for result in results if "error" in result]
    for result in results:
        assert result["steps"] == every_setting.STEPS and result["moved"] > 0.9, result
        assert all(math.isfinite(result[name]) for name in ("d_loss", "g_loss")), result
        assert result["d_gradient_norm"] > 0 and result["g_gradient_norm"] > 0, result
