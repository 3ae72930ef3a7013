"""The export command as a person runs it, and its model in the commands that take one."""

from __future__ import annotations

import json
import pathlib

import pytest
import tensorflow as tf

from autogan_tf import evaluate, export, sample


@pytest.fixture(scope="module")
def place(trained_runs) -> pathlib.Path:
    """The conditional run runs/classes, scored, and models/classes/1 of it with classes.tflite."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained_runs)
        words = ["--run_dir=runs/classes", "--num_eval_imgs=20", "--cache_dir=cache", "--metrics=fid"]
        assert evaluate.main(words) == 0
        assert export.main(["--run_dir=runs/classes", "--output=models/classes", "--tflite=classes.tflite"]) == 0
    return trained_runs


@pytest.fixture(autouse=True)
def there(place, monkeypatch):
    monkeypatch.chdir(place)


def error(capsys, *arguments: str) -> str:
    assert export.main(list(arguments)) != 0
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    return said


def test_what_is_written(place):
    names = sorted(entry.name for entry in (place / "models" / "classes").iterdir())
    assert names == ["1", "batching_parameters.txt", "docker-compose.yml", "models.config"]
    assert (place / "classes.tflite").stat().st_size > 1000


def test_what_cannot_be_written_is_refused_first(capsys):
    assert "--output" in (said := error(capsys, "--run_dir=runs/classes", f"--output={'n' * 255}/{'m' * 4000}"))
    assert "longer than the system takes" in said
    assert "must be UTF-8" in error(capsys, "--run_dir=runs/classes", "--output=f\udcfc")
    assert "photos/dark/00.png is a file" in error(capsys, "--run_dir=runs/classes", "--output=photos/dark/00.png/x")
    assert not pathlib.Path("f\udcfc").exists()


def test_the_description_tells_architecture_settings_and_scores(capsys):
    for path in ("models/classes", "models/classes/1"):
        assert export.main([f"--describe={path}"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["genotype"]["tokens"] == [0, 1, 1, 1]
        assert told["run"]["settings"]["max_iter"] == 3 and told["run"]["settings"]["conditional"] is True
        assert (told["num_classes"], told["latent_dim"], told["image_shape"]) == (2, 5, [8, 8, 1])
        assert told["class_counts"] == [12, 24]
        assert told["scores"][-1]["frechet_distance"] > 0
        assert (told["weights"], told["checkpoint"], told["stored_as"]) == ("average", "best", "float32")


def test_sample_draws_the_same_files_from_the_run_the_model_and_its_signature():
    files = {}
    for name, where in (("run", "--run_dir=runs/classes"), ("model", "--saved_model=models/classes")):
        assert sample.main([where, f"--images=of_{name}", "--num_images=4", "--label=1"]) == 0
        files[name] = {path.name: path.read_bytes() for path in pathlib.Path(f"of_{name}").iterdir()}
    assert files["run"] == files["model"] and len(files["run"]) == 4
    signature = tf.saved_model.load("models/classes/1").signatures["sample"]
    answer = signature(seed=tf.range(4, dtype=tf.int64), label=tf.ones([4], tf.int32))["png_bytes"].numpy().tolist()
    assert answer == [files["run"][f"0000000{seed}-1.png"] for seed in range(4)]


def test_evaluate_sees_the_same_images_of_the_model_as_of_the_run(capsys):
    words = ["--reference=folder:photos", "--metrics=fid", "--num_eval_imgs=20", "--cache_dir=cache", "--json=-"]
    words += ["--features=classifier", "--classifier_steps=3", "--classifier_batch_size=8", "--classifier_width=4"]
    found = []
    for where in ("--run_dir=runs/classes", "--saved_model=models/classes/1"):
        assert evaluate.main([where, *words]) == 0
        found.append(json.loads(capsys.readouterr().out)["evaluations"][0]["frechet_distance"])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_half_precision_as_the_next_version(capsys):
    assert export.main(["--run_dir=runs/classes", "--output=models/classes", "--float16", "--weights=last"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(pathlib.Path("models/classes/2").absolute())]
    assert export.main(["--describe=models/classes"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["stored_as"], told["weights"]) == ("float16", "last")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--run_dir=runs/classes"], "--output is empty"),
        (["--output=models/x"], "--run_dir is empty"),
        (["--run_dir=nowhere", "--output=models/x"], "holds no finished run"),
        (["--run_dir=runs/classes", "--output=photos/bright/00.png"], "is a file"),
        (["--run_dir=runs/classes", "--output=models/classes", "--version=1"], "something at 1 already"),
        (["--run_dir=runs/classes", "--output=models/x", "--version=0"], "--version"),
        (["--run_dir=runs/classes", "--output=models/x", "--tflite=x.bin"], "must end in .tflite"),
        (["--run_dir=runs/classes", "--output=models/x", "--tflite=classes.tflite"], "exists already"),
        (["--describe=models"], "holds no SavedModel"),
        (["--describe=models/classes", "--output=models/x"], "only prints"),
    ],
)
def test_what_does_not_fit_is_one_error(capsys, place, arguments, said):
    assert said in error(capsys, *arguments)
    assert not (place / "models" / "x").exists()
