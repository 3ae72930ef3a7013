"""search and train as a person leaves them alone: killed, stopped, damaged, moved, started twice."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from autogan_tf import search, train
from tests.test_search_command import TWO_CELLS
from tests.test_train_command import SMALL

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
COMMON = {"dataset": "folder:photos", "cache_dir": "cache"}
TRAINING = SMALL | COMMON | {"max_iter": 600, "eval_steps": 100, "save_steps": 20}
SEARCH = TWO_CELLS | COMMON | {"max_search_iter": 8, "grow_steps": "4", "shared_steps": 20, "ctrl_step": 8,
                               "train_steps": 200, "train_eval_every": 50, "save_steps": 5}  # fmt: skip
COMMANDS = {"train": TRAINING, "search": SEARCH}


@pytest.fixture(scope="module")
def soak():
    sys.path.insert(0, str(REPOSITORY / "tools"))
    try:
        yield importlib.import_module("soak")
    finally:
        sys.path.remove(str(REPOSITORY / "tools"))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    """A folder with photos/: 20 small grey images in each of two class folders."""
    root = tmp_path_factory.mktemp("resume")
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("bright", 128)):
        (root / "photos" / name).mkdir(parents=True)
        for index, image in enumerate(rng.integers(low, low + 100, (20, 16, 16), np.uint8)):
            Image.fromarray(image).save(root / "photos" / name / f"{index:02d}.png")
    return root


def words(name: str, **changes) -> list[str]:
    return [name, *(f"--{flag}={value}" for flag, value in (COMMANDS[name] | changes).items() if value is not None)]


def options(place: pathlib.Path) -> dict:
    return {"cwd": place, "env": {**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(place)}}


@pytest.fixture(scope="module")
def whole(soak, place) -> dict[str, pathlib.Path]:
    """By command, a run that nobody disturbed."""
    found = {}
    for name in COMMANDS:
        found[name] = place / "runs" / f"{name}-whole"
        soak.run_whole(words(name), found[name], **options(place))
    return found


def started(place: pathlib.Path, name: str, run: pathlib.Path, **changes) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", f"autogan_tf.{name}", *words(name, **changes)[1:], f"--run_dir={run}"]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options(place))


def wait_for(process: subprocess.Popen, ready) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_rows(run: pathlib.Path, phase: str, number: int = 1) -> bool:
    file = run / "metrics.jsonl"
    return file.exists() and file.read_text().count(f'"phase": "{phase}"') >= number


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["train", "search"])
def test_killed_ten_times_it_ends_as_if_nothing_had_happened(soak, place, whole, name):
    run = place / "runs" / f"{name}-killed"
    reached = soak.run_killed(words(name), run, kills=10, seed=1, **options(place))
    assert len(reached) == 10 and reached[-1] > reached[0]
    assert soak.differences(whole[name], run) == []
    assert not list(run.rglob("*_temp")) and not list(run.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("name", ["train", "search"])
def test_a_signal_saves_and_the_same_command_goes_on(soak, place, whole, name, number, code):
    run = place / "runs" / f"{name}-{code}"
    process = started(place, name, run)
    wait_for(process, lambda: has_rows(run, "train" if name == "train" else "controller", 2))
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert f"stopped by {number.name}; saved as" in out and "goes on" in out and "Traceback" not in err
    assert not (run / ".lock").exists()
    moved = place / "runs" / f"{name}-{code}-moved"
    run.rename(moved)
    soak.run_whole(words(name), moved, **options(place))
    assert soak.differences(whole[name], moved) == []
    assert len(json.loads((moved / "config.json").read_text())["resumed"]) == 1


@pytest.mark.slow
def test_a_second_signal_ends_at_once(place):
    run = place / "runs" / "twice"
    process = started(place, "train", run, max_iter=100_000, eval_steps=100_000)
    wait_for(process, lambda: has_rows(run, "train", 2))
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.slow
def test_two_processes_on_one_folder(place):
    run = place / "runs" / "shared"
    first = started(place, "train", run, max_iter=100_000, eval_steps=100_000)
    try:
        wait_for(first, lambda: has_rows(run, "train"))
        second = started(place, "train", run, max_iter=100_000, eval_steps=100_000)
        _, err = second.communicate(timeout=120)
        assert second.returncode == 2 and f"in use by process {first.pid}" in err
    finally:
        first.kill()
        first.communicate()


def call(place, monkeypatch, capsys, name: str, run: str, **changes) -> tuple[int, str]:
    monkeypatch.chdir(place)
    code = {"train": train, "search": search}[name].main([*words(name, **changes)[1:], f"--run_dir={run}"])
    told = capsys.readouterr()
    return code, told.out + told.err


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "search"])
def test_a_finished_run(place, whole, monkeypatch, capsys, name):
    run = str(whole[name].relative_to(place))
    before = contents(whole[name])
    code, told = call(place, monkeypatch, capsys, name, run)
    assert code == 0 and "is complete" in told
    assert contents(whole[name]) == before
    code, told = call(place, monkeypatch, capsys, name, run, resume="never")
    assert code == 2 and "already holds a run" in told
    changes = {"gf_dim": 7, "seed": 4, "verbosity": "quiet"}
    code, told = call(place, monkeypatch, capsys, name, run, **changes)
    assert code == 2 and f"--gf_dim was {COMMANDS[name]['gf_dim']} and is 7" in told
    assert f"--seed was {COMMANDS[name]['seed']} and is 4" in told and "verbosity" not in told
    other = "search" if name == "train" else "train"
    code, told = call(place, monkeypatch, capsys, other, run)
    assert code == 2 and f"holds a run of '{name}'" in told
    assert contents(whole[name]) == before


@pytest.mark.slow
def test_a_longer_training_goes_on(soak, place, whole):
    run, long = place / "runs" / "longer", place / "runs" / "long"
    shutil.copytree(whole["train"], run)
    for folder in (run, long):
        soak.run_whole(words("train", max_iter=700), folder, **options(place))
    assert soak.differences(run, long) == []


@pytest.mark.slow
def test_damage_is_told_with_the_file(place, whole, monkeypatch, capsys, caplog):
    run = place / "runs" / "damaged"

    def damaged(file: str, content: bytes | None, **changes) -> tuple[int, str]:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole["train"], run)
        if content is None:
            (run / file).unlink()
        else:
            (run / file).write_bytes(content)
        return call(place, monkeypatch, capsys, "train", "runs/damaged", **({"max_iter": 700} | changes))

    code, told = damaged("config.json", b"{")
    assert code == 2 and "runs/damaged/config.json" in told
    code, told = damaged("config.json", None)
    assert code == 2 and "already holds files" in told
    code, told = damaged("genotype.json", b"nonsense")
    assert code == 2 and "genotype.json" in told
    newest = max((whole["train"] / "checkpoints").glob("*.index"), key=lambda file: int(file.stem.split("-")[1]))
    code, told = damaged(f"checkpoints/{newest.name}", newest.read_bytes()[:20])
    assert code == 0 and "going on from step" in told
    assert f"the checkpoint runs/damaged/checkpoints/{newest.stem} is damaged" in caplog.text
    shutil.rmtree(run)
    shutil.copytree(whole["train"], run)
    shutil.rmtree(run / "checkpoints")
    code, told = call(place, monkeypatch, capsys, "train", "runs/damaged", max_iter=700)
    assert code == 2 and "has made progress and there is no checkpoint in runs/damaged/checkpoints" in told


@pytest.mark.parametrize("name", ["train", "search"])
def test_only_going_on_needs_a_run(place, monkeypatch, capsys, name):
    code, told = call(place, monkeypatch, capsys, name, "runs/none", resume="must")
    assert code == 2 and "--resume=must: there is no run in --run_dir=runs/none" in told
    assert not (place / "runs" / "none").exists()
