"""The train command as a person runs it, on a folder of small generated images."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf import evaluate, train
from autogan_tf.models.generator import generator_cost
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import trained
from tests import photos

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
ARCHITECTURE = "0 1 2 1"
SMALL = {
    "arch": ARCHITECTURE,
    "dataset": "folder:photos",
    "gf_dim": 4,
    "df_dim": 6,
    "latent_dim": 5,
    "gen_batch_size": 6,
    "dis_batch_size": 5,
    "n_critic": 2,
    "g_lr": 1e-2,
    "d_lr": 1e-2,
    "max_iter": 6,
    "eval_steps": 2,
    "num_eval_imgs": 40,
    "classifier_steps": 10,
    "classifier_batch_size": 16,
    "classifier_width": 4,
    "cache_dir": "cache",
    "seed": 3,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    """A folder with photos/: 20 small grey images in each of two class folders, dark and bright."""
    return photos.write(tmp_path_factory.mktemp("train"), side=8)


def arguments(**changes) -> list[str]:
    return [f"--{name}={value}" for name, value in (SMALL | changes).items() if value is not None]


def process(place, **changes) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, which must end well."""
    command = [sys.executable, "-m", "autogan_tf.train", *arguments(**changes)]
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=900, env={"PYTHONPATH": str(REPOSITORY)}
    )
    assert done.returncode == 0, done.stderr
    return done


def without_times(entry: dict) -> dict:
    """A line of numbers without those that clock and memory gave."""
    return {name: value for name, value in entry.items() if name not in ("time", "images_per_second", "memory_mb")}


@pytest.fixture(scope="module")
def run(place) -> pathlib.Path:
    """A finished run."""
    said = process(place, run_dir="runs/a").stdout
    assert "best at step" in said and said.count("Fréchet distance") == 4
    return place / "runs" / "a"


