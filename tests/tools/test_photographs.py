"""tools/photograph_gallery.py and photograph_report.py: pictures of the served page and of a report."""

from __future__ import annotations

import importlib
import pathlib

import numpy as np
import pytest
from PIL import Image

from tests.runs import written_run
from tests.serving.exported import small_generator, write
from tests.serving.running import BROWSER

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome on the PATH")


@pytest.fixture
def tool(monkeypatch):
    """tool(name) -> the module."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


@pytest.mark.slow
@needs_browser
def test_a_picture_of_the_page(tool, tmp_path):
    gallery = tool("photograph_gallery")
    write(tmp_path / "digits", small_generator())
    gallery.main([f"--saved_model={tmp_path / 'digits'}", f"--output={tmp_path / 'page.png'}"])
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert pixels.shape == (gallery.HEIGHT, gallery.WIDTH)
    assert pixels[200:800, 40:640].std() > 20  # the samples, not a white page


@needs_browser
def test_a_picture_of_a_report(tool, tmp_path):
    run = written_run.write_search(tmp_path / "run")
    tool("photograph_report").main([f"--run_dir={run}", f"--output={tmp_path / 'report.png'}", "--height=700"])
    pixels = np.asarray(Image.open(tmp_path / "report.png").convert("RGB")).astype(int)
    assert pixels.shape == (700, 1000, 3)
    blue = (abs(pixels - [0xEE, 0xF3, 0xF8]).sum(axis=2) < 6).sum()
    assert blue > 2000  # boxes of the diagram


@pytest.mark.parametrize("name", ["photograph_gallery", "photograph_report"])
def test_no_browser_is_one_error(tool, monkeypatch, capsys, tmp_path, name):
    module = tool(name)
    monkeypatch.setattr(module.headless.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        module.main(["--saved_model=x" if name == "photograph_gallery" else f"--run_dir={tmp_path}"])
    assert "needs one of chromium" in capsys.readouterr().err


@needs_browser
def test_what_is_no_run_is_one_error(tool, capsys, tmp_path):
    with pytest.raises(SystemExit):
        tool("photograph_report").main([f"--run_dir={tmp_path}"])
    assert "holds no run" in capsys.readouterr().err
