"""A wish to end that comes by another way than a signal, in a process of its own as a person's search is."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATE = """
import time
from autogan_tf.runs import signals
from autogan_tf.runs.keeper import StopRequest

began = time.monotonic()
with signals.passed_on(lambda: time.monotonic() - began > 0.3):
    time.sleep({deaf})  # nobody listens yet
    with StopRequest().listening() as stop:
        while not stop.signal and time.monotonic() - began < 30:
            time.sleep(0.05)
    print("heard", stop.signal)
time.sleep(0.5)
print("alive")
"""


@pytest.mark.parametrize("deaf", [0.0, 1.5])
def test_it_is_told_until_what_runs_inside_listens_and_only_to_that(deaf):
    done = subprocess.run([sys.executable, "-c", LATE.format(deaf=deaf)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["heard", "15", "alive"] and done.stderr.count("stopping after this step") == 1
