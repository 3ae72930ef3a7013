"""What a search of any strategy tells becomes lines, TensorBoard and a whole report, with a controller or without."""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from autogan_tf.config import plugins, strategy_settings
from autogan_tf.nas.front_files import FrontFiles
from autogan_tf.nas.search_log import SearchLog
from autogan_tf.nas.strategies.random_search import RandomSearch
from autogan_tf.runs import front, report
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from tests.nas.conftest import cost_of
from tests.plugged import restored
from tests.runs import written_run

ANNEALING = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "annealing.py"

PLAN = {"max_search_iter": 3, "grow_steps": (2,), "ctrl_step": 2, "trial_batch": 1, "shared_steps": 1}


class Talkative(RandomSearch):
    """Tells what no line can hold, and under names that are others'."""

    def _learn(self, trials):
        more = {"words": "a text", "row": [1.0, 2.0], "none": None, "half": np.float32(0.5), "sure": True}
        others = {"scores": 3.0, "trained_steps": 4.0, "iteration": 77, "rewards": 5.0, "step": 99, "phase": "search"}
        return dict(super()._learn(trials)) | more | others

    def summary(self):
        of_searcher = {"best": -1.0, "mean": -2.0, "leaders": 3, "stage": 9, "best_so_far": -5.0, "distinct": "none"}
        of_estimator = {"d_loss": -7.0, "collapsed": True, "resets": 99, "entropies": 3.0}
        return of_searcher | of_estimator | {"own": 2.5, "entropy": [0.5, 0.5]}


# of which a report knows what they mean, or that are told by others where the strategy does not say them
KNOWN = ("policy", "population", "optima", "entropy", "entropies", "mean_scores", "collapsed", "d_loss", "g_loss",
         "images_per_second", "rewards", "scores", "kept", "trained_steps", "population_best", "$\\frac$",
         "front")  # fmt: skip
ODD: list = [
    0.5, "a text", None, True, math.nan, np.float32(0.25), np.ones((2, 2), np.float32), [], {}, [None],
    {"a": {"b": [1, {"c": 2}]}}, {"a": "text", "b": None, "c": math.inf, "d": 1.5}, {(1, 2): {3, 4}},
    [0.5, 0.5], [["a", "b"], ["c"]], [[[0.5]]],
    [[0.5, 0.5], [1.0], [], [0.25] * 4], [[0.1] * number for number in (2, 3, 3)],  # ragged, and a decision too few
    [[math.nan] * number for number in (2, 3, 3, 2)],
    [{"architecture": "0 0 0 0", "reward": 1.0}, {"reward": 2.0}], [{"architecture": 3, "age": "old"}, 7],
    [{"architecture": "0 0 0 0", "reward": "high", "age": [1]}],
]  # fmt: skip


class Odd(RandomSearch):
    """Tells under all known names what is none of what they mean, another thing in each round."""

    def _learn(self, trials):
        return dict(super()._learn(trials)) | dict.fromkeys(KNOWN, ODD[self._round])

    def summary(self):
        return dict.fromkeys(KNOWN, ODD[self._round])


@pytest.fixture(autouse=True)
def plugged():
    """Strategies of files that --plugin takes."""
    with restored():
        plugins.load([str(ANNEALING)])
        strategy_settings.register(
            "talkative", Talkative, settings=strategy_settings.entry("random").settings, words="tells everything"
        )
        strategy_settings.register("odd", Odd, settings=strategy_settings.entry("random").settings)
        yield


def logged(search, folder: pathlib.Path, grid_every: int = 1, **changes) -> None:
    """Takes what a search told to a run's folder."""
    written_run.write_config(folder, "search", {"num_cells": 2, "max_search_iter": 3} | changes)
    terminal = Terminal(verbosity="detailed")
    with terminal, MetricsLog(RunFolder(folder)) as log:
        files = FrontFiles(RunFolder(folder), space=search.plan.space, cost_of=cost_of, seen={"num_images": 20})
        observer = SearchLog(plan=search.plan, folder=RunFolder(folder), terminal=terminal, log=log, front_files=files,
                             grid_every=grid_every, draw=lambda tokens: np.zeros([4, 8, 8, 1], np.uint8))  # fmt: skip
        for step, phase, numbers in search.told.rows:
            observer.numbers(step=step, phase=phase, numbers=numbers)
    report.write(folder)


