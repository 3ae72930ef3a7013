"""tools/make_bench.py: which trainings there are, that they go on after a kill, and what is said of their agreement."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autogan_tf.bench import recipe, table
from autogan_tf.models.generator import generator_cost
from autogan_tf.runs import machine
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from tests.tools.conftest import TOOLS


class Measured:
    """Stands in for `Measurements`: scores are sums of tokens and seed, at once."""

    made: list[tuple[tuple[int, ...], int]] = []

    def __init__(self, settings, *, num_cells, seed, length):
        self.seed, self.length = seed, length

    def of(self, tokens):
        self.made.append((tokens, self.seed))
        points = len(self.length.points)
        score = [float(sum(tokens) + 1)] * points
        names = ("fid", "kid", "is", "d_loss", "g_loss", "seconds", "scoring")
        return {"tokens": list(tokens), "seed": self.seed, "failure": ""} | dict.fromkeys(names, score)


@pytest.fixture
def bench(load, monkeypatch):
    module = load("make_bench")
    monkeypatch.setattr(module, "Measurements", Measured)
    monkeypatch.setattr(Measured, "made", [])
    monkeypatch.setattr(machine, "use_threads", lambda number: None)
    return module


COUNTS = {"gate": 20 * 3, "tune-x": 12 * 2, "sweep": 36 * 72, "replicates": 300 * 2, "one-cell": 36 * 10}


@pytest.mark.parametrize("name", COUNTS)
def test_a_piece_is_every_architecture_with_every_seed_seed_by_seed(bench, name, tmp_path):
    found = bench.piece(name, 540, tmp_path)
    assert len(set(found.jobs)) == len(found.jobs) == COUNTS[name] and found == bench.piece(name, 540, tmp_path)
    of_jobs = [seed for _, seed in found.jobs]
    assert of_jobs == sorted(of_jobs)
    assert found.length.points == (20, 60, 180, 540)
    cells = 1 if name == "one-cell" else 2
    for tokens, _ in found.jobs:
        assert autogan.SPACE.num_cells_of(len(tokens)) == cells and Genotype.from_tokens(tokens)


def architectures_of(piece) -> set[tuple[int, ...]]:
    return {tokens for tokens, _ in piece.jobs}


def seeds_of(piece) -> set[int]:
    return {seed for _, seed in piece.jobs}


def test_tuning_gate_and_table_have_no_seed_in_common(bench, tmp_path):
    found = [seeds_of(bench.piece(name, 540, tmp_path)) for name in ("gate", "tune-x", "sweep", "replicates")]
    assert len(set().union(*found)) == sum(map(len, found))


def test_the_best_are_those_of_the_whole_sweep(bench, tmp_path):
    with pytest.raises(SystemExit, match="2,592 rows are missing"):
        bench.piece("best", 540, tmp_path)
    bench.work("sweep", tmp_path, [], share=0, shares=1)
    file = tmp_path / "sweep-0-of-1.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    failed = next(row for row in rows if sum(row["tokens"]) == 0)  # whose distance is the lowest
    file.write_text("".join(json.dumps(row | {"failure": "NaN" if row is failed else ""}) + "\n" for row in rows))
    best = bench.piece("best", 540, tmp_path)
    assert len(best.jobs) == 600 and tuple(failed["tokens"]) not in architectures_of(best)
    left_out = {tuple(row["tokens"]) for row in rows} - architectures_of(best) - {tuple(failed["tokens"])}
    assert max(map(sum, architectures_of(best))) <= min(map(sum, left_out))
    assert not seeds_of(best) & {0, 1, 2}


def test_the_rows_become_tables(bench, tmp_path):
    """Of both numbers of cells, without the rows of tuning; what the generators cost is counted for the recipe."""
    bench.work("one-cell", tmp_path, [], share=0, shares=50)
    bench.work("replicates", tmp_path, [], share=0, shares=50)
    bench.work("tune-x", tmp_path, [], share=0, shares=1)
    bench.pack(tmp_path, tmp_path)
    one, two = (table.read(tmp_path / f"{cells}-cells.npz") for cells in (1, 2))
    assert len(one.architectures) == 8 and len(two.architectures) == 6
    entry = two.query(two.architectures[0], seed=two.seeds(two.architectures[0])[0])
    assert entry.frechet_distance == sum(entry.tokens) + 1 and two.points == (20, 60, 180, 540)
    cost = generator_cost(Genotype.from_tokens(entry.tokens), gf_dim=16, latent_dim=128, bottom_width=4, channels=1)
    assert (entry.parameters, entry.multiply_adds) == (cost.parameters, cost.multiply_adds)


def test_it_goes_on_after_a_kill_and_makes_no_row_twice(bench, tmp_path):
    for share in (0, 1):
        bench.work("gate", tmp_path, [], share=share, shares=2)
    file = tmp_path / "gate-1-of-2.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:10]) + "\n" + lines[10][:20])  # killed in the middle of a line
    Measured.made.clear()
    bench.work("gate", tmp_path, [], share=0, shares=1)  # and with another number of workers
    assert len(Measured.made) == 20
    rows = list(bench.rows_of(tmp_path, "gate"))
    found = [(tuple(row["tokens"]), row["seed"]) for row in rows]
    assert sorted(found) == sorted(bench.piece("gate", 540, tmp_path).jobs)
    assert all(row["machine"] and row["points"][-1] == recipe.settings().max_iter for row in rows)


def test_a_cut_line_at_the_end_does_not_spoil_the_next(bench, tmp_path):
    file = tmp_path / "tune-x-0-of-1.jsonl"
    file.write_text('{"tokens": [0')
    bench.work("tune-x", tmp_path, ["--lr_decay"], share=0, shares=1)
    rows = list(bench.rows_of(tmp_path, "tune-x"))
    assert len(rows) == 24 and all(row["flags"] == ["--lr_decay"] for row in rows)


def test_rows_with_other_flags_are_not_mixed(bench, tmp_path):
    bench.work("tune-x", tmp_path, ["--lr_decay"], share=0, shares=1)
    with pytest.raises(SystemExit, match="take another --name"):
        bench.main(["tune", "--name=x", f"--folder={tmp_path}", "--flags=--g_lr=1e-3"])


def test_a_name_that_begins_as_another_has_its_own_rows(bench, tmp_path):
    bench.work("tune-x", tmp_path, [], share=0, shares=1)
    assert not list(bench.rows_of(tmp_path, "tune")) and len(list(bench.rows_of(tmp_path, "tune-x"))) == 24
    bench.work("tune-x-270", tmp_path, [], share=0, shares=1)
    assert len(list(bench.rows_of(tmp_path, "tune-x"))) == len(list(bench.rows_of(tmp_path, "tune-x-270"))) == 24


@pytest.mark.parametrize("words", [["tune"], ["gate", "--name=x"], ["gate", "--flags=--lr_decay"], ["all"]])
def test_words_that_do_not_go_together_are_refused(bench, capsys, words):
    with pytest.raises(SystemExit):
        bench.main(words)
    assert "error:" in capsys.readouterr().err


def test_what_another_machine_made_is_made_again_by_each_that_has_not(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "machine_name", lambda: "A")
    bench.work("gate", tmp_path, [], share=0, shares=1)
    first = [(tuple(row["tokens"]), row["seed"]) for row in bench.rows_of(tmp_path, "gate")][:30]
    assert not bench.piece("again-gate", 540, tmp_path).jobs
    for name in ("B", "C"):
        monkeypatch.setattr(bench, "machine_name", lambda name=name: name)
        assert bench.piece("again-gate", 540, tmp_path).jobs == tuple(first)
        for _ in range(2):  # a second time there is nothing to do
            bench.work("again-gate", tmp_path, [], share=0, shares=1)
    rows = list(bench.rows_of(tmp_path, "again-gate"))
    assert [row["machine"] for row in rows] == ["B"] * 30 + ["C"] * 30
    assert [(tuple(row["tokens"]), row["seed"]) for row in rows] == first * 2


def test_agreement_of_machines_by_hand(load):
    """Of two architectures and a seed; another seed's one failed, and machine A's own repetition does not count."""
    across_machines = load("bench_agreement").across_machines

    def row(tokens, seed, machine, fid, failure=""):
        more = {"machine": machine, "failure": failure, "points": [5, 10]}
        return {"tokens": tokens, "seed": seed, "fid": fid} | more

    rows = [row(TWO[0], 0, "A", [1.0, 1.0]), row(TWO[1], 0, "A", [2.0, 2.0]), row(TWO[0], 1, "A", [3.0], "NaN")]
    again = [row(TWO[0], 0, "B", [1.0, 4.0]), row(TWO[1], 0, "B", [2.0, 2.0]), row(TWO[0], 1, "B", [3.0, 3.0])]
    found = across_machines(rows, [*again, row(TWO[0], 0, "A", [9.0, 9.0])])
    assert list(found) == ["A and B"]
    first, last = found["A and B"]
    assert first == {"step": 5, "trainings": 2, "mean difference": 0, "by machine": 0, "tau": 1}
    assert (last["step"], last["tau"]) == (10, -1)
    assert last["mean difference"] == pytest.approx(np.log(4) / 2)
    assert last["by machine"] == pytest.approx(np.log(4) / 2)  # log 4 and 0: deviation log 4 / root 2, over root 2
    with pytest.raises(SystemExit, match="on two machines"):
        across_machines(rows, rows)


def test_a_machine_is_told_by_its_processor_and_what_it_can(bench, monkeypatch):
    """Intel's /proc/cpuinfo has two tabs behind a short name."""
    text = "processor\t: 0\nmodel\t\t: 207\nmodel name\t: X\nflags\t\t: fpu avx2 avx512f sse\n\nmodel\t\t: 207\n"
    monkeypatch.setattr(bench.pathlib.Path, "read_text", lambda self, **_: text)
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "X"})
    assert bench.machine_name() == "X model 207 avx2 avx512f"


