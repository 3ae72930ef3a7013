"""The search command as a person runs it, on a folder of small generated images: what it writes, prints and refuses."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import requests
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

from autogan_tf import search, train
from autogan_tf.config import fields
from autogan_tf.config.train import TrainConfig
from autogan_tf.models.generator import generator_cost
from autogan_tf.nas import candidates
from autogan_tf.search_space.genotype import Genotype

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

SMALL = {
    "gf_dim": 4,
    "df_dim": 8,
    "latent_dim": 6,
    "gen_batch_size": 6,
    "dis_batch_size": 5,
    "n_critic": 2,
    "shared_steps": 5,
    "ctrl_step": 3,
    "ctrl_sample_batch": 2,
    "hid_size": 8,
    "rl_num_eval_img": 40,
    "num_eval_imgs": 60,
    "eval_batch_size": 20,
    "calibration_batches": 2,
    "num_candidate": 5,
    "topk": 3,
    "classifier_steps": 12,
    "classifier_batch_size": 16,
    "classifier_width": 4,
    "train_steps": 4,
    "train_gf_dim": 5,
    "train_df_dim": 8,
    "train_gen_batch_size": 6,
    "train_dis_batch_size": 5,
    "train_n_critic": 2,
    "train_eval_every": 2,
    "seed": 3,
}
OF_THE_MACHINE = ("time", "seconds", "images_per_second", "memory_mb")

ONE_CELL = SMALL | {"num_cells": 1, "grow_steps": "", "max_search_iter": 2}
TWO_CELLS = SMALL | {"num_cells": 2, "grow_steps": "1", "max_search_iter": 2}
THREE_CELLS = SMALL | {"num_cells": 3, "grow_steps": "1,2", "max_search_iter": 4}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    """A folder with photos/: 20 small grey images in each of two class folders, dark and bright."""
    root = tmp_path_factory.mktemp("search")
    rng = np.random.default_rng(0)
    for name, level in (("bright", 180), ("dark", 60)):
        (root / "photos" / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(level + rng.normal(0, 30, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / "photos" / name / f"{number:02d}.png")
    return root


def arguments(settings: dict, **changes) -> list[str]:
    settings = {"dataset": "folder:photos", "cache_dir": "cache"} | settings | changes
    return [f"--{name}={value}" for name, value in settings.items()]


def command(place: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in `place`, which is its home, too: whatever it writes is in there."""
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "autogan_tf.search", *words],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=900,
    )


def contents(path: pathlib.Path) -> dict[str, str]:
    """Digest of every file below a folder."""
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def rows(file: pathlib.Path) -> list[dict]:
    """The lines of a .jsonl file without what clocks and memory say."""
    return [
        {name: value for name, value in json.loads(line).items() if name not in OF_THE_MACHINE}
        for line in file.read_text().splitlines()
    ]


