"""What one TensorFlow wrote the other reads: runs, checkpoints, exports, reference statistics, classifiers.

tensorflow-2.15/ and tensorflow-2.21/ were made by make_files.py beside this file, each with its own TensorFlow.
"""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from autogan_tf import convert, evaluate, export, sample, train
from autogan_tf.search_space.genotype import Genotype
from tests import photos

HERE = pathlib.Path(__file__).resolve().parent
MAKERS = ("tensorflow-2.15", "tensorflow-2.21")
JUDGE = ("--features=classifier", "--classifier_data=folder:photos", "--classifier_steps=10", "--cache_dir=cache",
         "--classifier_batch_size=16", "--classifier_width=4")  # fmt: skip


@pytest.fixture(params=MAKERS)
def made(request, tmp_path, monkeypatch) -> pathlib.Path:
    """A copy of the files of one TensorFlow, beside the photos that they were made with; the current folder."""
    shutil.copytree(HERE / request.param, tmp_path / "made")
    photos.write(tmp_path / "made", side=8)
    monkeypatch.chdir(tmp_path / "made")
    return tmp_path / "made"


def images(folder: str) -> np.ndarray:
    """int [24, 8, 8, 3] of the PNG files of a folder."""
    found = sorted(pathlib.Path(folder).glob("*.png"))
    assert len(found) == 24
    return np.stack([np.asarray(Image.open(file)) for file in found]).astype(int)


def test_each_was_made_by_its_own():
    for name in MAKERS:
        written = json.loads((HERE / name / "run/config.json").read_text())["packages"]["tensorflow"]
        assert name == f"tensorflow-{'.'.join(written.split('.')[:2])}"


@pytest.mark.parametrize("source", ["--run_dir=run", "--saved_model=served/1"])
def test_a_runs_weights_and_its_export_draw_the_same_images(made, source):
    assert sample.main([source, "--images=again", "--num_images=24"]) == 0
    assert np.abs(images("again") - images("drawn")).max() <= 1
    assert images("drawn").std() > 10  # not all the same


def test_a_genotype_is_the_same(made):
    assert Genotype.load("run/genotype.json").tokens == (0, 1, 1, 1)


def test_a_run_is_exported_again_and_converted_to_the_same_arrays(made):
    assert export.main(["--run_dir=run", "--output=again"]) == 0
    assert convert.main(["--run_dir=run", "--to_official=again.npz"]) == 0
    with np.load("official.npz") as then, np.load("again.npz") as now:
        assert set(then) == set(now) and all(np.array_equal(then[name], now[name]) for name in then)


def test_images_get_the_same_scores_through_the_same_classifier_and_statistics(made, capsys):
    files = {path.name for path in pathlib.Path("cache").iterdir()}
    asked = ["--images=drawn", "--reference=reference.npz", "--num_eval_imgs=24", "--json=again.json", *JUDGE]
    assert evaluate.main(asked) == 0
    assert "classifier trained" not in capsys.readouterr().out  # it was there
    assert {path.name for path in pathlib.Path("cache").iterdir()} >= files
    texts = (pathlib.Path(name).read_text() for name in ("scores.json", "again.json"))
    (then,), (now,) = (json.loads(text)["evaluations"] for text in texts)
    assert now["feature_network"] == then["feature_network"]
    for score in ("inception_score", "frechet_distance"):
        assert now[score] == pytest.approx(then[score], rel=1e-4)


def test_a_training_goes_on_where_that_is_asked_for(made, capsys):
    config = json.loads(pathlib.Path("run/config.json").read_text())
    names = ("arch", "dataset", "gf_dim", "df_dim", "latent_dim", "gen_batch_size", "dis_batch_size", "n_critic",
             "num_eval_imgs", "classifier_steps", "classifier_batch_size", "classifier_width", "cache_dir",
             "keep_checkpoints", "run_dir")  # fmt: skip
    more = [f"--{name}={config['settings'][name]}" for name in names] + ["--max_iter=5"]
    of_another = config["packages"]["tensorflow"] != tf.__version__
    if of_another:
        assert train.main(more) == 2
        assert "--other_stack" in capsys.readouterr().err
    assert train.main([*more, "--other_stack"] if of_another else more) == 0
    entries = [json.loads(line) for line in pathlib.Path("run/evaluations.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [3, 5]
    assert len({entry["feature_network"] for entry in entries}) == 1
