"""The study command as a person runs it, on a table of one cell that is made up here."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from autogan_tf import study
from autogan_tf.bench import table
from autogan_tf.models.cost import Cost
from autogan_tf.search_space import autogan

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(1))))
NAMES = ("is", "kid", "d_loss", "g_loss", "seconds", "scoring")
SEARCH = (
    "--flagfile=bench_search.flags --num_cells=1 --round_trials=4 --population=3 --trial_batch=1 --topk=2 --threads=1"
)


def made(folder: pathlib.Path, seeds: tuple[int, ...] = (0, 1)) -> pathlib.Path:
    """Some seeds of each architecture, of which (1, 1, 0, 1) is best."""
    rng = np.random.default_rng(0)
    rows = [
        {"tokens": list(tokens), "seed": seed, "failure": "", "points": [540], "machine": "A",
         "fid": [float(np.exp(2 - 0.3 * (tokens[0] + tokens[3]) + 0.2 * abs(tokens[1] - 1) + 0.05 * rng.normal()))],
         **{name: [1.0] for name in NAMES}}
        for tokens in EVERY for seed in seeds
    ]  # fmt: skip
    folder.mkdir()
    (folder / "1-cells.npz").write_bytes(table.of_rows(rows, lambda genotype: Cost(1, 1)).to_bytes())
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> pathlib.Path:
    return made(tmp_path_factory.mktemp("study") / "tables")


def words(folder: pathlib.Path, tables: pathlib.Path, **changes) -> list[str]:
    settings = {"run_dir": folder, "table": tables, "strategies": "evolution", "seeds": 2, "budget": 6,
                "search_flags": SEARCH}  # fmt: skip
    return [f"--{name}={value}" for name, value in (settings | changes).items()]


def started(folder: pathlib.Path, tables: pathlib.Path, **changes) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "autogan_tf.study", *words(folder, tables, **changes)],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def found_in(folder: pathlib.Path) -> dict:
    document = json.loads((folder / "study.json").read_text())
    return {name: document[name] for name in ("costs", "groups", "pairs", "failed")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tables) -> tuple[pathlib.Path, str]:
    """A study that was left alone, and what it said."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    process = started(folder, tables, workers=2)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return folder, output


