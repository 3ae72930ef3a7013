"""How a run begins on a worker that does not write: it takes what the chief read in the run's folder."""

from __future__ import annotations

import types

import numpy as np

from autogan_tf.config import command_line
from autogan_tf.config.train import TrainConfig
from autogan_tf.training import opening


def test_other_workers_judge_by_the_classifier_of_the_chiefs_run(monkeypatch):
    """Which may have been begun by an earlier version, and is in a folder that they do not see."""

    def nothing(*arguments: object, **settings: object) -> None:
        """Checks and threads, which are not this test's."""

    follower = types.SimpleNamespace(
        is_chief=False,
        chiefs=lambda answer: False,
        agreed=lambda array: np.full_like(array, 2**31 - 2),  # the chief's
        check_same_settings=nothing,
        check_batches=nothing,
        check_same_images=nothing,
    )
    monkeypatch.setattr(opening, "start", lambda *arguments, **settings: follower)
    monkeypatch.setattr(opening.machine, "use_threads", nothing)
    monkeypatch.setattr(opening.sources, "load", nothing)
    config = command_line.parse(TrainConfig, ["--dataset=mnist5k", "--arch=0 0 0 0"], doc="")
    begun = opening.opened(
        config, command="train", resolution=8, batches={}, complete=lambda config, folder: "never asked"
    )
    assert begun is not None and begun.config.classifier_seed == 2**31 - 2 and config.classifier_seed == 0
