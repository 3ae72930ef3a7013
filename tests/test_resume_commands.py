"""search and train as a person leaves them alone: killed, stopped, damaged, moved, started twice."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autogan_tf import search, train
from autogan_tf.training import trained
from tests import photos
from tests.test_search_command import TWO_CELLS
from tests.test_train_command import SMALL

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
COMMON = {"dataset": "folder:photos", "cache_dir": "cache"}
TRAINING = SMALL | COMMON | {"max_iter": 400, "eval_steps": 100, "save_steps": 20}
LONGER = {"max_iter": 500}
SEARCH = TWO_CELLS | COMMON | {"max_search_iter": 6, "grow_steps": "3", "shared_steps": 20, "ctrl_step": 6,
                               "train_steps": 120, "train_eval_every": 40, "save_steps": 5}  # fmt: skip
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
    return photos.write(tmp_path_factory.mktemp("resume"), side=16)


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


def started(place: pathlib.Path, name: str, run: pathlib.Path, file_bytes: int = 0, **changes) -> subprocess.Popen[str]:
    """file_bytes: more than that no file may have."""
    line = [sys.executable, "-m", f"autogan_tf.{name}", *words(name, **changes)[1:], f"--run_dir={run}"]
    limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))) if file_bytes else None
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit, **options(place)
    )


def wait_for(process: subprocess.Popen, ready) -> None:
    deadline = time.monotonic() + 300
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_rows(run: pathlib.Path, phase: str, number: int = 1) -> bool:
    file = run / "metrics.jsonl"
    return file.exists() and file.read_text().count(f'"phase": "{phase}"') >= number


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["train", "search"])
def test_killed_ten_times_it_ends_as_if_nothing_had_happened(soak, place, whole, name):
    run = place / "runs" / f"{name}-killed"
    reached = soak.run_killed(words(name), run, kills=10, seed=1, **options(place))
    assert len(reached) == 10 and reached[-1] > reached[0]
    assert soak.differences(whole[name], run) == []
    assert not list(run.rglob("*_temp")) and not list(run.rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "code"), [("train", signal.SIGINT, 130), ("search", signal.SIGTERM, 143)]
)
def test_a_signal_saves_and_the_same_command_goes_on(soak, place, whole, name, number, code):
    run = place / "runs" / f"{name}-{code}"
    process = started(place, name, run)
    wait_for(process, lambda: has_rows(run, "train" if name == "train" else "strategy", 2))
    process.send_signal(number)
    out, err = process.communicate(timeout=900)
    assert process.returncode == code, err
    assert f"stopped by {number.name}; saved as" in out and "goes on" in out and "Traceback" not in err
    assert not (run / ".lock").exists()
    moved = place / "runs" / f"{name}-{code}-moved"
    run.rename(moved)
    soak.run_whole(words(name), moved, **options(place))
    assert soak.differences(whole[name], moved) == []
    assert len(json.loads((moved / "config.json").read_text())["resumed"]) == 1


@pytest.mark.slow
def test_two_processes_on_one_folder_and_two_signals_to_the_first(place):
    run = place / "runs" / "shared"
    first = started(place, "train", run, max_iter=100_000, eval_steps=100_000)
    try:
        wait_for(first, lambda: has_rows(run, "train"))
        second = started(place, "train", run, max_iter=100_000, eval_steps=100_000)
        _, err = second.communicate(timeout=900)
        assert second.returncode == 2 and f"in use by process {first.pid}" in err
        first.send_signal(signal.SIGTERM)
        assert first.stderr
        while "once more to stop at once" not in first.stderr.readline():
            assert first.poll() is None
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=300)
        assert (first.returncode, "saved as" in out) in ((130, False), (143, True))  # it may have been done already
    finally:
        first.kill()
        first.communicate()


@pytest.mark.slow
def test_a_full_disk_ends_the_run_and_with_room_it_goes_on(soak, place, whole):
    """A checkpoint has some 52,000 bytes; TensorBoard's file grows above that."""
    run = place / "runs" / "full"
    process = started(place, "train", run, file_bytes=60_000)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 1, err
    assert "stopped: " in out and "cannot be written" in out and "make room" in out and "Traceback" not in err
    soak.run_whole(words("train"), run, **options(place))
    assert soak.differences(whole["train"], run) == []
    assert len(json.loads((run / "config.json").read_text())["resumed"]) == 1


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
def test_a_longer_training_goes_on(soak, place, whole, monkeypatch, capsys):
    for name, changes in (("long", LONGER), ("longer", {}), ("longer", LONGER)):
        code, told = call(place, monkeypatch, capsys, "train", f"runs/{name}", **changes)
        assert code == 0, told
    assert "going on from step 400" in told
    assert soak.differences(place / "runs" / "long", place / "runs" / "longer") == []
    code, told = call(place, monkeypatch, capsys, "train", "runs/longer", **{"max_iter": 450})
    assert code == 2 and "--max_iter was 500 and is 450" in told


