"""Paths as users write them, in every setting that names a file or folder."""

from __future__ import annotations

import os
import pathlib
import pwd
import subprocess
import sys

import pytest

from autogan_tf.config import paths
from autogan_tf.config.command_line import parse
from autogan_tf.config.convert import ConvertConfig
from autogan_tf.config.errors import UserError
from autogan_tf.config.evaluate import EvaluateConfig
from autogan_tf.config.export import ExportConfig
from autogan_tf.config.fields import fields_of, from_text
from autogan_tf.config.report import ReportConfig
from autogan_tf.config.resume_settings import check_same
from autogan_tf.config.sample import SampleConfig
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.serve import ServeConfig
from autogan_tf.config.train import TrainConfig

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = (SearchConfig, TrainConfig, EvaluateConfig, SampleConfig, ExportConfig, ServeConfig, ConvertConfig,
           ReportConfig)  # fmt: skip
NO_PATHS = {"arch", "reward", "objectives", "space", "server", "model", "host"}  # texts that name no file or folder
PATHS = [
    pytest.param(field, prefix, id=f"{config.__name__}-{field.name}-{prefix}")
    for config in CONFIGS
    for field in fields_of(config)
    for prefix in field.rules.path
]


def without_home(monkeypatch):
    """As in a container that runs as a number without an entry in the list of users."""
    monkeypatch.delenv("HOME", raising=False)

    def no_entry(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", no_entry)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_text_is_a_choice_or_a_path_or_known_to_be_none(config):
    texts = {field.name: field.rules for field in fields_of(config) if field.item_type is str}
    undeclared = {name for name, rules in texts.items() if not rules.choices and not rules.path}
    assert undeclared <= NO_PATHS


@pytest.mark.parametrize(("field", "prefix"), PATHS)
def test_every_path_knows_the_home_folder_and_names_its_flag(field, prefix, monkeypatch):
    monkeypatch.setenv("HOME", "/the/home")
    value = from_text(field, f"{prefix}~/a b")
    assert (value[0] if field.sequence else value) == f"{prefix}/the/home/a b"
    for text in (f"{prefix}~nosuchuser/x", f"{prefix}{'n' * 300}"):
        with pytest.raises(UserError, match=f"^--{field.name}={prefix}"):
            from_text(field, text)


def test_the_words_of_report_are_paths_too(monkeypatch):
    monkeypatch.setenv("HOME", "/the/home")
    assert parse(ReportConfig, ["~/a", "b,c", "--run_dir=~/d,e"], doc="").run_dir == (
        "/the/home/d", "e", "/the/home/a", "b,c"
    )  # fmt: skip
    with pytest.raises(UserError, match="--run_dir=~nosuchuser"):
        parse(ReportConfig, ["~nosuchuser"], doc="")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("~", "/the/home"),
        ("~/", "/the/home/"),
        ("~/~/x", "/the/home/~/x"),
        ("~root/x", f"{pwd.getpwnam('root').pw_dir}/x"),
        ("./~/x", "./~/x"),
        ("a~b", "a~b"),
        ("a/~", "a/~"),
        ("", ""),
    ],
)
def test_where_a_tilde_is_a_home_folder(text, path, monkeypatch):
    monkeypatch.setenv("HOME", "/the/home")
    assert paths.resolve(text, given="--x") == path


def test_a_home_that_is_the_root(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert [paths.resolve(text, given="--x") for text in ("~", "~/", "~/x")] == ["/", "/", "/x"]


def test_no_home(monkeypatch):
    without_home(monkeypatch)
    assert paths.home() is None
    with pytest.raises(UserError, match=r"^--run_dir=~/x: the home folder is not known, .* set HOME"):
        paths.resolve("~/x", given="--run_dir=~/x")
    monkeypatch.setenv("HOME", "")
    assert paths.home() is None
    assert paths.resolve("x", given="--run_dir=x") == "x"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n" * 256, "longer than the system takes"),
        ("ä" * 128, "longer than the system takes"),  # 256 bytes
        ("folder/" * 700, "longer than the system takes"),
        ("loop", "circle"),
        ("loop/x", "circle"),
        ("a\0b", "cannot be a path"),
        ("a\ud800b", "cannot be a path"),
    ],
)
def test_what_the_file_system_refuses(name, words, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=words) as caught:
        paths.resolve(f"{tmp_path}/{name}", given=f"--grid={name}")
    message = str(caught.value)
    assert message.startswith("--grid=") and len(message) < 400 and "\n" not in message


def test_a_folder_that_may_not_be_looked_into(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "stat", refuse)  # whoever runs the tests may be root, who may look everywhere
    with pytest.raises(UserError, match="^--grid=a/b: a folder on the way may not be looked into"):
        paths.resolve("a/b", given="--grid=a/b")


def test_what_is_not_there_or_below_a_file_is_for_the_command_to_judge(tmp_path):
    (tmp_path / "file").touch()
    for name in ("gone", "gone/x", "file", "file/x", "n" * 255):
        assert paths.resolve(f"{tmp_path}/{name}", given="--x") == f"{tmp_path}/{name}"


def test_a_name_of_a_utf8_file_in_another_locale(tmp_path):
    """Where the file system's encoding is ASCII, the command line gives the two bytes of ö as surrogates."""
    (tmp_path / "fö").mkdir()
    (tmp_path / "a.flags").write_text("--run_dir=fö\n", encoding="utf-8")
    code = (
        "import os, sys\n"
        "from autogan_tf.config.command_line import parse\n"
        "from autogan_tf.config.report import ReportConfig\n"
        "assert sys.getfilesystemencoding() == 'ascii'\n"
        "found = [parse(ReportConfig, [word], doc='').run_dir[0] for word in ('--flagfile=a.flags', sys.argv[1])]\n"
        "assert found[0] == found[1] and os.path.isdir(found[0]), found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "fö"],
        cwd=tmp_path,
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_goes_on_with_the_same_path_in_other_words(monkeypatch):
    monkeypatch.setenv("HOME", "/the/home")
    config = TrainConfig(dataset="folder:/the/home/x", features="saved_model:/the/home/f")
    check_same(config, {"dataset": "folder:~/x", "features": "saved_model:~/f"})
    with pytest.raises(UserError, match="--dataset was folder:/the/home/y and is folder:/the/home/x"):
        check_same(config, {"dataset": "folder:~/y"})
    with pytest.raises(UserError, match="--dataset was folder:~nosuchuser/x"):
        check_same(config, {"dataset": "folder:~nosuchuser/x"})
