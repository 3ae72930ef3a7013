"""Where commands keep what is expensive to make."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from autogan_tf.config import paths
from autogan_tf.config.errors import UserError
from autogan_tf.features import choice


def test_the_cache_lies_where_it_is_told_or_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/the/home")
    assert choice.cache_folder("") == pathlib.Path("/the/home/.cache/autogan_tf")
    assert choice.cache_folder("~/x") == pathlib.Path("/the/home/x")
    assert choice.cache_folder("x") == pathlib.Path("x")
    with pytest.raises(UserError, match="--cache_dir=~nosuchuser"):
        choice.cache_folder("~nosuchuser")


def test_without_a_home_folder_nothing_is_kept(monkeypatch, caplog, tmp_path):
    monkeypatch.setattr(paths, "home", lambda: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    choice._warn_of_no_home.cache_clear()
    assert choice.cache_folder("") is None
    store = choice.image_store("", memory_gb=1e-9)
    assert store.decoded_folder is None
    assert len(caplog.records) == 1 and "--cache_dir" in caplog.text  # said once
    images = store.allocate([2, 3, 3, 1])  # too many for the memory: a temporary file, which goes with them
    assert isinstance(images, np.memmap) and list(tmp_path.iterdir()) == []
