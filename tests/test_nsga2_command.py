"""search --strategy=nsga2 as a person runs it: the front's files, the report, the last lines, what is refused."""

from __future__ import annotations

import json
import pathlib

import pytest

from autogan_tf import search
from autogan_tf.bench import table
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import generator_cost
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from tests import photos
from tests.test_search_command import SMALL, arguments, command
from tests.test_table_command import EVERY, FAILED, row, rows, tables, words

__all__ = ["tables"]  # a fixture


@pytest.fixture(scope="module")
def opposed(tmp_path_factory) -> pathlib.Path:
    """A table in which what costs most is best, on the whole."""
    folder = tmp_path_factory.mktemp("opposed")
    every = [row(tokens) | {"fid": [distance(tokens)] * len(row(tokens)["fid"])} for tokens in EVERY]
    (folder / "1-cells.npz").write_bytes(table.of_rows(every, lambda genotype: Cost(1, 1)).to_bytes())
    return folder


def distance(tokens: tuple[int, ...]) -> float:
    return 40.0 - EVERY.index(tokens) + 10 * (tokens[0] == 1)


def values(document: dict) -> tuple[float, float]:
    return document["scores"]["frechet_distance"], document["scores"]["parameters"]


def files_of(run: pathlib.Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted((run / "front").iterdir())]


def no_better(one, other) -> bool:
    return any(a > b for a, b in zip(one, other, strict=True)) or one == other


def test_on_a_table_it_ends_with_the_front_of_all_architectures(tmp_path, opposed, capsys):
    """Of one cell's 36, all of which it can try; which are on the front follows from the table and from counting."""
    run = tmp_path / "run"
    changes = {"strategy": "nsga2", "nsga2_population": 12, "budget": 40}
    assert search.main(words(run, opposed, **changes)) == 0
    tried = {tuple(map(int, name.split())) for told in rows(run, "strategy") for name in told["rewards"]}
    assert tried == set(EVERY)
    every, worst = {}, max(distance(tokens) for tokens in EVERY if tokens != FAILED)
    for tokens in EVERY:
        cost = generator_cost(Genotype.from_tokens(tokens), gf_dim=16, latent_dim=128)
        every[tokens] = (worst if tokens == FAILED else distance(tokens), float(cost.parameters))
    expected = [t for t in EVERY if all(no_better(other, every[t]) for other in every.values())]
    found = files_of(run)
    assert sorted(tuple(document["tokens"]) for document in found) == sorted(expected) and len(found) > 1
    for document in found:
        distance_, parameters = every[tuple(document["tokens"])]
        assert values(document) == (pytest.approx(distance_, rel=1e-5), parameters)
        assert document["cost"]["parameters"] == parameters and document["scores"]["weights"] == "own"
    assert [values(document)[0] for document in found] == sorted(values(document)[0] for document in found)
    last = [line for line in capsys.readouterr().out.splitlines() if line.startswith("front of")]
    assert last == [
        f"front of fid, parameters: {len(found)} architectures, {run}/front/01.json "
        f"(fid {values(found[0])[0]:,.0f}, parameters {values(found[0])[1]:,.0f}) to "
        f"{run}/front/{len(found):02d}.json (fid {values(found[-1])[0]:,.0f}, parameters {values(found[-1])[1]:,.0f})"
    ]
    volumes = [told["hypervolume"] for told in rows(run, "search")]
    assert volumes == sorted(volumes) and volumes[-1] > 0
    assert (run / "genotypes" / "01.json").exists()  # the reward still ranks
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '<section id="front">' in page and "fid, low is good" in page and "hypervolume by architectures" in page
    # the run that is complete is left alone, with its front
    assert search.main(words(run, opposed, **changes)) == 0 and files_of(run) == found


def test_three_objectives_have_a_picture_of_each_two(tmp_path, tables):
    changes = {"strategy": "nsga2", "nsga2_population": 6, "objectives": "is,parameters,kid", "budget": 20}
    assert search.main(words(tmp_path / "run", tables, **changes)) == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for pair in ("is and parameters", "is and kid", "parameters and kid"):
        assert f"the front by {pair}" in page
    assert "is, high is good" in page
    scores = [document["scores"]["inception_score"] for document in files_of(tmp_path / "run")]
    assert scores == sorted(scores, reverse=True)


def test_bounds_hold_on_the_front(tmp_path, tables):
    costs = sorted(generator_cost(Genotype.from_tokens(t), gf_dim=16, latent_dim=128).parameters for t in EVERY)
    changes = {"strategy": "nsga2", "nsga2_population": 6, "budget": 20, "max_parameters": costs[len(costs) // 3]}
    assert search.main(words(tmp_path / "run", tables, **changes)) == 0
    assert all(document["cost"]["parameters"] <= costs[len(costs) // 3] for document in files_of(tmp_path / "run"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"objectives": "fid,params"}, "--objectives has 'params', which there is not; did you mean parameters? each"),
        ({"objectives": "fid"}, "--objectives must be two or three different objectives, but it is fid; for example"),
        ({"objectives": "fid,fid"}, "--objectives must be two or three different objectives, but it is fid,fid"),
        ({"nsga2_population": 1}, "--nsga2_population must be a whole number that is at least 2, but it is '1'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path, tables, capsys, changes, told):
    assert search.main(words(tmp_path / "run", tables, strategy="nsga2", **changes)) != 0
    error = capsys.readouterr().err
    assert told in error and error.count("--objectives") + error.count("--nsga2_population") <= 2
    assert not (tmp_path / "run").exists()


def test_with_shared_weights_it_measures_what_the_reward_does_not_name(tmp_path):
    """Members are scored anew in the second iteration, whose front it ends with; the search grows before it."""
    settings = SMALL | {"num_cells": 2, "grow_steps": "1", "max_search_iter": 2, "train_steps": 0, "threads": 1}
    photos.write(tmp_path, side=16)
    changes = {"strategy": "nsga2", "nsga2_population": 4, "trial_batch": 3, "run_dir": "run"}
    done = command(tmp_path, *arguments(settings, **changes))
    assert done.returncode == 0, done.stderr
    assert "front of fid, parameters: " in done.stdout
    run = tmp_path / "run"
    for told in rows(run, "strategy"):
        for name, scores in told["scores"].items():
            assert set(scores) == {"is", "fid", "parameters"} and scores["is"] == told["rewards"][name]
            if told["iteration"] == 1:
                genotype = Genotype.from_string(name, autogan.SPACE)
                assert scores["parameters"] == generator_cost(genotype, gf_dim=5, latent_dim=6, channels=1).parameters
    newest = {n: s for told in rows(run, "strategy") if told["iteration"] == 1 for n, s in told["scores"].items()}
    assert len(newest) == 8
    pairs = [(scores["fid"], scores["parameters"]) for scores in newest.values()]
    expected = {n for n, s in newest.items() if all(no_better(pair, (s["fid"], s["parameters"])) for pair in pairs)}
    found = files_of(run)
    assert {" ".join(map(str, document["tokens"])) for document in found} == expected
    for document in found:
        assert document["scores"]["num_images"] == 40 and document["scores"]["weights"] == "shared"
        assert {"reward", "frechet_distance", "parameters"} <= set(document["scores"])
    ranked = json.loads((run / "genotype.json").read_text())  # by the reward, with all that was measured
    assert {"inception_score", "frechet_distance", "parameters"} <= set(ranked["scores"])
    assert '<section id="front">' in (run / "report.html").read_text(encoding="utf-8")
