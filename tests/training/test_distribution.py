"""Several replicas follow one replica with the whole batch; on logical CPU devices, and in processes over loopback."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.training import distribution

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = pathlib.Path(__file__).parent / "steps_on_replicas.py"

PLAIN = {"arch": "1 0 1 1"}
BATCH_NORM = {"arch": "0 1 1 1  1 1 0 1 1"}
CASES = {
    "plain": PLAIN,
    "batch_norm": BATCH_NORM,
    "conditional": {"arch": "0 1 1 1", "num_classes": 3},
    "penalty_and_augmentation": {
        "arch": "0 1 1 1",
        "loss": "wasserstein",
        "penalty": "wgan_gp",
        "augment": ["flip", "color", "translation", "cutout"],
    },
    "spectral_norm_on_both": {"arch": "0 1 2 1", "generator_spectral_norm": True},
    "compiled": {"arch": "0 1 1 1", "jit_compile": True},
    "supernet": {"supernet": True},
}


def start(strategy: str, options: dict, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), strategy, json.dumps(options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
    )


def result(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def assert_follows(several: dict, one: dict, tolerance: float) -> None:
    """Losses agree, relative to the largest of their kind; the images that come of it, too."""
    assert several["count"] == 2
    ours, expected = (np.array(run["losses"], float) for run in (several, one))
    for column in (0, 1):  # the generator's loss is NaN in the steps without it
        scale = np.nanmax(np.abs(expected[:, column]))
        np.testing.assert_allclose(ours[:, column], expected[:, column], rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(several["images"], one["images"], atol=2)  # levels of 0 to 255


def compare_devices(case: str, tolerance: float) -> None:
    one, two = (result(start(strategy, CASES[case] | {"replicas": 2})) for strategy in ("one", "mirrored"))
    assert one["count"] == 1
    assert_follows(two, one, tolerance)


def test_two_devices_follow_one():
    compare_devices("batch_norm", 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in CASES if name != "batch_norm"])
def test_two_devices_follow_one_in_every_recipe(case):
    compare_devices(case, 1e-6 if case == "plain" else 1e-5)


@pytest.mark.slow
def test_xla_compiles_between_what_the_replicas_exchange():
    process = start("mirrored", CASES["compiled"] | {"replicas": 2}, TF_CPP_MIN_LOG_LEVEL="0")
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    assert "Compiled cluster using XLA" in err


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def tf_configs() -> list[str]:
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    return [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}) for index in range(2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["batch_norm", "supernet"])
def test_two_processes_follow_one(case):
    one = result(start("one", CASES[case]))
    runs = workers(CASES[case])
    for run in runs:
        assert_follows(run, one, 1e-5)
        assert run["agreed"] == [[1.5], [4.5]]  # the chief's values, though the other one gave 2.5 and 5.5
        assert run["gathered"] == ["chief", "another, ünlike"]
        assert run["any"] == [True, False, True]
    assert [run["chief"] for run in runs] == [True, False]


def workers(options: dict) -> list[dict]:
    """Both processes' results."""
    processes = [start("multi_worker", options, TF_CONFIG=text) for text in tf_configs()]
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(result, processes))
    finally:
        for process in processes:
            process.kill()


@pytest.mark.slow
def test_workers_with_other_clocks_and_evaluations_take_the_same_stretches():
    """Otherwise each would wait for ever for what the other one sends under another name."""
    chief, other = workers({"arch": "1 0 1 1", "as_a_run": True})
    assert len(chief["losses"]) == len(other["losses"]) >= 19  # of 20 steps, the first two in a stretch of their own
    assert chief["images"] == pytest.approx(other["images"], abs=2)


def test_batches_that_cannot_be_divided_are_refused():
    where = distribution.Distribution()
    where.check_batches(dis_batch_size=7)
    where.count = 4
    where.check_batches(dis_batch_size=8, gen_batch_size=4)
    with pytest.raises(UserError, match="--gen_batch_size=7 cannot be divided among 4 replicas; .* such as 4"):
        where.check_batches(dis_batch_size=8, gen_batch_size=7)
    with pytest.raises(UserError, match="--dis_batch_size=3 .* such as 4"):
        where.check_batches(dis_batch_size=3)


