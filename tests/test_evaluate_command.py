"""The evaluate command as a person runs it: on a run, a SavedModel and a folder, against images and statistics."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from autogan_tf import convert, evaluate, train
from autogan_tf.metrics.frechet import FrechetStatistics
from autogan_tf.training import trained

TESTS = pathlib.Path(__file__).resolve().parent
CHECKPOINT = TESTS / "interop" / "checkpoints" / "training.pth"
SIZE = ["--num_eval_imgs=70", "--eval_batch_size=25"]


class MeanColour(tf.Module):
    """Features: the mean of each channel in [-1, 1]. Logits: 5 times these."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")])
    def __call__(self, images):
        features = tf.reduce_mean(tf.cast(images, tf.float32) / 127.5 - 1, axis=[1, 2])
        return {"features": features, "logits": 5.0 * features}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    """run/: a converted checkpoint of a tiny generator; real/: two classes of images; made/: images; network/."""
    root = tmp_path_factory.mktemp("evaluate")
    arguments = [f"--checkpoint={CHECKPOINT}", "--genotype=autogan_cifar10_a", f"--run_dir={root / 'run'}"]
    assert convert.main(arguments) == 0
    rng = np.random.default_rng(0)
    for name, number, low in (("real/a", 40, 0), ("real/b", 40, 100), ("made", 70, 30)):
        (root / name).mkdir(parents=True)
        for index, colour in enumerate(rng.integers(low, low + 150, (number, 1, 1, 3), np.uint8)):
            Image.fromarray(np.broadcast_to(colour, (32, 32, 3))).save(root / name / f"{index:03d}.png")
    network = MeanColour()
    tf.saved_model.save(network, str(root / "network"), signatures=network.__call__)
    broken = tf.Module()
    broken.call = tf.function(
        lambda z: {"images": tf.reshape(tf.math.log(tf.tile(z[:, :1], [1, 3072])), [-1, 32, 32, 3])},
        input_signature=[tf.TensorSpec([None, 2], tf.float32, name="z")],
    )
    tf.saved_model.save(broken, str(root / "broken"), signatures=broken.call)
    return root


@pytest.fixture
def run(place, monkeypatch, capsys):
    """Runs the command in `place` with the small network; returns the exit code, the results and what it printed."""
    monkeypatch.chdir(place)

    def call(*arguments: str, network="--features=saved_model:network"):
        code = evaluate.main([*arguments, network, "--cache_dir=cache", "--json=-"])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else None, output.err

    return call


def colours(folder: pathlib.Path, number: int) -> np.ndarray:
    paths = sorted(folder.glob("**/*.png"))[:number]
    return np.array([np.asarray(Image.open(path))[0, 0] for path in paths], np.float64) / 127.5 - 1


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """For 3 features, by the eigenvalues of the product of the covariances."""
    first, second = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.linalg.eigvals(first @ second).real).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * roots)


def test_a_folder_against_a_folder(run, place):
    code, results, printed = run("--images=made", "--reference=folder:real", *SIZE)
    assert code == 0
    (scores,) = results["evaluations"]
    expected = frechet(colours(place / "made", 70), colours(place / "real", 80))
    assert scores["frechet_distance"] == pytest.approx(expected, rel=1e-4)
    assert scores["num_images"] == 70 and scores["reference_images"] == 80
    assert scores["reference"] == "folder:real/train"
    assert scores["feature_network"].startswith("saved_model:network/")
    assert {"inception_score", "kernel_distance", "precision", "recall", "density", "coverage"} <= scores.keys()
    for words in ("Inception score", "Fréchet distance", "kernel distance", "70 images of made", "folder:real"):
        assert words in printed
    # the second time, the real images are not looked at again, and the numbers are the same
    _, again, printed = run("--images=made", "--reference=folder:real", *SIZE)
    for name in scores.keys() - {"time"}:
        assert again["evaluations"][0][name] == scores[name]


