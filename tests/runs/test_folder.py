"""A run's folder: files appear whole or not at all, and nobody's files are overwritten."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config import fields, resume_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.runs import history
from autogan_tf.runs.folder import (
    PACKAGES,
    RunFolder,
    check_can_be_made,
    check_new_file,
    default_run_dir,
    write_atomically,
)


def names(path: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


@pytest.mark.parametrize(("content", "expected"), [("Fréchet\n", "Fréchet\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_writing_text_and_bytes(tmp_path, content, expected):
    path = tmp_path / "deep" / "er" / "file"
    write_atomically(path, content)
    assert path.read_bytes() == expected
    assert names(path.parent) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # a temporary file's would be for the owner only


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def fail(*arguments):
        raise OSError("disk full")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="disk full"):
                write_atomically(path, "new")
        assert path.read_text() == "old"
        assert names(tmp_path) == ["file"]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")
    seen = []
    rename = os.replace

    def look(source, target):
        seen.append((path.read_text(), pathlib.Path(source).read_text(), pathlib.Path(source).parent))
        rename(source, target)

    monkeypatch.setattr(os, "replace", look)
    write_atomically(path, "new")
    assert seen == [("old", "new", tmp_path)]  # the same folder, so that renaming is one operation
    assert path.read_text() == "new"


def test_a_free_folder_is_not_made_yet(tmp_path):
    folder = RunFolder.check_free(tmp_path / "a" / "b")
    assert folder.path == tmp_path / "a" / "b"
    assert names(tmp_path) == []
    (tmp_path / "empty").mkdir()
    RunFolder.check_free(str(tmp_path / "empty"))


def test_a_relative_path_is_free(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert RunFolder.check_free("runs/x").path == pathlib.Path("runs/x")


def test_what_is_there_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").touch()
    with pytest.raises(UserError, match="photos already holds files"):
        RunFolder.check_free(tmp_path / "photos")
    folder = RunFolder(tmp_path / "run")
    folder.create(command="search", settings={})
    with pytest.raises(UserError, match="run already holds a run"):
        RunFolder.check_free(tmp_path / "run")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file"):
        RunFolder.check_free(tmp_path / "file")
    assert names(tmp_path) == ["file", "photos", "run"]


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is a file"):
        RunFolder.check_free(tmp_path / "file" / "deep" / "run")


def test_an_unwritable_parent_is_refused_by_name(tmp_path, monkeypatch):
    # whoever runs the tests may be root, who may write everywhere
    monkeypatch.setattr(os, "access", lambda path, mode: pathlib.Path(path) != tmp_path)
    with pytest.raises(UserError) as caught:
        RunFolder.check_free(tmp_path / "a" / "b")
    assert f"{tmp_path} is not writable" in str(caught.value)


def test_the_layout():
    folder = RunFolder("run")
    places = {
        "config_file": "config.json",
        "genotype_file": "genotype.json",
        "genotypes": "genotypes",
        "metrics_file": "metrics.jsonl",
        "evaluations_file": "evaluations.jsonl",
        "checkpoints": "checkpoints",
        "samples": "samples",
    }
    for attribute, name in places.items():
        assert getattr(folder, attribute) == pathlib.Path("run") / name
    assert folder.best.config_file == pathlib.Path("run/best/config.json")


def test_config_json_tells_who_made_the_run_and_with_what(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["search.py", "--seed=7"])
    folder = RunFolder(tmp_path / "run")
    folder.create(command="search", settings={"seed": 7, "grow_steps": [1, 2]})
    document = json.loads(folder.config_file.read_text())
    assert document["command"] == "search"
    assert document["settings"] == {"seed": 7, "grow_steps": [1, 2]}
    assert document["command_line"] == ["search.py", "--seed=7"]
    assert document["packages"]["tensorflow"] == tf.__version__ and document["packages"]["numpy"] == np.__version__
    assert {"python", "commit", "machine", "version", "format"} <= document.keys()
    assert document["machine"]["cores"] >= 1


@pytest.mark.parametrize("checkout", [False, True])
def test_without_a_checkout_or_git_there_is_no_commit(tmp_path, monkeypatch, checkout):
    def no_git(*_, **__):
        raise FileNotFoundError("git")

    if checkout:
        (tmp_path / ".git").mkdir()
    monkeypatch.setattr("autogan_tf.runs.folder.subprocess.run", no_git)
    monkeypatch.setattr("autogan_tf.runs.folder.__file__", str(tmp_path / "site-packages" / "autogan_tf" / "folder.py"))
    folder = RunFolder(tmp_path / "run")
    folder.create(command="train", settings={})
    assert json.loads(folder.config_file.read_text())["commit"] == ""


def test_evaluations_are_appended_one_a_line(tmp_path):
    folder = RunFolder(tmp_path)
    folder.append_evaluation({"inception_score": 8.55})
    folder.append_evaluation({"inception_score": 8.6, "seed": 1})
    lines = folder.evaluations_file.read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"inception_score": 8.55}, {"inception_score": 8.6, "seed": 1}]


CUT = ['{"fid": 1.5, "na', '{"fid": 1.5}']  # within a line, and before its end


@pytest.mark.parametrize("content", CUT)
def test_an_evaluation_after_a_line_that_was_cut_begins_a_line(tmp_path, caplog, content):
    folder = RunFolder(tmp_path)
    assert folder.evaluations() == []
    folder.evaluations_file.write_text('{"fid": 2.5}\n' + content)
    folder.append_evaluation({"fid": 0.5})
    folder.append_evaluation({"fid": 0.25})
    assert folder.evaluations_file.read_text() == f'{{"fid": 2.5}}\n{content}\n{{"fid": 0.5}}\n{{"fid": 0.25}}\n'
    whole = [{"fid": 1.5}] if content.endswith("}") else []
    assert folder.evaluations() == [{"fid": 2.5}, *whole, {"fid": 0.5}, {"fid": 0.25}]
    assert ("line 2 is damaged" in caplog.text) == (not whole)


@pytest.mark.parametrize(
    ("dataset", "name"),
    [("cifar10", "cifar10"), ("folder:/data/my photos/", "my-photos"), ("folder:cats", "cats"), ("a/b:1.0", "b-1-0")],
)
def test_a_runs_folder_has_a_name_of_its_own(dataset, name):
    assert re.fullmatch(rf"runs/train-{name}-\d{{8}}-\d{{6}}", default_run_dir("train", dataset))


def test_a_long_name_of_the_data_makes_no_name_that_is_too_long(tmp_path):
    for letter in ("n", "ä", "文", "𝒳"):
        name = pathlib.PurePath(default_run_dir("search", f"folder:/data/{letter * 250}")).name
        assert 60 < len(name.encode()) <= 255


def test_a_file_may_have_the_longest_name(tmp_path):
    for name in ("n" * 251 + ".png", "ä" * 127):
        write_atomically(tmp_path / name, "content")
        assert (tmp_path / name).read_text() == "content"
    assert len(names(tmp_path)) == 2


def test_paths_that_are_too_long_are_refused_by_their_flag(tmp_path):
    with pytest.raises(UserError, match="--grid=.*longer than the system takes"):
        check_new_file(f"{tmp_path}/{'n' * 252}.png", flag="grid")
    RunFolder.check_free(tmp_path / ("n" * 255))
    # the folder itself could be made, but not what lies in it
    deep = str(tmp_path) + "/folder" * ((4000 - len(str(tmp_path))) // 7)
    check_can_be_made(deep, flag="run_dir")
    with pytest.raises(UserError, match="--run_dir=.*longer than the system takes"):
        RunFolder.check_free(deep)


def test_what_a_killed_process_was_writing_is_swept_when_the_run_goes_on(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create(command="train", settings={"seed": 1})
    folder.samples.mkdir()
    kept = [folder.samples / ".hidden.png", folder.samples / "a.tmp", folder.path / ".notes.tmp"]
    left = [folder.path / ".config.json.0123456789abcdef.tmp", folder.samples / ".a.png.0123456789abcdef.tmp"]
    for file in (*kept, *left):
        file.touch()
    assert not folder.was_resumed
    folder.resume(settings={"seed": 1, "verbosity": "quiet"})
    assert folder.was_resumed and folder.settings() == {"seed": 1, "verbosity": "quiet"}
    assert all(file.exists() for file in kept) and not any(file.exists() for file in left)


def test_packages_are_those_of_who_wrote_it_last(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    folder.create(command="train", settings={})
    began = folder.packages()
    assert began["tensorflow"] == tf.__version__
    monkeypatch.setattr("autogan_tf.runs.folder.metadata.version", lambda name: f"9.{len(name)}")
    folder.resume(settings={})
    assert folder.packages() == {name: f"9.{len(name)}" for name in PACKAGES} and folder.config()["packages"] == began


@pytest.mark.parametrize("command", ["search", "train"])
def test_a_run_whose_distribution_was_called_its_strategy_goes_on(tmp_path, command):
    config_class = {"search": SearchConfig, "train": TrainConfig}[command]
    folder = RunFolder(tmp_path / "run")
    config = config_class(distribution="mirrored")
    written = fields.to_dict(config) | {"strategy": "mirrored"}
    del written["distribution"]
    folder.create(command=command, settings=written)
    assert folder.settings()["distribution"] == "mirrored" and "strategy" not in folder.settings()
    resume_settings.check_same(config, folder.settings())
    with pytest.raises(UserError, match="--distribution was mirrored and is one"):
        resume_settings.check_same(config_class(), folder.settings())
    folder.resume(settings=fields.to_dict(config))
    assert folder.settings() == json.loads(json.dumps(fields.to_dict(config)))
    assert history.read(folder.path).settings == folder.settings()
