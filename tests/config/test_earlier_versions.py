"""Settings of runs that earlier versions wrote."""

from __future__ import annotations

import pytest

from autogan_tf.config.earlier_versions import going_on, in_todays_names

TODAY = {"strategy": "reinforce", "distribution": "one", "seed": 3, "classifier_steps": 5, "classifier_seed": 0}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (TODAY, TODAY),
        ({"strategy": "mirrored"}, {"distribution": "mirrored"}),
        ({"strategy": "evolution", "distribution": "tpu"}, {"strategy": "evolution", "distribution": "tpu"}),
        ({"seed": 3, "classifier_steps": 5}, {"seed": 3, "classifier_steps": 5, "classifier_seed": 3}),
        (
            {"estimation": "from_scratch"},
            {"estimation": "from_scratch", "candidate_graphs": "own", "candidate_seeds": "same"},
        ),
        ({"estimation": "from_scratch", "candidate_graphs": "one", "candidate_seeds": "own"},) * 2,
        ({"estimation": "shared_weights"},) * 2,
        ({"seed": 3}, {"seed": 3}),  # of a command without a classifier
        ({}, {}),
    ],
)
def test_they_are_read_with_todays_names(written, read):
    kept = dict(written)
    assert in_todays_names(written) == read and written == kept


def test_a_run_that_goes_on_does_not_gain_a_classifier_seed():
    assert going_on({"seed": 3, "classifier_steps": 5, "strategy": "mirrored"}, TODAY) == {
        name: value for name, value in TODAY.items() if name != "classifier_seed"
    }
    graphs = {"estimation": "from_scratch", "candidate_graphs": "own", "candidate_seeds": "same"}
    assert going_on({"estimation": "from_scratch"}, graphs) == {"estimation": "from_scratch"}
    assert going_on(graphs, graphs) == graphs
    assert going_on(TODAY, TODAY | {"replica_count": 1}) == TODAY | {"replica_count": 1}
