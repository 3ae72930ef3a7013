"""Logs that go back to a checkpoint."""

from __future__ import annotations

import json

from autogan_tf.runs import log_files
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog


def test_what_came_after_a_checkpoint_is_written_once(tmp_path):
    folder = RunFolder(tmp_path)
    with MetricsLog(folder) as log:
        for step in range(3):
            log.write(step=step, phase="train", numbers={"d_loss": 1.0})
        log.flush()
        known = log_files.sizes(folder)
        for step in range(3, 6):
            log.write(step=step, phase="train", numbers={"d_loss": 2.0})
    with MetricsLog(folder) as log:  # another process, which then died
        log.write(step=6, phase="train", numbers={"d_loss": 3.0})
    assert len(list(folder.tensorboard.iterdir())) == 2
    log_files.cut_back(folder, known, step=2)
    rows = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert log_files.sizes(folder) == known
    with MetricsLog(folder) as log:
        log.write(step=3, phase="train", numbers={"d_loss": 1.0})
    assert points(folder) == [0, 1, 2, 3]


def points(folder: RunFolder) -> list[int]:
    from tensorboard.backend.event_processing import plugin_event_multiplexer

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder.path))
    multiplexer.Reload()
    (run,) = multiplexer.Runs()
    return [event.step for event in multiplexer.Tensors(run, "losses/d_loss")]


def test_lines_of_the_command_evaluate_stay(tmp_path):
    folder = RunFolder(tmp_path)
    rows = [{"step": 10}, {"step": 20}, {"preset": "default", "judged": "x"}, {"step": 30}]
    folder.evaluations_file.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4')
    log_files.cut_back(folder, {}, step=20)
    assert [json.loads(line) for line in folder.evaluations_file.read_text().splitlines()] == rows[:3]


def test_nothing_to_cut(tmp_path):
    log_files.cut_back(RunFolder(tmp_path), {}, step=0)
    assert log_files.sizes(RunFolder(tmp_path)) == {}
