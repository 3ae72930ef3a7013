"""tools/benchmark.py: the command's numbers as a file, its refusals, and the other interpreter that it may start."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autogan_tf.config.errors import UserError

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_the_ways_to_a_frechet_distance_agree_and_a_file_keeps_all_numbers(tmp_path):
    words = ["metrics", "--parts=frechet,memory", "--num_images=500", "--num_features=32", "--rounds=1"]
    words += ["--memory_images=150", f"--json={tmp_path / 'a folder/numbers.json'}"]
    done = subprocess.run(
        [sys.executable, str(TOOLS / "benchmark.py"), *words], cwd=tmp_path, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "a folder/numbers.json").read_text())
    assert document["command"] == words and set(document["machine"]) == {"system", "processor", "cores"}
    agreement, times, memory = document["tables"]
    values = np.array([row["value"] for row in agreement["rows"]])
    assert len(values) == 4 and values[0] > 1
    np.testing.assert_allclose(values, values[0], rtol=1e-6)
    assert [row["name"] for row in times["rows"]] == [row["way"] for row in agreement["rows"]]
    by_name = {row["name"]: row for row in times["rows"]}
    assert by_name["TF-GAN"]["times_as_fast"] == 1
    assert all(row["median_s"] == row["fastest_s"] > 0 for row in times["rows"])  # of one round
    units = [row["what it takes"].rpartition(", ")[2] for row in memory["rows"]]
    assert units == ["MB", "MB", "s"] and memory["rows"][2]["value"] > 0
    for table in document["tables"]:
        for shown in (table["title"], *(next(iter(row.values())) for row in table["rows"])):
            assert any(shown in line for line in done.stdout.splitlines()), f"wrapped: {shown}"


@pytest.mark.parametrize(
    "word, needed",
    [
        ("--parts=frechet,speed", "frechet, networks, memory"),
        ("--parts=", "frechet, networks, memory"),
        ("--rounds=0", "at least 1"),
        ("--rounds=two", "at least 1"),
        ("--num_images=1", "at least 2"),
        ("--num_features=0", "at least 1"),
        ("--torch_python=no/such/python", "interpreter"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_runs(load, capsys, word, needed):
    with pytest.raises(SystemExit) as stopped:
        load("benchmark").main(["metrics", word])
    shown = capsys.readouterr()
    name, _, value = word.partition("=")
    last = shown.err.splitlines()[-1]
    assert stopped.value.code == 2 and shown.out == ""
    assert name in last and repr(value.rpartition(",")[2]) in last and needed in last


def test_functions_take_turns_and_the_first_turn_does_not_count(load, monkeypatch):
    timing = load("timing")
    clock, costs = [0.0], iter([50, 60, 1, 2, 3, 4])  # of the calls, in turn
    calls = []

    def called(name: str) -> None:
        calls.append(name)
        clock[0] += next(costs)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    seconds = timing.alternate({"a": lambda: called("a"), "b": lambda: called("b")}, 2)
    assert "".join(calls) == "ababab" and seconds == {"a": [1, 3], "b": [2, 4]}


def test_medians_are_compared_with_the_baselines(load):
    report = load("timing").Report()
    report.times("a title", {"ours": [1.0, 4.0, 2.0], "theirs": [6.0, 6.0, 7.0]}, baseline="theirs", work=12)
    ours = {"name": "ours", "median_s": 2.0, "fastest_s": 1.0, "times_as_fast": 3.0, "per_second": 6.0}
    theirs = {"name": "theirs", "median_s": 6.0, "fastest_s": 6.0, "times_as_fast": 1.0, "per_second": 2.0}
    assert report.tables == [{"title": "a title", "rows": [ours, theirs]}]


def stand_in(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_other_interpreter_ends_with_an_error_in_this_one(load, tmp_path):
    other = load("other_python").OtherPython
    python = stand_in(tmp_path / "python", "echo $1; while read line; do echo got $line; done")
    with pytest.raises(ZeroDivisionError), other(python, ["a word"], needs="nothing") as child:
        assert child.first == "a word\n" and [child.ask("x"), child.ask("y z")] == ["got x\n", "got y z\n"]
        raise ZeroDivisionError
    assert child._process.returncode == 0


@pytest.mark.parametrize("body", ["exit 1", "echo 1.5; exit 1"])
def test_an_interpreter_that_fails_is_named(load, tmp_path, body):
    torch_fidelity = load("benchmark_metrics").torch_fidelity
    with pytest.raises(UserError, match="--torch_python.*torch-fidelity"):
        with torch_fidelity(stand_in(tmp_path / "python", body), {}, np.zeros(1)) as torch:
            torch.ask()
