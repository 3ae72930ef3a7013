"""The released generators: what is stored, what they draw, every command that takes them, and what is refused."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from autogan_tf import evaluate, export, sample, serve
from autogan_tf.bench import recipe
from autogan_tf.config.errors import UserError
from autogan_tf.features import classifier
from autogan_tf.models import finite
from autogan_tf.models.generator import Generator
from autogan_tf.pretrained import generators
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import trained

NAME = "autogan_cifar10_a"


@pytest.fixture(scope="module")
def released() -> Generator:
    return generators.load(f"pretrained:{NAME}")


def small(seed: int = 3, **more) -> Generator:
    genotype = Genotype.from_string("1 2 1 1")
    network = Generator(genotype, gf_dim=4, latent_dim=6, bottom_width=4, channels=3, **more)
    for place, variable in enumerate(network.variables):
        variable.assign(tf.abs(tf.random.stateless_normal(variable.shape, [seed, place])))
    return network


def test_every_file_has_its_genotype_and_card():
    assert NAME in generators.names()
    for name in generators.names():
        assert Genotype.load(generators.FOLDER / f"{name}.json").name == name
        card = (generators.FOLDER / f"{name}.md").read_text()
        assert all(f"## {heading}" in card for heading in ("Training", "Scores", "Limits", "Licence"))


def test_it_is_the_published_architecture_at_its_size_with_statistics_in_full(released):
    assert Genotype.load(generators.FOLDER / f"{NAME}.json") == published.load(NAME)
    assert sum(int(tf.size(variable)) for variable in released.trainable_variables) == 4_405_251
    with np.load(generators.FOLDER / f"{NAME}.npz") as file:
        types = {key: file[key].dtype for key in file.files}
        assert file["to_rgb_bn.moving_variance"].max() > np.finfo(np.float16).max  # why these are not halved
    assert {str(dtype) for key, dtype in types.items() if key.endswith("kernel")} == {"float16"}
    assert {str(dtype) for key, dtype in types.items() if not key.endswith("kernel")} == {"float32"}


def test_a_classifier_of_real_images_knows_what_it_draws(released):
    """The bench's judge, which was trained on CIFAR-10, sees nine of the ten classes and is sure of most images."""
    judge = classifier.read(recipe.judge_file(32))
    images = released(tf.random.stateless_normal([96, 128], [4, 2]), training=False)
    assert float(tf.reduce_max(tf.abs(images))) <= 1 and float(tf.math.reduce_std(images)) > 0.3
    probabilities = tf.nn.softmax(judge(images)[1]).numpy()
    assert len(set(probabilities.argmax(axis=1))) >= 9 and np.median(probabilities.max(axis=1)) > 0.5


def test_sample_and_export_draw_the_same_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sample.main([f"--saved_model=pretrained:{NAME}", "--images=direct", "--num_images=3"]) == 0
    assert export.main([f"--saved_model=pretrained:{NAME}", f"--output=models/{NAME}", "--float16"]) == 0
    assert sample.main([f"--saved_model=models/{NAME}", "--images=exported", "--num_images=3"]) == 0
    for place in range(3):
        direct, exported = (
            np.asarray(Image.open(f"{folder}/{place:08d}.png"), np.int32) for folder in ("direct", "exported")
        )
        assert direct.shape == (32, 32, 3) and np.abs(direct - exported).max() <= 1
    told = json.loads((tmp_path / f"models/{NAME}/1/assets/generator.json").read_text())
    assert told["genotype"]["name"] == NAME and told["stored_as"] == "float16" and told["scores"]


def test_evaluate_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    for place in range(12):
        noise = np.random.default_rng(place).integers(0, 256, [32, 32, 3])
        Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "real" / f"{place}.png")
    words = [f"--saved_model=pretrained:{NAME}", "--reference=folder:real", "--features=efficientnet_lite0"]
    assert evaluate.main([*words, "--num_eval_imgs=12", "--metrics=fid"]) == 0
    assert f"12 images of pretrained:{NAME}" in capsys.readouterr().out


