"""TrainConfig: what its settings mean together."""

from __future__ import annotations

import pytest

from autogan_tf.config.train import TrainConfig


@pytest.mark.parametrize(
    ("settings", "threshold"),
    [
        ({}, 0.0316),
        # near its optimum this loss hardly varies: a standard deviation of 0.017 was seen while images got better
        ({"loss": "non_saturating"}, 0.0),
        ({"loss": "non_saturating", "dynamic_reset_threshold": 0.01}, 0.01),
        ({"dynamic_reset_threshold": 0.0}, 0.0),
        ({"reference_semantics": True}, 1e-3),  # a variance
        ({"reference_semantics": True, "loss": "non_saturating"}, 0.0),
        ({"reference_semantics": True, "dynamic_reset_threshold": 0.01}, 0.01),
    ],
)
def test_a_training_counts_as_collapsed_by_the_published_threshold_with_the_published_loss(settings, threshold):
    assert TrainConfig(**settings).reset_threshold == threshold
