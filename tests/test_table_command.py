"""search --estimation=table as a person runs it, on a table of one cell that is made up here: all is known of it."""

from __future__ import annotations

import itertools
import json
import math
import pathlib

import pytest

from autogan_tf import search
from autogan_tf.bench import halves, table
from autogan_tf.models.cost import Cost
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype

EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(1))))
POINTS = [10, 30, 90, 270]
FAILED = (1, 2, 2, 1)  # before it was scored


def distance(tokens, point: int) -> float:
    """2, 3, ... by the architecture's number, doubled at each point before the last: rankings agree."""
    return float(2 + EVERY.index(tokens)) * 2.0 ** (len(POINTS) - 1 - point)


def row(tokens) -> dict:
    count = 0 if tokens == FAILED else len(POINTS)
    found = {name: [float(place) for place in range(count)] for name in ("d_loss", "g_loss", "seconds", "scoring")}
    fid = [distance(tokens, place) for place in range(count)]
    scores = {"fid": fid, "kid": [value / 100 for value in fid], "is": [10 - value / 100 for value in fid]}
    failure = "NaN at once" if tokens == FAILED else ""
    return {"tokens": list(tokens), "seed": 0, "failure": failure, "points": POINTS, "machine": "A", **found, **scores}


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("tables")
    made = table.of_rows([row(tokens) for tokens in EVERY], lambda genotype: Cost(1, 1))
    (folder / "1-cells.npz").write_bytes(made.to_bytes())
    return folder


def words(folder: pathlib.Path, tables: pathlib.Path, **changes) -> list[str]:
    settings = {"num_cells": 1, "table": tables, "run_dir": folder, "strategy": "random", "round_trials": 5,
                "trial_batch": 2, "population": 3, "nsga2_population": 3, "ctrl_step": 2, "num_candidate": 5, "topk": 2,
                "budget": 10, "verbosity": "quiet"}  # fmt: skip
    return ["--flagfile=bench_search.flags", *(f"--{name}={value}" for name, value in (settings | changes).items())]


def rows(folder: pathlib.Path, phase: str) -> list[dict]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in found if row["phase"] == phase]


def rewards(folder: pathlib.Path) -> dict[str, float]:
    return {name: reward for row in rows(folder, "strategy") for name, reward in row["rewards"].items()}


@pytest.mark.parametrize("strategy", ["random", "evolution", "local_search", "predictor", "nsga2", "reinforce"])
def test_a_search_is_told_what_is_on_record_until_it_has_cost_its_budget(tmp_path, tables, strategy):
    assert search.main(words(tmp_path / "run", tables, strategy=strategy)) == 0
    found = rewards(tmp_path / "run")
    for name, reward in found.items():
        tokens = tuple(map(int, name.split()))
        expected = distance(EVERY[-2], 3) if tokens == FAILED else distance(tokens, 3)  # as bad as the worst
        assert reward == pytest.approx(-math.log(expected), abs=1e-4)
    # a training is 270 steps of 64 images and a score on 2,000, by the time they take 1,300 of these: it ends after the
    # first iteration with 10 of them, or where nothing new is asked for
    of_iterations = rows(tmp_path / "run", "search")
    full, scored = 270 * 64, 2000
    counts = [row["candidates"] for row in of_iterations]
    for row in of_iterations:
        count = row["candidates"] - (FAILED in {tuple(map(int, name.split())) for name in found})
        assert count * full <= row["trained_images"] <= row["candidates"] * full
        assert row["scored_images"] == row["candidates"] * scored
    over = [row["trained_images"] + 0.65 * row["scored_images"] >= 10 * full for row in of_iterations]
    assert not any(over[:-1]) and (over[-1] or counts[-10:] == counts[-1:] * 10)
    best = json.loads((tmp_path / "run" / "genotype.json").read_text())
    if strategy == "predictor":  # which ends with what it expects most of
        assert best["scores"]["expected"] >= 0 and str(Genotype.load(tmp_path / "run" / "genotype.json")) in found
    else:
        assert best["scores"]["frechet_distance"] <= min(math.exp(-reward) for reward in found.values()) + 1e-2
    assert not (tmp_path / "run" / "trials").exists() and not (tmp_path / "run" / "best").exists()


def test_no_image_is_needed_unless_something_is_trained(tmp_path, tables, capsys):
    words_ = words(tmp_path / "run", tables, data_dir=tmp_path / "nothing", dry_run=True)
    assert search.main(words_) == 0
    assert "data: cifar10, no images (the table needs none) of 8 pixels, 3 channels" in capsys.readouterr().out
    assert search.main([*words_, "--train_steps=10"]) != 0
    assert "--dataset=cifar10 is not prepared" in capsys.readouterr().err


