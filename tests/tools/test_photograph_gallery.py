"""tools/photograph_gallery.py: a picture of the served page."""

from __future__ import annotations

import importlib.util
import pathlib

import numpy as np
import pytest
from PIL import Image

from tests.serving.exported import small_generator, write
from tests.serving.running import BROWSER

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "photograph_gallery.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("photograph_gallery", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome on the PATH")
def test_a_picture_of_the_page(tool, tmp_path):
    write(tmp_path / "digits", small_generator())
    tool.main([f"--saved_model={tmp_path / 'digits'}", f"--output={tmp_path / 'page.png'}"])
    pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert pixels.shape == (tool.HEIGHT, tool.WIDTH)
    assert pixels[200:800, 40:640].std() > 20  # the samples, not a white page


def test_no_browser_is_one_error(tool, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        tool.main([f"--saved_model={tmp_path}"])
    assert "needs one of chromium" in capsys.readouterr().err
