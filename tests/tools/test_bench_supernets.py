"""tools/bench_supernets.py: which supernets there are; each architecture is scored once, whatever was killed when."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autogan_tf.bench import recipe, shared_scores
from autogan_tf.config.command_line import parse
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.nas import assembly
from autogan_tf.runs import machine
from tests.tools.conftest import TOOLS

SCORES = ("is", "fid", "kid")
COST = {"trained_images": 90.0, "scored_images": 10.0}


class Searches:
    """Stands in for `search`: makes the folder of a complete search at once; codes: to exit with, by folder's name."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []
        self.codes: dict[str, int] = {}

    def main(self, words: list[str]) -> int:
        self.made.append(words)
        folder = pathlib.Path(next(word for word in words if word.startswith("--run_dir=")).removeprefix("--run_dir="))
        code = self.codes.get(folder.name, 0)
        if not code:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "genotype.json").write_text("{}")
        return code


class Scores:
    """Stands in for `Supernet`."""

    made: list[tuple[int, tuple[int, ...]]] = []
    cost = COST

    def __init__(self, config, run) -> None:
        self.seed, self.sampling = config.seed, config.shared_sampling
        assert run.path.name == f"{'uniform' if config.single_level else 'published'}-{config.seed}"

    def scores(self, tokens):
        self.made.append((self.seed, tokens))
        value = float(self.seed + sum(tokens))
        return {"is": value, "fid": value, "kid": value, "failure": "", "seconds": 1.0}


@pytest.fixture
def searches() -> Searches:
    return Searches()


@pytest.fixture
def supernets(load, monkeypatch, searches):
    module = load("bench_supernets")
    monkeypatch.setattr(module, "search", searches)
    monkeypatch.setattr(module, "Supernet", Scores)
    monkeypatch.setattr(Scores, "made", [])
    monkeypatch.setattr(machine, "use_threads", lambda number: None)
    return module


