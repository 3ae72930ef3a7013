"""tools/make_bench.py: which trainings there are, that they go on after a kill, and what is said of their agreement."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from autogan_tf.bench import features, halves, recipe, table
from autogan_tf.config.errors import UserError
from autogan_tf.models.generator import generator_cost
from autogan_tf.runs import machine
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from tests.tools.conftest import TOOLS


class Measured:
    """Stands in for `Measurements`: scores are sums of tokens and seed, at once."""

    made: list[tuple[tuple[int, ...], int]] = []

    def __init__(self, settings, *, num_cells, length):
        self.length = length

    def of(self, tokens, *, seed):
        self.made.append((tokens, seed))
        points = len(self.length.points)
        score = [float(sum(tokens) + 1)] * points
        names = ("fid", "kid", "is", "d_loss", "g_loss", "seconds", "scoring")
        self.tokens = tokens
        row = {"tokens": list(tokens), "seed": seed, "failure": "", "mean": [float(sum(tokens))] * 2}
        return row | dict.fromkeys(names, score)

    def pictures(self, number):
        return np.full([number, 16, 16, 3], 10 * sum(self.tokens), np.uint8)


@pytest.fixture
def bench(load, monkeypatch):
    module = load("make_bench")
    for name in ("make_bench", "bench_pictures"):
        monkeypatch.setattr(load(name), "Measurements", Measured)
    monkeypatch.setattr(Measured, "made", [])
    monkeypatch.setattr(machine, "use_threads", lambda number: None)
    return module


COUNTS = {"gate": 60 * 2, "tune-x": 24 * 2, "sweep": 36 * 72, "replicates": 300 * 2, "one-cell": 36 * 10,
          "full-size": 200 + 30 * 2}  # fmt: skip
CELLS = {"one-cell": 1, "full-size": 3}


@pytest.mark.parametrize("name", COUNTS)
def test_a_piece_is_every_architecture_with_every_seed_seed_by_seed(bench, name, tmp_path):
    found = bench.piece(name, tmp_path)
    assert len(set(found.jobs)) == len(found.jobs) == COUNTS[name] and found == bench.piece(name, tmp_path)
    of_jobs = [seed for _, seed in found.jobs]
    assert of_jobs == sorted(of_jobs)
    cells = CELLS.get(name, 2)
    assert found.length.points == ((20, 60, 180, 540) if cells == 3 else (10, 30, 90, 270))
    assert found.settings == recipe.settings(num_cells=cells)
    for tokens, _ in found.jobs:
        assert autogan.SPACE.num_cells_of(len(tokens)) == cells and Genotype.from_tokens(tokens)


def architectures_of(piece) -> set[tuple[int, ...]]:
    return {tokens for tokens, _ in piece.jobs}


def seeds_of(piece) -> set[int]:
    return {seed for _, seed in piece.jobs}


def test_full_size_is_a_sample_some_of_which_has_two_more_seeds(bench, tmp_path):
    jobs = bench.piece("full-size", tmp_path).jobs
    of_seed = {seed: [tokens for tokens, other in jobs if other == seed] for seed in (0, 1, 2)}
    assert len(of_seed[0]) == 200 and of_seed[1] == of_seed[2] == of_seed[0][:30]
    counts = np.array(autogan.SPACE.counts(3))
    for place, options in enumerate(np.array(of_seed[0]).T):
        assert set(options.tolist()) == set(range(counts[place]))


def test_a_recipe_is_tuned_at_full_size_too(bench, tmp_path):
    found = bench.piece("tune-x", tmp_path, flags=["--max_iter=810"], num_cells=3)
    assert len(found.jobs) == 48 and found.length.points == (30, 90, 270, 810)
    assert {len(tokens) for tokens, _ in found.jobs} == {len(autogan.SPACE.counts(3))}
    assert found.settings == recipe.settings(["--max_iter=810"], num_cells=3)
    bench.work("tune-x", tmp_path, ["--max_iter=540"], share=0, shares=1, num_cells=3)
    rows = list(bench.rows_of(tmp_path, "tune-x"))
    assert [(tuple(row["tokens"]), row["seed"]) for row in rows] == list(found.jobs)
    with pytest.raises(SystemExit, match="have 3 cells, got 2"):
        bench.main(["tune", "--name=x", f"--folder={tmp_path}", "--flags=--max_iter=540"])


def test_more_architectures_can_be_tuned_on_after_fewer(bench, tmp_path):
    few, more = (bench.piece("tune-x", tmp_path, architectures=number) for number in (12, 20))
    assert len(more.jobs) == 40 and set(few.jobs) < set(more.jobs)
    command = ["tune", "--name=x", f"--folder={tmp_path}", "--architectures=20", "--share=0", "--workers=1"]
    assert bench.main(command) == 0
    assert [(tuple(row["tokens"]), row["seed"]) for row in bench.rows_of(tmp_path, "tune-x")] == list(more.jobs)


def test_no_two_trainings_begin_alike(bench, tmp_path):
    jobs = {job for name in COUNTS for job in bench.piece(name, tmp_path).jobs}
    assert len({recipe.training_seed(*job) for job in jobs}) == len(jobs)


def test_tuning_gate_and_table_have_no_seed_in_common(bench, tmp_path):
    found = [seeds_of(bench.piece(name, tmp_path)) for name in ("gate", "tune-x", "sweep", "replicates")]
    assert len(set().union(*found)) == sum(map(len, found))


def test_the_best_are_those_of_the_whole_sweep(bench, tmp_path):
    with pytest.raises(SystemExit, match="3,192 rows of sweep and replicates are missing"):
        bench.piece("best", tmp_path)
    bench.work("sweep", tmp_path, [], share=0, shares=1)
    with pytest.raises(SystemExit, match="600 rows of sweep and replicates are missing"):
        bench.piece("best", tmp_path)
    bench.work("replicates", tmp_path, [], share=0, shares=1)
    file = tmp_path / "sweep-0-of-1.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    failed = next(row for row in rows if sum(row["tokens"]) == 0)  # whose distance is the lowest
    file.write_text("".join(json.dumps(row | {"failure": "NaN" if row is failed else ""}) + "\n" for row in rows))
    best = bench.piece("best", tmp_path)
    assert len(best.jobs) == 600 and tuple(failed["tokens"]) not in architectures_of(best)
    left_out = {tuple(row["tokens"]) for row in rows} - architectures_of(best) - {tuple(failed["tokens"])}
    assert max(map(sum, architectures_of(best))) <= min(map(sum, left_out))
    assert not seeds_of(best) & {0, 1, 2}


def test_the_rows_become_tables(bench, tmp_path):
    """Of each number of cells, without the rows of tuning; what the generators cost is counted for the recipe."""
    bench.work("one-cell", tmp_path, [], share=0, shares=50)
    bench.work("replicates", tmp_path, [], share=0, shares=50)
    bench.work("sweep", tmp_path, [], share=0, shares=300)
    bench.work("full-size", tmp_path, [], share=0, shares=50)
    bench.work("tune-x", tmp_path, [], share=0, shares=1)
    bench.pack(tmp_path, tmp_path)
    means = features.load(tmp_path)
    assert len(means) == 9 and all(mean.tolist() == [sum(tokens)] * 2 for tokens, mean in means.items())
    one, two, three = (table.load(num_cells=cells, folder=tmp_path) for cells in (1, 2, 3))
    assert len(one.architectures) == 8 and len(two.architectures) == 14 and len(three.architectures) == 5
    assert three.points == (20, 60, 180, 540) and three.num_cells == 3
    large = three.architectures[0]
    at_32 = generator_cost(Genotype.from_tokens(large), gf_dim=16, latent_dim=128, bottom_width=4, channels=3)
    assert three.query(large).multiply_adds == at_32.multiply_adds
    with pytest.raises(UserError, match="3 cells is a random sample, 4 of 373,248 architectures"):
        three.check_complete()
    entry = two.query(two.architectures[0], seed=two.seeds(two.architectures[0])[0])
    assert entry.frechet_distance == sum(entry.tokens) + 1 and two.points == (10, 30, 90, 270)
    cost = generator_cost(Genotype.from_tokens(entry.tokens), gf_dim=16, latent_dim=128, bottom_width=4, channels=3)
    assert (entry.parameters, entry.multiply_adds) == (cost.parameters, cost.multiply_adds)


def test_it_goes_on_after_a_kill_and_makes_no_row_twice(bench, tmp_path):
    for share in (0, 1):
        bench.work("gate", tmp_path, [], share=share, shares=2)
    file = tmp_path / "gate-1-of-2.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:10]) + "\n" + lines[10][:20])  # killed in the middle of a line
    Measured.made.clear()
    bench.work("gate", tmp_path, [], share=0, shares=1)  # and with another number of workers
    assert len(Measured.made) == 50
    rows = list(bench.rows_of(tmp_path, "gate"))
    found = [(tuple(row["tokens"]), row["seed"]) for row in rows]
    assert sorted(found) == sorted(bench.piece("gate", tmp_path).jobs)
    assert all(row["machine"] and row["points"][-1] == recipe.settings().max_iter for row in rows)


def test_a_cut_line_at_the_end_does_not_spoil_the_next(bench, tmp_path):
    file = tmp_path / "tune-x-0-of-1.jsonl"
    file.write_text('{"tokens": [0')
    bench.work("tune-x", tmp_path, ["--lr_decay"], share=0, shares=1)
    rows = list(bench.rows_of(tmp_path, "tune-x"))
    assert len(rows) == 48 and all(row["flags"] == ["--lr_decay"] for row in rows)


def test_rows_do_not_say_where_the_images_lie_but_trainings_look_there(bench, tmp_path, monkeypatch):
    words = ["tune", "--name=x", "--flags=--lr_decay", "--data_dir=/home/me", f"--folder={tmp_path}"]
    looked = []
    begin = Measured.__init__
    monkeypatch.setattr(
        Measured, "__init__", lambda self, settings, **more: looked.append(settings) or begin(self, settings, **more)
    )
    assert bench.main([*words, "--share=0", "--workers=4"]) == 0
    assert [settings.data_dir for settings in looked] == ["/home/me"]
    assert all(row["flags"] == ["--lr_decay"] for row in bench.rows_of(tmp_path, "tune-x"))


def test_rows_with_other_flags_are_not_mixed(bench, tmp_path):
    bench.work("tune-x", tmp_path, ["--lr_decay"], share=0, shares=1)
    with pytest.raises(SystemExit, match="take another --name"):
        bench.main(["tune", "--name=x", f"--folder={tmp_path}", "--flags=--g_lr=1e-3"])


@pytest.mark.parametrize("words", [["sweep"], ["again", "--of=sweep"], ["pictures"]])
def test_rows_of_an_earlier_version_are_not_gone_on_with(bench, tmp_path, words):
    """Their trainings had the seed itself."""
    row = {"tokens": [0] * 9, "seed": 0, "failure": "", "points": [5], "fid": [1.0], "flags": [], "machine": "A"}
    (tmp_path / "sweep-0-of-1.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(SystemExit, match="by an earlier version, whose trainings had other seeds.* another --folder"):
        bench.main([*words, f"--folder={tmp_path}"])


def test_a_name_that_begins_as_another_has_its_own_rows(bench, tmp_path):
    bench.work("tune-x", tmp_path, [], share=0, shares=1)
    assert not list(bench.rows_of(tmp_path, "tune")) and len(list(bench.rows_of(tmp_path, "tune-x"))) == 48
    bench.work("tune-x-270", tmp_path, [], share=0, shares=1)
    assert len(list(bench.rows_of(tmp_path, "tune-x"))) == len(list(bench.rows_of(tmp_path, "tune-x-270"))) == 48


@pytest.mark.parametrize(
    "words",
    [["tune"], ["gate", "--name=x"], ["gate", "--flags=--lr_decay"], ["sweep", "--cells=3"], ["shared", "--name=x"],
     ["tune", "--name=x", "--cells=4"], ["tune", "--name=x", "--flags=--data_dir=/home/me"], ["all"]],
)  # fmt: skip
def test_words_that_do_not_go_together_are_refused(bench, capsys, words):
    with pytest.raises(SystemExit):
        bench.main(words)
    assert "error:" in capsys.readouterr().err


def test_what_another_machine_made_is_made_again_by_each_that_has_not(bench, load, tmp_path, monkeypatch):
    monkeypatch.setattr(load("bench_rows"), "machine_name", lambda: "A")
    bench.work("gate", tmp_path, [], share=0, shares=1)
    first = [(tuple(row["tokens"]), row["seed"]) for row in bench.rows_of(tmp_path, "gate")][:30]
    assert not bench.piece("again-gate", tmp_path).jobs
    for name in ("B", "C"):
        monkeypatch.setattr(load("bench_rows"), "machine_name", lambda name=name: name)
        assert bench.piece("again-gate", tmp_path).jobs == tuple(first)
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


def test_another_recipe_is_made_again_with_its_own_flags(bench, load, tmp_path, monkeypatch):
    """Of full size, too; each process is told nothing but the piece."""
    flags = ["--max_iter=540"]
    monkeypatch.setattr(load("bench_rows"), "machine_name", lambda: "A")
    bench.work("tune-x", tmp_path, flags, share=0, shares=1, num_cells=3)
    monkeypatch.setattr(load("bench_rows"), "machine_name", lambda: "B")
    assert bench.main(["again", "--of=tune-x", f"--folder={tmp_path}", "--share=0", "--workers=1"]) == 0
    rows = list(bench.rows_of(tmp_path, "again-tune-x"))
    assert len(rows) == 30 and all(row["points"][-1] == 540 and row["flags"] == flags for row in rows)


def test_pictures_are_of_the_best_and_the_worst_each_trained_once(bench, tmp_path):
    bench.work("sweep", tmp_path, [], share=0, shares=80)  # 33 architectures
    with pytest.raises(SystemExit, match="not known yet"):
        bench.main(["pictures", f"--folder={tmp_path}", "--share=0", "--workers=1"])
    bench.work("replicates", tmp_path, [], share=0, shares=80)  # 8, 4 of them the same
    for share in (0, 1):
        assert bench.main(["pictures", f"--folder={tmp_path}", f"--share={share}", "--workers=2"]) == 0
    trained = Measured.made[33 + 8 :]
    known = {tuple(row["tokens"]) for name in ("sweep", "replicates") for row in bench.rows_of(tmp_path, name)}
    sums = sorted(map(sum, known))
    assert len(known) == 37 and len(trained) == 20 and {seed for _, seed in trained} == {0}
    assert sorted(sum(tokens) for tokens, _ in trained) == sums[:10] + sums[-10:]
    files = sorted((tmp_path / "pictures").iterdir())
    assert {file.stem for file in files} == {"-".join(map(str, tokens)) for tokens, _ in trained}
    picture = np.asarray(Image.open(files[0]))
    assert picture.shape == (36, 20 * 34 + 2, 3)
    assert set(picture[10, 10]) == {10 * sum(map(int, files[0].stem.split("-")))}
    files[0].unlink()
    assert bench.main(["pictures", f"--folder={tmp_path}", "--share=0", "--workers=1"]) == 0
    assert len(Measured.made) == 33 + 8 + 20 + 1 and files[0].exists()


def test_status_of_nothing(bench, tmp_path, capsys):
    assert bench.main(["status", f"--folder={tmp_path}"]) == 0
    assert "no rows" in capsys.readouterr().out


def test_status_tells_what_there_is_of_each(bench, tmp_path, capsys):
    bench.work("full-size", tmp_path, [], share=0, shares=20)
    bench.work("tune-x", tmp_path, ["--max_iter=540"], share=0, shares=2, num_cells=3)
    row = {"tokens": [0] * 9, "seed": 0, "sampling": "uniform", "is": 1.0, "fid": 2.0, "kid": 3.0, "failure": "",
           "seconds": 3600.0, "machine": "A", "trained_images": 1.0, "scored_images": 1.0}  # fmt: skip
    (tmp_path / "shared-uniform-0-of-2.jsonl").write_text(json.dumps(row) + "\n")
    assert bench.main(["status", f"--folder={tmp_path}"]) == 0
    found = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert found["full-size"][:2] == ["13", "260"] and found["tune-x"][0] == "24"
    assert found["tune-x"][-1] == "--max_iter=540"
    assert found["shared-uniform"] == ["1", "12,960", "1"]


def test_a_judge_for_each_size_comes_with_the_program():
    """That of 16 pixels for smaller images, too; both look at images in colour."""
    assert [recipe.judge(side).resolution for side in (8, 16, 32)] == [16, 16, 32]
    for side in recipe.JUDGES:
        assert recipe.judge(side).channels == recipe.not_loaded(side).channels == 3
        assert recipe.judge(side).accuracy[side] > 0.6
    with pytest.raises(UserError, match="up to 32 pixels, got 64"):
        recipe.judge(64)


def test_full_size_has_the_recipe_but_for_its_length():
    ours, theirs = recipe.settings(), recipe.settings(num_cells=3)
    assert dataclasses.replace(theirs, max_iter=ours.max_iter) == ours and theirs.max_iter > ours.max_iter


def test_a_machine_is_told_by_its_processor_and_what_it_can(load, monkeypatch):
    """Intel's /proc/cpuinfo has two tabs behind a short name."""
    text = "processor\t: 0\nmodel\t\t: 207\nmodel name\t: X\nflags\t\t: fpu avx2 avx512f sse\n\nmodel\t\t: 207\n"
    monkeypatch.setattr(pathlib.Path, "read_text", lambda self, **_: text)
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "X"})
    assert load("bench_rows").machine_name() == "X model 207 avx2 avx512f"


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
    # at first both seeds have the order in which seed 1 ends, and seed 2 ends in the other one
    assert [(row["with the end"], row["of another seed"]) for row in (first, last)] == [(0, 0), (1, -1)]
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


