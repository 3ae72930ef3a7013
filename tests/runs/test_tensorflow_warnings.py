"""TensorFlow's warnings about its own use: off the terminal where they are silenced, and back afterwards."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import tensorflow as tf

from autogan_tf.runs.tensorflow_warnings import silenced

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCORES = """
import numpy as np
from autogan_tf.config import environment
environment.set_tensorflow_defaults()
from autogan_tf.metrics import tfgan_scores
features = np.random.default_rng(0).normal(size=(20, 3))
tfgan_scores.kernel_distance(features, features + 1, seed=0)
tfgan_scores.inception_score(features)
import tensorflow as tf
tf.get_logger().warning("the next one is heard")
"""


def test_the_level_comes_back_whatever_happens(caplog):
    logger = tf.get_logger()
    before = logger.level
    with pytest.raises(KeyError), silenced():
        logger.warning("not heard")
        logger.error("heard")
        raise KeyError
    assert logger.level == before
    assert "not heard" not in caplog.text


def test_scores_of_tf_gan_say_nothing_of_what_it_uses():
    done = subprocess.run(
        [sys.executable, "-c", SCORES], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr and "back_prop" not in done.stderr
    assert "the next one is heard" in done.stderr
