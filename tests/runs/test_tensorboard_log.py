"""What TensorBoard's own data interface answers about a log that was written."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from autogan_tf.runs.tensorboard_log import TensorBoardLog, table


@pytest.fixture
def read(tmp_path):
    """read(tag) -> [(step, value)]: a float, or bytes of one element."""

    def found(tag: str) -> list[tuple[int, object]]:
        multiplexer = plugin_event_multiplexer.EventMultiplexer()
        multiplexer.AddRunsFromDirectory(str(tmp_path))
        multiplexer.Reload()
        (run,) = multiplexer.Runs()
        events = multiplexer.Tensors(run, tag)
        values = [tf.make_ndarray(event.tensor_proto) for event in events]
        return [
            (event.step, value if value.size > 1 or value.dtype == object else float(value))
            for event, value in zip(events, values, strict=True)
        ]

    return found


def content(tmp_path, tag: str) -> bytes:
    """The plugin's own message of a summary."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    (run,) = multiplexer.Runs()
    return multiplexer.SummaryMetadata(run, tag).plugin_data.content


def test_numbers_are_grouped(tmp_path, read):
    log = TensorBoardLog(tmp_path)
    entropies = {"conv": 0.5, "norm": 0.75, "up": 0.9, "shortcut": 0.1}
    log.scalars(
        step=4,
        phase="search",
        numbers={"best": 1.5, "d_loss": 0.25, "stage": 2, "name": "0 1", "entropies": entropies},
    )
    # whose steps are the strategy's, not the iterations of the search
    told = {"iteration": 3, "reward": 2.0, "rewards": {"a": 1.0, "b": 3.0}, "seconds": 0.5}
    log.scalars(step=9, phase="strategy", numbers=told)
    log.scalars(step=9, phase="search", numbers={"seconds": 6.0})
    log.scalars(step=7, phase="train", numbers={"d_loss": 3.0, "g_lr": 0.5, "d_gradient_norm": 8.0})
    log.scalars(step=8, phase="evaluation", numbers={"frechet_distance": 12.5, "feature_network": "x"})
    log.close()
    assert read("reward/best") == [(4, 1.5)]
    assert read("losses/d_loss") == [(4, 0.25), (7, 3.0)]
    assert read("search/stage") == [(4, 2.0)]
    assert read("entropy/norm") == [(4, 0.75)] and read("entropy/shortcut") == [(4, pytest.approx(0.1))]
    assert read("strategy/reward") == [(9, 2.0)]
    assert read("strategy/seconds") == [(9, 0.5)] and read("machine/seconds") == [(9, 6.0)]
    assert read("learning_rates/g_lr") == [(7, 0.5)] and read("gradient_norms/d_gradient_norm") == [(7, 8.0)]
    assert read("scores/frechet_distance") == [(8, 12.5)]
    ((step, histogram),) = read("strategy/rewards")
    assert step == 9 and histogram[0, 0] == 1.0 and histogram[-1, 1] == 3.0 and histogram[:, 2].sum() == 2


@pytest.mark.parametrize("name", ["x [1] y", "a\\b", "f\udcfclder"])
def test_a_folder_of_any_name(tmp_path, read, name):
    log = TensorBoardLog(tmp_path / name)
    for step in (1, 2):
        log.scalars(step=step, phase="train", numbers={"d_loss": step / 2})
        log.flush()
    log.close()
    assert len(list((tmp_path / name).iterdir())) == 1
    (tmp_path / name).rename(tmp_path / "plain")  # TensorBoard itself does not read each of them
    assert read("losses/d_loss") == [(1, 0.5), (2, 1.0)]


def test_a_picture_comes_back_pixel_by_pixel(tmp_path, read):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 1)).astype(np.uint8)
    log = TensorBoardLog(tmp_path)
    log.image("samples", pixels, step=3)
    log.image("real", pixels)
    log.close()
    assert [step for step, _ in read("real")] == [0]
    ((step, value),) = read("samples")
    assert step == 3 and [int(size) for size in value[:2]] == [7, 5]
    with Image.open(io.BytesIO(value[2])) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("L")), pixels[..., 0])


def test_settings_stand_beside_the_scores(tmp_path, read):
    log = TensorBoardLog(tmp_path)
    log.begin({"g_lr": 0.5, "grow_steps": [15, 35], "dataset": "a|b", "threshold": None, "dry_run": False})
    log.close()
    begun = plugin_data_pb2.HParamsPluginData.FromString(content(tmp_path, "_hparams_/session_start_info"))
    values = begun.session_start_info.hparams
    assert values["g_lr"].number_value == 0.5 and values["grow_steps"].string_value == "15,35"
    assert values["threshold"].string_value == "none" and values["dry_run"].bool_value is False
    ended = plugin_data_pb2.HParamsPluginData.FromString(content(tmp_path, "_hparams_/session_end_info"))
    assert ended.session_end_info.status == 1  # STATUS_SUCCESS
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content(tmp_path, "_hparams_/experiment")).experiment
    assert "scores/frechet_distance" in {info.name.tag for info in experiment.metric_infos}
    text = read("settings")[0][1].item().decode()
    assert "| dataset | a\\|b |" in text.splitlines()


def test_names_that_are_not_utf8(tmp_path, read):
    name = os.fsdecode(b"f\xfclder")
    log = TensorBoardLog(tmp_path / name)
    log.begin({"dataset": f"folder:{name}", "names": [name]})
    log.text("architecture", name)
    log.close()
    (folder,) = tmp_path.iterdir()
    (file,) = folder.iterdir()
    file.rename(tmp_path / file.name)  # where TensorBoard can be asked
    folder.rmdir()
    begun = plugin_data_pb2.HParamsPluginData.FromString(content(tmp_path, "_hparams_/session_start_info"))
    values = begun.session_start_info.hparams
    assert values["dataset"].string_value == r"folder:f\xfclder" and values["names"].string_value == r"f\xfclder"
    assert "| dataset | folder:f\\xfclder |" in read("settings")[0][1].item().decode().splitlines()
    assert read("architecture")[0][1].item() == rb"f\xfclder"


def test_a_run_that_failed_is_marked(tmp_path):
    log = TensorBoardLog(tmp_path)
    log.begin({"seed": 1})
    log.close(complete=False)
    ended = plugin_data_pb2.HParamsPluginData.FromString(content(tmp_path, "_hparams_/session_end_info"))
    assert ended.session_end_info.status == 2  # STATUS_FAILURE


def test_every_tag_of_the_layout_is_one_that_is_written(tmp_path, read):
    log = TensorBoardLog(tmp_path)
    log.begin({})
    log.close()
    ((_, value),) = read("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(value.item())
    assert [category.title for category in layout.category] == ["search", "training", "scores"]
    tags = [tag for category in layout.category for chart in category.chart for tag in chart.multiline.tag]
    assert "^reward/mean$" in tags and "^entropy/.*$" in tags and len(tags) == len(set(tags))


def test_a_table_in_markdown():
    assert table(("a", "b"), [("1", "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |"