def lines(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_a_run_leaves(run):
    assert {entry.name for entry in run.iterdir()} == {
        *("config.json", "genotype.json", "metrics.jsonl", "evaluations.jsonl"),
        *("checkpoints", "tensorboard", "samples", "report.html", "report.json"),
    }
    assert json.loads((run / "config.json").read_text())["command"] == "train"
    genotype = Genotype.load(run / "genotype.json")
    assert genotype == Genotype.from_string(ARCHITECTURE)
    cost = generator_cost(genotype, gf_dim=4, latent_dim=5, bottom_width=4, channels=1)
    assert json.loads((run / "genotype.json").read_text())["cost"]["parameters"] == cost.parameters
    assert {path.name for path in (run / "samples").iterdir()} == {
        *(f"step-{step:06d}.png" for step in (2, 4, 6)),
        *("final.png", "real.png", "neighbours.png"),
    }


def test_the_best_checkpoint_is_that_of_the_lowest_distance(run, place, monkeypatch, capsys):
    scores = lines(run / "evaluations.jsonl")[:3]
    assert [entry["step"] for entry in scores] == [2, 4, 6]
    best = min(scores, key=lambda entry: entry["frechet_distance"])
    folder = trained.training_run(run)
    (checkpoint,) = (run / "checkpoints" / "best").glob("*.index")
    assert checkpoint.name == f"ckpt-{best['step']}.index"
    grid = f"step-{best['step']:06d}.png"
    assert (run / "samples" / "final.png").read_bytes() == (run / "samples" / grid).read_bytes()
    # evaluated again, both checkpoints have the scores that the run wrote down
    monkeypatch.chdir(place)
    for which, expected in (("best", best), ("newest", scores[-1])):
        command = ["--run_dir=runs/a", "--num_eval_imgs=40", "--metrics=is,fid", "--json=-", "--seed=3"]
        assert evaluate.main([*command, "--cache_dir=cache", f"--checkpoint={which}"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["evaluations"]
        assert found["feature_network"] == expected["feature_network"]
        assert found["frechet_distance"] == pytest.approx(expected["frechet_distance"], rel=1e-4)
    z = tf.ones([2, 5])
    averages, last = (trained.load_generator(folder, weights=weights)(z) for weights in ("average", "last"))
    assert np.any(averages.numpy() != last.numpy())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run(run, place):
    process(place, run_dir="runs/again")  # in this process other tests may have changed how TensorFlow rewrites graphs
    process(place, run_dir="runs/other", seed=4)
    first, again, other = (lines(place / "runs" / name / "evaluations.jsonl")[:3] for name in ("a", "again", "other"))
    for one, two in zip(first, again, strict=True):
        assert one["frechet_distance"] == pytest.approx(two["frechet_distance"], rel=1e-6)
    assert first[-1]["frechet_distance"] != other[-1]["frechet_distance"]


def test_another_tensorflow_does_not_go_on_by_accident(run, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    shutil.copytree(run, place / "runs" / "stack")
    file = place / "runs" / "stack" / "config.json"
    document = json.loads(file.read_text())
    document["packages"]["tensorflow"] = "1.2.3"
    file.write_text(json.dumps(document))
    before = file.read_bytes()
    assert train.main(arguments(run_dir="runs/stack", max_iter=7)) == 2
    error = capsys.readouterr().err
    assert f"TensorFlow 1.2.3 wrote the run, and this is {tf.__version__}" in error and error.count("error:") == 1
    assert file.read_bytes() == before
    for steps, more in ((7, {"other_stack": True}), (8, {})):  # from then on it is the newer one's
        assert train.main(arguments(run_dir="runs/stack", max_iter=steps, **more)) == 0
        assert lines(place / "runs" / "stack" / "evaluations.jsonl")[-1]["step"] == steps


@pytest.mark.slow
def test_any_seed_is_judged_by_the_same_classifier_but_a_run_of_before_by_its_own(run, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (network,) = {entry["feature_network"] for entry in lines(run / "evaluations.jsonl")}
    assert train.main(arguments(run_dir="runs/seed", seed=4, max_iter=2)) == 0
    assert lines(place / "runs" / "seed" / "evaluations.jsonl")[-1]["feature_network"] == network

    # an earlier version took the run's seed, and did not write another one
    assert train.main(arguments(run_dir="runs/before", seed=4, classifier_seed=4, max_iter=2)) == 0
    before = place / "runs" / "before"
    document = json.loads((before / "config.json").read_text())
    del document["settings"]["classifier_seed"]
    (before / "config.json").write_text(json.dumps(document))
    for steps in (4, 6):  # and goes on more than once
        assert train.main(arguments(run_dir="runs/before", seed=4, max_iter=steps)) == 0
    entries = lines(before / "evaluations.jsonl")
    assert [entry["step"] for entry in entries[:3]] == [2, 4, 6]
    assert network not in {entry["feature_network"] for entry in entries}
    assert len({entry["feature_network"] for entry in entries}) == 1
    capsys.readouterr()
    assert train.main(arguments(run_dir="runs/before", seed=4, classifier_seed=1, max_iter=8)) != 0
    assert "--classifier_seed was 4 and is 1" in capsys.readouterr().err


def test_images_on_the_disk_give_the_same_run(run, place):
    """The classifier, the reference and the training all look at a file: 40 images of 64 bytes are over 1,000 bytes."""
    done = process(place, run_dir="runs/streamed", data_memory_gb=1e-6, cache_dir="cache_streamed")
    assert "kept in a temporary file in cache_streamed" in done.stderr
    streamed = place / "runs" / "streamed"
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        one, two = ([without_times(entry) for entry in lines(path / name)] for path in (run, streamed))
        assert one[: len(two)] == two and len(two) >= 3
    checkpoints = list((run / "checkpoints").glob("**/*.index"))
    assert len(checkpoints) >= 2
    for checkpoint in checkpoints:
        one, two = (
            tf.train.load_checkpoint(str(place.with_suffix("")))
            for place in (checkpoint, streamed / checkpoint.relative_to(run))
        )
        names = set(one.get_variable_to_shape_map()) - {"state/.ATTRIBUTES/VARIABLE_VALUE"}  # with the logs' lengths
        assert len(names) > 20 and names <= set(two.get_variable_to_shape_map())
        for name in names:
            assert np.asarray(one.get_tensor(name)).tobytes() == np.asarray(two.get_tensor(name)).tobytes(), name
    cached = [path.name for path in (place / "cache_streamed").iterdir()]
    # a classifier, a reference and its features, whose names hold digests of the images
    assert len(cached) == 3 and all((place / "cache" / name).exists() for name in cached)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"loss": "wasserstein", "penalty": "wgan_gp", "spectral_norm": "none", "augment": "flip,color"},
        {"loss": "non_saturating", "penalty": "r1", "lr_decay": True, "jit_compile": True},
        {"loss": "wasserstein", "clip_weights": 0.1, "spectral_norm": "none"},
        {"loss": "least_squares", "minibatch_std": True},
        {"loss": "hinge", "conditional": True, "spectral_norm": "both", "precision": "mixed_bfloat16"},
    ],
    ids=lambda options: options["loss"],
)
def test_other_recipes_train(place, monkeypatch, options, request):
    monkeypatch.chdir(place)
    run = f"runs/{abs(hash(request.node.name))}"
    assert train.main(arguments(run_dir=run, **options)) == 0
    scores = lines(place / run / "evaluations.jsonl")
    assert [entry["step"] for entry in scores] == [2, 4, 6]
    assert all(np.isfinite(entry["frechet_distance"]) for entry in scores)
    discriminator = trained.load_discriminator(trained.training_run(place / run), checkpoint="newest")
    assert bool(discriminator.non_trainable_variables) == (options.get("spectral_norm") != "none")
    assert discriminator.minibatch_std == options.get("minibatch_std", False)
    generator = trained.load_generator(trained.training_run(place / run))
    assert generator.num_classes == discriminator.num_classes == (2 if "conditional" in options else 0)
    assert generator.l1.normalize == (options.get("spectral_norm") == "both")
    if "clip_weights" in options:
        assert max(np.abs(variable).max() for variable in discriminator.trainable_variables) < 0.1001


def test_as_published_the_average_is_not_warmed_up_and_has_the_last_statistics(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    small = arguments(run_dir="runs/published", max_iter=1, n_critic=1)
    tf.config.run_functions_eagerly(True)  # for a single step, tracing would take most of the time
    try:
        assert train.main([*small, "--reference_semantics"]) == 0
    finally:
        tf.config.run_functions_eagerly(False)
    folder = trained.training_run(place / "runs" / "published")
    average, last = (trained.load_generator(folder, weights=weights) for weights in ("average", "last"))
    for mine, theirs in zip(average.non_trainable_variables, last.non_trainable_variables, strict=True):
        assert np.any(mine.numpy() != 0) and np.array_equal(mine, theirs)
    # Adam's first step moves a weight by up to the rate of 0.01, and a thousandth of that is in the average
    pairs = zip(average.trainable_variables, last.trainable_variables, strict=True)
    assert max(np.abs(mine - theirs).max() for mine, theirs in pairs) == pytest.approx(0.999 * 0.01, rel=1e-3)
    capsys.readouterr()
    assert train.main(small) == 2
    assert "--reference_semantics was true and is false" in capsys.readouterr().err


@pytest.mark.parametrize(("on_collapse", "times"), [("stop", 1), ("restart", 6)])
def test_a_collapse_is_told_with_its_step(place, monkeypatch, capsys, on_collapse, times):
    monkeypatch.chdir(place)
    changes = {"dynamic_reset_threshold": 1e9, "dynamic_reset_window": 3, "on_collapse": on_collapse}
    assert train.main(arguments(run_dir=f"runs/{on_collapse}", **changes)) == 1
    said = capsys.readouterr().out
    assert said.count("stand still at generator step 3") == times and "stopped: " in said
    noted = [entry for entry in lines(place / "runs" / on_collapse / "metrics.jsonl") if entry["phase"] == "collapse"]
    assert [(entry["step"], entry["attempt"]) for entry in noted] == [(3, attempt) for attempt in range(times)]
    # what was scored before stays
    assert (place / "runs" / on_collapse / "checkpoints" / "best" / "checkpoint").exists()


def test_a_genotype_file_and_passes_over_the_data(run, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    changes = {"arch": None, "genotype": "runs/a/genotype.json", "eval_steps": 0, "val_freq": 3}
    assert train.main([*arguments(**changes), "--dry_run"]) == 0
    said = capsys.readouterr().out
    # 3 passes over 40 images, 5 at once and twice for each generator step
    assert "40 images in 2 classes: bright (20), dark (20)" in said
    assert "every 12 generator steps" in said and "6 generator steps of 6 images" in said
    assert not (place / "runs" / "new").exists()


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"arch": None}, "neither"),
        ({"genotype": "autogan_cifar10_a"}, "both"),
        ({"arch": "0 1 2"}, "got 3"),
        ({"space": "autogen"}, "did you mean autogan? there are autogan"),
        ({"plugin": "gone.py"}, "--plugin=gone.py: No such file"),
        ({"arch": None, "genotype": "gone.json"}, "gone.json"),
        ({"arch": None, "genotype": "autogan_cifar10_a"}, "some of 8"),
        ({"bottom_width": 6}, "make images of 12 pixels"),
        ({"dataset": "folder:gone"}, "gone"),
        ({"dis_batch_size": 41}, "40 images"),
        ({"features": "inception"}, "--inception_weights"),
        ({"clip_weights": 0.01}, "--loss=wasserstein"),
        ({"clip_weights": 0.01, "loss": "wasserstein"}, "--spectral_norm=none"),
        ({"clip_weights": 0.01, "loss": "wasserstein", "penalty": "r1", "spectral_norm": "none"}, "give one of them"),
        ({"loss": "wasserstein", "spectral_norm": "none"}, "bounds the discriminator's slope"),
        ({"loss": "minimax"}, "non_saturating"),
        ({"minibatch_std": True, "penalty": "r1"}, "across the batch"),
        ({"conditional": True, "dataset": "folder:photos/dark"}, "has no labels"),
        ({"spectral_norm": "all"}, "discriminator, generator, both, none"),
        ({"precision": "float16"}, "mixed_float16"),
        ({"distribution": "mirrored"}, "found no GPU"),
        ({"distribution": "multi_worker"}, "TF_CONFIG"),
        ({"distribution": "multi_worker", "replicas": 2}, "is for --distribution=mirrored"),
        ({"distribution": "tpu"}, "found no TPU"),
        ({"augment": "flip,flip"}, "twice"),
        ({"augment": "rotate"}, "rotate"),
        ({"run_dir": "photos"}, "already holds files"),
    ],
)
def test_bad_input_gets_one_line_and_nothing_written(place, monkeypatch, capsys, changes, part):
    monkeypatch.chdir(place)
    before = sorted(path.name for path in place.glob("runs/*"))
    assert train.main(arguments(**{"run_dir": "runs/bad"} | changes)) == 2
    output = capsys.readouterr()
    assert part in output.err and output.err.count("\n") == 1 and output.out == ""
    assert sorted(path.name for path in place.glob("runs/*")) == before
