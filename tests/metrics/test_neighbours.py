"""Nearest real images against all distances in NumPy."""

from __future__ import annotations

import numpy as np

from autogan_tf.metrics.neighbours import nearest_rows


def test_they_are_those_of_all_distances():
    rng = np.random.default_rng(0)
    real, made = rng.normal(size=(5000, 7)).astype(np.float32), rng.normal(size=(6, 7)).astype(np.float32)
    distances = np.linalg.norm(made[:, None].astype(np.float64) - real[None], axis=2)
    np.testing.assert_array_equal(nearest_rows(made, real, number=4), np.argsort(distances, axis=1)[:, :4])


def test_an_image_learnt_by_heart_comes_first_and_few_are_all():
    real = np.array([[0.0, 0], [3, 4], [6, 8]], np.float32)
    np.testing.assert_array_equal(nearest_rows(real[1:2], real, number=5), [[1, 0, 2]])
