"""tools/make_readme_figures.py: numbers worked by hand, the two pictures, and what is no run."""

from __future__ import annotations

import importlib
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture
def figures(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("make_readme_figures")


@pytest.fixture
def run(tmp_path) -> pathlib.Path:
    """Training began at 100 s; evaluations at 3, 6, 9, 12, 15 and 18 minutes."""
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "samples" / "final.png")
    rows: list[dict] = [{"step": 1, "phase": "train", "time": 100.0, "d_loss": 2.0}]
    for place, distance in enumerate((90.0, 60.0, 70.0, 40.0, 25.0, 20.0), 1):
        rows += [{"step": 10 * place, "phase": "train", "time": 100.0 + 180 * place - 1, "d_loss": 2.0}]
        scores = {"frechet_distance": distance, "num_images": 50, "feature_network": "test"}
        rows += [{"step": 10 * place, "phase": "evaluation", "time": 100.0 + 180 * place} | scores]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_what_the_curve_shows_by_hand(figures, run):
    evaluations = figures.read(run)
    assert [row["minutes"] for row in evaluations] == pytest.approx([3, 6, 9, 12, 15, 18])
    # the first half is 90, 60, 70: of the two that can improve, one does; 60 is the first from 5 minutes on
    assert figures.describe(evaluations) == pytest.approx({"improved": 0.5, "first": 60, "last": 20, "ratio": 1 / 3})


def test_the_pictures_are_written(figures, run, tmp_path, capsys):
    figures.main([f"--run_dir={run}", "--name=toy", f"--output={tmp_path}"])
    assert "6 evaluations; of the first half 50%" in capsys.readouterr().out
    assert Image.open(tmp_path / "toy-curve.png").size[0] > 500
    assert (tmp_path / "toy-grid.png").read_bytes() == (run / "samples" / "final.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "needed"),
    [(["--run_dir=gone", "--name=x"], "is no finished training run"), (["--name=x"], "--run_dir")],
)
def test_what_is_no_run_is_refused(figures, capsys, words, needed):
    with pytest.raises(SystemExit) as stopped:
        figures.main(words)
    assert stopped.value.code == 2 and needed in capsys.readouterr().err.splitlines()[-1]


def test_an_architectures_diagram(figures, tmp_path, capsys):
    figures.main(["--genotype=autogan_cifar10_a", "--name=a", f"--output={tmp_path}"])
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").count('class="cell"') == 3
    with pytest.raises(SystemExit):
        figures.main(["--genotype=no_such", "--name=b", f"--output={tmp_path}"])
    assert "no_such" in capsys.readouterr().err and not (tmp_path / "b.svg").exists()
