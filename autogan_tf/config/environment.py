"""What TensorFlow reads from the environment when it is imported, set by every command before that."""

from __future__ import annotations

import os

DEFAULTS = {
    # at 2 every start prints three lines about CUDA plugins
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # TensorFlow uses oneDNN's convolutions unasked only on CPUs with AVX-512; with AVX2 they are faster, too
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


def set_tensorflow_defaults() -> None:
    """Sets what the user has not set. Has no effect once TensorFlow is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