def test_what_surrogates_expect_of_others(load):
    """Where choices add up nearly all of the order is told, where distances are drawn nothing; of tuning's half."""
    ranking_of_unseen = load("bench_surrogates").ranking_of_unseen
    everything = [tokens for tokens in np.ndindex(*autogan.SPACE.counts(2)) if halves.is_of_tuning(tokens)]
    rng = np.random.default_rng(0)
    some = [everything[place] for place in rng.permutation(len(everything))[:200]]
    worth = rng.normal(size=(9, 3))
    added = [float(sum(worth[place, token] for place, token in enumerate(tokens))) for tokens in some]
    drawn = rng.normal(size=200).tolist()

    def rows(logs: Sequence[float]) -> list[dict]:
        return [
            {"tokens": list(tokens), "seed": 0, "failure": "", "fid": [1.0, float(np.exp(log))]}
            for tokens, log in zip(some, logs, strict=True)
        ]

    table = ranking_of_unseen(rows(added), repeats=3)
    assert [(row["trainings"], row["surrogate"]) for row in table[:5]] == [
        (10, "linear"), (10, "ridge"), (10, "forest"), (10, "perceptrons"), (20, "linear")
    ]  # fmt: skip
    assert all(row["tau"] > 0.6 and row["first beats"] > 0.9 for row in table if row["trainings"] == 80)
    by_chance = ranking_of_unseen(rows(drawn), repeats=3)
    assert all(abs(row["tau"]) < 0.2 for row in by_chance)
    others = [row | {"tokens": [0, 0, 0, 1, *row["tokens"][4:]]} for row in rows(added)]
    for none in (others, [row | {"seed": 1} for row in rows(added)], [row | {"failure": "x"} for row in rows(added)]):
        with pytest.raises(SystemExit, match="needs 160 architectures of the half for tuning, there are 0"):
            ranking_of_unseen(none)