def test_mirrored_without_a_gpu_says_what_to_do():
    with pytest.raises(UserError, match="found no GPU; give --distribution=one, or --replicas=2"):
        distribution.start("mirrored")


@pytest.mark.parametrize(("text", "why"), [(None, "needs the environment variable"), ("[]", "no 'cluster'")])
def test_a_missing_or_damaged_tf_config_is_refused(text, why, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=f"TF_CONFIG.*{why}|{why}.*TF_CONFIG"):
        distribution.start("multi_worker")


def test_a_worker_whose_port_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
        process = start("multi_worker", PLAIN, TF_CONFIG=json.dumps(config))
        _, err = process.communicate(timeout=900)
    assert process.returncode != 0 and "--distribution=multi_worker cannot join the workers of TF_CONFIG={" in err


OF_A_GRAPH = """Graph execution error:

Detected at node CollectiveReduceV2 defined at (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main

gone
Additional GRPC error information from remote target /job:worker/replica:0/task:1:
"""


@pytest.mark.parametrize("message", ["gone\nmore", "\n gone", "{{node a/b}} gone", OF_A_GRAPH])
def test_the_end_of_another_worker_is_told_with_what_to_do_and_the_line_that_says_something(message):
    with pytest.raises(UserError, match="another worker has ended.*all workers must be started again.*says: gone$"):
        with distribution.as_a_worker("one"):
            raise tf.errors.UnavailableError(None, None, message)


def test_without_a_word_of_tensorflow_the_kind_of_error_is_told():
    with pytest.raises(UserError, match="says: AbortedError$"):
        with distribution.as_a_worker("one"):
            raise tf.errors.AbortedError(None, None, "")


def test_among_several_workers_signals_are_heard_and_afterwards_as_before():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with distribution.as_a_worker("multi_worker"):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] != before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_alone_one_agrees_with_oneself():
    where = distribution.Distribution()
    assert where.gathered("mine") == ["mine"] and where.chiefs(True) and not where.chiefs(False)
    where.check_same({"--seed": "3"}, what="settings")
    where.check_same_checkpoint(3, folder="x")


@pytest.fixture
def three(monkeypatch) -> distribution.Distribution:
    """Worker 1 of three, of which the others sent `others`."""
    where = distribution.Distribution()
    where._workers, where._index, where.is_chief = 3, 1, False
    where.others = {}  # type: ignore[attr-defined]
    monkeypatch.setattr(where, "gathered", lambda text: [where.others[0], text, where.others[2]])
    monkeypatch.setattr(where, "_total", lambda mine: mine)
    return where


def test_other_values_end_every_worker_with_the_difference(three):
    three.others = {0: '{"--seed": "3"}', 2: '{"--seed": "3"}'}
    three.check_same({"--seed": "3"}, what="settings")
    with pytest.raises(UserError, match="--seed is 3 on workers 0, 2 and 4 on worker 1; start all of them again"):
        three.check_same({"--seed": "4"}, what="settings")


def test_another_checkpoint_ends_every_worker(three):
    three.others = {0: '[4, "run"]', 2: '[4, "run"]'}
    three.check_same_checkpoint(4, folder="run")
    with pytest.raises(UserError, match="goes on from checkpoint 4, and worker 1 found none in elsewhere; .* all"):
        three.check_same_checkpoint(0, folder="elsewhere")
    three.others[2] = '[3, "run"]'
    with pytest.raises(UserError, match="worker 2 found checkpoint 3 in run"):
        three.check_same_checkpoint(4, folder="run")


def test_no_tpu_is_told(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(UserError, match="--distribution=tpu found no TPU"):
        distribution.start("tpu")


def test_a_part_is_its_rows():
    rows = np.arange(12).reshape(6, 2)
    assert distribution.Share().of(rows) is rows
    np.testing.assert_array_equal(distribution.Share(1, 3).of(rows), rows[2:4])
