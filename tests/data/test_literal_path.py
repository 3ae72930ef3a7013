"""Paths that TensorFlow takes literally: it is given a link where it would read a pattern."""

from __future__ import annotations

import os
import pathlib
import tempfile

import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data.literal_path import is_literal, literal

ODD = ["x [1] y", "a\\b", "a*b", "a?b", "{a,b}", "[", "f\udcfclder"]


@pytest.mark.parametrize("name", ["runs", "a b", "Größe", "a#b", "a:b", "$HOME", "~x", "a%20b", "a,b;c", "-x", "a\nb"])
def test_other_paths_stay_as_they_are(name):
    with literal(f"nowhere/{name}") as given:
        assert given == f"nowhere/{name}"


@pytest.mark.parametrize("name", ODD)
def test_files_in_odd_folders(tmp_path, monkeypatch, name):
    folder = pathlib.Path(name) / "checkpoints"
    monkeypatch.chdir(tmp_path)
    folder.mkdir(parents=True)
    path = folder / "ckpt-1"
    with literal(path) as given:
        assert is_literal(given) and given.endswith("/ckpt-1")
        tf.train.Checkpoint(v=tf.Variable(3.0)).write(given)
    assert {file.name for file in folder.iterdir()} == {"ckpt-1.index", "ckpt-1.data-00000-of-00001"}
    with literal(path.absolute()) as given:
        assert tf.train.load_checkpoint(given).get_tensor("v/.ATTRIBUTES/VARIABLE_VALUE") == 3.0
    assert not os.path.lexists(os.path.dirname(given))  # what it was given is gone
    assert len(list(folder.iterdir())) == 2  # and what it stood for is not


@pytest.mark.parametrize("name", ODD)
def test_a_file_or_folder_whose_own_name_is_odd(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "inside").write_text("a")
    with literal(tmp_path / name) as given:
        assert is_literal(given) and os.listdir(given) == ["inside"]
    (tmp_path / f"{name}.txt").write_text("b")
    with literal(tmp_path / f"{name}.txt") as given:
        assert is_literal(given) and pathlib.Path(given).read_text() == "b"


@pytest.fixture
def temporary(monkeypatch):
    """Sets the folder for temporary ones: temporary(path)."""

    def set_to(path):
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setenv("TMPDIR", str(path))

    yield set_to
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_the_links_folder_may_have_an_odd_name_too(tmp_path, temporary):
    (tmp_path / "t[1]").mkdir()
    temporary(tmp_path / "t[1]")
    with literal(tmp_path / "t[1]") as given:
        assert is_literal(given) and os.path.samefile(given, tmp_path / "t[1]")


def test_without_a_place_for_a_link_it_is_one_error(tmp_path, temporary, monkeypatch):
    temporary(tmp_path)

    def no_links(*arguments):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", no_links)
    with pytest.raises(UserError, match=r"reads x\[1\] as a pattern, .* \(Operation not permitted\); name it without"):
        with literal("x[1]"):
            pass
    assert list(tmp_path.iterdir()) == []
