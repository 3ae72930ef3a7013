"""The convert command as a person runs it: a published checkpoint becomes a run, and a run becomes published arrays."""

from __future__ import annotations

import json
import pathlib
import shutil
import struct
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from autogan_tf import convert, evaluate, export, sample
from autogan_tf.config import plugins
from autogan_tf.interop import official_pytorch
from autogan_tf.runs.checkpoints import Checkpoints
from autogan_tf.search_space import catalog, published
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import trained
from tests.plugged import restored

TESTS = pathlib.Path(__file__).resolve().parent
CHECKPOINT = TESTS / "interop" / "checkpoints" / "training.pth"
ARCHITECTURE = "1 0 1 1 1 0 0 1 1 1 0 1 0 3"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """The run that the command makes of a published training checkpoint, as a process of its own."""
    folder = tmp_path_factory.mktemp("convert") / "runs [1]" / "official"  # a pattern to TensorFlow
    done = subprocess.run(
        [sys.executable, "-m", "autogan_tf.convert", f"--checkpoint={CHECKPOINT}", f"--arch={ARCHITECTURE}",
         f"--run_dir={folder}"],
        cwd=TESTS.parent, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout and done.stderr == ""
    return folder


def test_the_run_holds_the_networks(run):
    assert {entry.name for entry in run.iterdir()} == {"config.json", "genotype.json", "checkpoints"}
    assert json.loads((run / "config.json").read_text())["command"] == "convert"
    assert Genotype.load(run / "genotype.json") == published.load("autogan_cifar10_a")
    checkpoint = official_pytorch.read_checkpoint(CHECKPOINT)
    folder = trained.training_run(run)
    z = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    for weights, part in (("average", "avg_gen_state_dict"), ("last", "gen_state_dict")):
        expected = official_pytorch.generator(checkpoint[part], Genotype.from_string(ARCHITECTURE).tokens)
        np.testing.assert_array_equal(trained.load_generator(folder, weights=weights)(z), expected(z))
    images = expected(z)
    discriminator = official_pytorch.discriminator(checkpoint, 2)
    np.testing.assert_array_equal(trained.load_discriminator(folder)(images), discriminator(images))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ([], "avg_gen_state_dict"),
        (["--weights=last"], "gen_state_dict"),
        (["--network=discriminator"], "dis_state_dict"),
    ],
)
def test_the_way_back_gives_the_very_arrays(run, tmp_path, capsys, options, part):
    target = tmp_path / "new" / "official.npz"
    assert convert.main([f"--run_dir={run}", f"--to_official={target}", *options]) == 0
    assert str(target) in capsys.readouterr().out
    expected = official_pytorch.read_checkpoint(CHECKPOINT)[part]
    with np.load(target) as arrays:
        assert list(arrays) == list(expected)
        for name in arrays:
            assert arrays[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(arrays[name], expected[name])
    assert convert.main([f"--run_dir={run}", f"--to_official={target}", *options]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.fixture(scope="module")
def broken(run, tmp_path_factory) -> pathlib.Path:
    """The same run with a NaN and two infinities in both generators."""
    copy = tmp_path_factory.mktemp("broken") / "run"
    shutil.copytree(run, copy)
    networks = {name: trained.load_generator(trained.training_run(run)) for name in ("ema_generator", "generator")}
    for generator in networks.values():
        kernel = generator.named_layers()["cell1.pre_conv1.conv"].kernel
        kernel[0, 0, 0, :3].assign([np.nan, np.inf, -np.inf])
    Checkpoints(copy / "checkpoints", {"trainer": tf.train.Checkpoint(**networks)}).save(1, {"step": 1})
    return copy


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (convert, ["--to_official=made.npz"]),
        (sample, ["--grid=made.png", "--weights=last"]),
        (evaluate, ["--metrics=is", "--num_eval_imgs=10", "--reference=mnist5k"]),
        (export, ["--output=made", "--tflite=made.tflite"]),
    ],
)
def test_weights_that_are_not_finite_are_refused_by_name(broken, tmp_path, monkeypatch, capsys, command, flags):
    monkeypatch.chdir(tmp_path)
    assert command.main([f"--run_dir={broken}", *flags]) == 2
    said = capsys.readouterr().err.strip()
    assert "cell1.pre_conv1.conv.kernel (1 of " in said and "are NaN and 2 of " in said and "\n" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [("avg_gen_state_dict", "to_rgb.2.bias", np.inf), ("gen_state_dict", "l1.weight", 1e300),
     ("dis_state_dict", "block1.c1.weight_orig", np.nan)],
)  # fmt: skip
def test_a_checkpoint_that_is_not_finite_is_refused_by_name(tmp_path, monkeypatch, capsys, part, name, value):
    """1e300 is a number in float64 and infinite in the float32 of the networks."""
    checkpoint = official_pytorch.read_checkpoint(CHECKPOINT)
    array = checkpoint[part][name].astype(np.float64)
    array.flat[-1] = value
    checkpoint[part][name] = array
    monkeypatch.setattr(official_pytorch, "read_checkpoint", lambda path: checkpoint)
    arguments = [f"--checkpoint={CHECKPOINT}", f"--arch={ARCHITECTURE}", f"--run_dir={tmp_path / 'run'}"]
    assert convert.main(arguments) == 2
    said = capsys.readouterr().err
    assert f"{name} (1 of {array.size:,} are {'NaN' if np.isnan(value) else 'infinite'})" in said
    assert not (tmp_path / "run").exists()


