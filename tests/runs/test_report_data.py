"""What the report says of runs written by hand: counts, times, states and what is missing."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.runs import history, report, report_data
from tests.runs import written_run


def document(folder: pathlib.Path) -> dict:
    found = report_data.document(history.read(folder))
    return json.loads(json.dumps(found, allow_nan=False))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    return written_run.write_search(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def whole(run) -> dict:
    return document(run)


def test_a_finished_search(whole):
    assert (whole["format"], whole["version"]) == ("autogan-report", 1)
    assert (whole["name"], whole["command"]) == ("run", "search")
    assert whole["complete"] and whole["state"] == "complete" and whole["missing"] == []
    assert whole["best_architecture"]["tokens"] == "0 1 0 0  1 2 1 0 1"
    assert whole["best_architecture"]["cost"] == {"parameters": 1234, "multiply_adds": 5e6}
    assert [entry["scores"]["reward"] for entry in whole["search"]["ranked"]] == [5.0, 3.5]
    assert whole["memory_mb"] == 104.0
    assert whole["changed_settings"] == {
        "dataset": "mnist5k", "num_cells": "2", "grow_steps": "3", "max_search_iter": "5", "ctrl_step": "1",
        "ctrl_sample_batch": "2", "train_steps": "20", "gf_dim": "16",
    }  # fmt: skip


def test_where_the_time_went(whole):
    """Five iterations of 10 s, 4 of them the controller's; the first entry is that of second 10, the last of 50; the
    training's last one is 121 s after the start."""
    assert whole["time"]["parts"] == {
        "training the shared GAN": 30.0,
        "trying architectures, with scoring": 20.0,
        "ranking and the rest of the search": 0.0,
        "training the best architecture, with scoring": 71.0,
    }
    assert whole["time"]["began"] == "2027-01-15 08:00 UTC"


def test_candidates_that_were_trained_by_themselves(whole, tmp_path):
    """Each once, as it was last; their time is no training of a shared GAN."""
    found = document(written_run.write_candidates(tmp_path / "run"))
    candidates = found["search"]["candidates"]
    assert candidates[:3] == [
        {"architecture": "0 0 0 0", "iteration": 4, "steps": 300, "reward": None},
        {"architecture": "1 2 1 1", "iteration": 0, "steps": 100, "reward": 2.0},
        {"architecture": "0 1 0 0", "iteration": 1, "steps": 300, "reward": 3.0},
    ]
    assert len(candidates) == 10 and whole["search"]["candidates"] == []
    assert found["time"]["parts"]["training candidates, with scoring"] == 21.0
    assert "training the shared GAN" not in found["time"]["parts"]


def test_a_run_that_was_interrupted_says_what_its_times_contain(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"resumed": [{"time": "2027-01-15 09:00:00 UTC"}]}))
    parts = document(folder)["time"]["parts"]
    assert parts["ranking and the rest of the search and interruptions"] == 0.0
    assert parts["training the shared GAN"] == 30.0


def test_how_often_a_choice_was_drawn_and_what_it_brought(whole):
    found = {(row["cell"], row["decision"], row["choice"]): (row["drawn"], row["mean_reward"])
             for row in whole["search"]["choices"]}  # fmt: skip
    assert len(found) == (2 + 3 + 3 + 2) + (2 + 3 + 3 + 2 + 2)
    # of the six architectures of the first cell: 1, 2, 3, 2.5, 1.5 and 4
    assert found[1, "conv", "post"] == (4, pytest.approx((1 + 3 + 1.5 + 4) / 4))
    assert found[1, "conv", "pre"] == (2, pytest.approx(2.25))
    assert found[1, "norm", "batch"] == (3, pytest.approx((3 + 1.5 + 4) / 3))
    assert found[1, "up", "deconv"] == (1, 1.5)
    # of the four of the second cell: 2, 3, 5 and 3.5; their first cells are not counted again
    assert found[2, "skips", "from 1"] == (2, pytest.approx(2.75))
    assert found[2, "norm", "batch"] == (2, pytest.approx(3.25))
    assert found[2, "up", "deconv"] == (0, None)


