"""search --estimation=from_scratch as a person runs it: alone, with workers that are killed, stopped, and taken up."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from autogan_tf import search, train
from tests import photos
from tests.test_search_command import OF_THE_MACHINE, SMALL

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
# two cells at once; ten candidates, of which some are trained to step 3 and some to the end
SETTINGS = SMALL | {
    "dataset": "folder:photos", "cache_dir": "cache", "num_cells": 2, "single_level": True,
    "max_search_iter": 1, "strategy": "random", "round_trials": 6, "trial_batch": 3, "num_candidate": 2, "topk": 2,
    "estimation": "from_scratch", "fidelities": "1,3", "reward": "is - 0.01*fid", "train_steps": 4, "threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    return photos.write(tmp_path_factory.mktemp("from_scratch"), side=16)


def words(**changes) -> list[str]:
    return [f"--{flag}={value}" for flag, value in (SETTINGS | changes).items()]


def started(place: pathlib.Path, **changes) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "autogan_tf.search", *words(**changes)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=900)
    return output


def numbers_of(run: pathlib.Path) -> list:
    """All that was logged by the search and by each candidate, and the ranking, without the machine's numbers."""
    files = [run / "metrics.jsonl", *sorted(run.glob("trials/*/metrics.jsonl")), run / "best" / "metrics.jsonl"]
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    plain = [{k: v for k, v in row.items() if k not in OF_THE_MACHINE} for row in rows if row["phase"] != "train"]
    documents = [json.loads(file.read_text()) for file in sorted(run.glob("genotypes/*.json"))]
    return plain + [(document["tokens"], document["scores"]) for document in documents]


@pytest.fixture(scope="module")
def alone(place) -> tuple[pathlib.Path, str]:
    """A search in one process, and what it printed."""
    process = started(place, run_dir="alone")
    output = ended(process)
    assert process.returncode == 0, output
    return place / "alone", output


def settings_of(folder: pathlib.Path) -> dict:
    return json.loads((folder / "config.json").read_text())["settings"]


def trained(run: pathlib.Path) -> dict[str, list[int]]:
    """By candidate the steps at which it was scored."""
    return {
        folder.name: [json.loads(line)["step"] for line in (folder / "evaluations.jsonl").read_text().splitlines()]
        for folder in sorted((run / "trials").iterdir())
    }


def test_each_candidate_is_a_run_and_the_winner_goes_on_from_its_own(alone, place, monkeypatch, capsys):
    run, output = alone
    steps = trained(run)
    assert list(steps) == [f"{number:06d}" for number in range(1, 7)]
    assert {tuple(found) for found in steps.values()} == {(1,), (1, 3)}
    first = [found for name, found in steps.items() if name <= "000003"]
    assert sum(found == [1, 3] for found in first) in (1, 2)  # one in the round, and perhaps one as a finalist
    best = json.loads((run / "genotypes" / "01.json").read_text())
    assert best["scores"]["weights"] == "own" and best["scores"]["step"] == 3
    assert best["scores"]["reward"] == pytest.approx(
        best["scores"]["inception_score"] - 0.01 * best["scores"]["frechet_distance"], rel=0.2
    )  # the reward on 40 images, the scores on 60
    tokens = json.loads((run / "best" / "genotype.json").read_text())["tokens"]
    assert tokens == best["tokens"]
    [of_winner] = [
        folder for folder in (run / "trials").iterdir()
        if json.loads((folder / "genotype.json").read_text())["tokens"] == tokens
    ]  # fmt: skip
    seeds = {folder.name: settings_of(folder)["seed"] for folder in (run / "trials").iterdir()}
    assert len(set(seeds.values())) == len(seeds) and settings_of(run / "best")["seed"] == seeds[of_winner.name]
    rows = [json.loads(line) for line in (run / "best" / "evaluations.jsonl").read_text().splitlines()]
    assert [(row["step"], row["num_images"]) for row in rows] == [(1, 40), (3, 40), (4, 60)]
    assert rows[:2] == [json.loads(line) for line in (of_winner / "evaluations.jsonl").read_text().splitlines()]
    assert "going on from step 3" in output and "retracing" not in output
    assert re.search(r"iteration   1  stage 2  best -?\d.*candidates 6  candidate_steps [\d,]+ ", output)
    page = (run / "report.html").read_text()
    assert "The best architectures" in page and "Losses of the shared GAN" not in page  # there is none
    assert not list(run.glob("**/.lock")) and not list(run.glob(".best*"))
    # a person goes on with a candidate that was left behind
    monkeypatch.chdir(place)
    behind = next(name for name, found in steps.items() if found == [1])
    settings = settings_of(run / "trials" / behind)
    flags = [f"--{name}={value}" for name, value in SETTINGS.items() if name in ("dataset", "cache_dir")]
    networks = ("latent_dim", "gf_dim", "df_dim", "gen_batch_size", "dis_batch_size", "n_critic", "max_iter", "seed")
    flags += [f"--{name}={settings[name]}" for name in (*networks, "num_eval_imgs", "classifier_steps")]
    flags += [f"--{name}={settings[name]}" for name in ("classifier_batch_size", "classifier_width", "eval_steps")]
    flags += [f"--arch={settings['arch']}", "--dynamic_reset_threshold=0", "--run_dir=behind"]
    shutil.copytree(run / "trials" / behind, place / "behind")
    assert train.main([*flags, "--resume=must"]) == 0, capsys.readouterr()
    assert "going on from step 1" in capsys.readouterr().out


