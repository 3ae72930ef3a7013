"""The guide docs/extending.md: its examples are the files of docs/examples/, and do what it says, as commands, too."""

from __future__ import annotations

import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from autogan_tf.config import plugins, strategy_settings
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import Generator, generator_cost
from autogan_tf.models.operations import NORMS, UPSAMPLINGS
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.strategies import catalog as strategies
from autogan_tf.nas.task import Task
from autogan_tf.nas.trial import Trial
from autogan_tf.search_space import catalog
from autogan_tf.search_space.genotype import Genotype
from tests import photos
from tests.nas import test_conformance as conformance
from tests.plugged import restored
from tests.test_search_command import SMALL

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
GUIDE = (REPOSITORY / "docs" / "extending.md").read_text()
EXAMPLES = sorted((REPOSITORY / "docs" / "examples").glob("*.py"))


@pytest.fixture(autouse=True)
def plugged():
    """All examples, as --plugin takes them."""
    with restored():
        plugins.load([str(file) for file in EXAMPLES])
        yield


def test_the_guide_shows_every_example_as_it_is_and_none_is_long():
    assert re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) == [
        (REPOSITORY / "docs" / "examples" / f"{name}.py").read_text()
        for name in ("sub_pixel", "annealing", "spread", "chain")
    ]
    assert len(EXAMPLES) == 4 and all(len(file.read_text().splitlines()) < 60 for file in EXAMPLES)


def test_what_the_guide_links_to_is_there():
    links = re.findall(r"\]\(([^)]+)\)", GUIDE)
    assert links and all((REPOSITORY / "docs" / link).exists() for link in links)
    named = re.findall(r"`((?:models|search_space|nas|config)/[a-z_/]+(?:\.py)?)`", GUIDE)
    assert len(named) >= 7 and all((REPOSITORY / "autogan_tf" / name).exists() for name in named)


def test_the_operation_costs_what_is_worked_by_hand():
    # to a map of 8 x 8 of 3 channels: 3 * 12 weights and 12 biases, each weight once for the 4 x 4 pixels before
    assert UPSAMPLINGS["sub_pixel"].cost(3, height=8) == Cost(36 + 12, 36 * 16)
    space = catalog.space("with_sub_pixel")
    assert space.size(1) == 2 * 3 * 4 * 2 == 48
    cells = {"conv": "post", "norm": "none", "shortcut": True}
    ours, nearest = (
        generator_cost(Genotype.from_cells([cells | {"up": up}], space), gf_dim=3, latent_dim=2)
        for up in ("sub_pixel", "nearest")
    )
    assert ours.parameters - nearest.parameters == 2 * 48  # in the block and in the shortcut
    assert ours.multiply_adds - nearest.multiply_adds == 2 * 36 * 16


def test_the_operation_puts_four_maps_into_squares():
    space = catalog.space("with_sub_pixel")
    genotype = Genotype.from_cells([{"conv": "post", "norm": "none", "up": "sub_pixel", "shortcut": False}], space)
    layer = Generator(genotype, gf_dim=1, latent_dim=2).named_layers()["cell1.post_conv1.sub_pixel"]
    layer.kernel.assign(np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 1, 4))
    x = np.array([[2.0, 3.0]], np.float32).reshape(1, 1, 2, 1)
    found = UPSAMPLINGS["sub_pixel"].projected(x, [layer], lambda y, training: y, training=False)
    np.testing.assert_array_equal(found[0, :, :, 0], [[2, 20, 3, 30], [200, 2000, 300, 3000]])


@pytest.mark.parametrize("name", ["with_sub_pixel", "chain"])
def test_the_spaces_do_what_every_space_must(name, tmp_path):
    space = catalog.space(name)
    conformance.test_a_space_is_the_same_as_tokens_cells_text_and_file(space, tmp_path)
    conformance.test_mutations_stay_within_a_space(space)
    conformance.test_supernet_and_derived_networks_of_a_space_agree_and_cost_what_is_counted(space)
    conformance.test_the_weights_of_a_space_are_drawn_anew_and_those_that_are_used_are_those_with_a_gradient(space)


def test_the_space_by_hand():
    space = catalog.space("chain")
    assert [space.size(cells) for cells in (1, 2, 3)] == [16, 16 * 32, 16 * 32 * 32]
    assert [option.value for option in space.decisions(2)[4].options] == [(False, False), (False, True)]
    assert {value for cell in range(3) for value in (o.value for o in space.decisions(cell)[1].options)} <= set(NORMS)


