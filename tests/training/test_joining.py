"""A worker that waits says for whom, and a signal ends it, though TensorFlow waits in its own code."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from autogan_tf.training import joining
from autogan_tf.training.cluster import Cluster

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_it_tells_first_soon_then_less_often(monkeypatch):
    """With a second of 10 ms: after 3, then 6, 12, and at most every 20 more."""
    clock, real = time.monotonic, joining.time
    began = clock()
    monkeypatch.setattr(joining.time, "monotonic", lambda: (clock() - began) * 100)
    monkeypatch.setattr(joining, "_LOOK", 0.002)
    monkeypatch.setattr(joining, "MOST_BETWEEN", 20.0)
    lines: list[str] = []
    with joining.telling(lambda: "godot", tell=lines.append):
        while len(lines) < 5:
            real.sleep(0.005)
    assert all(line.startswith("waiting for godot: ") and "SIGTERM ends it" in line for line in lines[:-1])
    told = [int(re.findall(r"(\d+) seconds", line)[0]) for line in lines[:-1]]
    earliest = [3, 9, 21, 41]
    assert all(found >= expected for found, expected in zip(told, earliest, strict=False))
    assert lines[-1].startswith("waited for ")


def test_who_comes_at_once_is_not_told_of():
    lines: list[str] = []
    with joining.telling(lambda: "godot", tell=lines.append):
        time.sleep(0.15)
    assert lines == []


def test_missing_are_those_at_whose_address_nothing_listens():
    sockets = [socket.socket() for _ in range(3)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    sockets[1].listen()
    addresses = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    cluster, over = Cluster(addresses, 0), threading.Event()
    missing = dict(cluster.others)
    assert joining._in_words(missing, 3) == f"2 of 3 workers, worker 1 at {addresses[1]}, worker 2 at {addresses[2]}"
    threads = [threading.Thread(target=joining._probe, args=(over, missing, index)) for index in cluster.others]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 300
    while len(missing) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    for one in sockets:
        one.close()
    assert joining._in_words(missing, 3) == f"1 of 3 workers, worker 2 at {addresses[2]}"
    assert "3 workers, at whose addresses something answers" in joining._in_words({}, 3)
    many = joining._in_words({index: f"a:{index}" for index in range(1, 30)}, 30)
    assert many.startswith("29 of 30 workers, worker 1 at a:1, ") and many.endswith("worker 10 at a:10 and 19 more")


WAITING = (
    "from autogan_tf.training import distribution, joining\n"
    "joining.FIRST_TOLD = 0.5\n"
    "with distribution.as_a_worker('multi_worker'):\n"
    "    distribution.start('multi_worker')\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(("index", "number"), [(0, signal.SIGTERM), (1, signal.SIGINT)])
def test_a_worker_alone_tells_whom_it_waits_for_and_ends_with_a_signal(index, number):
    with socket.socket() as missing, socket.socket() as own:
        for one in (missing, own):
            one.bind(("127.0.0.1", 0))
        ports = [own.getsockname()[1], missing.getsockname()[1]]
        own.close()
        workers = [f"127.0.0.1:{port}" for port in (ports if index == 0 else ports[::-1])]
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY), "TF_CONFIG": json.dumps(config)},
        )
        try:
            assert process.stderr
            line = ""
            while not line.startswith("waiting for"):
                line = process.stderr.readline()
                assert line or process.poll() is None
            assert f"1 of 2 workers, worker {1 - index} at {workers[1 - index]}: " in line
            time.sleep(1)  # so that TensorFlow has surely come to where it waits
            process.send_signal(number)
            assert process.wait(timeout=300) == 128 + number
            assert f"stopped by {number.name}" in process.stderr.read()
        finally:
            process.kill()
            process.communicate()
