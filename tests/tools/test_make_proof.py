"""tools/make_proof.py: tables of a small study worked by hand, what is kept, and what is no study."""

from __future__ import annotations

import importlib
import json
import pathlib

import numpy as np
import pytest

from autogan_tf.studies.document import Results, document

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
COSTS = (5, 10, 20)


@pytest.fixture
def proof(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("make_proof")


def study_of(folder: pathlib.Path, curves: dict[str, dict[int, list[float]]], **of_results) -> pathlib.Path:
    costs = COSTS[: len(next(iter(curves["random"].values())))]
    results = Results("regret: of a test", costs, curves, **of_results)
    path = folder / "study.json"
    path.write_text(json.dumps(document(results, failed=(), settings={"run_dir": "/somewhere", "seeds": 4})))
    return path


@pytest.fixture
def on_a_table(tmp_path) -> pathlib.Path:
    """At a cost of 10 a climber is better than three of four random searches and as good as the fourth, at 20 than all;
    there one architecture in 20 is better than its answer."""
    curves = {
        "climber": {seed: [0.9, 0.2, 0.1] for seed in range(4)},
        "random": {0: [0.9, 0.2, 0.2], 1: [0.9, 0.3, 0.3], 2: [0.9, 0.4, 0.4], 3: [0.9, 0.5, 0.5]},
    }
    standings = {name: {seed: [0.5, 0.25, 0.05] for seed in range(4)} for name in curves}
    ends = {name: {seed: (seed // 2,) for seed in range(4)} for name in curves}
    return study_of(
        tmp_path, curves, standings=standings, estimated_standings=standings, ends=ends, ceiling=0.01
    )  # fmt: skip


def test_the_tables_by_hand_and_what_is_kept(proof, on_a_table, tmp_path, capsys):
    output = tmp_path / "kept"
    assert proof.main([f"--study={on_a_table}", "--name=small", "--way=climber", f"--output={output}"]) == 0
    said = capsys.readouterr().out
    chance, at_20 = next(line for line in said.splitlines() if line.startswith("| climber")).split(" | ")[1:3]
    assert chance.startswith("0.88 (") and at_20 == "1.00 (1.00 to 1.00) |"  # 3 wins and half of one, of 4
    assert "| climber | 25.0 % (25.0 %) | 5.0 % (5.0 %) |" in said
    assert "1.0 % are better by the fresh ones" in said
    low = float(chance.split("(")[1].split(" ")[0])
    line = next(line for line in said.splitlines() if line.startswith("climber, cost 10 to 200"))
    assert line.endswith(", at 10") and float(line.split(" is ")[1].split(",")[0]) == pytest.approx(low, abs=0.0051)
    assert "climber: 2 different answers of 4 searches" in said
    kept = json.loads((output / "small.json").read_text())
    assert "run_dir" not in kept["settings"] and "curves" not in kept["groups"]["climber"]
    assert kept["groups"]["climber"]["end"] == [0.1] * 4 and (output / "small.png").stat().st_size > 5000


def test_a_study_judged_by_trainings_is_compared_at_its_ends(proof, tmp_path, capsys):
    curves = {"climber": {0: [1.0], 1: [2.0]}, "random": {0: [3.0], 1: [1.5]}}
    study = study_of(tmp_path, curves, further={"kernel distance": {"climber": {0: 1, 1: 1}, "random": {0: 2, 1: 2}}})
    assert proof.main([f"--study={study}", "--name=trained", f"--output={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| regret | climber | random | 0.75 (") for line in lines)
    assert any(line.startswith("| kernel distance | climber | random | 1.00 (") for line in lines)
    assert not (tmp_path / "trained.png").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON"])
def test_what_is_no_study(proof, tmp_path, capsys, text):
    study = tmp_path / "study.json"
    study.write_text(text)
    with pytest.raises(SystemExit) as raised:
        proof.main([f"--study={study}", "--name=none", f"--output={tmp_path / 'kept'}"])
    assert raised.value.code == 2 and "name a study.json" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()


def test_a_way_that_was_not_compared(proof, on_a_table, tmp_path, capsys):
    with pytest.raises(SystemExit):
        proof.main([f"--study={on_a_table}", "--name=x", "--way=other", f"--output={tmp_path / 'kept'}"])
    assert "--way=other" in capsys.readouterr().err and not (tmp_path / "kept").exists()


def test_superiority_at_every_cost_at_which_all_had_found_something(proof, on_a_table):
    study = json.loads(on_a_table.read_text())
    study["groups"]["random"]["curves"][0][0] = None
    found = proof.superiority(study, "climber")
    assert list(found) == [10, 20] and np.allclose(found[20.0], 1)