def test_with_fidelities_the_recorded_points_are_what_candidates_stop_at(tmp_path, tables):
    assert search.main(words(tmp_path / "run", tables, fidelities="30,270", round_trials=9)) == 0
    told = [pair for row in rows(tmp_path / "run", "strategy") for pair in row.get("trained_steps", {}).items()]
    assert {steps for _, steps in told} >= {30, 270}
    before: dict[str, dict] = {}
    for row in rows(tmp_path / "run", "strategy"):
        before |= row.get("earlier_rewards", {})
    for name, steps in told:  # who went on had been scored before
        tokens = tuple(map(int, name.split()))
        earlier = {"30": pytest.approx(-math.log(distance(tokens, 1)), abs=1e-4)} if steps == 270 else {}
        assert before.get(name, {}) == earlier
    for name, steps in told:
        tokens = tuple(map(int, name.split()))
        if tokens != FAILED:
            expected = distance(tokens, POINTS.index(steps))
            assert rewards(tmp_path / "run")[name] == pytest.approx(-math.log(expected), abs=1e-4)


@pytest.mark.parametrize("strategy", ["random", "evolution", "local_search", "predictor", "nsga2", "reinforce"])
def test_in_a_half_of_the_bench_nothing_else_is_tried(tmp_path, tables, strategy):
    assert search.main(words(tmp_path / "run", tables, strategy=strategy, bench_half="proof")) == 0
    tried = {tuple(map(int, name.split())) for name in rewards(tmp_path / "run")}
    assert len(tried) > 4 and not any(halves.is_of_tuning(tokens) for tokens in tried)


def test_it_repeats_and_a_complete_one_is_left_alone(tmp_path, tables, capsys):
    for name in ("one", "two"):
        assert search.main(words(tmp_path / name, tables)) == 0
    assert rewards(tmp_path / "one") == rewards(tmp_path / "two")
    assert search.main(words(tmp_path / "three", tables, seed=1)) == 0
    assert rewards(tmp_path / "one") != rewards(tmp_path / "three")
    capsys.readouterr()
    before = (tmp_path / "one" / "metrics.jsonl").read_bytes()
    assert search.main(words(tmp_path / "one", tables)) == 0
    assert "complete" in capsys.readouterr().out and (tmp_path / "one" / "metrics.jsonl").read_bytes() == before


def test_its_report_shows_it(tmp_path, tables):
    assert search.main(words(tmp_path / "run", tables)) == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert next(iter(rewards(tmp_path / "run"))) in page and "shared GAN" not in page


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"fidelities": "50,270"}, "--fidelities has 50, and the bench was scored after 10, 30, 90, 270"),
        ({"num_cells": 2}, "no table of 2 cells in"),
        ({"num_cells": 3}, "--num_cells=3; begin with --flagfile=bench_search.flags"),
        ({"train_gf_dim": 32}, "the settings are others: --train_gf_dim=32; begin with"),
        ({"dataset": "mnist5k"}, "the settings are others: --dataset=mnist5k; begin with"),
        ({"train_n_critic": 2, "ema_decay": 0.9}, "--train_n_critic=2, --ema_decay=0.9; begin with"),
        ({"rl_num_eval_img": 500}, "--rl_num_eval_img=500"),
        ({"reward": "is - 0.1*sharpness"}, "sharpness"),
        ({"workers": 2}, "--workers=2"),
        ({"score_repeats": 2}, "--score_repeats must be 1"),
        ({"budget": 0.5}, "--budget must be at least 1 full training"),
        ({"shared_sampling": "uniform"}, "--shared_sampling=uniform"),
        ({"reference_semantics": True, "single_level": False}, "--estimation=table is not in the published code"),
        ({"estimation": "from_scratch"}, "needs --estimation=table"),
        ({"bench_half": "tuning", "space": "sub_pixel"}, "a half of the space autogan's first cells"),
    ],
)
def test_what_the_table_does_not_have_is_one_error_before_anything_is_written(tmp_path, tables, capsys, changes, told):
    assert search.main(words(tmp_path / "run", tables, **changes)) != 0
    error = capsys.readouterr().err
    assert told in error and error.count("error:") == 1 and not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_table_that_is_not_complete_is_refused(tmp_path, capsys):
    made = table.of_rows([row(tokens) for tokens in EVERY[:-3]], lambda genotype: Cost(1, 1))
    (tmp_path / "1-cells.npz").write_bytes(made.to_bytes())
    assert search.main(words(tmp_path / "run", tmp_path)) != 0
    assert "has 33 of the 36 architectures of 1 cells" in capsys.readouterr().err
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