def test_what_two_cells_tell_of_three(load):
    """All that counts is the first cell's upsampling; at the second point the order is the other way round."""
    transfer = load("bench_surrogates").transfer
    everything = [tokens for tokens in np.ndindex(*autogan.SPACE.counts(2)) if halves.is_of_tuning(tokens)]
    sweep = [{"tokens": one, "seed": 0, "failure": "", "fid": [9.0, 2.0 + one[2]]} for one in everything[::9]]
    rows = [
        {"tokens": (0, 0, up, 0, *[0] * 10), "seed": seed, "failure": "", "points": [5, 10],
         "fid": [4.0 + up + seed, 8.0 - up]}
        for up in range(3) for seed in (1, 2)
    ]  # fmt: skip
    first, last = transfer(sweep, [*rows, rows[0] | {"tokens": [1] * 14, "failure": "NaN"}])
    assert first == {"step": 5, "architectures": 3, "linear": 1, "ridge": 1, "forest": 1, "perceptrons": 1}
    assert last == {"step": 10, "architectures": 3, "linear": -1, "ridge": -1, "forest": -1, "perceptrons": -1}
    # of another seed what all have in common does not count
    more = [row | {"seed": 1, "fid": [9.0, 100 + row["fid"][1]]} for row in sweep[::2]]
    assert [row["forest"] for row in transfer([*sweep, *more], rows)] == [1, -1]
    with pytest.raises(SystemExit, match="0 to learn from and 3 others"):
        transfer([row | {"failure": "NaN"} for row in sweep], rows)
    with pytest.raises(SystemExit, match="0 to learn from"):  # nothing is told of itself
        transfer(sweep, [row | {"points": [5, 10]} for row in sweep])


@pytest.mark.slow
def test_one_true_training(tmp_path, cifar10):
    """The command, killed in its second row; of the first row every column."""
    flags = ["--max_iter=27", "--gf_dim=4", "--df_dim=4"]
    words = [sys.executable, str(TOOLS / "make_bench.py"), "tune", "--name=small", f"--folder={tmp_path}"]
    words += ["--workers=1", f"--data_dir={cifar10}", f"--flags={' '.join(flags)}"]
    process = subprocess.Popen(words, start_new_session=True, env=os.environ | {"HOME": str(tmp_path)})
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