TWO = ((0, 0, 0, 0), (0, 0, 2, 0))  # the second one's only cell has a deconvolution


def test_agreement_by_hand(load):
    """Two architectures and two seeds; the third one failed with one of them, and does not count."""
    agreement = load("bench_agreement").agreement
    rows = [
        {"tokens": TWO[one], "seed": seed, "failure": "", "points": [5, 10], "fid": fid, "kid": [0.1, 0.1], "is": fid}
        for one, seed, fid in ((0, 1, [1.0, 1.0]), (1, 1, [4.0, 2.0]), (0, 2, [2.0, 2.0]), (1, 2, [8.0, 1.0]))
    ]
    rows.append(rows[0] | {"tokens": (1, 0, 0, 0)})
    rows.append(rows[2] | {"tokens": (1, 0, 0, 0), "failure": "NaN"})
    first, last = agreement(rows)
    assert (first["step"], first["median Frechet distance"], first["log Frechet distance"]) == (5, 3.0, 1)
    assert (last["step"], last["log Frechet distance"], last["Inception score"]) == (10, -1, -1)
    assert (first["its tau"], last["its tau"]) == (1, -1)
    # of means log 1.41 and log 5.66; at the last point all means are alike, and each value is log 1.41 from its mean
    assert first["by architecture"] == pytest.approx(np.log(4) / np.sqrt(2)) and first["by seed"] < 1e-9
    assert last["by architecture"] < 1e-9 and last["by seed"] == pytest.approx(np.log(2))
    assert np.isnan(first["log kernel distance"])
    with pytest.raises(SystemExit, match="1 with 2"):
        agreement(rows[1:4])
    with pytest.raises(SystemExit, match="1 with 2"):
        agreement(rows, without="1.up=deconv")
    assert str(agreement(rows, without="1.conv=pre")) == str(agreement(rows[:4]))
    for wrong in ("deconv", "1.up=deconvolution", "2.up=deconv", "one.up=deconv"):
        with pytest.raises(SystemExit, match="must be like 1.up=deconv"):
            agreement(rows, without=wrong)


@pytest.mark.slow
def test_one_true_training(tmp_path):
    """The command, killed in its second row; of the first row every column."""
    flags = ["--max_iter=27", "--gf_dim=4", "--df_dim=4"]
    words = [sys.executable, str(TOOLS / "make_bench.py"), "tune", "--name=small", f"--folder={tmp_path}"]
    process = subprocess.Popen([*words, "--workers=1", f"--flags={' '.join(flags)}"], start_new_session=True)
    file = tmp_path / "tune-small-0-of-1.jsonl"
    try:
        while not file.exists() or not file.read_text().count("\n"):
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with the worker that it started
        process.wait()
    row = json.loads(file.read_text().splitlines()[0])
    assert row["points"] == [1, 3, 9, 27] and row["flags"] == flags and row["failure"] == ""
    for column in ("fid", "kid", "is", "d_loss", "g_loss", "seconds", "scoring"):
        assert len(row[column]) == 4 and np.isfinite(row[column]).all()
    assert row["seconds"] == sorted(row["seconds"]) and len(row["mean"]) == recipe.judge(16).num_features
