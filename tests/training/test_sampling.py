"""Images from a generator: which ones a seed gives, and how floats become levels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.training import sampling


def drawn(number: int, **options) -> np.ndarray:
    arguments = {"latent_dim": 3, "seed": 1, "purpose": "test", "batch_size": 100} | options
    return np.concatenate(list(sampling.latents(number, **arguments)))


@pytest.mark.parametrize("batch_size", [1, 7, 100, 150, 400])
def test_the_batch_size_does_not_change_the_latents(batch_size):
    expected = drawn(330)
    batches = list(sampling.latents(330, latent_dim=3, seed=1, purpose="test", batch_size=batch_size))
    assert {len(batch) for batch in batches} == {batch_size}
    np.testing.assert_array_equal(np.concatenate(batches)[:330], expected[:330])


def test_seed_and_purpose_choose_the_latents_and_none_comes_twice():
    first = drawn(1000)
    assert len(np.unique(first[:, 0])) == 1000
    assert abs(first.mean()) < 0.08 and abs(first.std() - 1) < 0.05
    for other in (drawn(1000, seed=2), drawn(1000, purpose="other")):
        assert not np.isin(other, first).any()
    assert list(sampling.latents(0, latent_dim=3, seed=1, purpose="test", batch_size=5)) == []


def test_images_are_as_many_as_asked_for_whatever_the_batch_size():
    def generator(z):
        return tf.tanh(tf.reshape(tf.tile(z, [1, 4]), [-1, 2, 2, 3]))

    images = sampling.quantized(generator, latent_dim=3)
    expected = None
    for batch_size in (4, 10, 64):
        batches = list(
            sampling.sample(images, 25, latent_dim=3, seed=0, purpose="test", batch_size=batch_size)
        )
        found = np.concatenate(batches)
        assert found.shape == (25, 2, 2, 3) and found.dtype == np.uint8
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)
    assert images.experimental_get_tracing_count() == 1


def test_levels_are_rounded_or_truncated():
    # -1 and 1 are the ends; 0.5 is level 191.25, 0.996 level 254.49, -0.001 level 127.37
    values = np.array([[-1.0, 1.0, 0.5, 0.996, -0.001, 1.7]], np.float32)
    rounded = sampling.quantized(lambda z: z, latent_dim=6)(values)
    np.testing.assert_array_equal(rounded, [[0, 255, 191, 254, 127, 255]])
    values = np.array([[0.4, 0.399]], np.float32)  # levels 178.5 and 178.37
    np.testing.assert_array_equal(sampling.quantized(lambda z: z + 1e-4, latent_dim=2)(values), [[179, 178]])
    truncated = sampling.quantized(lambda z: z + 1e-4, latent_dim=2, truncate=True)(values)
    np.testing.assert_array_equal(truncated, [[178, 178]])
