"""When a run saves itself, and how it stops."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autogan_tf.runs import keeper
from autogan_tf.runs.keeper import Interrupted, Keeper, StopRequest


class Saves:
    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> str:
        self.number += 1
        return f"ckpt-{self.number}"


def test_at_the_multiples_of_a_number_of_steps():
    saves = Saves()
    kept = Keeper(saves, every_steps=10)
    kept.begin(5)
    saved_at = []
    for step in (8, 10, 10, 15, 20, 26, 31, 39, 40):  # it was not asked at 30
        before = saves.number
        if step == 15:
            kept.now(step)  # for another reason, which does not move the next
        else:
            kept.pause(step)
        saved_at += [step] * (saves.number - before)
    assert saved_at == [10, 15, 20, 31, 40]
    kept.begin(0)  # once more from the beginning
    kept.pause(10)
    assert saves.number == 6


def test_by_minutes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(keeper.time, "monotonic", lambda: now[0])
    saves = Saves()
    kept = Keeper(saves, every_minutes=2)
    numbers = []
    for now[0] in (60.0, 119.0, 121.0, 200.0, 241.5):
        kept.pause(0)
        numbers.append(saves.number)
    assert numbers == [0, 0, 1, 1, 2]


def test_without_intervals_only_when_told():
    saves = Saves()
    kept = Keeper(saves)
    kept.pause(1_000_000)
    assert saves.number == 0
    kept.pause(1, save=True)
    assert saves.number == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_wish_to_stop_saves_first(number, code, capfd):
    saves = Saves()
    before = signal.getsignal(number)
    with StopRequest().listening() as stop:
        kept = Keeper(saves, stop=stop)
        kept.pause(1)
        kept.check()
        os.kill(os.getpid(), number)
        noted(stop)
        with pytest.raises(Interrupted) as caught:
            kept.pause(2)
        with pytest.raises(Interrupted):
            kept.check()
    assert saves.number == 1 and caught.value.exit_code == code
    assert number.name in str(caught.value) and "ckpt-1" in str(caught.value)
    assert "once more to stop at once" in capfd.readouterr().err
    assert signal.getsignal(number) == before


def test_all_workers_do_what_one_of_them_wishes():
    saves = Saves()
    asked = []

    def any_worker(wishes):
        asked.append(wishes.tolist())
        return np.array([False, True, False])

    with pytest.raises(Interrupted) as caught:
        Keeper(saves, every_steps=1, any_worker=any_worker).pause(5)
    assert caught.value.exit_code == 143
    assert asked == [[True, False, False]] and saves.number == 1


def noted(stop: StopRequest) -> None:
    """Waits until a thread has read the signal."""
    deadline = time.monotonic() + 300
    while not stop.signal:
        assert time.monotonic() < deadline
        time.sleep(0.001)


BUSY = (
    "import hashlib\n"
    "from autogan_tf.runs.keeper import StopRequest\n"
    "with StopRequest().listening():\n"
    "    print('listening', flush=True)\n"
    "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"  # minutes, and Python's own handlers only run after it
)


def test_a_second_signal_ends_the_process_at_once_whatever_it_computes():
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout and process.stderr and process.stdout.readline() == "listening\n"
        process.send_signal(signal.SIGTERM)
        process.stderr.readline()
        assert "once more to stop at once" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 130
        assert time.monotonic() - began < 10
    finally:
        process.kill()
        process.communicate()


def test_that_it_was_stopped_goes_to_another_process_and_back():
    found = pickle.loads(pickle.dumps(Interrupted(signal.SIGTERM, "ckpt-3")))
    assert found.exit_code == 143 and str(found) == str(Interrupted(signal.SIGTERM, "ckpt-3"))