def test_the_strategy_does_what_every_strategy_must():
    conformance.test_it_stays_in_the_space_and_builds_on_what_is_kept("annealing")
    conformance.test_killed_after_every_ask_and_every_answer_it_does_the_same("annealing")
    conformance.test_killed_in_batches_it_does_the_same("annealing")
    conformance.test_it_asks_the_same_until_it_is_told("annealing")
    conformance.test_another_seed_is_another_search("annealing")
    conformance.test_finalists_are_the_best_of_the_newest_round_first("annealing")
    conformance.test_whole_generators_at_once("annealing")
    conformance.test_only_what_is_admitted("annealing", 1)
    conformance.test_what_it_is_told_must_be_what_it_asked_for("annealing")


@pytest.mark.parametrize(("loss", "share"), [(-1.0, 1.0), (0.05, 0.6065), (0.1, 0.3679), (0.3, 0.0498)])  # e^(-10 loss)
def test_the_strategy_accepts_a_loss_as_often_as_its_temperature_says(loss, share):
    """500 seeds: within four standard errors."""
    accepted = 0
    for seed in range(500):
        settings = strategy_settings.entry("annealing").settings(temperature=0.1)
        strategy = strategies.new_strategy("annealing", settings, Task(space=catalog.space("chain"), seed=seed))
        strategy.begin_round(0)
        for reward in (1.0, 1.0 - loss):
            told = strategy.tell([Trial(tokens, reward) for tokens in strategy.ask()])
        accepted += told["stands_at"] == 1.0 - loss
    assert abs(accepted - 500 * share) <= 4 * math.sqrt(500 * share * (1 - share))


def test_the_objective_is_that_of_numpy():
    features = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    by_hand = np.mean([math.sqrt(np.mean((column - column.mean()) ** 2)) for column in features.T.astype(float)])
    found = objectives.measure(["spread"], objectives.Seen(features=features))
    assert found["spread"] == pytest.approx(by_hand, rel=1e-5)
    assert objectives.measure(["spread"], objectives.Seen(features=np.ones((5, 3), np.float32))) == {"spread": 0.0}
    assert str(objectives.reward("is+0.5*spread")) == "is + 0.5*spread" and objectives.needs(["spread"]) == {"features"}


def commands(example: str) -> list[list[str]]:
    """The guide's commands with an example: module and flags of each."""
    lines = [line for line in GUIDE.splitlines() if line.startswith("python -m") and f"/{example}.py" in line]
    return [shlex.split(line)[2:] for line in lines]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    root = photos.write(tmp_path_factory.mktemp("extending"), side=16)
    (root / "docs").symlink_to(REPOSITORY / "docs")
    return root


def run(place: pathlib.Path, words: list[str], **changes) -> subprocess.CompletedProcess[str]:
    """A command of the guide with these settings besides."""
    return subprocess.run(
        [sys.executable, "-m", *words, *(f"--{name}={value}" for name, value in changes.items())],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=900,
    )


# one cell, one iteration, no final training
TINY = {name: value for name, value in SMALL.items() if name not in ("ctrl_step", "ctrl_sample_batch", "seed")} | {
    "dataset": "folder:photos", "cache_dir": "cache", "num_cells": 1, "grow_steps": "", "max_search_iter": 1,
    "train_steps": 0, "ctrl_step": 3, "seed": 3,
}  # fmt: skip


def tried(run_dir: pathlib.Path) -> list[dict]:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["phase"] == "strategy"]


@pytest.mark.slow
def test_the_operation_as_a_person_tries_it(place):
    """Searched, trained, drawn from; refused in a sentence by who is not told of its file."""
    search, sample, train = commands("sub_pixel")
    done = run(place, search, **TINY | {"train_steps": 2, "strategy": "random", "round_trials": 36})
    assert done.returncode == 0, done.stderr
    ups = {tokens.split()[2] for row in tried(place / "runs/sub_pixel") for tokens in row["rewards"]}
    assert ups == {"0", "1", "2", "3"}
    document = json.loads((place / "runs/sub_pixel/genotype.json").read_text())
    assert document["space"] == "with_sub_pixel" and document["cells"][0]["up"] in UPSAMPLINGS
    drawn = run(place, sample)
    assert drawn.returncode == 0 and (place / "samples.png").exists(), drawn.stderr
    planned = run(place, train, dataset="folder:photos", dry_run="true")
    assert planned.returncode == 0 and f"generator: {Genotype.load(place / 'runs/sub_pixel/genotype.json')}, " in (
        planned.stdout
    ), planned.stderr
    page = run(place, ["autogan_tf.report", "runs/sub_pixel", *sample[2:3]])
    assert page.returncode == 0, page.stderr
    commands_shown = json.loads((place / "runs/sub_pixel/report.json").read_text())["commands"].values()
    assert sum("--plugin=docs/examples/sub_pixel.py" in text for text in commands_shown) >= 5
    unknown = run(place, [word for word in sample if "--plugin" not in word], grid="others.png")
    assert unknown.returncode == 2 and unknown.stderr.count("\n") == 1
    assert "no search space is called 'with_sub_pixel'; there are autogan, and those of the files that --plugin" in (
        unknown.stderr
    )


