"""Environment variables that TensorFlow reads at its import."""

from __future__ import annotations

import os

from autogan_tf.config import environment


def test_what_the_user_set_wins_and_the_rest_is_filled_in(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    environment.set_tensorflow_defaults()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == environment.DEFAULTS["TF_CPP_MIN_LOG_LEVEL"]