def rows_of(folder: pathlib.Path, sampling: str) -> list[dict]:
    files = sorted(folder.glob(f"shared-{sampling}-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_workers_share_five_supernets_of_each_sampling(supernets, searches, tmp_path):
    some = supernets.every(2)[:3]
    for share in range(3):
        assert supernets.work(tmp_path, share=share, shares=3, architectures=some) == 0
    assert len(searches.made) == 10
    for sampling in ("published", "uniform"):
        rows = rows_of(tmp_path, sampling)
        made = sorted((row["seed"], tuple(row["tokens"])) for row in rows)
        assert made == sorted((seed, tokens) for seed in range(5) for tokens in some)
        assert all(row["sampling"] == sampling and row["machine"] for row in rows)
        assert all({name: row[name] for name in COST} == COST for row in rows)
        assert all(row["fid"] == row["seed"] + sum(row["tokens"]) for row in rows)


def test_it_goes_on_after_a_kill_and_scores_nothing_twice(supernets, searches, tmp_path):
    some = supernets.every(2)[:5]
    supernets.work(tmp_path, share=0, shares=1, architectures=some)
    file = tmp_path / "shared-uniform-0-of-1.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:12]) + "\n" + lines[12][:30])  # killed in the middle of the third supernet's rows
    Scores.made.clear(), searches.made.clear()
    for share in range(2):  # and with another number of workers
        supernets.work(tmp_path, share=share, shares=2, architectures=some)
    assert len(Scores.made) == 25 - 12 and len(searches.made) == 3  # which are complete, and say so
    rows = [row for name in ("shared-uniform", "shared-published") for row in supernets.rows_of(tmp_path, name)]
    found = [(row["sampling"], row["seed"], tuple(row["tokens"])) for row in rows]
    assert len(found) == len(set(found)) == 50


def test_a_search_that_fails_is_left_out_and_one_that_is_stopped_ends_all(supernets, searches, tmp_path):
    some = supernets.every(2)[:1]
    searches.codes = {"uniform-0": 1}
    assert supernets.work(tmp_path, share=0, shares=1, architectures=some) == 1
    assert len(searches.made) == 10 and len(rows_of(tmp_path, "uniform")) == 4
    searches.codes, searches.made[:] = {"uniform-0": 143}, []
    (tmp_path / "shared-uniform-0-of-1.jsonl").unlink()
    assert supernets.work(tmp_path, share=0, shares=1, architectures=some) == 143
    assert len(searches.made) == 1


def test_rows_of_a_supernet_that_is_gone_are_not_mixed_with_those_of_another(supernets, tmp_path):
    supernets.work(tmp_path, share=0, shares=10, architectures=supernets.every(2)[:1])
    (tmp_path / "supernets" / "published-0" / "genotype.json").unlink()
    with pytest.raises(SystemExit, match="1 rows of shared-published were made with a supernet that is not in"):
        supernets.work(tmp_path, share=0, shares=10, architectures=supernets.every(2)[:2])


def test_complete_supernets_are_packed_and_of_the_others_it_says_how_far_they_are(
    supernets, load, tmp_path, capsys
):
    supernets.work(tmp_path, share=0, shares=10)
    supernets.work(tmp_path, share=3, shares=10, architectures=supernets.every(2)[:7])
    load("make_bench").pack(tmp_path, tmp_path)
    assert "left out: uniform 1 (7 of 2,592)" in capsys.readouterr().out
    packed = shared_scores.load(tmp_path)
    assert packed.supernets == (("published", 0),) and len(packed.architectures) == 2592
    assert packed.scores("published", 0)[1, 2, 2, 1, 1, 2, 2, 1, 1] == 13
    assert packed.cost("published", 0) == shared_scores.Cost(trained=90, scored=10)


def test_what_cannot_be_scored_is_a_row_without_scores(load):
    class Scorer:
        def trials(self, architectures, *, num_images):
            raise UserError("features with NaN")

    supernet = object.__new__(load("bench_supernets").Supernet)  # none is trained here
    supernet._scorer = Scorer()
    found = supernet.scores((0,) * 9)
    assert {name: found[name] for name in ("is", "fid", "kid")} == dict.fromkeys(("is", "fid", "kid"))
    assert found["failure"] == "features with NaN" and json.dumps(found)


def test_the_flag_file_has_the_recipe_and_the_budget_of_forty_trainings(load):
    ours = recipe.settings()
    for more in load("bench_supernets").SAMPLINGS.values():
        config = parse(SearchConfig, [f"--flagfile={recipe.SHARED_FLAGS}", *more], doc="")
        for name in ("dataset", "gf_dim", "df_dim", "gen_batch_size", "dis_batch_size", "n_critic", "g_lr", "d_lr",
                     "beta1", "beta2", "latent_dim", "dynamic_reset_threshold", "classifier_steps",
                     "classifier_batch_size", "classifier_width"):  # fmt: skip
            assert getattr(config, name) == getattr(ours, name), name
        plan = assembly.new_plan(config, 50_000)
        assert plan.budget == 40 * ours.max_iter * assembly.images_per_step(ours)
        assert (config.final.gf_dim, config.final.df_dim) == (ours.gf_dim, ours.df_dim)
        assert plan.num_cells == recipe.NUM_CELLS and config.train_steps == 0


# of a supernet that takes seconds, but for its graphs
SMALL = ("--budget=1", "--budget_steps=60", "--grow_steps=2", "--gf_dim=4", "--df_dim=4", "--shared_steps=10",
         "--ctrl_step=2", "--rl_num_eval_img=100", "--num_eval_imgs=100", "--num_candidate=2", "--topk=1",
         "--classifier_steps=20")  # fmt: skip
PROGRAM = """
import pathlib, sys
sys.path.insert(0, {tools!r})
from make_bench import bench_supernets
from bench_pieces import every
some = every(2)[:8]
sys.exit(bench_supernets.work(pathlib.Path({folder!r}), share=0, shares=10, flags={flags!r}, architectures=some))
"""


@pytest.mark.slow
def test_a_true_supernet_killed_while_it_trains_and_while_it_scores(tmp_path, cifar10):
    """Its rows are those of one that was left alone."""

    def started(name: str) -> subprocess.Popen:
        flags = [*SMALL, f"--cache_dir={tmp_path / 'cache'}", f"--data_dir={cifar10}"]
        code = PROGRAM.format(tools=str(TOOLS), folder=str(tmp_path / name), flags=flags)
        (tmp_path / name).mkdir(exist_ok=True)
        return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)

    def lines(file: pathlib.Path, word: str) -> int:
        return sum(word in line for line in file.read_text().splitlines()) if file.exists() else 0

    def killed(file: pathlib.Path, word: str, number: int) -> None:
        process = started("killed")
        try:
            while lines(file, word) < number:
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    assert started("alone").wait() == 0
    killed(tmp_path / "killed" / "supernets" / "published-0" / "metrics.jsonl", '"phase": "search"', 2)
    assert not list((tmp_path / "killed").glob("*.jsonl"))
    killed(tmp_path / "killed" / "shared-published-0-of-10.jsonl", "}", 2)
    assert started("killed").wait() == 0
    alone, other = (
        [row | {"seconds": 0} for row in rows_of(tmp_path / name, "published")]
        for name in ("alone", "killed")
    )
    assert len(alone) == len(other) == 8
    for one, two in zip(alone, other, strict=True):
        # in another process the first scores may differ by rounding (they do with TensorFlow 2.21)
        assert one | {name: 0 for name in SCORES} == two | {name: 0 for name in SCORES}
        assert [one[name] for name in SCORES] == pytest.approx([two[name] for name in SCORES], rel=1e-5)
    first = alone[0]
    assert set(first) == {"tokens", "seed", "sampling", "failure", "seconds", "machine", *SCORES, *COST}
    assert all(np.isfinite([row[name] for name in SCORES]).all() and row["failure"] == "" for row in alone)
    assert len({row["fid"] for row in alone}) == 8
    # of 60 steps of 64 images; an iteration costs 10 of those, and 2 rewards on 100 images and one batch of 100
    spent = first["trained_images"] + first["scored_images"]
    assert 60 * 64 <= spent <= 60 * 64 + 10 * 64 + 3 * 200 + (2 + 1) * 200