@pytest.mark.slow
def test_the_strategy_as_a_person_tries_it(place):
    """Its trials are those that it proposes when it is told these rewards; killed and taken up by the same command."""
    [words] = commands("annealing")
    done = run(place, words, **TINY)
    assert done.returncode == 0, done.stderr
    settings = strategy_settings.entry("annealing").settings(round_trials=4, temperature=0.3)
    strategy = strategies.new_strategy("annealing", settings, Task(space=catalog.space("autogan"), seed=3))
    strategy.begin_round(0)
    for row in tried(place / "runs/annealing"):
        [(text, reward)] = row["rewards"].items()
        assert [" ".join(map(str, tokens)) for tokens in strategy.ask()] == [text]
        strategy.tell([Trial(tokens, reward) for tokens in strategy.ask()])
    assert strategy.ask() == []
    config = json.loads((place / "runs/annealing/config.json").read_text())["settings"]
    assert config["temperature"] == 0.3 and config["plugin"] == ["docs/examples/annealing.py"]
    again = run(place, words, **TINY)
    assert again.returncode == 0 and "is complete" in again.stdout
    changed = place / "changed.py"
    changed.write_text((REPOSITORY / "docs/examples/annealing.py").read_text() + "\n# another\n")
    refused = run(place, words, **TINY | {"plugin": "changed.py"})
    assert refused.returncode == 2 and "whose content has changed" in refused.stderr


@pytest.mark.slow
def test_the_objective_and_the_space_as_a_person_tries_them(place):
    [words] = commands("spread")
    done = run(place, words, **TINY)
    assert done.returncode == 0, done.stderr
    for row in tried(place / "runs/spread"):
        for tokens, scores in row["scores"].items():
            assert scores["spread"] > 0
            assert row["rewards"][tokens] == pytest.approx(scores["is"] + 0.5 * scores["spread"], rel=1e-4)
    [words] = commands("chain")
    done = run(place, words, **TINY | {"num_cells": 2, "grow_steps": "1", "max_search_iter": 2})
    assert done.returncode == 0, done.stderr
    best = Genotype.load(place / "runs/chain/genotype.json")
    assert best.space is catalog.space("chain") and len(best.tokens) == 9


@pytest.mark.slow
def test_workers_that_train_from_scratch_know_what_was_added(place):
    """Space, operation, strategy and objective together; the same as in one process."""
    files = ",".join(f"docs/examples/{name}.py" for name in ("sub_pixel", "annealing", "spread"))
    settings = TINY | {
        "plugin": files, "space": "with_sub_pixel", "strategy": "annealing", "reward": "spread - log(parameters)",
        "single_level": "true", "estimation": "from_scratch", "fidelities": 2, "train_steps": 3, "round_trials": 4,
        "trial_batch": 2, "num_candidate": 2, "topk": 2, "threads": 1,
    }  # fmt: skip
    found = []
    for name, workers in (("alone", 1), ("two", 2)):
        done = run(place, ["autogan_tf.search"], **settings | {"run_dir": name, "workers": workers})
        assert done.returncode == 0, done.stderr
        found.append([row["scores"] for row in tried(place / name)])
        evaluated = (place / name / "trials" / "000001" / "evaluations.jsonl").read_text()
        assert json.loads(evaluated.splitlines()[0])["spread"] > 0
        assert json.loads((place / name / "best" / "genotype.json").read_text())["space"] == "with_sub_pixel"
    assert found[0] == found[1] and found[0]
    assert all(scores["parameters"] > 0 for row in found[0] for scores in row.values())
