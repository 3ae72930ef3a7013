"""The study command as a person runs it, on a table of one cell that is made up here."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

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


def made(folder: pathlib.Path) -> pathlib.Path:
    """Two seeds of each architecture, of which (1, 1, 0, 1) is best."""
    rng = np.random.default_rng(0)
    rows = [
        {"tokens": list(tokens), "seed": seed, "failure": "", "points": [540], "machine": "A",
         "fid": [float(np.exp(2 - 0.3 * (tokens[0] + tokens[3]) + 0.2 * abs(tokens[1] - 1) + 0.05 * rng.normal()))],
         **{name: [1.0] for name in NAMES}}
        for tokens in EVERY for seed in (0, 1)
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
    return {name: document[name] for name in ("costs", "groups", "pairs", "failed", "oracle")}


@pytest.mark.slow
def test_a_study_that_is_stopped_and_whose_worker_is_killed_ends_as_one_that_was_left_alone(tmp_path, tables):
    whole = started(tmp_path / "whole", tables, workers=2)
    output, _ = whole.communicate(timeout=900)
    assert whole.returncode == 0, output
    found = found_in(tmp_path / "whole")
    assert set(found["groups"]) == {"evolution", "random"} and not found["failed"] and found["oracle"] == 0
    for group in found["groups"].values():
        assert group["seeds"] == [1000, 1001] and len(group["end"]) == 2 and min(group["end"]) >= 0
        for curve in group["curves"]:
            assert curve[0] is None or curve[-1] is not None
    assert "evolution: regret" in output and (tmp_path / "whole" / "study.html").stat().st_size > 5000
    events = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "whole" / "tensorboard")).Reload()
    assert set(events.Runs()) == {"evolution", "random"}
    assert [event.step for event in events.Tensors("random", "study/median")][-1] == 6

    again = started(tmp_path / "again", tables, workers=1)
    searches = tmp_path / "again" / "searches"
    until = time.monotonic() + 300
    while not list(searches.glob("*/genotype.json")) and time.monotonic() < until:
        time.sleep(0.2)
    again.send_signal(signal.SIGTERM)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 128 + signal.SIGTERM, output
    assert not (tmp_path / "again" / "study.json").exists()
    before = {file: file.stat().st_mtime_ns for file in searches.glob("*/genotype.json")}
    again = started(tmp_path / "again", tables, workers=1)
    output, _ = again.communicate(timeout=900)
    assert again.returncode == 0, output
    assert found_in(tmp_path / "again") == found
    assert before and all(file.stat().st_mtime_ns == when for file, when in before.items())  # not done again


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
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(tmp_path, tables, capsys, changes, told):
    assert study.main(words(tmp_path / "study", tables, **changes)) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("error:") == 1 and not (tmp_path / "study").exists()


def test_a_study_of_other_settings_is_not_gone_on_with(tmp_path, tables, capsys, monkeypatch):
    monkeypatch.setattr(study, "_search_all", lambda config, terminal, stop: ["x ended"])
    monkeypatch.setattr(study, "_write", lambda *arguments: None)
    assert study.main(words(tmp_path / "study", tables)) == 0
    assert study.main(words(tmp_path / "study", tables, seeds=5, strategies="evolution,local_search")) == 0
    capsys.readouterr()
    assert study.main(words(tmp_path / "study", tables, budget=7)) == 2
    assert "--budget was 6.0 and is 7.0" in capsys.readouterr().err