def test_a_damaged_config_is_named(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "config.json").write_text("{")
    assert convert.main([f"--run_dir={copy}", f"--to_official={tmp_path / 'a.npz'}"]) == 2
    assert str(copy / "config.json") in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()


def test_a_bare_state_and_a_published_name(recorded_npz_as_pth, tmp_path, capsys):
    """A file that holds one network's state dict: average and last are the same."""
    run = tmp_path / "run"
    arguments = [f"--checkpoint={recorded_npz_as_pth}", "--genotype=autogan_cifar10_a", f"--run_dir={run}"]
    assert convert.main(arguments) == 0, capsys.readouterr().err
    folder = trained.training_run(run)
    z = np.ones((1, 8), np.float32)
    average, last = (trained.load_generator(folder, weights=weights)(z) for weights in ("average", "last"))
    np.testing.assert_array_equal(average, last)
    with pytest.raises(ValueError, match="blocks/0/c1/kernel"):
        trained.load_discriminator(folder)


@pytest.fixture
def recorded_npz_as_pth(monkeypatch) -> pathlib.Path:
    """A checkpoint without a training around it: `read_checkpoint` gives the state alone."""
    whole = official_pytorch.read_checkpoint(CHECKPOINT)
    monkeypatch.setattr(official_pytorch, "read_checkpoint", lambda path: whole["avg_gen_state_dict"])
    return CHECKPOINT


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--run_dir=run"], "neither"),
        ([f"--checkpoint={CHECKPOINT}", "--to_official=a.npz", "--run_dir=run"], "both"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run"], "--arch or --genotype"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run", "--arch=1 0 1 1", "--genotype=a.json"], "both"),
        ([f"--checkpoint={CHECKPOINT}", "--arch=1 0 1 1"], "--run_dir is empty"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run", "--arch=1 0 1 1"], "exactly"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run", "--arch=1 0 1"], "got 3"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run", "--arch=1 1 1 1 1 0 0 1 1 1 0 1 0 3"], "n1.weight is missing"),
        ([f"--checkpoint={CHECKPOINT}", "--run_dir=run", "--genotype=none.json"], "none.json"),
        (["--checkpoint=none.pth", "--run_dir=run", f"--arch={ARCHITECTURE}"], "none.pth"),
        (["--run_dir=none", "--to_official=a.npz"], "none"),
        (["--run_dir=none", "--to_official=a.pth"], ".npz"),
        (["--run_dir=none", "--to_official=a.npz", "--network=controller"], "generator"),
        (["1", "0", f"--checkpoint={CHECKPOINT}", "--run_dir=run"], "'1'"),
    ],
)
def test_bad_input_gets_one_line_and_nothing_written(tmp_path, monkeypatch, capsys, arguments, part):
    monkeypatch.chdir(tmp_path)
    assert convert.main(arguments) == 2
    output = capsys.readouterr()
    assert part in output.err and output.err.count("\n") == 1 and output.out == ""
    assert list(tmp_path.iterdir()) == []


def test_an_architecture_of_another_space_is_refused_both_ways(run, tmp_path, capsys):
    with restored():
        plugins.load([str(TESTS.parent / "docs" / "examples" / "sub_pixel.py")])
        genotype = Genotype.from_string(ARCHITECTURE, catalog.space("with_sub_pixel"))
        other = tmp_path / "other"
        shutil.copytree(run, other)
        for file in (tmp_path / "other.json", other / "genotype.json"):
            file.write_text(genotype.to_json())
        there = [f"--checkpoint={CHECKPOINT}", f"--genotype={tmp_path / 'other.json'}", f"--run_dir={tmp_path / 'new'}"]
        back = [f"--run_dir={other}", f"--to_official={tmp_path / 'official.npz'}"]
        for words in (there, back):
            assert convert.main(words) == 2
            told = capsys.readouterr().err
            assert "has the search space autogan" in told and "is of with_sub_pixel" in told and told.count("\n") == 1
    assert not (tmp_path / "new").exists() and not (tmp_path / "official.npz").exists()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_safetensors_file(run, tmp_path, dtype):
    """The same images as from the .pth file; of bfloat16 weights those of the rounded weights."""
    state = official_pytorch.read_checkpoint(CHECKPOINT)["avg_gen_state_dict"]
    rounded = {
        name: array.astype(ml_dtypes.bfloat16) if dtype == "bfloat16" and array.dtype == np.float32 else array
        for name, array in state.items()
    }
    kinds = {"float32": "F32", "bfloat16": "BF16", "int64": "I64"}
    header, data = {}, b""
    for name, array in rounded.items():
        place = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": kinds[array.dtype.name], "shape": array.shape, "data_offsets": place}
        data += array.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "official.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    flags = [f"--checkpoint={tmp_path / 'official.safetensors'}", f"--arch={ARCHITECTURE}"]
    assert convert.main([*flags, f"--run_dir={tmp_path / 'run'}"]) == 0
    z = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    expected = official_pytorch.generator(
        {name: array.astype(state[name].dtype) for name, array in rounded.items()},
        Genotype.from_string(ARCHITECTURE).tokens,
    )
    images = trained.load_generator(trained.training_run(tmp_path / "run"))(z)
    np.testing.assert_array_equal(images, expected(z))
    if dtype == "float32":
        np.testing.assert_array_equal(images, trained.load_generator(trained.training_run(run))(z))