def assert_complete_search(run: pathlib.Path, settings: dict, output: str) -> None:
    """All files of a search's folder, and that they agree with each other and with the settings."""
    cells, iterations, topk = settings["num_cells"], settings["max_search_iter"], settings["topk"]
    assert {entry.name for entry in run.iterdir()} == {
        *("config.json", "genotype.json", "genotypes", "best", "metrics.jsonl", "checkpoints", "samples"),
        *("tensorboard", "report.html", "report.json"),
    }
    config = json.loads((run / "config.json").read_text())
    assert config["command"] == "search" and config["settings"]["gf_dim"] == settings["gf_dim"]

    files = sorted((run / "genotypes").iterdir())
    assert [file.name for file in files] == [f"{place:02d}.json" for place in range(1, topk + 1)]
    genotypes = [Genotype.load(file) for file in files]
    documents = [json.loads(file.read_text()) for file in files]
    assert len(set(genotypes)) == topk
    scores = [document["scores"]["inception_score"] for document in documents]
    assert scores == sorted(scores, reverse=True)
    assert all(1 <= score <= 2 for score in scores)  # two classes
    assert (run / "genotype.json").read_bytes() == files[0].read_bytes()
    for genotype, document in zip(genotypes, documents, strict=True):
        assert len(genotype.cells) == cells
        cost = generator_cost(genotype, gf_dim=settings["train_gf_dim"], latent_dim=6, channels=1)
        assert document["cost"] == {"parameters": cost.parameters, "multiply_adds": cost.multiply_adds}
        assert document["scores"]["num_images"] == settings["num_eval_imgs"]

    lines = rows(run / "metrics.jsonl")
    of_search = [row for row in lines if row["phase"] == "search"]
    assert [row["step"] for row in of_search] == list(range(iterations))
    assert [row["stage"] for row in of_search][-1] == cells - 1
    assert all(1 <= row["best"] <= 2 and row["mean"] <= row["best"] and row["entropy"] > 0 for row in of_search)
    assert len([row for row in lines if row["phase"] == "strategy"]) == iterations * settings["ctrl_step"]
    kept = [row["kept"] for row in lines if row["phase"] == "growth"]
    assert [len(beam) for beam in kept] == [topk] * (cells - 1)
    for beam, length in zip(kept, (4, 9), strict=False):  # every ranked architecture grew out of the kept ones
        prefixes = {" ".join(map(str, genotype.tokens[:length])) for genotype in genotypes}
        assert prefixes <= set(beam)
    assert len(list((run / "checkpoints").glob("ckpt-*.index"))) == 2
    assert any((run / "tensorboard").iterdir())
    shown = {done for done in range(1, iterations + 1) if done % 5 == 0}
    shown |= {iterations, *(int(step) for step in settings["grow_steps"].split(",") if step)}
    assert {file.name for file in (run / "samples").iterdir()} == {
        "real.png", *(f"iteration-{done:04d}.png" for done in shown)
    }  # fmt: skip
    for row in of_search:
        assert f"[{row['best_architecture']}]" in output
    assert all(str(genotype) in output for genotype in genotypes)

    best = run / "best"
    assert {entry.name for entry in best.iterdir()} == {
        *("config.json", "genotype.json", "metrics.jsonl", "evaluations.jsonl", "checkpoints", "samples", "tensorboard")
    }
    assert json.loads((best / "config.json").read_text())["command"] == "train"
    assert Genotype.load(best / "genotype.json") == genotypes[0]
    names = sorted(file.name for file in (best / "samples").iterdir())
    assert names == ["final.png", "neighbours.png", "real.png", "step-000002.png", "step-000004.png"]
    side = 4 * 2**cells
    with Image.open(best / "samples" / "final.png") as image:
        assert image.size == (64 // side * (10 * (side + 1) + 1),) * 2 and image.mode == "L"
    assert (best / "samples" / "final.png").read_bytes() == (best / "samples" / "step-000004.png").read_bytes()
    (evaluation,) = rows(best / "evaluations.jsonl")
    assert evaluation["num_images"] == settings["num_eval_imgs"] and evaluation["step"] == settings["train_steps"]
    assert 1 <= evaluation["inception_score"] <= 2 and evaluation["frechet_distance"] > 0
    assert evaluation["feature_network"] == documents[0]["scores"]["feature_network"]
    assert f"{evaluation['inception_score']:.3f}" in output
    assert (best / "checkpoints" / "ckpt-4.index").exists()


@pytest.fixture(scope="module")
def first_run(place) -> subprocess.CompletedProcess[str]:
    return command(place, *arguments(ONE_CELL, run_dir="runs/one"))


def test_one_cell_from_end_to_end(place, first_run):
    assert first_run.returncode == 0, first_run.stderr
    assert "Traceback" not in first_run.stderr
    assert "classifier trained" in first_run.stdout and "at 8 pixels" in first_run.stdout
    assert_complete_search(place / "runs" / "one", ONE_CELL, first_run.stdout)
    # what Keras and Matplotlib keep in a home
    assert {entry.name for entry in place.iterdir()} - {".keras", ".config", ".cache"} == {"photos", "cache", "runs"}


def test_the_same_seed_gives_the_same_result_and_the_classifier_comes_from_the_cache(place, first_run):
    done = command(place, *arguments(ONE_CELL, run_dir="runs/again"))
    assert done.returncode == 0, done.stderr
    assert "classifier from the cache" in done.stdout
    one, again = place / "runs" / "one", place / "runs" / "again"
    assert rows(again / "metrics.jsonl") == rows(one / "metrics.jsonl")
    for number in (1, 2, 3):
        documents = [json.loads((run / f"genotypes/{number:02d}.json").read_text()) for run in (one, again)]
        assert [document.pop("name") for document in documents] == [f"one-{number:02d}", f"again-{number:02d}"]
        assert documents[0] == documents[1]
    assert rows(again / "best" / "evaluations.jsonl") == rows(one / "best" / "evaluations.jsonl")
    assert contents(again / "best" / "samples") == contents(one / "best" / "samples")


def test_a_second_search_in_the_same_folder_is_refused(place, first_run, monkeypatch, capsys):
    before = contents(place)
    assert first_run.returncode == 0
    words = arguments(ONE_CELL, run_dir="runs/one", resume="never")
    assert "already holds a run" in refused(place, monkeypatch, capsys, *words)
    assert contents(place) == before


@pytest.mark.slow
def test_of_several_that_are_trained_the_best_is_best_and_train_goes_on_with_it(place, monkeypatch, capsys):
    """Random search for -fid under a bound, two trained; then a longer training of both; then `train` in best/."""
    monkeypatch.chdir(place)
    settings = ONE_CELL | {"strategy": "random", "round_trials": 3, "reward": "is - 0.01*fid", "max_parameters": 5000}
    # with this classifier the last step is the best one of every training, to which the scores belong
    words = arguments(settings, run_dir="runs/top", train_top=2, train_steps=2, train_loss="non_saturating",
                      classifier_seed=3)  # fmt: skip
    assert search.main(words) == 0
    assert "of 2 trained ones the best: " in capsys.readouterr().out
    run = place / "runs" / "top"

    def assert_ranked(steps: int) -> None:
        documents = [json.loads(file.read_text()) for file in sorted((run / "genotypes").iterdir())]
        trained = [document["scores"]["trained"] for document in documents[:2]]
        assert trained[0]["frechet_distance"] < trained[1]["frechet_distance"]
        assert [scores["step"] for scores in trained] == [steps] * 2 and "trained" not in documents[2]["scores"]
        assert {"inception_score", "frechet_distance"} <= documents[2]["scores"].keys()  # what the reward is made of
        assert all(document["cost"]["parameters"] <= 5000 for document in documents)
        assert Genotype.load(run / "best" / "genotype.json") == Genotype.load(run / "genotype.json")
        (other,) = (run / "trained").iterdir()
        assert str(Genotype.load(other / "genotype.json")) == " ".join(map(str, documents[1]["tokens"]))
        evaluation = json.loads((run / "best" / "evaluations.jsonl").read_text().splitlines()[-1])
        assert evaluation["frechet_distance"] == trained[0]["frechet_distance"]
        assert f"at step {steps}" in (run / "report.html").read_text()  # where the scores of the training are from

    assert_ranked(2)
    assert search.main(words) == 0 and "is complete" in capsys.readouterr().out
    longer = [word.replace("--train_steps=2", "--train_steps=3") for word in words]
    assert search.main(longer) == 0
    assert_ranked(3)
    written = json.loads((run / "best" / "config.json").read_text())["settings"]
    assert (written["loss"], written["gf_dim"], written["max_iter"]) == ("non_saturating", 5, 3)
    known = {field.name for field in fields.fields_of(TrainConfig)}
    values = {name: value for name, value in written.items() if name in known} | {"run_dir": "runs/top/best"}
    config = fields.from_dict(TrainConfig, values)
    assert train.main(fields.to_flags(dataclasses.replace(config, max_iter=4, loss="hinge"))) == 2
    assert "--loss was non_saturating and is hinge" in capsys.readouterr().err
    assert train.main(fields.to_flags(dataclasses.replace(config, max_iter=4))) == 0
    assert "going on from step 3" in (told := capsys.readouterr().out) and "step 4" in told


@pytest.mark.slow
def test_two_cells_without_final_training(place):
    settings = TWO_CELLS | {"train_steps": 0, "bottom_width": 2}
    settings |= {"dynamic_reset_window": 2, "dynamic_reset_threshold": 99}
    done = command(place, *arguments(settings, run_dir="runs/two"))
    assert done.returncode == 0, done.stderr
    run = place / "runs" / "two"
    lines = rows(run / "metrics.jsonl")
    assert [row["stage"] for row in lines if row["phase"] == "search"] == [0, 1]
    # the generator steps at 0 and 2, so that the windows of two are full, and collapsed, after three steps
    assert [row["shared_steps"] for row in lines if row["phase"] == "search"] == [3, 3]
    assert [row["resets"] for row in lines if row["phase"] == "search"] == [1, 2]
    assert "growing to 8 pixels on 3 prefixes" in done.stdout
    assert len(list((run / "genotypes").iterdir())) == 3
    assert not (run / "best").exists()


@pytest.mark.slow
def test_two_cells_in_half_precision_on_two_replicas(place):
    half = {"precision": "mixed_bfloat16", "distribution": "mirrored", "replicas": 2, "run_dir": "runs/half"}
    half |= {"dis_batch_size": 4, "gen_batch_size": 4, "train_dis_batch_size": 4, "train_gen_batch_size": 4}
    done = command(place, *arguments(TWO_CELLS | half))
    assert done.returncode == 0, done.stderr
    assert "trained generator" in done.stdout
    settings = json.loads((place / "runs" / "half" / "config.json").read_text())["settings"]
    assert settings["precision"] == "mixed_bfloat16"
    refused = command(place, *arguments(TWO_CELLS | half, precision="float32"))
    assert refused.returncode == 2 and "--precision was mixed_bfloat16 and is float32" in refused.stderr


@pytest.mark.slow
def test_images_on_the_disk_give_the_same_search(place):
    """At both stages; 40 images of 8 x 8 pixels are over 1,000 bytes."""
    found = []
    for name, limit in (("in_memory", 0.0), ("on_disk", 1e-6)):
        done = command(place, *arguments(TWO_CELLS, run_dir=f"runs/{name}", train_steps=0, data_memory_gb=limit))
        assert done.returncode == 0, done.stderr
        assert ("kept in a temporary file in cache" in done.stderr) == (name == "on_disk")
        documents = [json.loads(path.read_text()) for path in sorted((place / "runs" / name / "genotypes").iterdir())]
        found.append((rows(place / "runs" / name / "metrics.jsonl"), [entry | {"name": ""} for entry in documents]))
    assert found[0] == found[1] and len(found[0][1]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("reference_semantics", [False, True])
def test_three_cells_from_end_to_end(place, reference_semantics):
    settings = THREE_CELLS | {"reference_semantics": reference_semantics}
    if reference_semantics:
        settings |= {"ctrl_sample_batch": 1}
    run = f"runs/three-{reference_semantics}"
    done = command(place, *arguments(settings, run_dir=run))
    assert done.returncode == 0, done.stderr
    if not reference_semantics:
        assert_complete_search(place / run, settings, done.stdout)
    else:  # there, architectures may be ranked twice
        assert len(list((place / run / "genotypes").iterdir())) == settings["topk"]
        assert (place / run / "best" / "samples" / "final.png").exists()


@pytest.mark.slow
def test_a_divergence_ends_with_quantity_step_and_the_last_good_state(place):
    done = command(place, *arguments(ONE_CELL, run_dir="runs/nan", d_lr=1e30, g_lr=1e30))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "became" in said and "at discriminator step" in said
    assert (place / "runs" / "nan" / "checkpoints" / "ckpt-1.index").exists()
    assert not (place / "runs" / "nan" / "genotype.json").exists()


def test_a_dry_run_writes_nothing(place, monkeypatch, capsys):
    before = contents(place)
    monkeypatch.chdir(place)
    settings = SMALL | {"num_cells": 2, "grow_steps": "1", "max_search_iter": 2, "run_dir": "runs/dry"}
    assert search.main([*arguments(settings, dry_run="true")]) == 0
    output = capsys.readouterr()
    assert "40 images of 16 pixels, 1 channel" in output.out
    assert "2,592 architectures of 2 cells" in output.out
    assert "gf_dim" in output.out
    assert contents(place) == before and not (place / "runs" / "dry").exists()


def test_a_dry_run_tells_what_architectures_cost_and_how_many_keep_to_the_bounds(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert search.main(arguments(TWO_CELLS, dry_run="true", max_parameters=1560)) == 0
    output = capsys.readouterr().out
    # counted one by one: all 36 x 72 with 5 channels, one for grey images
    assert "1,536 to 2,191 parameters, 156,000 to 192,800 multiply-adds" in output
    share = re.search(r"constraints: (\S+)% of the architectures keep to them", output)
    assert share and 0 < float(share[1]) < 20


def test_rewards_and_constraints_that_cannot_be(place, monkeypatch, capsys):
    for words, said in [
        (["--reward=is - 0.1*fad"], "'fad' at position 10, which there is not; did you mean fid?"),
        (["--max_parameters=1000"], "keeps to --max_parameters=1000: the smallest has 1536 parameters"),
        (["--reward=-kid", "--num_eval_imgs=50000"], "the kernel distance between 40 and 50,000 images"),
    ]:
        assert said in refused(place, monkeypatch, capsys, *arguments(TWO_CELLS), *words)


def test_bounds_that_random_draws_do_not_meet_are_refused_before_anything_is_trained(place, monkeypatch, capsys):
    monkeypatch.setattr(candidates, "LISTED", 10)
    monkeypatch.setattr(candidates, "TRIES", 0)
    monkeypatch.setattr(candidates, "TRIES_PER_DRAW", 1)
    words = arguments(TWO_CELLS, single_level="true", max_parameters=1536)
    said = refused(place, monkeypatch, capsys, *words)
    assert "random architectures of 2 cells none keeps to --max_parameters" in said


@pytest.mark.slow
def test_a_reward_of_many_objectives_within_bounds(place):
    """And with both cells searched at once."""
    at_once = {"single_level": "true", "run_dir": "runs/objectives", "max_parameters": 1560}
    words = arguments(TWO_CELLS, train_steps=0, **at_once)
    done = command(place, *words, "--reward=is-.1*fid + kid - log parameters")
    assert done.returncode == 0, done.stderr
    run = place / "runs" / "objectives"
    for file in (run / "genotypes").iterdir():
        document = json.loads(file.read_text())
        scores = document["scores"]
        assert scores["parameters"] == document["cost"]["parameters"] <= 1560
        assert scores["reward_expression"] == "is - 0.1*fid + kid - log(parameters)"
        expected = scores["inception_score"] - 0.1 * scores["frechet_distance"] + scores["kernel_distance"]
        assert scores["score"] == pytest.approx(expected - np.log(scores["parameters"]))
    lines = rows(run / "metrics.jsonl")
    scored = [scores for row in lines for scores in row.get("scores", {}).values()]
    assert len(scored) > 4 and all(set(scores) == {"is", "fid", "kid", "parameters"} for scores in scored)
    assert all(set(row["mean_scores"]) == set(scored[0]) for row in lines if row["phase"] == "search")
    assert {row["stage"] for row in lines if row["phase"] == "search"} == {1}
    page = (run / "report.html").read_text()
    assert "Mean of the objective kid" in page and "<h3>Cells 1 to 2</h3>" in page


def refused(place: pathlib.Path, monkeypatch, capsys, *words: str) -> str:
    """The one line on stderr that the command ends with, in this process; exit code 2."""
    monkeypatch.chdir(place)
    assert search.main(list(words)) == 2
    output = capsys.readouterr()
    assert all(line.startswith("data set ") for line in output.out.splitlines())  # what was found there
    assert output.err.count("\n") == 1 and "Traceback" not in output.err
    return output.err


def damage(place: pathlib.Path) -> None:
    """Further data sets that cannot be used."""
    for name in ("empty", "broken/a", "broken/b", "plain"):
        (place / "bad" / name).mkdir(parents=True, exist_ok=True)
    good = (place / "photos" / "dark" / "00.png").read_bytes()
    for name in ("broken/a/good.png", "broken/b/good.png", "plain/1.png", "plain/2.png"):
        (place / "bad" / name).write_bytes(good)
    (place / "bad" / "broken" / "a" / "short.png").write_bytes(good[:60])
    (place / "bad" / "broken" / "b" / "text.png").write_text("no image")
    (place / "bad" / "file").touch()
    if (place / "bad" / "constant").exists():
        return
    network = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.float32)])
    def look(images):
        features = tf.reduce_mean(images, axis=[1, 2])
        return {"features": features, "logits": tf.zeros_like(features) + [1.0, 2.0, 3.0]}

    tf.saved_model.save(network, str(place / "bad" / "constant"), signatures=look)


