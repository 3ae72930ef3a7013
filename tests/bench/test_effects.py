"""Main effects and interactions, against means of all architectures, sums that are known, and chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autogan_tf.bench import effects
from autogan_tf.bench.effects import Choice
from autogan_tf.search_space import autogan

EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(2))))
NORM = [0.3, -0.1, -0.2]  # of the first cell's three norms, in sum 0
SHORTCUT = [-0.05, 0.05]  # of the second cell's


def added(tokens) -> float:
    return 2.0 + NORM[tokens[1]] + SHORTCUT[tokens[7]]


def by_options(found) -> dict:
    return {effect.options: effect for effect in found}


def test_of_a_sum_its_terms_are_found():
    found = effects.fit({tokens: added(tokens) for tokens in EVERY[::7]})
    norms = found.main[Choice(1, "norm")]
    assert [effect.options for effect in norms] == [("1.norm=none",), ("1.norm=batch",), ("1.norm=instance",)]
    assert [effect.value for effect in norms] == pytest.approx(NORM)
    assert [effect.value for effect in found.main[Choice(2, "shortcut")]] == pytest.approx(SHORTCUT)
    assert [effect.value for effect in found.main[Choice(2, "up")]] == pytest.approx([0, 0, 0], abs=1e-12)
    assert found.share == pytest.approx(1)
    assert sum(effect.count for effect in norms) == len(EVERY[::7])


def test_main_values_are_the_main_effects_of_the_fit():
    """Of weighted architectures, too: one that comes twice counts twice."""
    rng = np.random.default_rng(0)
    values = {tokens: added(tokens) + rng.normal() for tokens in EVERY[::7]}
    tokens, y = np.array(list(values)), np.array(list(values.values()))
    expected = {
        effect.options[0]: pytest.approx(effect.value)
        for of_choice in effects.fit(values).main.values() for effect in of_choice
    }  # fmt: skip
    assert effects.main_values(tokens, y) == expected
    assert effects.main_values(np.concatenate([tokens, tokens]), np.concatenate([y, y])) == expected
    assert effects.main_values(np.concatenate([tokens, tokens[:50]]), np.concatenate([y, y[:50]])) != expected
    with pytest.raises(ValueError, match="too few"):
        effects.main_values(tokens[tokens[:, 2] != 2], y[tokens[:, 2] != 2])


def test_of_all_architectures_an_effect_is_the_mean_of_those_that_have_it():
    rng = np.random.default_rng(0)
    values = {tokens: added(tokens) + rng.normal() for tokens in EVERY}
    found = effects.fit(values)
    mean = np.mean(list(values.values()))
    for place, effect in enumerate(found.main[Choice(2, "up")]):
        having = [value for tokens, value in values.items() if tokens[6] == place]
        assert effect.value == pytest.approx(np.mean(having) - mean) and effect.count == len(having)
        assert effect.low < effect.value < effect.high


def test_choices_that_depend_on_each_other():
    """A shortcut is worth something with nearest upsampling alone: by itself it is the mean of what it is."""
    values = {tokens: added(tokens) - 0.9 * (tokens[2] == 1 and tokens[3] == 1) for tokens in EVERY}
    found = effects.fit(values)
    first = found.interactions[0]
    assert first.choices == (Choice(1, "up"), Choice(1, "shortcut")) and first.p_value < 1e-6
    # -0.9 in one of six combinations; what the means of rows and columns leave of it, by hand
    expected = {("nearest", "yes"): -0.3, ("nearest", "no"): 0.3, ("deconv", "yes"): 0.15, ("bilinear", "no"): -0.15}
    found_effects = by_options(first.effects)
    for (up, shortcut), value in expected.items():
        assert found_effects[f"1.up={up}", f"1.shortcut={shortcut}"].value == pytest.approx(value)
    assert abs(first.effects[0].value) == pytest.approx(0.3)
    assert found.share + first.share == pytest.approx(1)
    assert all(other.share == pytest.approx(0, abs=1e-9) for other in found.interactions[1:])


def test_intervals_hold_the_truth_as_often_as_they_say_and_pure_noise_is_no_interaction():
    rng = np.random.default_rng(1)
    within, false, tried = 0, 0, 60
    for _ in range(tried):
        some = rng.permutation(len(EVERY))[:150]
        found = effects.fit({EVERY[place]: added(EVERY[place]) + 0.4 * rng.normal() for place in some})
        effect = found.main[Choice(1, "norm")][0]
        within += effect.low <= NORM[0] <= effect.high
        false += found.interactions and min(pair.p_value for pair in found.interactions) < 0.05
    assert within >= 51  # 57 expected; less than once in 200 with a true 95 %
    assert false <= 8  # 3 expected; Holm's correction keeps any false one under 5 %


def test_too_little_is_refused():
    with pytest.raises(ValueError, match="too few"):
        effects.fit({tokens: 1.0 for tokens in EVERY[:10]})
    with pytest.raises(ValueError, match="no architecture"):
        effects.fit({})
    with pytest.raises(ValueError, match="does not come up"):
        effects.fit({tokens: added(tokens) for tokens in EVERY if tokens[1] != 2})