def wait_for(there, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.slow
def test_what_a_study_leaves(whole):
    folder, output = whole
    found = found_in(folder)
    assert set(found["groups"]) == {"evolution", "random"} and not found["failed"]
    for group in found["groups"].values():
        assert group["seeds"] == [1000, 1001] and len(group["end"]) == 2 and min(group["end"]) >= 0
        assert all(curve[-1] is not None for curve in group["curves"])
    assert "evolution: regret" in output and (folder / "study.html").stat().st_size > 5000
    events = EventMultiplexer().AddRunsFromDirectory(str(folder / "tensorboard")).Reload()
    assert set(events.Runs()) == {"evolution", "random"}
    assert [event.step for event in events.Tensors("random", "study/median")][-1] == 6


@pytest.mark.slow
def test_a_study_that_is_stopped_goes_on_and_ends_as_one_that_was_left_alone(tmp_path, tables, whole):
    again = started(tmp_path / "again", tables)
    searches = tmp_path / "again" / "searches"
    wait_for(lambda: list(searches.glob("*/genotype.json")))
    again.send_signal(signal.SIGTERM)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 128 + signal.SIGTERM, output
    assert not (tmp_path / "again" / "study.json").exists()
    before = {file: file.stat().st_mtime_ns for file in searches.glob("*/genotype.json")}
    again = started(tmp_path / "again", tables)
    output, _ = again.communicate(timeout=900)
    assert again.returncode == 0, output
    assert found_in(tmp_path / "again") == found_in(whole[0])
    assert before and all(file.stat().st_mtime_ns == when for file, when in before.items())  # not done again


@pytest.fixture
def cluster() -> Iterator[tuple[str, subprocess.Popen]]:
    """A Ray cluster of two nodes on this machine, each a group of processes: its address, and the second node."""
    pytest.importorskip("ray")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="r"))  # its sockets' paths must be short, which pytest's are not
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "RAY_USAGE_STATS_ENABLED": "0"}
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    ours = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
    ours.append("--node-ip-address=127.0.0.1")
    nodes: list[subprocess.Popen] = []
    with (folder / "log").open("w") as log:
        try:
            for words in (ours, [f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.2"]):
                nodes.append(subprocess.Popen([*ray, *words], env=env, stdout=log, stderr=log, start_new_session=True))
                wait_for(lambda: "--block" in (folder / "log").read_text() or nodes[-1].poll() is not None)
                assert nodes[-1].poll() is None, (folder / "log").read_text()
            yield f"127.0.0.1:{port}", nodes[1]
        finally:
            for node in nodes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(node.pid, signal.SIGKILL)
                node.wait()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_on_a_cluster_a_study_is_stopped_and_a_node_is_killed_and_it_ends_the_same(tmp_path, tables, whole, cluster):
    address, second = cluster
    searches = tmp_path / "study" / "searches"

    def some_done() -> bool:
        return bool(list(searches.glob("*/genotype.json"))) or study.poll() is not None

    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    wait_for(some_done)
    study.send_signal(signal.SIGTERM)
    output, _ = study.communicate(timeout=300)
    assert study.returncode == 128 + signal.SIGTERM, output
    before = {file: file.stat().st_mtime_ns for file in searches.glob("*/genotype.json")}
    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    wait_for(lambda: len(list(searches.glob("*/genotype.json"))) > len(before) or study.poll() is not None)
    os.killpg(second.pid, signal.SIGKILL)
    output, _ = study.communicate(timeout=900)
    assert study.returncode == 0, output
    assert found_in(tmp_path / "study") == found_in(whole[0])
    assert before and all(file.stat().st_mtime_ns == when for file, when in before.items())  # not done again


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "auto", "nonsense"])
def test_a_cluster_that_is_not_there_is_named_within_seconds(tmp_path, tables, address):
    pytest.importorskip("ray")
    began = time.monotonic()
    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    output, _ = study.communicate(timeout=120)
    assert study.returncode == 2 and f"--ray_address={address} cannot be reached" in output, output
    assert output.count("error:") == 1 and time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strategies": "evolutoin"}, "did you mean evolution"),
        ({"strategies": ""}, "--strategies must name each once"),
        ({"estimations": "table,table"}, "--estimations must name each once"),
        ({"budget": 0.5}, "--budget"),
        ({"seeds": 1}, "--seeds"),
        ({"search_flags": "--num_cells=1 --seed=3"}, "--search_flags has --seed"),
        ({"search_flags": "--num_cells=1 'x"}, "cannot be read as words"),
        ({"search_flags": SEARCH + " --population=9"}, "--round_trials must be at least"),
        ({"search_flags": SEARCH + " --num_cells=2"}, "no table of 2 cells"),
        ({"run_dir": ""}, "--run_dir is empty"),
        ({"workers": "many"}, "--workers must be a number from 1, or ray"),
        ({"workers": "0"}, "--workers must be a number from 1, or ray"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(tmp_path, tables, capsys, changes, told):
    assert study.main(words(tmp_path / "study", tables, **changes)) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("error:") == 1 and not (tmp_path / "study").exists()


def test_a_table_without_repetitions_is_refused(tmp_path, capsys):
    tables = made(tmp_path / "tables", seeds=(0,))
    assert study.main(words(tmp_path / "study", tables)) == 2
    error = capsys.readouterr().err
    assert "make_bench.py replicates" in error and error.count("error:") == 1 and not (tmp_path / "study").exists()


def test_a_search_that_failed_is_told_and_the_others_count(tmp_path, tables, capsys, monkeypatch):
    """In a folder with a blank in its name; the searches' rows are written here."""

    def searched(config, terminal, stop):
        for number, job in enumerate(study.jobs(config)):
            folder = pathlib.Path(job.folder)
            row = {"step": 0, "phase": "strategy", "time": 1.0, "iteration": 0, "trained_images": 5000,
                   "scored_images": 0, "rewards": {" ".join(map(str, EVERY[number])): 1.0}}  # fmt: skip
            folder.mkdir(parents=True)
            (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
        return {study.jobs(config)[1]: "it ended with code 1"}

    monkeypatch.setattr(study, "_search_all", searched)
    assert study.main(words(tmp_path / "my study", tables)) == 1
    found = found_in(tmp_path / "my study")
    assert found["failed"] == ["it ended with code 1"]
    assert {name: group["seeds"] for name, group in found["groups"].items()} == {
        "evolution": [1000, 1001], "random": [1001]
    }  # fmt: skip
    assert "it ended with code 1" in (tmp_path / "my study" / "study.html").read_text(encoding="utf-8")


def test_a_study_of_other_settings_is_not_gone_on_with(tmp_path, tables, capsys, monkeypatch):
    monkeypatch.setattr(study, "_search_all", lambda config, terminal, stop: {})
    monkeypatch.setattr(study, "_write", lambda *arguments: None)
    assert study.main(words(tmp_path / "study", tables)) == 0
    assert study.main(words(tmp_path / "study", tables, seeds=5, strategies="evolution,local_search")) == 0
    capsys.readouterr()
    assert study.main(words(tmp_path / "study", tables, budget=7)) == 2
    assert "--budget was 6.0 and is 7.0" in capsys.readouterr().err
