"""Seeds: the same arguments give the same numbers everywhere, different ones never do."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds


def _pair(seed: tf.Tensor) -> tuple[int, ...]:
    assert seed.dtype == tf.int32 and seed.shape == [2]
    return tuple(seed.numpy().tolist())


def test_integer_tensor_graph_and_jit_steps_agree() -> None:
    expected = _pair(seeds.stateless_seed(3, "latents", 7))
    derive = lambda step: seeds.stateless_seed(3, "latents", step)  # noqa: E731
    assert _pair(derive(tf.constant(7, tf.int64))) == expected
    assert _pair(derive(tf.constant(7, tf.int32))) == expected
    assert _pair(derive(np.int64(7))) == expected
    assert _pair(tf.function(derive)(tf.constant(7, tf.int64))) == expected
    assert _pair(tf.function(derive, jit_compile=True)(tf.constant(7, tf.int64))) == expected


def test_every_argument_counts() -> None:
    derived = [
        seeds.stateless_seed(seed, purpose, *steps)
        for seed in (0, 1, -1, 2**40)
        for purpose in ("latents", "images")
        for steps in ((), (0,), (1,), (0, 0), (0, 1), (1, 0), (2**32,), (2**32 + 1,), (-1,))
    ]
    assert len({_pair(seed) for seed in derived}) == 4 * 2 * 9


def test_no_two_of_many_steps_share_a_word_more_often_than_chance() -> None:
    @tf.function
    def many() -> tf.Tensor:
        return tf.map_fn(lambda step: seeds.stateless_seed(0, "latents", step // 100, step % 100),
                         tf.range(20_000, dtype=tf.int64), fn_output_signature=tf.int32)  # fmt: skip

    derived = many().numpy()
    assert len(np.unique(derived, axis=0)) == 20_000
    # 20,000 words of 32 bits: 20,000^2 / 2^33 = 0.05 equal pairs are expected.
    assert len(np.unique(derived[:, 0])) >= 19_998
    assert len(np.unique(derived[:, 1])) >= 19_998


def test_seeds_do_not_depend_on_the_process() -> None:
    """Python's own hash() of a string would: it is salted anew in each process."""
    program = (
        "from autogan_tf.data import seeds\n"
        "print(seeds.stateless_seed(5, 'latents', 2).numpy().tolist(), seeds.numpy_rng(5, 'x', 2).integers(1 << 30))"
    )
    here = f"{seeds.stateless_seed(5, 'latents', 2).numpy().tolist()} {seeds.numpy_rng(5, 'x', 2).integers(1 << 30)}"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert there.strip() == here


def test_latents_are_standard_normal_and_repeatable() -> None:
    first = seeds.latents(seeds.stateless_seed(0, "latents", 0), [1000, 100]).numpy()
    again = seeds.latents(seeds.stateless_seed(0, "latents", 0), [1000, 100]).numpy()
    other = seeds.latents(seeds.stateless_seed(0, "latents", 1), [1000, 100]).numpy()
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    # Five standard errors of 100,000 draws.
    assert abs(first.mean()) < 5 / np.sqrt(1e5) and abs(first.var() - 1) < 5 * np.sqrt(2 / 1e5)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(1e5)


def test_uniform_stays_in_its_range() -> None:
    seed = seeds.stateless_seed(0, "tokens", 0)
    real = seeds.uniform(seed, [10_000], -2.0, 3.0).numpy()
    assert real.min() >= -2 and real.max() < 3 and abs(real.mean() - 0.5) < 5 * 5 / np.sqrt(12 * 10_000)
    whole = seeds.uniform(seed, [10_000], 0, 3, tf.int32).numpy()
    assert set(whole.tolist()) == {0, 1, 2}


def test_numpy_generators_are_independent_and_repeatable() -> None:
    steps: list[tuple[int, ...]] = [(), (0,), (0, 0), (1,), (10,), (1, 0)]
    arguments = [(seed, purpose, each) for seed in (1, 2, -1, 2**70) for purpose in ("a", "b") for each in steps]
    drawn = [seeds.numpy_rng(seed, purpose, *each).integers(2**62) for seed, purpose, each in arguments]
    assert len(set(drawn)) == len(arguments)
    assert drawn == [seeds.numpy_rng(seed, purpose, *each).integers(2**62) for seed, purpose, each in arguments]


@pytest.mark.parametrize(("seed", "purpose"), [(1.5, "a"), (True, "a"), ("1", "a"), (1, ""), (1, 2)])
def test_arguments_of_another_type_are_refused(seed: object, purpose: object) -> None:
    with pytest.raises(TypeError, match="must be"):
        seeds.stateless_seed(seed, purpose)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be"):
        seeds.numpy_rng(seed, purpose)  # type: ignore[arg-type]


def test_unit_numbers_are_uniform_and_the_same_when_compiled():
    seed = seeds.stateless_seed(0, "unit")
    numbers = seeds.unit(seed, [20000]).numpy()
    compiled = tf.function(lambda: seeds.unit(seed, [20000]), jit_compile=True)()
    np.testing.assert_array_equal(compiled, numbers)
    assert numbers.dtype == np.float32 and 0 <= numbers.min() and numbers.max() < 1
    assert abs(numbers.mean() - 1 / 2) < 0.01 and abs(numbers.var() - 1 / 12) < 0.003
    np.testing.assert_array_equal(numbers * 2**24, np.round(numbers * 2**24))