@pytest.fixture
def damaged(place, whole):
    """Gives a copy of a finished run with one file changed (None: removed), runs/damaged."""
    run = place / "runs" / "damaged"

    def make(name: str, file: str, content: bytes | None) -> pathlib.Path:
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole[name], run)
        if content is None and (run / file).is_dir():
            shutil.rmtree(run / file)
        elif content is None:
            (run / file).unlink()
        else:
            (run / file).write_bytes(content)
        return run

    return make


REFUSED = {
    "no settings": ("train", "config.json", None, "already holds files"),
    "half of the settings": ("train", "config.json", b'{"command": "train", "se', "config.json"),
    "a list for settings": ("search", "config.json", b"[]", "config.json"),
    "no architecture": ("train", "genotype.json", b"nonsense", "genotype.json"),
    "no architecture of a search": ("search", "genotype.json", b"", "genotype.json"),
    "no checkpoints": ("train", "checkpoints", None, "has made progress and there is no checkpoint in "),
    "no checkpoints of a search": ("search", "checkpoints", None, "has made progress and there is no checkpoint"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_damage_that_is_refused_names_the_file_and_changes_nothing(place, damaged, monkeypatch, capsys, case):
    name, file, content, part = REFUSED[case]
    run = damaged(name, file, content)
    if name == "search" and file == "checkpoints":
        (run / "genotype.json").unlink()  # as while it still searched
        shutil.rmtree(run / "best")
    before = {path: content for path, content in contents(run).items() if not path.endswith("config.json")}
    longer = LONGER if name == "train" else {}
    code, told = call(place, monkeypatch, capsys, name, "runs/damaged", **longer)
    assert code == 2 and part in told and "Traceback" not in told
    assert {path: content for path, content in contents(run).items() if not path.endswith("config.json")} == before


@pytest.mark.slow
def test_damage_that_the_run_survives_is_told_with_the_file(place, whole, damaged, monkeypatch, capsys, caplog):
    checkpoints = whole["train"] / "checkpoints"
    newest = max(checkpoints.glob("*.index"), key=lambda file: int(file.stem.split("-")[1]))
    run = damaged("train", f"checkpoints/{newest.name}", newest.read_bytes()[:20])
    (best,) = (run / "checkpoints" / "best").glob("*.index")
    best.write_bytes(b"x")
    code, told = call(place, monkeypatch, capsys, "train", "runs/damaged", **LONGER)
    assert code == 0 and "going on from step" in told
    assert f"the checkpoint runs/damaged/checkpoints/{newest.stem} is damaged" in caplog.text
    assert f"the checkpoint runs/damaged/checkpoints/best/{best.stem} is damaged" in caplog.text
    assert "the best of the later evaluations is kept" in caplog.text
    assert json.loads((run / "evaluations.jsonl").read_text().splitlines()[-1])["step"] == 500
    assert trained.load_generator(trained.training_run(run)).gf_dim == TRAINING["gf_dim"]


@pytest.mark.slow
def test_other_images_are_refused(place, damaged, monkeypatch, capsys):
    damaged("train", "report.html", None)
    image = place / "photos" / "dark" / "00.png"
    before = image.read_bytes()
    try:
        shutil.copy(place / "photos" / "bright" / "00.png", image)
        code, told = call(place, monkeypatch, capsys, "train", "runs/damaged", **LONGER)
    finally:
        image.write_bytes(before)
    assert code == 2 and "the images of --dataset=folder:photos are not those that the run began with" in told


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"", b"\xff garbage", "elsewhere"])
def test_readers_take_the_runs_own_checkpoint_whatever_tensorflows_list_says(place, whole, damaged, content):
    expected = trained.load_generator(trained.training_run(whole["train"])).l1.kernel.numpy()
    if content == "elsewhere":
        content = f'model_checkpoint_path: "{whole["search"] / "best" / "checkpoints" / "ckpt-1"}"\n'.encode()
    run = damaged("train", "checkpoints/best/checkpoint", content)
    np.testing.assert_array_equal(trained.load_generator(trained.training_run(run)).l1.kernel.numpy(), expected)


@pytest.mark.parametrize("name", ["train", "search"])
def test_only_going_on_needs_a_run(place, monkeypatch, capsys, name):
    code, told = call(place, monkeypatch, capsys, name, "runs/none", resume="must")
    assert code == 2 and "--resume=must: there is no run in --run_dir=runs/none" in told
    assert not (place / "runs" / "none").exists()
