"""tools/benchmark.py train, sample, data, search: what is compared is the same function, and the counts are right."""

import argparse
import json
from pathlib import Path

import pytest
import tensorflow as tf
from PIL import Image

from autogan_tf.config.errors import UserError
from autogan_tf.search_space.genotype import Genotype

TINY = ["--gf_dim=4", "--df_dim=4", "--gen_batch_size=64", "--dis_batch_size=64", "--rounds=1"]
ALL_KINDS = "0 1 2 1  1 2 1 1 1  0 0 0 1 3"  # every kind of norm and of upsampling, two skips
TWO_CELLS = "0 1 2 1  1 2 1 1 1"


@pytest.fixture
def tables(load, tmp_path):
    """Runs the command, and gives its tables by title."""

    def run(*words: str) -> dict[str, list[dict]]:
        load("benchmark").main([*words, f"--json={tmp_path / 'numbers.json'}"])
        document = json.loads((tmp_path / "numbers.json").read_text())
        return {table["title"]: table["rows"] for table in document["tables"]}

    return run


def test_multiply_adds_by_hand(load):
    multiply_adds = load("multiply_adds").multiply_adds

    @tf.function
    def inner(x, kernel):
        return tf.nn.conv2d(x, kernel, 2, "SAME")

    @tf.function(autograph=False)
    def both(x, kernel, matrix):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = inner(x, kernel)
        of_x, of_kernel = tape.gradient(y, [x, kernel])
        return of_x, of_kernel, tf.matmul(tf.reshape(y, [-1, 7]), matrix, transpose_b=True)

    shapes = [2, 6, 4, 3], [3, 3, 3, 7], [5, 7]
    graph = both.get_concrete_function(*(tf.TensorSpec(shape) for shape in shapes))
    # results of the convolution: 2 x 3 x 2 pixels, each 9 taps x 3 x 7, thrice (forward, to x, to the kernel);
    # then 12 rows x 7 x 5
    assert multiply_adds(graph) == 3 * (2 * 3 * 2) * 9 * 3 * 7 + 12 * 7 * 5

    @tf.function(autograph=False)
    def transposed(x, kernel):
        return tf.nn.conv2d_transpose(x, kernel, [2, 8, 6, 5], 2, "SAME")

    # each of the 2 x 4 x 3 pixels meets all 16 taps
    graph = transposed.get_concrete_function(tf.TensorSpec([2, 4, 3, 7]), tf.TensorSpec([4, 4, 5, 7]))
    assert multiply_adds(graph) == 2 * 4 * 3 * 16 * 5 * 7


def test_what_is_decided_later_cannot_be_counted(load):
    graph = tf.function(lambda x: tf.cond(x > 0, lambda: x, lambda: -x), autograph=False)
    with pytest.raises(ValueError, match="decides as it runs"):
        load("multiply_adds").multiply_adds(graph.get_concrete_function(tf.TensorSpec([])))


def test_ours_and_the_plain_graph_start_with_the_same_losses_and_the_plain_one_does_more(tables):
    found = tables("train", f"--genotype={TWO_CELLS}", "--ways=float32,plain", "--n_critic=2", *TINY)
    counts, losses, *times, shares = found.values()
    ours, plain = counts
    assert [row["way"] for row in counts] == ["float32", "plain"]
    assert 0 < ours["generator"] < plain["generator"] and 0 < ours["discriminator"] < plain["discriminator"]
    assert ours["together"] == pytest.approx(2 * ours["discriminator"] + ours["generator"])
    for step in ("discriminator", "generator"):
        assert losses[0][step] == pytest.approx(losses[1][step], rel=1e-4)
    assert [[row["name"] for row in rows] for rows in times] == [["float32", "plain"]] * 3
    assert all(rows[1]["times_as_fast"] == 1 for rows in times)
    assert [row["way"] for row in shares] == ["float32", "plain"] and all(row["share"] > 0 for row in shares)


@pytest.mark.slow
def test_the_supernet_starts_with_the_same_losses(tables):
    losses = tables("train", f"--genotype={ALL_KINDS}", "--ways=float32,supernet", *TINY)
    derived, supernet = next(rows for title, rows in losses.items() if title.startswith("Loss"))
    assert supernet["way"] == "supernet"
    for step in ("discriminator", "generator"):
        assert supernet[step] == pytest.approx(derived[step], rel=1e-4)


