"""Environment variables that TensorFlow reads at its import."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from autogan_tf.config import environment

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_what_the_user_set_wins_and_the_rest_is_filled_in(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    environment.set_tensorflow_defaults()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == environment.DEFAULTS["TF_CPP_MIN_LOG_LEVEL"]


@pytest.mark.parametrize("home", [None, "/proc/nowhere"])
def test_libraries_get_a_folder_where_there_is_no_home_and_it_goes_with_the_process(home, tmp_path):
    """Without one Keras makes a folder named ~ in the current one, and Matplotlib cannot be imported."""
    code = (
        "import os, pwd\n"
        "def no_entry(number): raise KeyError(number)\n"
        "pwd.getpwuid = no_entry\n"
        "from autogan_tf.config import environment\n"
        "environment.give_libraries_a_folder()\n"
        "import matplotlib\n"
        "assert matplotlib.get_configdir() == os.environ['KERAS_HOME']\n"
        "print(os.environ['KERAS_HOME'])\n"
    )
    variables = {k: v for k, v in os.environ.items() if k not in ("HOME", "MPLCONFIGDIR", "KERAS_HOME")}
    variables |= {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)} | ({} if home is None else {"HOME": home})
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert os.path.dirname(done.stdout.strip()) == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_libraries_keep_to_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    environment.give_libraries_a_folder()
    assert "KERAS_HOME" not in os.environ
