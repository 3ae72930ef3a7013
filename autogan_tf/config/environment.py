"""What TensorFlow and other libraries read from the environment when they are imported, set before that."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError

DEFAULTS = {
    # at 2 every start prints three lines about CUDA plugins
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # TensorFlow uses oneDNN's convolutions unasked only on CPUs with AVX-512; with AVX2 they are faster, too
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


def keep_keras_2() -> None:
    """With Python 3.12 and later, whose TensorFlow has Keras 3, tf.keras is the package tf_keras, which is Keras 2 as
    with earlier ones. Has no effect once tf.keras has been used."""
    if sys.version_info >= (3, 12):
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def set_tensorflow_defaults() -> None:
    """Sets what the user has not set. Has no effect once TensorFlow is imported."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


# Where Keras and Matplotlib keep settings and caches; otherwise in the home folder, without which Keras makes a folder
# named ~ and Matplotlib cannot be imported.
_FOLDERS = ("KERAS_HOME", "MPLCONFIGDIR")


def give_libraries_a_folder() -> None:
    """Gives them a temporary folder, which goes with the process, where there is no home folder that takes files."""
    home = paths.home()
    missing = [name for name in _FOLDERS if not os.environ.get(name)]
    if not missing or (home is not None and os.access(home, os.W_OK | os.X_OK)):
        return
    try:
        folder = tempfile.mkdtemp(prefix="autogan_tf-")
    except OSError as error:
        raise UserError(f"no temporary folder can be made: {error.strerror}; set TMPDIR to a folder") from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in missing:
        os.environ[name] = folder