def test_all_ways_to_sample_draw_the_same_images(tables):
    ways = "--ways=float32,plain,mixed_bfloat16"
    agreement, times = tables("sample", f"--genotype={ALL_KINDS}", ways, *TINY).values()
    off = [row["levels off at most"] for row in agreement]
    assert off[0] == 0 and off[1] <= 1 and off[2] < 40  # a half may be rounded up or down
    per_image = [row["multiply-adds of an image, G"] for row in agreement]
    assert 0 < per_image[0] < per_image[1] and per_image[0] == per_image[2]
    assert times[1]["per_second"] == pytest.approx(64 / times[1]["median_s"])


def test_the_other_framework_gets_every_weight_by_its_name(load):
    networks = load("benchmark_networks")
    genotype = Genotype.from_string(ALL_KINDS)
    arguments = argparse.Namespace(genotype=genotype, gf_dim=3, df_dim=2, gen_batch_size=1, dis_batch_size=1)
    arrays = networks.Ours(arguments, networks.drawn_inputs(arguments)).weights_for_torch()
    convolution = ["weight", "bias"]
    norm = [*convolution, "running_mean", "running_var"]
    expected = {"l1": convolution, "to_rgb_conv": convolution, "to_rgb_bn": norm}
    for cell in range(3):
        expected |= {f"cells.{cell}.blocks.{block}.conv": convolution for block in (0, 1)}
        expected[f"cells.{cell}.sc.conv"] = convolution
    expected |= {f"cells.0.blocks.{block}.norm": norm for block in (0, 1)}
    expected |= {name: convolution for name in ("cells.0.blocks.0.deconv", "cells.0.sc.deconvs.0")}
    expected |= {f"cells.{name}.conv": convolution for name in ("1.skips.0", "2.skips.0", "2.skips.1")}
    generator = {f"generator.{name}.{part}" for name, parts in expected.items() for part in parts}
    normalised = ["weight_orig", "weight_u", "weight_v"]
    blocks = {f"blocks.{block}.c{part}": [*normalised, "bias"] for block in range(4) for part in (1, 2)}
    blocks |= {f"blocks.{block}.c_sc": [*normalised, "bias"] for block in (0, 1)} | {"last": normalised}
    discriminator = {f"discriminator.{name}.{part}" for name, parts in blocks.items() for part in parts}
    assert set(arrays) == generator | discriminator
    assert arrays["generator.cells.2.blocks.1.conv.weight"].shape == (3, 3, 3, 3)
    assert arrays["discriminator.blocks.0.c1.weight_orig"].shape == (2, 3, 3, 3)


def test_the_pipeline_is_timed_beside_a_training_step(tables):
    (rows,) = tables("data", "--parts=pipeline", "--num_images=64", "--batch_size=4", "--dim=4", "--rounds=1").values()
    assert len(rows) == 4 and rows[0]["times_as_fast"] == 1
    assert all(row["per_second"] == pytest.approx(4 * 50 / row["median_s"]) for row in rows)