def test_what_happened_when(whole):
    search = whole["search"]
    assert search["resets"] == [1]
    assert search["growth"] == [{"step": 3, "stage": 0, "kept": {"0 1 0 1": 4.0, "0 1 0 0": 3.0}}]
    assert search["tried"]["iteration"] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert search["tried"]["reward"][:4] == [1.0, 2.0, 3.0, 2.5]
    assert [row["g_loss"] for row in search["iterations"]][:2] == [None, -0.5]
    assert [len(row["probabilities"]) for row in search["policy"]] == [4, 4, 4, 5, 5]


def test_best_and_mean_so_far_begin_anew_with_a_cell(whole, tmp_path):
    """Of 1, 2, 3, 2.5, 1.5, 4 with one cell and of 2, 3, 5, 3.5 with two, by hand."""
    tried = whole["search"]["tried"]
    assert tried["stage"] == [0] * 6 + [1] * 4
    assert tried["best_so_far"] == [1, 2, 3, 3, 3, 4, 2, 3, 5, 5]
    means = [1, 1.5, 2, 8.5 / 4, 2, 14 / 6, 2, 2.5, 10 / 3, 13.5 / 4]
    assert tried["mean_so_far"] == pytest.approx(means, rel=1e-5)
    folder = written_run.write_search(tmp_path / "run")
    written_run.write_config(folder, "search", written_run.SETTINGS | {"space": "of a plugin"})
    assert document(folder)["search"]["tried"] == tried  # the lengths tell the stages
    failed = {"0 1 0 0": None, "0 1 0 1": 2.0, "1 1 0 1": None, "0 0 0 1": 4.0}
    row = {"step": 0, "phase": "strategy", "iteration": 0, "time": 1.0, "rewards": failed}
    written_run.write_rows(folder / "metrics.jsonl", [row])
    tried = document(folder)["search"]["tried"]
    assert (tried["best_so_far"], tried["mean_so_far"]) == ([None, 2, 2, 4], [None, 2, 2, 3])
    # all cells at once, in a space that is not known
    written_run.write_config(folder, "search", written_run.SETTINGS | {"space": "another", "single_level": True})
    assert document(folder)["search"]["tried"]["stage"] == [1] * 4


def test_what_a_strategy_told(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    rows = written_run.search_rows(3)
    told = [{"height": 1.5, "word": "up", "sure": True}, {"width": 2, "height": None}, {"height": -1.0, "row": [1.0]}]
    for row, more in zip([row for row in rows if row["phase"] == "controller"], told, strict=True):
        row |= more
    rows[-1]["optima"] = {"0 1 0 1": 4.0}
    written_run.write_rows(folder / "metrics.jsonl", rows)
    search = document(folder)["search"]
    assert search["told"] == {
        "iteration": [0, 1, 2], "tried": [2, 4, 6],
        "numbers": {"height": [1.5, None, -1.0], "width": [None, 2, None]},
    }  # fmt: skip
    assert search["optima"] == [{"step": 2, "stage": 0, "architectures": {"0 1 0 1": 4.0}}]


def test_the_training(whole):
    training = whole["training"]
    assert (training["steps_done"], training["steps_planned"], training["collapses"]) == (20, 20, [])
    assert training["best_evaluation"]["step"] == 20 and training["best_evaluation"]["frechet_distance"] == 30.0


def test_a_search_that_stopped_half_way_says_so(tmp_path):
    found = document(written_run.write_search(tmp_path / "half", iterations=3))
    assert not found["complete"]
    assert found["state"].startswith("not complete: 3 of 5 search iterations are done; last entry 2027-01-15 08:00 UTC")
    assert "there are no ranked architectures yet" in found["missing"]
    assert found["best_architecture"] is None and found["training"]["evaluations"] == []
    assert found["commands"]["go on with it"].endswith(f"--run_dir={tmp_path / 'half'}")


def test_a_training_by_itself_and_one_that_stopped(tmp_path):
    folder = written_run.write_training(tmp_path / "train")
    found = document(folder)
    assert found["command"] == "train" and found["complete"] and found["search"] is None
    assert found["time"]["parts"] == {"training, with scoring": 11.0}  # from the row at 110 s to that at 121 s
    written_run.write_rows(folder / "metrics.jsonl", written_run.training_rows()[:2])
    found = document(folder)
    assert not found["complete"] and "10 of 20 steps are done" in found["state"]


def test_a_search_without_final_training(tmp_path):
    folder = written_run.write_search(tmp_path / "search")
    written_run.write_config(folder, "search", written_run.SETTINGS | {"train_steps": 0})
    assert document(folder)["state"] == "complete: 5 search iterations, no final training asked for"


def test_commands_can_be_pasted(whole, run):
    commands = whole["commands"]
    assert "go on with it" not in commands
    assert commands["evaluate"] == f"python -m autogan_tf.evaluate --run_dir={run}"
    again = commands["the same run anew"].replace(" \\\n   ", "")
    assert again.startswith("python -m autogan_tf.search --dataset=mnist5k --num_cells=2 --gf_dim=16 ")
    assert f"--genotype={run}/genotype.json" in commands["train the best architecture"]


def test_a_path_with_blanks_is_quoted(tmp_path):
    folder = written_run.write_search(tmp_path / "a run")
    assert f"'--run_dir={folder}'" in document(folder)["commands"]["evaluate"]


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", "{", "config.json cannot be read"),
        ("config.json", None, "config.json is missing"),
        ("config.json", '{"format": "other"}', "config.json is not of a run"),
        ("config.json", '{"format": "autogan-run", "version": 7}', "version 7"),
        ("metrics.jsonl", None, "metrics.jsonl is missing"),
        ("genotypes/02.json", "[]", "02.json cannot be read"),
        ("best/genotype.json", "{}", "best/: genotype.json cannot be read"),
        ("best/genotype.json", None, "best/: genotype.json is missing"),
        ("best/metrics.jsonl", None, "best/: metrics.jsonl is missing"),
    ],
)
def test_what_is_damaged_or_missing_is_told_and_the_rest_is_there(tmp_path, file, content, told):
    folder = written_run.write_search(tmp_path / "run")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    found = document(folder)
    assert any(told in entry for entry in found["missing"]), found["missing"]
    assert found["command"] == "search" and found["best_architecture"]["tokens"] == "0 1 0 0  1 2 1 0 1"