def of_file(folder: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", [*strategy_settings.STRATEGIES, "annealing"])
def test_a_whole_report(name, fake_search, tmp_path, capsys):
    search = fake_search(strategy=name, **PLAN).run()
    folder = tmp_path / "run"
    logged(search, folder, ctrl_step=2 if name == "reinforce" else 30)
    has_controller, evolves = name == "reinforce", name == "evolution"
    output = capsys.readouterr().out
    assert output.count("iteration ") >= 3 and ("entropy" in output) == has_controller

    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="search">' in page and '<section id="choices">' in page
    assert ('<section id="policy">' in page) == ("entropy by search iteration" in page) == has_controller
    assert ('<section id="population">' in page) == evolves
    assert ('<section id="front">' in page) == (folder / "front" / "01.json").exists() == (name == "nsga2")
    assert "earlier version" not in page
    found = json.loads((folder / "report.json").read_text())["search"]
    told = search.told.of("strategy")
    assert found["tried"]["iteration"] == [n["iteration"] for _, n in told for _ in n["rewards"]]
    assert set(found["tried"]["iteration"]) == {0, 1, 2} and found["tried"]["stage"][-1] == 1
    assert "best and mean reward so far by architectures tried" in page
    numbers = found["told"]["numbers"]
    of_the_search = {"iteration", "scored", "seconds", "rewards", "scores", "trained_images", "scored_images",
                     "expected"}  # fmt: skip
    assert set(numbers) == {name for _, n in told for name in n} - of_the_search
    of_its_own = [name for name in numbers if name not in ("reward", "entropy") and not name.startswith("population")]
    assert all(f"{name} by architectures tried" in page for name in of_its_own) and bool(of_its_own) != evolves
    assert len(found["told"]["iteration"]) == len(told) and ("stands_at" in numbers) == (name == "annealing")
    assert [len(row["members"]) for row in found["population"]] == ([3, 3, 3] if evolves else [])

    events = EventMultiplexer().AddRunsFromDirectory(str(folder / "tensorboard")).Reload()
    tags = {tag for run in events.Runs() for tag in events.GetAccumulator(run).Tags()["tensors"]}
    assert {"reward/best", "reward/best_so_far", "strategy/reward", "choices", "samples"} <= tags
    assert "strategy/iteration" not in tags and ("entropy/conv" in tags) == has_controller
    assert ("strategy/population_best" in tags) == evolves
    assert ({"strategy/hypervolume", "front/is_parameters"} <= tags) == (name == "nsga2")


def test_the_newest_front_is_in_the_report_and_in_files_beside_nothing_else(fake_search, tmp_path):
    """Its last iteration has a cell more than those before it, whose front was another one."""
    search = fake_search(strategy="nsga2", **PLAN | {"nsga2_population": 8}).run()
    folder = tmp_path / "run"
    (folder / "front").mkdir(parents=True)
    (folder / "front" / "99.json").write_text("of a larger front before")
    logged(search, folder)
    fronts = [numbers["front"]["architectures"] for _, numbers in search.told.of("search")]
    documents = [json.loads(file.read_text()) for file in sorted((folder / "front").iterdir())]
    assert len(documents) == len(fronts[-1]) and len(fronts[-1][0]["architecture"].split()) == 9
    for place, (document, entry) in enumerate(zip(documents, fronts[-1], strict=True), 1):
        assert " ".join(map(str, document["tokens"])) == entry["architecture"]
        assert document["name"] == f"run-front-{place:02d}" and document["cost"]["parameters"] > 0
        told = {"inception_score": entry["scores"]["is"], "parameters": entry["scores"]["parameters"]}
        assert document["scores"] == {"reward": entry["reward"], "num_images": 20} | told
    found = json.loads((folder / "report.json").read_text())["search"]["front"]
    assert found["objectives"] == {"is": "high", "parameters": "low"} and found["step"] == 2
    assert [entry["architecture"] for entry in found["architectures"]] == [e["architecture"] for e in fronts[-1]]
    newest = [numbers["scores"] for _, numbers in search.told.of("strategy") if numbers["iteration"] == 2]
    scores = [scores for by_name in newest for scores in by_name.values()]
    assert len(scores) == 16 and found["compared"]["is"] == pytest.approx([one["is"] for one in scores], rel=1e-5)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f"<code>{entry['architecture']}</code>" in page for entry in fronts[-1])
    assert "the front by is and parameters" in page and "parameters, low is good" in page


