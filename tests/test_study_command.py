"""The study command as a person runs it, on a table of one cell that is made up here."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from autogan_tf import study
from autogan_tf.bench import halves, judging, table
from autogan_tf.config import command_line, fields
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.models.cost import Cost
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.studies import trained

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
EVERY = list(itertools.product(*map(range, autogan.SPACE.counts(1))))
NAMES = ("is", "kid", "d_loss", "g_loss", "seconds", "scoring")
SEARCH = (
    "--flagfile=bench_search.flags --num_cells=1 --round_trials=4 --population=3 --trial_batch=1 --topk=2 --threads=1"
)


def made(folder: pathlib.Path, seeds: tuple[int, ...] = (0, 1)) -> pathlib.Path:
    """Some seeds of each architecture, of which (1, 1, 0, 1) is best."""
    rng = np.random.default_rng(0)
    rows = [
        {"tokens": list(tokens), "seed": seed, "failure": "", "points": [270], "machine": "A",
         "fid": [float(np.exp(2 - 0.3 * (tokens[0] + tokens[3]) + 0.2 * abs(tokens[1] - 1) + 0.05 * rng.normal()))],
         **{name: [1.0] for name in NAMES}}
        for tokens in EVERY for seed in seeds
    ]  # fmt: skip
    folder.mkdir()
    (folder / "1-cells.npz").write_bytes(table.of_rows(rows, lambda genotype: Cost(1, 1)).to_bytes())
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> pathlib.Path:
    return made(tmp_path_factory.mktemp("study") / "tables")


def words(folder: pathlib.Path, tables: pathlib.Path, **changes) -> list[str]:
    settings = {"run_dir": folder, "table": tables, "strategies": "evolution", "seeds": 2, "budget": 6, "draws": 3,
                "search_flags": SEARCH}  # fmt: skip
    return [f"--{name}={value}" for name, value in (settings | changes).items()]


def started(
    folder: pathlib.Path, tables: pathlib.Path, script: pathlib.Path | None = None, **changes
) -> subprocess.Popen:
    """The command, as `python -m` begins it or from a script's file."""
    program = ["-m", "autogan_tf.study"] if script is None else [str(script)]
    return subprocess.Popen(
        [sys.executable, *program, *words(folder, tables, **changes)],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def found_in(folder: pathlib.Path) -> dict:
    document = json.loads((folder / "study.json").read_text())
    return {name: document[name] for name in ("costs", "groups", "pairs", "agreements", "ceiling", "failed")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tables) -> tuple[pathlib.Path, str]:
    """A study that was left alone, and what it said."""
    folder = tmp_path_factory.mktemp("whole") / "study"
    process = started(folder, tables, workers=2)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return folder, output


@pytest.fixture
def script(tmp_path) -> pathlib.Path:
    """What pip writes for the command, of which worker processes have no module to import."""
    lines = ["import sys", "from autogan_tf.study import main", "if __name__ == '__main__':", "    sys.exit(main())"]
    file = tmp_path / "autogan-study"
    file.write_text("\n".join(lines) + "\n")
    return file


def wait_for(there, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.slow
def test_what_a_study_leaves(whole):
    folder, output = whole
    found = found_in(folder)
    assert set(found["groups"]) == {"evolution", "random", "no search"} and not found["failed"]
    drawn = found["groups"].pop("no search")
    assert drawn["seeds"] == [1000, 1001, 1002] and all(len(set(curve)) == 1 for curve in drawn["curves"])
    for group in found["groups"].values():
        assert group["seeds"] == [1000, 1001] and len(group["end"]) == 2 and min(group["end"]) >= 0
        assert all(curve[-1] is not None for curve in group["curves"])
        # it ends after the iteration in which the budget is reached, and then trains up to ten for the ranking
        assert all(6 <= cost < 9 + 10 * 1.06 for cost in group["spent"])
    milestones = json.loads((folder / "study.json").read_text())["milestones"]
    assert [row["cost"] for row in milestones] == [5, 6]
    for share in ("standing", "estimated_standing"):
        assert all(0 <= group[share] < 1 for row in milestones for group in row["groups"].values())
    assert 0 <= found["ceiling"] < 1
    assert set(milestones[0]["groups"]["evolution"]["better_than"]) == {"random"}
    assert "evolution: regret" in output and (folder / "study.html").stat().st_size > 5000
    events = EventMultiplexer().AddRunsFromDirectory(str(folder / "tensorboard")).Reload()
    assert set(events.Runs()) == {"evolution", "random", "no-search"}
    assert [event.step for event in events.Tensors("random", "study/median")][-1] == 6


@pytest.mark.slow
def test_a_study_that_is_stopped_goes_on_and_ends_as_one_that_was_left_alone(tmp_path, tables, whole, script):
    again = started(tmp_path / "again", tables, script)
    searches = tmp_path / "again" / "searches"
    wait_for(lambda: list(searches.glob("*/genotype.json")))
    again.send_signal(signal.SIGTERM)
    output, _ = again.communicate(timeout=300)
    assert again.returncode == 128 + signal.SIGTERM, output
    assert not (tmp_path / "again" / "study.json").exists()
    before = {file: file.stat().st_mtime_ns for file in searches.glob("*/genotype.json")}
    again = started(tmp_path / "again", tables, script)
    output, _ = again.communicate(timeout=900)
    assert again.returncode == 0, output
    assert found_in(tmp_path / "again") == found_in(whole[0])
    assert before and all(file.stat().st_mtime_ns == when for file, when in before.items())  # not done again


@pytest.fixture
def cluster() -> Iterator[tuple[str, subprocess.Popen]]:
    """A Ray cluster of two nodes on this machine, each a group of processes: its address, and the second node."""
    pytest.importorskip("ray")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="r"))  # its sockets' paths must be short, which pytest's are not
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "RAY_USAGE_STATS_ENABLED": "0"}
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    ours = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
    ours.append("--node-ip-address=127.0.0.1")
    nodes: list[subprocess.Popen] = []
    with (folder / "log").open("w") as log:
        try:
            for words in (ours, [f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.2"]):
                nodes.append(subprocess.Popen([*ray, *words], env=env, stdout=log, stderr=log, start_new_session=True))
                wait_for(lambda: "--block" in (folder / "log").read_text() or nodes[-1].poll() is not None)
                assert nodes[-1].poll() is None, (folder / "log").read_text()
            yield f"127.0.0.1:{port}", nodes[1]
        finally:
            for node in nodes:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(node.pid, signal.SIGKILL)
                node.wait()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_on_a_cluster_a_study_is_stopped_and_a_node_is_killed_and_it_ends_the_same(tmp_path, tables, whole, cluster):
    address, second = cluster
    searches = tmp_path / "study" / "searches"

    def some_done() -> bool:
        return bool(list(searches.glob("*/genotype.json"))) or study.poll() is not None

    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    wait_for(some_done)
    study.send_signal(signal.SIGTERM)
    output, _ = study.communicate(timeout=300)
    assert study.returncode == 128 + signal.SIGTERM, output
    before = {file: file.stat().st_mtime_ns for file in searches.glob("*/genotype.json")}
    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    wait_for(lambda: len(list(searches.glob("*/genotype.json"))) > len(before) or study.poll() is not None)
    os.killpg(second.pid, signal.SIGKILL)
    output, _ = study.communicate(timeout=900)
    assert study.returncode == 0, output
    assert found_in(tmp_path / "study") == found_in(whole[0])
    assert before and all(file.stat().st_mtime_ns == when for file, when in before.items())  # not done again


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "auto", "nonsense"])
def test_a_cluster_that_is_not_there_is_named_within_seconds(tmp_path, tables, address):
    pytest.importorskip("ray")
    began = time.monotonic()
    study = started(tmp_path / "study", tables, workers="ray", ray_address=address)
    output, _ = study.communicate(timeout=120)
    assert study.returncode == 2 and f"--ray_address={address} cannot be reached" in output, output
    assert output.count("error:") == 1 and time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strategies": "evolutoin"}, "did you mean evolution"),
        ({"strategies": ""}, "--strategies must name each once"),
        ({"estimations": "table,table"}, "--estimations must name each once"),
        ({"budget": 0.5}, "--budget"),
        ({"budget": 0}, "--judge=trainings 0"),
        ({"arms": "thirds --strategy=random"}, "a colon and the flags"),
        ({"arms": "a: --strategy=evolution --population=9 --round_trials=3"}, "--round_trials must be at least"),
        ({"arms": "a: --seed=3"}, "--arms, in a, has --seed"),
        ({"arms": "a: --topk=3; a: --topk=2"}, "--arms has a, which is another way's name"),
        ({"arms": "random: --topk=3"}, "--arms has random, which is another way's name"),
        ({"arms": "halves: --bench_half=proof"}, "--bench_half all and proof"),
        ({"arms": "short: --budget_steps=180"}, "which are not the same in all ways to search"),
        ({"arms": "long: --train_gf_dim=32"}, "--train_gf_dim=32; begin with --flagfile=bench_search.flags"),
        ({"arms": "b: --estimation=from_scratch --train_g_lr=0.5", "judge": "trainings"}, "the ways to search differ"),
        ({"search_flags": SEARCH + " --dataset=mnist5k", "estimations": "from_scratch"}, "has not the architectures"),
        ({"seeds": 1}, "--seeds"),
        ({"search_flags": "--num_cells=1 --seed=3"}, "--search_flags has --seed"),
        ({"search_flags": "--num_cells=1 'x"}, "cannot be read as words"),
        ({"search_flags": SEARCH + " --population=9"}, "--round_trials must be at least"),
        ({"search_flags": SEARCH + " --num_cells=2"}, "no table of 2 cells"),
        ({"run_dir": ""}, "--run_dir is empty"),
        ({"workers": "many"}, "--workers must be a number from 1, or ray"),
        ({"workers": "0"}, "--workers must be a number from 1, or ray"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(tmp_path, tables, capsys, changes, told):
    assert study.main(words(tmp_path / "study", tables, **changes)) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("error:") == 1 and not (tmp_path / "study").exists()


def test_a_table_without_repetitions_is_refused(tmp_path, capsys):
    tables = made(tmp_path / "tables", seeds=(0,))
    assert study.main(words(tmp_path / "study", tables)) == 2
    error = capsys.readouterr().err
    assert "make_bench.py replicates" in error and error.count("error:") == 1 and not (tmp_path / "study").exists()


def pretended(monkeypatch, *, failed: dict[str, str], scores=None) -> list[study.Job]:
    """In place of the runs: searches that tried two architectures each and ended with the first of them, trainings
    without a trace whose scores are given by tokens and seed. The jobs that there were."""
    seen: list[study.Job] = []

    def done(config, every, missing, unit, terminal, stop):
        seen.extend(every)
        for number, job in enumerate(every if unit == "searches" else []):
            folder = pathlib.Path(job.folder)
            (folder / "genotypes").mkdir(parents=True)
            (folder / "genotypes" / "01.json").write_text(Genotype.from_tokens(EVERY[number]).to_json())
            row = {"step": 0, "phase": "strategy", "time": 1.0, "iteration": 0, "trained_images": 5000,
                   "scored_images": 0, "rewards": {" ".join(map(str, EVERY[number])): 1.0}}  # fmt: skip
            (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
        return {job: failed[job.what] for job in every if job.what in failed}

    def scored(settings, folder):
        tokens, seed = folder.name.split("-seed-")
        return scores(tuple(map(int, tokens.split("-"))), int(seed))

    monkeypatch.setattr(study, "_done", done)
    monkeypatch.setattr(trained, "scores", scored)
    return seen


def test_a_search_that_failed_is_told_and_the_others_count(tmp_path, tables, capsys, monkeypatch):
    """In a folder with a blank in its name."""
    pretended(monkeypatch, failed={"random, seed 1000": "it ended with code 1"})
    assert study.main(words(tmp_path / "my study", tables)) == 1
    found = found_in(tmp_path / "my study")
    assert found["failed"] == ["it ended with code 1"]
    assert {name: group["seeds"] for name, group in found["groups"].items()} == {
        "evolution": [1000, 1001], "random": [1001], "no search": [1000, 1001, 1002]
    }  # fmt: skip
    assert "it ended with code 1" in (tmp_path / "my study" / "study.html").read_text(encoding="utf-8")


def test_ways_with_flags_of_their_own(tmp_path, tables, monkeypatch):
    jobs = pretended(monkeypatch, failed={})
    arms = "small.2: --strategy=evolution --population=2 --tournament=2;plain: --strategy='random'"
    assert study.main(words(tmp_path / "study", tables, strategies="", arms=arms)) == 0
    assert set(found_in(tmp_path / "study")["groups"]) == {"random", "small.2", "plain", "no search"}
    small = [job for job in jobs if job.what == "small.2, seed 1001"]
    assert len(small) == 1 and {"--population=2", f"--table={tables}", "--seed=1001", "--budget=6"} <= {*small[0].flags}
    assert small[0].folder.endswith("/searches/small.2-1001")


def test_a_way_of_the_same_name_with_other_flags_is_not_taken_for_the_old_one(tmp_path, tables, monkeypatch, capsys):
    jobs = pretended(monkeypatch, failed={})
    arms = "mine: --strategy=evolution --population=2 --tournament=2"
    assert study.main(words(tmp_path / "study", tables, arms=arms)) == 0
    for job in jobs:  # as searches leave it
        config = command_line.parse(SearchConfig, job.flags, doc="")
        document = {"command": "search", "settings": fields.to_dict(config) | {"reward": "-log(fid)"}}
        (pathlib.Path(job.folder) / "config.json").write_text(json.dumps(document))
    monkeypatch.setattr(study, "_done", lambda *arguments: {})
    assert study.main(words(tmp_path / "study", tables, arms=arms)) == 0
    capsys.readouterr()
    before = (tmp_path / "study" / "study.json").read_bytes()
    assert study.main(words(tmp_path / "study", tables, arms="mine: --strategy=local_search")) == 2
    error = capsys.readouterr().err
    assert "mine-1000 is another one" in error and "--strategy was evolution and is local_search" in error
    assert (tmp_path / "study" / "study.json").read_bytes() == before


def test_a_half_of_the_bench_has_its_own_draws_and_oracle(tmp_path, tables, monkeypatch):
    pretended(monkeypatch, failed={})
    half = {"search_flags": SEARCH + " --bench_half=tuning", "draws": 40}
    assert study.main(words(tmp_path / "study", tables, **half)) == 0
    judge = judging.Judge(table.load(num_cells=1, folder=tables))
    known = [judge.worth(tokens) for tokens in EVERY if halves.is_of_tuning(tokens)]
    ends = found_in(tmp_path / "study")["groups"]["no search"]["end"]
    assert {round(end, 4) for end in ends} <= {round(value - min(known), 4) for value in known}
    assert len(set(ends)) > 10


def test_what_was_found_is_judged_by_trainings_of_its_own(tmp_path, tables, monkeypatch):
    """Of an architecture's number n the distance is exp(n) and exp(n + 1) with the two seeds."""

    def scores(tokens, seed):
        log = EVERY.index(tokens) + seed - 1_001_000
        return {"frechet_distance": float(np.exp(log)), "inception_score": 100.0 - log}

    jobs = pretended(monkeypatch, failed={}, scores=scores)
    changes = {"judge": "trainings", "judge_seeds": 2, "budget": 0, "search_flags": SEARCH + " --train_steps=270"}
    assert study.main(words(tmp_path / "study", tables, **changes)) == 0
    document = json.loads((tmp_path / "study" / "study.json").read_text())
    ends = {name: group["end"] for name, group in document["groups"].items()}
    assert ends["evolution"] == [0.5, 2.5] and ends["random"] == [1.5, 3.5]  # the searches ended with 0 1 2 3
    assert [pair["better"] for pair in document["pairs"] if pair["second"] == "random"] == [0.75]
    (inception,) = document["further"]
    assert inception["measure"] == "negative Inception score" and inception["ends"]["random"] == [-98.5, -96.5]
    trainings = [job for job in jobs if job.command == "train"]
    wanted = ("--seed", "--max_iter", "--gf_dim", "--eval_steps")
    flags = {flag for job in trainings for flag in job.flags if flag.startswith(wanted)}
    assert flags == {"--seed=1001000", "--seed=1001001", "--max_iter=270", "--gf_dim=16", "--eval_steps=270"}
    assert {name: group["different"] for name, group in document["groups"].items()} == {
        "evolution": 2, "random": 2, "no search": 3
    }  # fmt: skip
    found = {job.folder.rpartition("/")[2] for job in trainings}
    assert len(found) == len(trainings) and "0-0-0-0-seed-1001001" in found
    page = (tmp_path / "study" / "study.html").read_text(encoding="utf-8")
    assert "A dot for each seed" in page and "python -m autogan_tf.study" in page


def test_a_training_that_failed_counts_as_the_worst(tmp_path, tables, monkeypatch):
    pretended(
        monkeypatch,
        failed={"training 0 0 0 0, seed 1001000": "it collapsed"},
        scores=lambda tokens, seed: {"frechet_distance": float(np.exp(EVERY.index(tokens)))},
    )
    changes = {"judge": "trainings", "judge_seeds": 2, "draws": 0, "search_flags": SEARCH + " --train_steps=270"}
    assert study.main(words(tmp_path / "study", tables, **changes)) == 1
    groups = found_in(tmp_path / "study")["groups"]
    assert groups["evolution"]["end"] == [1.5, 2.0] and groups["random"]["end"] == [1.0, 3.0]  # (3 + 0) / 2, 2, 1, 3


@pytest.mark.slow
def test_real_searches_are_judged_by_real_trainings(tmp_path):
    """Of 2 steps on digits of 8 pixels; the second time nothing is left to do."""
    flags = (
        "--dataset=mnist5k --num_cells=1 --single_level --gf_dim=4 --df_dim=4 --train_gf_dim=4 --train_df_dim=4 "
        "--dis_batch_size=8 --gen_batch_size=4 --train_dis_batch_size=8 --train_gen_batch_size=4 --shared_steps=2 "
        "--max_search_iter=1 --round_trials=3 --ctrl_step=1 --ctrl_sample_batch=3 --num_candidate=3 --topk=2 "
        "--rl_num_eval_img=32 --num_eval_imgs=64 --train_steps=2 --features=classifier --classifier_steps=2 "
        f"--reward=is --threads=1 --cache_dir={tmp_path / 'cache'}"
    )
    changes = {"estimations": "shared_weights", "strategies": "reinforce", "judge": "trainings", "judge_seeds": 2,
               "budget": 0, "search_flags": flags, "draws": 2}  # fmt: skip
    process = started(tmp_path / "study", pathlib.Path(), **changes)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    document = json.loads((tmp_path / "study" / "study.json").read_text())
    assert set(document["groups"]) == {"reinforce", "random", "no search"}
    for group in document["groups"].values():
        assert len(group["end"]) == 2 and all(np.isfinite(group["end"]))
    trainings = sorted((tmp_path / "study" / "trainings").glob("*-seed-*/config.json"))
    told = [json.loads(file.read_text())["settings"] for file in trainings]
    assert {settings["seed"] for settings in told} == {1001000, 1001001} and len(told) % 2 == 0
    scores = trained.scores(TrainConfig(max_iter=2, num_eval_imgs=64), trainings[0].parent)
    assert scores["frechet_distance"] > 0
    before = [file.stat().st_mtime_ns for file in trainings]
    process = started(tmp_path / "study", pathlib.Path(), **changes)
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    assert [file.stat().st_mtime_ns for file in trainings] == before
    assert json.loads((tmp_path / "study" / "study.json").read_text())["groups"] == document["groups"]


def test_a_study_of_other_settings_is_not_gone_on_with(tmp_path, tables, capsys, monkeypatch):
    monkeypatch.setattr(study, "_done", lambda *arguments: {})
    monkeypatch.setattr(study, "_write", lambda *arguments: None)
    assert study.main(words(tmp_path / "study", tables)) == 0
    assert study.main(words(tmp_path / "study", tables, seeds=5, strategies="evolution,local_search")) == 0
    capsys.readouterr()
    assert study.main(words(tmp_path / "study", tables, budget=7)) == 2
    assert "--budget was 6.0 and is 7.0" in capsys.readouterr().err