def test_damaged_lines_are_left_out_and_a_half_written_last_one_is_no_damage(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    lines[3] = lines[3][:20]
    lines[5] = '{"step": "x", "phase": "search", "time": 1}'
    (folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 9, "pha')
    found = document(folder)
    assert found["missing"] == ["metrics.jsonl: 2 damaged lines are left out (line 4, 6)"]
    assert [row["step"] for row in found["search"]["iterations"]] == [0, 3, 4]


def test_a_run_of_an_earlier_version_lacks_the_policy(tmp_path):
    folder = written_run.write_search(tmp_path / "run")
    rows = [{k: v for k, v in row.items() if k != "policy"} for row in written_run.search_rows()]
    written_run.write_rows(folder / "metrics.jsonl", rows)
    found = document(folder)
    assert any("probabilities" in entry for entry in found["missing"]) and found["search"]["policy"] == []


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_what_is_no_run_is_refused(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(UserError, match="x "):
        history.read(tmp_path / "x")


def test_rows_are_thinned_evenly_with_both_ends():
    assert report_data.thinned(list(range(11)), 3) == [0, 5, 10]
    assert report_data.thinned([1, 2], 3) == [1, 2]


def test_names_that_are_not_utf8(tmp_path):
    """The page is valid UTF-8, and its commands are those that a shell needs."""
    name = os.fsdecode(b"f\xfc 'l")
    folder = written_run.write_search(tmp_path / name)
    config = json.loads((folder / "config.json").read_text())
    config["settings"]["dataset"] = f"folder:{name}"
    (folder / "config.json").write_text(json.dumps(config))
    page, data = report.write(folder)
    assert r"f\xfc" in page.read_text(encoding="utf-8")
    told = json.loads(data.read_text(encoding="utf-8"))
    assert told["name"] == r"f\xfc 'l" and told["settings"]["dataset"] == r"folder:f\xfc 'l"
    assert not any("\ud800" <= character <= "\udfff" for character in json.dumps(told, ensure_ascii=False))
    command = told["commands"]["evaluate"].removeprefix("python -m autogan_tf.evaluate ")
    printed = subprocess.run(["bash", "-c", f"printf %s {command}"], capture_output=True, check=True).stdout
    assert printed == b"--run_dir=" + os.fsencode(folder)