@pytest.mark.parametrize("value", [
    None, [], "front", {}, {"objectives": {"a": "low"}, "architectures": []},
    {"objectives": {"a": "low", "b": ["low"]}, "architectures": [{"architecture": "0", "scores": {"a": 1, "b": 2}}]},
    {"objectives": {"a": "low", "b": "sideways"}, "architectures": [{"architecture": "0", "scores": {"a": 1, "b": 2}}]},
    {"objectives": {"a": "low", "b": "low"}, "architectures": [{"architecture": "0", "scores": {"a": 1}}]},
    {"objectives": {"a": "low", "b": "low"}, "architectures": [{"architecture": "x", "scores": {"a": 1, "b": 2}}]},
    {"objectives": {"a": "low", "b": "low"}, "architectures": [{"architecture": "0", "scores": {"a": 1, "b": None}}]},
])  # fmt: skip
def test_what_is_no_front_is_not_read_as_one(value):
    assert front.read(value) is None


def test_what_a_strategy_tells_hides_nothing_and_stops_no_log(fake_search, tmp_path, capsys):
    """Besides what it tells, all rows are those of the same search without its telling."""
    for name in ("random", "talkative"):
        logged(fake_search(strategy=name, **PLAN).run(), tmp_path / name)
        output = capsys.readouterr().out
    plain, talkative = of_file(tmp_path / "random"), of_file(tmp_path / "talkative")
    passing = ("time", "seconds", "memory_mb", "images_per_second")
    for row, same in zip(talkative, plain, strict=True):
        assert {key: row[key] for key in same if key not in passing} == {
            key: value for key, value in same.items() if key not in passing
        }
    told = [row for row in talkative if row["phase"] == "strategy"]
    assert all(row["half"] == 0.5 and row["words"] == "a text" and row["row"] == [1.0, 2.0] for row in told)
    assert [row["own"] for row in talkative if row["phase"] == "search"] == [2.5] * 3
    line = next(line for line in output.splitlines() if "strategy step 1 " in line)
    assert "round_best" in line and "half 0.500" in line
    assert not any(word in line for word in ("a text", "none", "sure", "row"))
    assert "d_loss 0.500" in output and "entropy" not in output
    assert set(json.loads((tmp_path / "talkative" / "report.json").read_text())["search"]["told"]["numbers"]) == {
        "reward", "round_best", "half"
    }  # fmt: skip


def test_whatever_a_strategy_tells_there_is_a_report(fake_search, tmp_path):
    """From scratch, where the estimator tells no losses that would stand in their place."""
    plan = PLAN | {"fidelities": (2,), "grow_steps": (), "max_search_iter": len(ODD), "round_trials": 2}
    search = fake_search(strategy="odd", **plan).run()
    logged(search, tmp_path / "run", grid_every=11, max_search_iter=len(ODD))
    found = json.loads((tmp_path / "run" / "report.json").read_text())["search"]
    rewards = [value for _, numbers in search.told.of("strategy") for value in numbers["rewards"].values()]
    assert found["tried"]["reward"] == pytest.approx(rewards, rel=1e-5) and len(found["iterations"]) == len(ODD)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "policy by architectures tried" in page and "frac" in page  # as any number that is told
    assert {value for value in found["told"]["numbers"]["policy"] if value is not None} == {0.5, 0.25}
    # what is whole enough is shown as what it says it is
    assert [row["step"] for row in found["policy"]] == [18] and '<section id="policy">' in page
    members = [member for row in found["population"] for member in row["members"]]
    assert [(member["reward"], member["age"]) for member in members] == [(1.0, None), (None, None)]
    assert found["resets"] == [3] and found["iterations"][11]["mean_scores"] == {"b": None, "c": None, "d": 1.5}


def test_an_estimator_without_losses_is_logged_by_what_it_tells(fake_search, tmp_path, capsys):
    search = fake_search(strategy="random", **PLAN).run()
    search.told.rows = [
        (step, phase, {k: v for k, v in numbers.items() if k not in ("d_loss", "g_loss", "d_loss_spread",
                                                                     "g_loss_spread", "images_per_second", "resets")}
         | ({"proxies": 12345, "agreement": 0.25, "kind": "zero-cost"} if phase == "search" else {}))
        for step, phase, numbers in search.told.rows
    ]  # fmt: skip
    logged(search, tmp_path / "run")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("iteration ")]
    assert len(lines) == 3 and all("proxies 12,345  agreement 0.250" in line for line in lines)
    assert "losses by search iteration" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