CASES = {
    "unknown data set": ({"dataset": "cifar11"}, ["cifar11"]),
    "unknown search space": ({"space": "autogen"}, ["autogen", "there are autogan"]),
    "missing plugin": ({"plugin": "gone.py"}, ["--plugin=gone.py", "No such file"]),
    "missing folder": ({"dataset": "folder:bad/missing"}, ["missing", "does not exist"]),
    "no images": ({"dataset": "folder:bad/empty"}, ["empty", "no images"]),
    "damaged images": ({"dataset": "folder:bad/broken"}, ["2 of 4", "short.png", "text.png"]),
    "no labels": ({"dataset": "folder:bad/plain", "dis_batch_size": 2, "train_dis_batch_size": 2}, ["label"]),
    "too few images": ({"dis_batch_size": 41}, ["40", "41", "dis_batch_size"]),
    "too few to train": ({"train_dis_batch_size": 41}, ["40", "41", "train_dis_batch_size"]),
    "topk": ({"topk": 6}, ["topk", "6", "num_candidate", "5"]),
    "image size": ({"image_size": 32}, ["image_size", "32", "8"]),
    "grow steps": ({"num_cells": 3, "grow_steps": "3,2", "max_search_iter": 5}, ["grow_steps", "3,2"]),
    "value": ({"gf_dim": "many"}, ["gf_dim", "many"]),
    "range": ({"beta2": 1}, ["beta2", "1"]),
    "features": ({"features": "inceptionn"}, ["inceptionn", "classifier"]),
    "reward": ({"features": "saved_model:bad/constant"}, ["saved_model:constant", "same classes", "--features"]),
    "below a file": ({"run_dir": "bad/file/run"}, ["bad/file", "is a file"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gets_one_line_and_nothing_written(place, monkeypatch, capsys, case):
    damage(place)
    changes, words = CASES[case]
    before = contents(place)
    line = refused(place, monkeypatch, capsys, *arguments(ONE_CELL | {"run_dir": "runs/bad"} | changes))
    for word in words:
        assert word in line
    new = set(contents(place).items()) ^ set(before.items())
    assert all(name.startswith("cache/images-") for name, _ in new)  # decoded images, which the next command may use
    assert not (place / "runs" / "bad").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--gf_dmi=4"], "--gf_dim"),
        (["cifar10"], "'cifar10'"),
        (["--arch=1", "0", "1", "1"], "arch"),
        (["--flagfile=cifar11.flags"], "cifar10.flags"),
    ],
)
def test_misspelt_flags_and_stray_words(place, monkeypatch, capsys, words, expected):
    before = contents(place)
    assert expected in refused(place, monkeypatch, capsys, *arguments(ONE_CELL, run_dir="runs/bad"), *words)
    assert contents(place) == before


def test_an_error_leaves_the_process_with_code_2_and_one_line(place):
    """Once as a process of its own: TensorFlow's own messages do not come in between."""
    done = command(place, *arguments(ONE_CELL, run_dir="runs/bad", dataset="folder:photos/none"))
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: --dataset=folder:photos/none")
    assert not (place / "runs" / "bad").exists()


class Board:
    """TensorBoard over a folder, as a person starts it."""

    def __init__(self, folder: pathlib.Path, home: pathlib.Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", f"--logdir={folder}", "--port=0", "--load_fast=false"],
            env={**os.environ, "HOME": str(home)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for line in self._process.stderr:
            if found := re.search(r"http://localhost:\d+", line):
                self.address = found[0]
                break

    def get(self, path: str, **query: str) -> requests.Response:
        answer = requests.get(f"{self.address}/data/plugin/{path}", params=query, timeout=120)
        answer.raise_for_status()
        return answer

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def test_tensorboard_has_one_value_of_a_name_at_a_step(place, first_run):
    assert first_run.returncode == 0
    for run in ("one", "one/best"):
        events = EventMultiplexer().AddRunsFromDirectory(str(place / "runs" / run / "tensorboard")).Reload()
        ((name, content),) = events.Runs().items()
        assert len(content["tensors"]) > 15
        for tag in content["tensors"]:
            steps = [event.step for event in events.Tensors(name, tag)]
            assert len(set(steps)) == len(steps), (run, tag, steps)


def test_tensorboard_shows_the_search(place, first_run):
    assert first_run.returncode == 0
    runs = {"one/tensorboard", "one/best/tensorboard"}
    with Board(place / "runs", place) as board:
        deadline = time.monotonic() + 300
        while set(board.get("scalars/tags").json()) < runs and time.monotonic() < deadline:
            time.sleep(0.5)  # it is still reading
        scalars = {run: set(tags) for run, tags in board.get("scalars/tags").json().items()}
        assert {"losses/d_loss", "gradient_norms/g_gradient_norm", "machine/images_per_second", "reward/mean",
                "reward/best_so_far", "reset_window/d_loss_spread", "entropy/conv", "entropy/shortcut",
                "strategy/baseline", "strategy/advantage"} <= scalars["one/tensorboard"]  # fmt: skip
        assert {"losses/g_loss", "learning_rates/d_lr", "scores/frechet_distance", "scores/inception_score",
                "scores/kernel_distance"} <= scalars["one/best/tensorboard"]  # fmt: skip
        points = board.get("scalars/scalars", run="one/tensorboard", tag="reward/mean").json()
        logged = [row for row in rows(place / "runs" / "one" / "metrics.jsonl") if row["phase"] == "search"]
        assert [step for _, step, _ in points] == [row["step"] for row in logged]
        assert [value for *_, value in points] == pytest.approx([row["mean"] for row in logged], rel=1e-5)
        images = {run: set(tags) for run, tags in board.get("images/tags").json().items()}
        assert images["one/tensorboard"] == {"samples", "real", "diagram", "best_architecture", "policy/cell_1"}
        assert images["one/best/tensorboard"] == {"samples", "real", "diagram", "neighbours"}
        (found,) = board.get("images/images", run="one/best/tensorboard", tag="real", sample="0").json()
        picture = board.get(f"images/individualImage?{found['query']}").content
        with Image.open(io.BytesIO(picture)) as image, Image.open(place / "runs/one/best/samples/real.png") as file:
            np.testing.assert_array_equal(np.asarray(image.convert("L")), np.asarray(file))
        assert {"settings", "ranked", "choices"} <= set(board.get("text/tags").json()["one/tensorboard"])
        assert "post-activation" in board.get("text/text", run="one/best/tensorboard", tag="architecture").text or (
            "pre-activation" in board.get("text/text", run="one/best/tensorboard", tag="architecture").text
        )
        layout = board.get("custom_scalars/layout").json()
        assert [category["title"] for category in layout["category"]] == ["search", "training", "scores"]
