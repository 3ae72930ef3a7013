"""TensorFlow's import says nothing, unless it fails."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LOUD = """
import contextlib, os
with contextlib.suppress(OSError):
    os.write(2, b"a line from below\\n")
from tensorflow import part
value = part.value
"""


def ran(tmp_path: pathlib.Path, code: str, *, ending: str = "") -> subprocess.CompletedProcess:
    """A program that imports autogan_tf, and a package that is called tensorflow and is loud."""
    folder = tmp_path / "tensorflow"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text(LOUD + ending)
    (folder / "part.py").write_text("value = 7\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)


def test_it_says_nothing_and_later_lines_are_heard(tmp_path):
    code = """
import autogan_tf, os, sys
before = len(sys.meta_path)
import tensorflow
os.write(2, b"later\\n")
print(tensorflow.value, type(tensorflow.__loader__).__name__, type(tensorflow.__spec__.loader).__name__)
print(before - len(sys.meta_path))
"""
    done = ran(tmp_path, code)
    assert done.stderr == "later\n" and done.stdout.split() == ["7", "SourceFileLoader", "SourceFileLoader", "1"]


def test_an_import_that_fails_shows_all_of_it(tmp_path):
    done = ran(tmp_path, "import autogan_tf, tensorflow", ending="raise ImportError('no such library')\n")
    assert done.returncode == 1 and done.stderr.startswith("a line from below\n")
    assert "ImportError: no such library" in done.stderr


def test_without_tensorflow_the_error_is_the_usual_one(tmp_path):
    code = "import sys\nsys.path[:] = [p for p in sys.path if 'site-packages' not in p]\nimport autogan_tf, tensorflow"
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "ModuleNotFoundError: No module named 'tensorflow'" in done.stderr


def test_with_standard_error_closed(tmp_path):
    done = ran(tmp_path, "import os\nos.close(2)\nimport autogan_tf, tensorflow\nprint(tensorflow.value)")
    assert done.stdout == "7\n" and done.returncode == 0


@pytest.mark.parametrize("module", ["search", "train"])
def test_a_commands_start_is_quiet(module, tmp_path):
    words = [f"--flagfile={'quickstart' if module == 'search' else 'mnist_train'}.flags", "--dry_run"]
    words += [] if module == "search" else ["--arch=0 0 0 0 0 0 0 0 0"]
    done = subprocess.run(
        [sys.executable, "-m", f"autogan_tf.{module}", *words, f"--cache_dir={tmp_path}"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "" and done.returncode == 0, done.stderr
