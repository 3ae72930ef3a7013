"""The report command as a person runs it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from autogan_tf import report
from tests.runs import written_run

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch) -> pathlib.Path:
    written_run.write_search(tmp_path / "runs" / "one")
    written_run.write_training(tmp_path / "runs" / "two")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_of_one_run_without_tensorflow(place):
    code = (
        "import sys; from autogan_tf import report; code = report.main(['runs/one']); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["runs/one/report.html", "runs/one/report.json"]
    assert (place / "runs/one/report.html").exists() and done.stderr == ""


def test_of_several_runs(place, capsys):
    assert report.main(["runs/one", "runs/two"]) == 0
    assert capsys.readouterr().out.splitlines() == ["comparison.html", "comparison.json"]
    assert report.main(["--run_dir=runs/one,runs/two", "--output=x.html"]) == 0
    assert (place / "x.html").read_bytes() == (place / "comparison.html").read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no run is given"),
        (["runs/none"], "runs/none is no folder"),
        (["runs"], "runs holds no run"),
        (["runs/one", "runs/one"], "given twice"),
        (["runs/one", "--output=x.html"], "for comparing several runs"),
        (["runs/one", "runs/two", "--output=x.txt"], "must end in .html"),
        (["runs/one", "--outputs=x"], "unknown flag"),
    ],
)
def test_bad_input_gets_one_line(place, capsys, words, told):
    assert report.main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and told in error and error.count("\n") == 1


def test_the_help_answers(capsys):
    with pytest.raises(SystemExit) as caught:
        report.main(["--help"])
    assert caught.value.code == 0 and "runs/NAME" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to(place, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError("Permission denied")

    monkeypatch.setattr("autogan_tf.runs.report.write_atomically", refuse)
    assert report.main(["runs/one"]) == 2
    assert "cannot write runs/one/report.html" in capsys.readouterr().err