def test_a_complete_search_says_so(alone, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert search.main([*words(threads=0, run_dir="alone", workers=2)]) == 0
    assert "is complete" in capsys.readouterr().out


@pytest.mark.slow
def test_workers_change_nothing_though_one_is_killed_and_the_search_is_stopped_and_killed(alone, place):
    run = place / "workers"
    process = started(place, run_dir="workers", workers=2)
    wait_for(run, number=1)
    [worker, *_] = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    wait_for(run, number=2)
    process.send_signal(signal.SIGTERM)
    output = ended(process)
    assert process.returncode == 143, output
    assert "stopped by SIGTERM; saved as" in output and "Traceback" not in output
    process = started(place, run_dir="workers", workers=2)
    wait_for(run, number=4)
    children = workers_of(process.pid)
    process.kill()
    process.wait()
    process = started(place, run_dir="workers", workers=3)  # while the workers of the one before may be ending
    output = ended(process)
    assert process.returncode == 0 and "Traceback" not in output, output
    assert numbers_of(run) == numbers_of(alone[0])
    assert not any(pathlib.Path(f"/proc/{child}").exists() for child in children)


def wait_for(run: pathlib.Path, *, number: int) -> None:
    """Until so many candidates have a checkpoint."""
    until = time.monotonic() + 600
    while len(list(run.glob("trials/*/checkpoints/*.index"))) < number:
        assert time.monotonic() < until
        time.sleep(0.05)


def workers_of(process: int) -> list[int]:
    """The processes that train for it; one more keeps account of what they share."""
    children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
    lines = {child: pathlib.Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [int(child) for child, line in lines.items() if b"spawn_main" in line]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"estimation": "shared_weights"}, "--fidelities=1,3 needs --estimation=from_scratch"),
        ({"estimation": "shared_weights", "fidelities": "", "workers": 2}, "--workers=2 needs --estimation=from_scra"),
        ({"fidelities": "3,1"}, "--fidelities must rise, each number once, but they are 3,1"),
        ({"fidelities": "1,5"}, "--fidelities must end at train_steps = 4 or before"),
        ({"fidelities": "", "train_steps": 0}, "needs to know how long candidates are trained"),
        ({"fidelities": "0,2"}, "--fidelities must be whole numbers separated by commas, each at least 1"),
        ({"shared_sampling": "fair", "max_parameters": 9}, "--shared_sampling=fair says what shared weights"),
        ({"workers": 0}, "--workers must be a whole number that is at least 1"),
        ({"distribution": "multi_worker"}, "--distribution=multi_worker trains one network on several machines"),
        ({"distribution": "mirrored", "workers": 2}, "--workers=2 trains that many candidates at once"),
        ({"reference_semantics": True, "ctrl_sample_batch": 1, "single_level": False, "grow_steps": "1",
          "max_search_iter": 2},
         "--estimation=from_scratch is not in the published code"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(place, monkeypatch, capsys, changes, expected):
    monkeypatch.chdir(place)
    assert search.main([*words(threads=0, run_dir="refused", **changes)]) == 2
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error
    assert not (place / "refused").exists()


def test_a_dry_run_tells_how_candidates_are_trained(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert search.main([*words(threads=0, run_dir="refused", workers=2, dry_run=True)]) == 0
    shown = capsys.readouterr().out
    assert "candidates are trained for 1, 3 generator steps if they are then in the best third, in 2 processes" in shown
    assert "supernet" not in shown and not (place / "refused").exists()
