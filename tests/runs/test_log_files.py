"""Logs that go back to a checkpoint."""

from __future__ import annotations

import json

import pytest
from tensorboard.backend.event_processing import event_file_loader

from autogan_tf.runs import log_files
from autogan_tf.runs.folder import RunFolder
from autogan_tf.runs.metrics_log import MetricsLog


def test_what_came_after_a_checkpoint_is_written_once(tmp_path):
    folder = RunFolder(tmp_path)
    with MetricsLog(folder) as log:
        for step in range(3):
            log.write(step=step, phase="train", numbers={"d_loss": 1.0})
        log.flush()
        known = log_files.mark(folder)
        for step in range(3, 6):
            log.write(step=step, phase="train", numbers={"d_loss": 2.0})
    with MetricsLog(folder) as log:  # another process, which then died
        log.write(step=6, phase="train", numbers={"d_loss": 3.0})
    assert len(list(folder.tensorboard.iterdir())) == 2
    log_files.cut_back(folder, known)
    rows = [json.loads(line) for line in folder.metrics_file.read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert log_files.mark(folder) == known
    with MetricsLog(folder) as log:
        log.write(step=3, phase="train", numbers={"d_loss": 1.0})
    assert points(folder) == [0, 1, 2, 3]


def points(folder: RunFolder) -> list[int]:
    """Steps with a loss in all event files, each file read by itself: TensorBoard goes by their names, in which files
    that one process begins within a second differ by a number alone, and 10 then comes before 9."""
    files = [event_file_loader.EventFileLoader(str(file)).Load() for file in folder.tensorboard.iterdir()]
    events = [event for events in files for event in events]
    return sorted(event.step for event in events for value in event.summary.value if value.tag == "losses/d_loss")


def evaluations(folder: RunFolder) -> list[dict]:
    return [json.loads(line) for line in folder.evaluations_file.read_text().splitlines()]


def test_lines_of_the_command_evaluate_stay(tmp_path):
    """Steps come again where a collapsed training began anew, so lines are counted."""
    folder = RunFolder(tmp_path)
    for step in (10, 20, 10):
        folder.append_evaluation({"step": step})
    known = log_files.mark(folder)
    folder.append_evaluation({"preset": "default", "judged": "x"})
    folder.append_evaluation({"step": 20})
    folder.append_evaluation({"preset": "default", "judged": "y"})
    with folder.evaluations_file.open("a") as file:
        file.write('{"step": 4')
    log_files.cut_back(folder, known)
    steps = [row.get("step", row.get("judged")) for row in evaluations(folder)]
    assert steps == [10, 20, 10, "x", "y"]
    log_files.cut_back(folder, {})
    assert [row["judged"] for row in evaluations(folder)] == ["x", "y"]


def test_a_whole_last_line_without_its_end_stays(tmp_path):
    folder = RunFolder(tmp_path)
    folder.evaluations_file.write_text('{"preset": "default", "judged": "x"}\n{"preset": "default", "judged": "y"}')
    log_files.cut_back(folder, {})
    assert folder.evaluations_file.read_text().endswith('"y"}\n')
    assert [row["judged"] for row in evaluations(folder)] == ["x", "y"]


def test_nothing_to_cut(tmp_path):
    log_files.cut_back(RunFolder(tmp_path), {})
    assert log_files.mark(RunFolder(tmp_path)) == {"bytes": {}, "evaluations": 0}


@pytest.mark.parametrize(
    ("metrics", "evaluations", "expected"),
    [
        (None, None, False),
        ('{"step": 0, "phase": "classifier"}\n{"step": 0, "pha', None, False),
        ('{"step": 0, "phase": "classifier"}\n{"step": 0, "phase": "controller"}\n', None, True),
        (None, '{"preset": "default"}\n', False),
        (None, '{"step": 5}\n', True),
    ],
)
def test_what_tells_of_progress(tmp_path, metrics, evaluations, expected):
    folder = RunFolder(tmp_path)
    for file, content in ((folder.metrics_file, metrics), (folder.evaluations_file, evaluations)):
        if content is not None:
            file.write_text(content)
    assert log_files.has_progress(folder) == expected