def test_reading_is_timed_with_and_without_what_was_kept(tables, tmp_path):
    for name in ("1.png", "2.png"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    (rows,) = tables("data", "--parts=read", f"--dataset=folder:{tmp_path}", "--rounds=1").values()
    assert [row["name"] for row in rows] == ["decoded", "kept from before"] and rows[0]["times_as_fast"] == 1


STAND_IN = """
import json, os, pathlib, sys, time
run = pathlib.Path(next(word for word in sys.argv if word.startswith("--run_dir=")).partition("=")[2])
(run / "checkpoints").mkdir(parents=True, exist_ok=True)
(run / "checkpoints" / "ckpt-1.index").touch()
with open(run / "metrics.jsonl", "a") as file:
    for number in range({lines}):
        print(json.dumps({{"phase": "strategy", "process": os.getpid()}}), file=file, flush=True)
        train = {{"step": 10 * number, "images_per_second": 1 / (number + 1 + {extra})}}
        print(json.dumps({{"phase": "train", "process": os.getpid()}} | train), file=file, flush=True)
        print(json.dumps({{"phase": "search", "seconds": number + {extra}}}), file=file, flush=True)
time.sleep({sleep})
"""


def stand_in(folder: Path, **values: float) -> Path:
    """A checkout whose commands write numbers at once."""
    (folder / "autogan_tf").mkdir(parents=True)
    (folder / "autogan_tf" / "__init__.py").write_text("")  # else a package that PYTHONPATH names would win
    for name in ("search", "train"):
        script = STAND_IN.format(**({"lines": 15, "extra": 0, "sleep": 0} | values))
        (folder / "autogan_tf" / f"{name}.py").write_text(script)
    return folder


def test_all_but_the_first_iteration_of_each_cell_are_compared_with_another_checkout(
    load, tables, tmp_path, monkeypatch
):
    monkeypatch.setattr(load("benchmark_search"), "ROOT", stand_in(tmp_path / "ours"))
    other = stand_in(tmp_path / "theirs", extra=1)
    found = tables("search", "--parts=iteration", f"--against={other}", "--rounds=2", "--precisions=float32")
    medians = [[row["median_s"] for row in rows] for rows in found.values()]
    assert medians == [[2.5, 3.5], [7.5, 8.5], [12.5, 13.5]]  # of 1 to 4, 6 to 9 and 11 to 14, and one more
    assert [rows[0]["times_as_fast"] for rows in found.values()] == [3.5 / 2.5, 8.5 / 7.5, 13.5 / 12.5]


def test_all_but_the_first_stretch_of_a_training_is_compared_with_another_checkout(load, tables, tmp_path, monkeypatch):
    monkeypatch.setattr(load("benchmark_train"), "ROOT", stand_in(tmp_path / "ours", lines=3))
    other = stand_in(tmp_path / "theirs", lines=3, extra=1)
    sizes = [f"--{name}=4" for name in ("gf_dim", "df_dim", "gen_batch_size", "dis_batch_size")]
    *_, rows = tables("train", f"--against={other}", "--rounds=2", "--ways=float32", *sizes).values()
    assert [row["median_s"] for row in rows] == pytest.approx([2.5, 3.5])  # of 2 and 3, and one more
    assert rows[0]["times_as_fast"] == pytest.approx(3.5 / 2.5)


def test_a_training_too_short_to_tell_its_speed_is_refused(load, tmp_path, monkeypatch):
    module = load("benchmark_train")
    arguments = argparse.Namespace(genotype=Genotype.from_string(ALL_KINDS), flagfile="x.flags", max_iter=2)
    with pytest.raises(UserError, match="--max_iter=2"):
        module._seconds_an_image(stand_in(tmp_path / "ours", lines=1), arguments)


def test_a_command_is_stopped_at_its_first_number(load, tables, tmp_path, monkeypatch):
    monkeypatch.setattr(load("benchmark_data"), "ROOT", stand_in(tmp_path / "ours", sleep=600))
    (rows,) = tables("data", "--parts=start", "--rounds=1").values()
    assert len(rows) == 4 and all(0 < row["median_s"] < 60 for row in rows)


def test_a_command_that_ends_without_a_number_is_shown(load, tmp_path, monkeypatch):
    module = load("benchmark_data")
    monkeypatch.setattr(module, "ROOT", stand_in(tmp_path / "ours", lines=0))
    with pytest.raises(UserError, match="gave no first number"):
        module._until(["train", f"--run_dir={tmp_path / 'run'}"], "train", tmp_path)


@pytest.mark.parametrize(
    ("command", "word", "needed"),
    [
        ("train", "--genotype=no_such", "no_such"),
        ("train", "--genotype=1 2 3", "1 2 3"),
        ("train", "--ways=fast", "float32, mixed_bfloat16"),
        ("sample", "--torch_ways=supernet", "channels_last"),
        ("search", "--against=no/such/folder", "checkout"),
        ("data", "--parts=speed", "pipeline, read, help, start"),
    ],
)
def test_a_bad_argument_is_refused(load, capsys, command, word, needed):
    with pytest.raises(SystemExit) as stopped:
        load("benchmark").main([command, word])
    shown = capsys.readouterr()
    assert stopped.value.code == 2 and shown.out == "" and needed in shown.err.splitlines()[-1]