def test_a_run_appends_its_scores(run, place):
    code, results, _ = run("--run_dir=run", "--reference=folder:real", "--metrics=is,fid", "--repeats=3", *SIZE)
    assert code == 0
    lines = [json.loads(line) for line in (place / "run" / "evaluations.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines[-3:]] == [0, 1, 2] and lines[-3:] == results["evaluations"]
    values = [line["frechet_distance"] for line in lines[-3:]]
    assert results["mean"]["frechet_distance"] == pytest.approx(np.mean(values))
    assert results["spread"]["frechet_distance"] == pytest.approx(np.std(values, ddof=1))
    assert len(set(values)) == 3
    # the batch size does not choose the images
    _, other, _ = run("--run_dir=run", "--reference=folder:real", "--metrics=is,fid", "--num_eval_imgs=70")
    assert other["evaluations"][0]["frechet_distance"] == pytest.approx(values[0], rel=1e-5)


def test_conventions_and_weights(run):
    def score(*arguments: str) -> dict:
        code, results, _ = run("--run_dir=run", "--metrics=is", *SIZE, *arguments)
        assert code == 0
        return results["evaluations"][0]

    ours, official = score(), score("--preset=official")
    assert (ours["inception_score_splits"], official["inception_score_splits"]) == (1, 10)
    assert ours["inception_score_std"] == 0 < official["inception_score_std"]
    assert score("--engine=tfgan")["inception_score"] == pytest.approx(ours["inception_score"], rel=1e-10)
    assert score("--seed=1")["inception_score"] != ours["inception_score"]
    assert score("--weights=last")["weights"] == "last"


def test_a_saved_model_gives_what_the_run_gives(run, place):
    generator = trained.load_generator(trained.training_run(place / "run"))
    graph = tf.function(lambda z: {"images": generator(z, training=False)})
    signature = graph.get_concrete_function(z=tf.TensorSpec([None, generator.latent_dim], tf.float32, name="z"))
    tf.saved_model.save(generator, str(place / "model" / "1"), signatures=signature)
    first, second = (
        run(what, "--reference=folder:real", "--metrics=is,fid", *SIZE)[1]["evaluations"][0]
        for what in ("--run_dir=run", "--saved_model=model")
    )
    for name in ("inception_score", "frechet_distance"):
        assert second[name] == pytest.approx(first[name], rel=1e-4)


def test_statistics_are_written_and_read(run, place, tmp_path):
    file = tmp_path / "new" / "real.npz"
    code, results, printed = run("--reference=folder:real", "--image_size=32", f"--write_reference={file}")
    assert (code, results) == (0, None) and str(file) in printed
    written = FrechetStatistics.load(file)
    np.testing.assert_allclose(written.mean, colours(place / "real", 80).mean(axis=0), atol=1e-6)
    assert written.count == 80 and written.source == "folder:real/train"
    against = [
        run("--images=made", f"--reference={reference}", "--metrics=fid", *SIZE)[1]["evaluations"][0]
        for reference in (file, "folder:real")
    ]
    assert against[0]["frechet_distance"] == pytest.approx(against[1]["frechet_distance"], rel=1e-10)
    code, _, printed = run("--reference=folder:real", "--image_size=32", f"--write_reference={file}")
    assert code == 2 and "exists already" in printed
    ttur = tmp_path / "ttur.npz"
    np.savez(ttur, mu=written.mean, sigma=written.covariance)
    _, results, _ = run("--images=made", f"--reference={ttur}", "--metrics=fid", *SIZE)
    assert results["evaluations"][0]["frechet_distance"] == pytest.approx(against[1]["frechet_distance"], rel=1e-10)


def test_the_classifier_is_trained_once(run):
    arguments = ["--images=made", "--reference=folder:real", "--metrics=is,fid", *SIZE,
                 "--classifier_steps=3", "--classifier_batch_size=8", "--classifier_width=4"]  # fmt: skip
    first, second = (run(*arguments, network="--features=classifier")[1]["evaluations"][0] for _ in range(2))
    assert first["feature_network"].startswith("classifier/")
    assert {k: v for k, v in first.items() if k != "time"} == {k: v for k, v in second.items() if k != "time"}


def test_a_runs_own_network_and_its_statistics(place, tmp_path, monkeypatch, capsys):
    """The classifier belongs to the run's data set, whatever the images are compared with."""
    monkeypatch.chdir(place)
    run = tmp_path / "run"
    arguments = ["--arch=1 0 1 1  1 0 0 1 1  1 0 1 0 3", "--dataset=folder:real", "--gf_dim=3", "--df_dim=3"]
    arguments += ["--gen_batch_size=4", "--dis_batch_size=4", "--max_iter=1", "--num_eval_imgs=20", "--n_critic=1"]
    arguments += ["--classifier_steps=3", "--classifier_batch_size=8", "--classifier_width=4", "--cache_dir=cache"]
    assert train.main([*arguments, f"--run_dir={run}"]) == 0
    capsys.readouterr()

    def scores(*more: str) -> dict:
        command = [f"--run_dir={run}", "--num_eval_imgs=20", "--cache_dir=cache", "--json=-", *more]
        assert evaluate.main(command) == 0
        return json.loads(capsys.readouterr().out)["evaluations"][0]

    file = f"{tmp_path}/real.npz"
    first = scores("--metrics=is,fid", f"--write_reference={file}")
    assert first["feature_network"].startswith("classifier/")
    read = scores(f"--reference={file}")
    assert read["feature_network"] == first["feature_network"]
    assert read["frechet_distance"] == pytest.approx(first["frechet_distance"], rel=1e-9)
    other = scores("--metrics=is,fid", "--reference=./made")  # without labels
    assert other["feature_network"] == first["feature_network"] and other["reference"] == "folder:made/train"


def test_a_subset_of_the_real_images(run):
    arguments = ["--images=made", "--reference=folder:real", "--num_reference_imgs=50", "--metrics=fid"]
    code, results, _ = run(*arguments, *SIZE)
    assert code == 0 and results["evaluations"][0]["reference_images"] == 50
    # 80 images of 32 x 32 x 3 are 245,760 bytes, 50 of them 153,600: all on the disk, all in memory, and the subset
    for limit in (1e-4, 1e-3, 2e-4):
        _, again, _ = run(*arguments, *SIZE, f"--data_memory_gb={limit}")
        assert again["evaluations"][0]["frechet_distance"] == results["evaluations"][0]["frechet_distance"]


def test_memorised_images_are_named_by_their_files(run, place, tmp_path):
    """Of the four images two are training images: each is found with the file that it equals."""
    (tmp_path / "copies").mkdir()
    for number, source in enumerate(("b/005", "a/039", None, None)):
        path = tmp_path / "copies" / f"{number}.png"
        if source is None:
            Image.fromarray(np.full((32, 32, 3), 254 + number % 2, np.uint8)).save(path)
        else:
            shutil.copy(place / "real" / f"{source}.png", path)
    for folder in (tmp_path / "copies", place / "real"):
        shutil.make_archive(str(tmp_path / folder.name), "zip", folder)
    zipped = [f"--images={tmp_path}/copies.zip", f"--reference=folder:{tmp_path}/real.zip"]
    for where in ([f"--images={tmp_path}/copies", "--reference=folder:real"], zipped):
        code, results, printed = run(*where, "--metrics=memorization", "--num_eval_imgs=4")
        found = results["evaluations"][0]["memorization"]
        assert code == 0 and found["copies"] == 2
        assert sorted(found["closest_generated_files"][:2]) == ["0.png", "1.png"]
        # by code point a/000..a/039, then b/000: rows 39 and 45
        pairs = dict(zip(found["closest_generated_files"], found["closest_training_files"], strict=True))
        assert (pairs["0.png"], pairs["1.png"]) == ("b/005.png", "a/039.png")
        rows = dict(zip(found["closest_generated"], found["closest_training"], strict=True))
        assert (rows[0], rows[1]) == (45, 39)
        assert "0.png to b/005.png (0)" in printed and "1.png to a/039.png (0)" in printed


def test_of_some_images_of_a_folder_and_of_a_run_the_right_ones_are_named(run, place):
    """The files are those that the seed drew, and a run's images have none."""
    code, results, _ = run("--images=made", "--reference=folder:made", "--metrics=memorization", "--num_eval_imgs=9")
    found = results["evaluations"][0]["memorization"]
    assert code == 0 and found["copies"] == 9
    # each is its own nearest image, so the drawn files and those of the training images agree
    assert found["closest_generated_files"] == found["closest_training_files"]
    assert found["closest_training_files"] == [f"{row:03d}.png" for row in found["closest_training"]]
    arguments = ["--run_dir=run", "--reference=folder:real", "--metrics=memorization", "--num_eval_imgs=4"]
    of_run = run(*arguments)[1]["evaluations"][0]["memorization"]
    assert of_run["closest_generated_files"] is None and len(of_run["closest_training_files"]) == 4


def test_test_images_among_the_training_images_are_named(run):
    """A folder's training images are all of its images, the tenth that is its test part included."""
    arguments = ["--images=made", "--reference=folder:real", "--metrics=memorization", "--heldout", *SIZE]
    code, results, printed = run(*arguments)
    assert (code, results) == (2, None)
    (line,) = (line for line in printed.splitlines() if line.startswith("error: "))
    found = re.findall(r"([ab]/0\d\d\.png) \(the same as ([ab]/0\d\d\.png)\)", line)
    assert "8 of the 80 test images" not in line and "8 of the 8 test images of folder:real" in line
    assert len(found) == 8 and all(test == training for test, training in found)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--images=made", "--reference=folder:real", "--num_eval_imgs=71"], "has 70 images"),
        (["--images=gone", "--reference=folder:real"], "does not exist"),
        (["--images=made", "--reference=folder:gone", *SIZE], "gone"),
        (["--images=made", "--reference=gone.zip", *SIZE], "gone.zip does not exist"),
        (["--images=made", "--reference=gone.npz", "--metrics=fid", *SIZE], "gone.npz"),
        (["--run_dir=gone", "--reference=folder:real"], "gone"),
        (["--saved_model=made", "--reference=folder:real"], "no SavedModel"),
        (["--run_dir=run", *SIZE], "does not say what it was trained on"),
        (["--images=made", "--reference=folder:real", "--num_reference_imgs=81", *SIZE], "80 images"),
        (["--images=made", "--reference=folder:real", "--features=saved_model:gone", *SIZE], "gone"),
        (["--images=made", "--reference=folder:grey", *SIZE], "channels"),
        (["--images=made", "--reference=folder:small", *SIZE], "has some of 16 (1 of 1: a.png (16 pixels))"),
        (["--reference=folder:real", "--image_size=64", "--write_reference=new.npz"], "80 of 80: a/000.png (32"),
        (["--images=made", "--metrics=is", "--features=classifier", *SIZE], "--classifier_data"),
        (["--run_dir=run", "--metrics=is", "--inception_weights=i.pth", *SIZE], "saved_model:network"),
        (["--images=made", "--reference=folder:real", "--num_reference_imgs=5", *SIZE], "got 5 real"),
        (["--saved_model=broken", "--metrics=is", *SIZE], "have NaN or values outside of [-1, 1]"),
        (["--images=made", "--metrics=is", "--write_reference=made/000.png/a.npz", "--reference=cifar10"], "is a file"),
        (["--images=made", "--metrics=is", "--preset=official", "--num_eval_imgs=5"], "at least 10 images"),
    ],
)
def test_bad_input_gets_one_line(run, place, arguments, part):
    (place / "grey").mkdir(exist_ok=True)
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(place / "grey" / "a.png")
    Image.fromarray(np.ones((32, 32), np.uint8)).save(place / "grey" / "b.png")
    (place / "small").mkdir(exist_ok=True)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(place / "small" / "a.png")
    features = [argument for argument in arguments if argument.startswith("--features")]
    rest = [argument for argument in arguments if not argument.startswith("--features")]
    code, results, printed = run(*rest, network=(features or ["--features=saved_model:network"])[0])
    assert (code, results) == (2, None)
    assert part in printed and printed.strip().splitlines()[-1].startswith("error: ")


