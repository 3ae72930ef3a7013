"""train and search as a person runs them on two replicas: logical devices of one process, and two processes."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests import photos
from tests.test_search_command import TWO_CELLS, arguments
from tests.test_train_command import SMALL
from tests.training.test_distribution import tf_configs

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
BATCHES = {"gen_batch_size": 6, "dis_batch_size": 4}
TRAINING = SMALL | BATCHES | {"g_lr": 1e-3, "d_lr": 1e-3}
SEARCH = TWO_CELLS | BATCHES | {f"train_{name}": size for name, size in BATCHES.items()}
EVOLUTION = {name: value for name, value in SEARCH.items() if not name.startswith("ctrl_") and name != "hid_size"}
EVOLUTION |= {"strategy": "evolution", "population": 3, "tournament": 2, "round_trials": 5}
EVOLUTION |= {"reward": "is - 0.01*fid", "shared_sampling": "fair"}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    """A folder with photos/: 20 small grey images in each of two class folders."""
    return photos.write(tmp_path_factory.mktemp("distributed"), side=16)


def start(place: pathlib.Path, command: str, *words: str, tf_config: str = "") -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    if tf_config:
        environment["TF_CONFIG"] = tf_config
    return subprocess.Popen(
        [sys.executable, "-m", f"autogan_tf.{command}", *words],
        cwd=place,
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=900)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run(place: pathlib.Path, command: str, *words: str, tf_config: str = "") -> subprocess.CompletedProcess[str]:
    return end(start(place, command, *words, tf_config=tf_config))


def wait_for_rows(process: subprocess.Popen[str], file: pathlib.Path, number: int) -> None:
    deadline = time.monotonic() + 300
    while not file.exists() or file.read_text().count("\n") < number:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)


def scores(run_dir: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (run_dir / "evaluations.jsonl").read_text().splitlines()]


def assert_complete_search(run_dir: pathlib.Path) -> None:
    assert json.loads((run_dir / "config.json").read_text())["settings"]["replica_count"] == 2
    assert (run_dir / "genotypes" / "03.json").exists()
    assert scores(run_dir / "best")[-1]["step"] == SEARCH["train_steps"]


@pytest.fixture(scope="module")
def one_device(place) -> list[dict]:
    """The scores of a training on one device."""
    done = run(place, "train", *arguments(TRAINING, run_dir="runs/one"))
    assert done.returncode == 0, done.stderr
    return scores(place / "runs" / "one")


@pytest.mark.slow
def test_training_on_two_devices_gives_the_scores_of_one(place, one_device):
    done = run(place, "train", *arguments(TRAINING, run_dir="runs/two", distribution="mirrored", replicas=2))
    assert done.returncode == 0, done.stderr
    assert json.loads((place / "runs" / "two" / "config.json").read_text())["settings"]["replica_count"] == 2
    for ours, expected in zip(scores(place / "runs" / "two"), one_device, strict=True):
        assert ours["frechet_distance"] == pytest.approx(expected["frechet_distance"], rel=5e-3)
    # without a strategy the run is read as any other
    evaluated = run(place, "evaluate", "--run_dir=runs/two", "--num_eval_imgs=40", "--metrics=fid", "--cache_dir=cache")
    assert evaluated.returncode == 0, evaluated.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "search"])
def test_of_two_workers_the_chief_writes_and_both_end(place, one_device, command):
    settings = {"train": TRAINING, "search": EVOLUTION}[command]
    words = arguments(settings, run_dir=f"runs/workers-{command}", distribution="multi_worker")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        chief, other = pool.map(lambda text: run(place, command, *words, tf_config=text), tf_configs())
    assert chief.returncode == 0, chief.stderr
    assert other.returncode == 0, other.stderr
    assert other.stdout == "" and "Fréchet distance" in chief.stdout
    folder = place / "runs" / f"workers-{command}"
    if command == "search":
        assert_complete_search(folder)
        return
    for ours, expected in zip(scores(folder), one_device, strict=True):
        assert ours["frechet_distance"] == pytest.approx(expected["frechet_distance"], rel=5e-3)


@pytest.mark.slow
def test_a_search_on_two_devices_is_complete(place):
    done = run(place, "search", *arguments(SEARCH, run_dir="runs/search", distribution="mirrored", replicas=2))
    assert done.returncode == 0, done.stderr
    assert_complete_search(place / "runs" / "search")


LONGER = TRAINING | {"max_iter": 150, "eval_steps": 50, "save_steps": 10}


@pytest.mark.slow
def test_a_stop_of_one_worker_stops_all_and_they_go_on(place):
    """Though the signal comes to the one that does not write; and only together, from the same checkpoint."""
    folder = place / "runs" / "stopped"
    words = arguments(LONGER, run_dir="runs/stopped", distribution="multi_worker")
    processes = [start(place, "train", *words, tf_config=text) for text in tf_configs()]
    wait_for_rows(processes[0], folder / "metrics.jsonl", 2)
    processes[1].send_signal(signal.SIGTERM)
    chief, other = map(end, processes)
    assert (chief.returncode, other.returncode) == (143, 143), chief.stderr + other.stderr
    assert "stopped by SIGTERM; saved as runs/stopped/checkpoints/ckpt-" in chief.stdout

    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    for name in ("photos", "cache"):
        (elsewhere / name).symlink_to(place / name)
    configs = tf_configs()
    processes = [start(where, "train", *words, tf_config=text) for where, text in zip((place, elsewhere), configs,
                                                                                      strict=True)]  # fmt: skip
    chief, other = map(end, processes)
    for worker in (chief, other):
        assert worker.returncode == 2 and "and worker 1 found none in" in worker.stderr
        assert "the run's folder must be one that all workers see" in worker.stderr

    for name in ("stopped", "never-stopped"):
        words = arguments(LONGER, run_dir=f"runs/{name}", distribution="multi_worker")
        chief, other = map(end, [start(place, "train", *words, tf_config=text) for text in tf_configs()])
        assert (chief.returncode, other.returncode) == (0, 0), chief.stderr + other.stderr
        assert ("going on from step" in chief.stdout) == (name == "stopped")
    assert scores(folder) == scores(place / "runs" / "never-stopped")


@pytest.mark.slow
def test_a_training_on_two_devices_goes_on(place):
    found = []
    for name in ("disturbed", "undisturbed"):
        words = arguments(LONGER, run_dir=f"runs/{name}", distribution="mirrored", replicas=2)
        if name == "disturbed":
            process = start(place, "train", *words)
            wait_for_rows(process, place / "runs" / name / "metrics.jsonl", 2)
            process.kill()
            end(process)
        done = run(place, "train", *words)
        assert done.returncode == 0, done.stderr
        assert ("going on from step" in done.stdout) == (name == "disturbed")
        found.append(scores(place / "runs" / name))
    assert found[0] == found[1]


def test_batches_that_the_replicas_cannot_divide_are_refused(place):
    words = arguments(TRAINING | {"dis_batch_size": 5}, run_dir="runs/odd", distribution="mirrored", replicas=2)
    done = run(place, "train", *words)
    assert done.returncode == 2
    assert "--dis_batch_size=5 cannot be divided among 2 replicas" in done.stderr.splitlines()[-1]
    assert not (place / "runs" / "odd").exists()
