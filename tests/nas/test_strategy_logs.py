"""What a search of any strategy tells becomes lines, TensorBoard and a whole report, with a controller or without."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from autogan_tf.config import strategy_settings
from autogan_tf.nas.search_log import SearchLog
from autogan_tf.runs import report
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog
from autogan_tf.runs.progress import Terminal
from tests.runs import written_run

PLAN = {"max_search_iter": 3, "grow_steps": (2,), "ctrl_step": 2, "trial_batch": 1, "shared_steps": 1}


@pytest.mark.parametrize("name", strategy_settings.STRATEGIES)
def test_a_whole_report(name, fake_search, tmp_path, capsys):
    search = fake_search(strategy=name, **PLAN).run()
    folder = tmp_path / "run"
    settings = {"num_cells": 2, "max_search_iter": 3, "ctrl_step": 2 if name == "reinforce" else 30}
    written_run.write_config(folder, "search", settings)
    terminal = Terminal(verbosity="detailed")
    with terminal, MetricsLog(RunFolder(folder)) as log:
        observer = SearchLog(plan=search.plan, folder=RunFolder(folder), terminal=terminal, log=log, grid_every=1,
                             draw=lambda tokens: np.zeros([4, 8, 8, 1], np.uint8))  # fmt: skip
        for step, phase, numbers in search.told.rows:
            observer.numbers(step=step, phase=phase, numbers=numbers)
    has_controller, evolves = name == "reinforce", name == "evolution"
    output = capsys.readouterr().out
    assert output.count("iteration ") >= 3 and ("entropy" in output) == has_controller

    report.write(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert '<section id="search">' in page and '<section id="choices">' in page
    assert ('<section id="policy">' in page) == ("entropy by search iteration" in page) == has_controller
    assert ('<section id="population">' in page) == evolves
    assert "earlier version" not in page
    found = json.loads((folder / "report.json").read_text())["search"]
    told = search.told.of("strategy")
    assert found["tried"]["iteration"] == [n["iteration"] for _, n in told for _ in n["rewards"]]
    assert set(found["tried"]["iteration"]) == {0, 1, 2}
    assert [len(row["members"]) for row in found["population"]] == ([3, 3, 3] if evolves else [])

    events = EventMultiplexer().AddRunsFromDirectory(str(folder / "tensorboard")).Reload()
    tags = {tag for run in events.Runs() for tag in events.GetAccumulator(run).Tags()["tensors"]}
    assert {"reward/best", "reward/best_so_far", "strategy/reward", "choices", "samples"} <= tags
    assert "strategy/iteration" not in tags and ("entropy/conv" in tags) == has_controller
    assert ("strategy/population_best" in tags) == evolves