@pytest.mark.slow
def test_serve_serves_it_until_it_is_stopped_and_leaves_nothing(tmp_path):
    flags = [f"--saved_model=pretrained:{NAME}", "--rest_port=0", "--grpc_port=0"]
    words = [sys.executable, "-m", "autogan_tf.serve", *flags]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[0].startswith(f"{NAME}, version 1")
        url = lines[1].split()[1].rstrip("/")
        given = [f"--server={url}", f"--model={NAME}", f"--images={tmp_path / 'served'}", "--num_images=2"]
        assert sample.main(given) == 0
        assert Image.open(tmp_path / "served" / "00000001.png").size == (32, 32)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    finally:
        process.kill()
    assert not list(tmp_path.glob("autogan-serve-*"))


@pytest.mark.parametrize("command", [
    (sample.main, "--images=drawn"), (export.main, "--output=model"), (serve.main, "--rest_port=0"),
    (evaluate.main, "--reference=folder:real", "--features=efficientnet_lite0"),
])  # fmt: skip
def test_another_name_is_refused_with_those_that_there_are(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(tmp_path / "real" / "0.png")
    main, *words = command
    assert main(["--saved_model=pretrained:stylegan", *words]) != 0
    said = capsys.readouterr().err
    assert f"no released generator is called 'stylegan'; there are {NAME}" in said and "Traceback" not in said


def test_what_export_does_not_take(capsys):
    for words, needed in {
        ("--saved_model=models/x", "--output=y"): "--saved_model=models/x is none that comes with the program",
        ("--saved_model=pretrained:x", "--run_dir=z", "--output=y"): "--run_dir and --saved_model are two generators",
        ("--saved_model=pretrained:x", "--describe=z"): "leave out --run_dir, --saved_model and --output",
        ("--saved_model=pretrained:x",): "--output is empty",
    }.items():
        assert export.main(list(words)) != 0
        assert needed in capsys.readouterr().err


def test_packed_weights_come_back(tmp_path):
    network = small()
    network.to_rgb_bn.moving_variance.assign([1e6] * 4)
    with np.load(_written(tmp_path, generators.packed(network))) as file:
        again = generators.of_weights(Genotype.from_string("1 2 1 1"), {key: file[key] for key in file.files})
    before, after = (finite.named_weights(generator) for generator in (network, again))
    assert list(before) == list(after)
    for key, variable in before.items():
        exact = variable.shape.rank == 1
        np.testing.assert_allclose(after[key], variable, rtol=0 if exact else 1e-3, err_msg=key)


def test_what_is_not_packed():
    network = small()
    network.l1.kernel.assign(tf.fill(network.l1.kernel.shape, 1e6))
    with pytest.raises(UserError, match="cannot be released in half precision"):
        generators.packed(network)
    with pytest.raises(UserError, match="classes or spectral norm"):
        generators.packed(small(num_classes=2))
    with pytest.raises(UserError, match="classes or spectral norm"):
        generators.packed(small(spectral_norm=True))


@pytest.mark.parametrize("spoil", ["cut", "missing"])
def test_damaged_weights_are_told(spoil, tmp_path, monkeypatch):
    whole = generators.packed(small())
    (tmp_path / "small.json").write_text(Genotype.from_string("1 2 1 1", name="small").to_json())
    monkeypatch.setattr(generators, "FOLDER", tmp_path)
    if spoil == "cut":
        _written(tmp_path, whole[:200])
    else:
        np.savez(tmp_path / "small.npz", **{"l1.kernel": np.zeros([6, 64], np.float16)})
    with pytest.raises(UserError, match="the weights of small are damaged"):
        generators.load("small")


def _written(folder, content: bytes):
    path = folder / "small.npz"
    path.write_bytes(content)
    return path


def test_a_run_is_released_by_the_tool(trained_runs, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(generators.FOLDER.parents[1] / "tools"))
    tool = importlib.import_module("make_pretrained")
    words = [f"--run_dir={trained_runs / 'runs' / 'plain'}", "--name=mine", f"--output={tmp_path}"]
    assert tool.main(words) == 0
    expected = trained.load_generator(trained.training_run(trained_runs / "runs" / "plain"))
    monkeypatch.setattr(generators, "FOLDER", tmp_path)
    z = tf.random.stateless_normal([3, expected.latent_dim], [1, 2])
    np.testing.assert_allclose(
        generators.load("pretrained:mine")(z, training=False), expected(z, training=False), atol=0.02
    )
    with pytest.raises(SystemExit):
        tool.main(words)
    assert "mine.npz" in capsys.readouterr().err