@pytest.mark.slow
def test_as_a_process_of_its_own(place):
    command = [sys.executable, "-m", "autogan_tf.evaluate", f"--images={place / 'made'}", *SIZE, "--metrics=is,fid",
               f"--reference=folder:{place / 'real'}", "--features=efficientnet_lite0", "--features_resolution=32",
               f"--cache_dir={place / 'cache'}", f"--json={place / 'scores.json'}"]  # fmt: skip
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "Fréchet distance" in done.stdout and "efficientnet_lite0@32/" in done.stdout
    assert json.loads((place / "scores.json").read_text())["evaluations"][0]["num_images"] == 70
    again = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, timeout=900)
    assert again.returncode == 2 and "exists already" in again.stderr


def test_the_results_are_written_before_they_are_shown(place, monkeypatch):
    """What the terminal cannot take costs no results."""
    monkeypatch.chdir(place)

    def fail(results, terminal):
        raise ValueError("cannot be shown")

    monkeypatch.setattr("autogan_tf.runs.score_table.show", fail)
    words = ["--images=made", "--metrics=is", "--features=saved_model:network", "--json=before.json", *SIZE[:1]]
    with pytest.raises(ValueError, match="cannot be shown"):
        evaluate.main(words)
    assert json.loads((place / "before.json").read_text())["evaluations"][0]["num_images"] == 70


def test_a_run_that_may_not_be_written_to_is_judged_all_the_same(run, monkeypatch):
    def refuse(self, scores):
        raise PermissionError(13, "Permission denied", str(self.evaluations_file))

    monkeypatch.setattr("autogan_tf.runs.folder.RunFolder.append_evaluation", refuse)
    code, results, printed = run("--run_dir=run", "--metrics=is", "--num_eval_imgs=4")
    assert code == 0 and results["evaluations"][0]["num_images"] == 4
    assert "evaluations.jsonl cannot be written to: Permission denied" in printed
