"""The folder of a run (search or train): who made it and with what, and where its files lie."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any, TextIO

from absl import logging

from autogan_tf.config import earlier_versions, json_text, paths
from autogan_tf.config.errors import UserError
from autogan_tf.data.atomic_file import replacing
from autogan_tf.runs import machine

FORMAT, VERSION = "autogan-run", 1  # of config.json
LOCK = ".lock"
_NAME_LENGTH = 50  # characters of up to 4 bytes; a file system takes names of 255 bytes
_LONGEST_INSIDE = "best/checkpoints/best/" + "n" * 200  # bytes that a path in a run's folder adds to its own, or fewer
PACKAGES = ("tensorflow", "keras", "tf_keras", "numpy", "tensorflow-gan", "tensorflow-addons", "tensorflow-datasets")


def write_atomically(path: pathlib.Path, content: str | bytes) -> None:
    """Writes a file under a temporary name in the same folder and renames it: readers see the old or the new whole."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def open_to_append(path: pathlib.Path) -> TextIO:
    """Opens a file of lines so that what is written begins a line of its own, though the last one was cut short."""
    file = path.open("a", encoding="utf-8")
    with path.open("rb") as written:
        if written.seek(0, os.SEEK_END):
            written.seek(-1, os.SEEK_END)
            if written.read(1) != b"\n":
                file.write("\n")
    return file


def default_run_dir(command: str, dataset: str) -> str:
    """Where a run goes when it is not told: runs/<command>-<data set, of a long name the beginning>-<UTC time>."""
    source = dataset.removeprefix("folder:").rstrip("/").split("/")[-1]
    name = "".join(c if c.isalnum() else "-" for c in source[:_NAME_LENGTH])
    return f"runs/{command}-{name}-{datetime.datetime.now(datetime.timezone.utc):%Y%m%d-%H%M%S}"


def check_new_file(path: str, *, flag: str) -> None:
    """UserError, naming the flag, where a file exists already or could not be written; nothing for an empty path."""
    if path and os.path.exists(path):
        raise UserError(f"--{flag}={path} exists already and would be overwritten; give another name")
    if path:
        check_can_be_made(path, flag=flag)


def check_can_be_made(path: str | pathlib.Path, *, flag: str, inside: str = "") -> None:
    """UserError, naming the flag, where a file or folder could not be made.

    inside: of a folder, the longest path that will be in it.
    """
    given = f"--{flag}={path}"
    paths.check(os.path.join(os.path.abspath(path), inside), given=given)
    parent = pathlib.Path(path).absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise UserError(f"{given} cannot be made: {parent} is a file; give another name")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"{given} cannot be made: {parent} is not writable; give another name")


class RunFolder:
    """Paths and files of one run; see the layout in the README."""

    def __init__(self, path: str | pathlib.Path) -> None:
        self.path = pathlib.Path(path)

    @classmethod
    def open(cls, path: str | pathlib.Path, *, command: str, resume: str) -> tuple[RunFolder, bool]:
        """The folder, not yet made, and whether it holds a run of `command` to go on with.

        Args:
          resume: "auto": goes on if there is a run; "must"; "never".

        Raises:
          UserError: something else is there, no run where one must be, or it cannot be made.
        """
        folder = cls(path)
        if resume != "never" and folder.config_file.exists():
            document = folder.config()
            if document.get("command") != command:
                raise UserError(
                    f"--run_dir={path} holds a run of {document.get('command')!r}, which {command} cannot go on with; "
                    "give another folder"
                )
            return folder, True
        if resume == "must":
            raise UserError(
                f"--resume=must: there is no run in --run_dir={path}, whose config.json would be {folder.config_file}; "
                "give a run's folder, or --resume=auto to begin one"
            )
        return cls.check_free(path), False

    @classmethod
    def check_free(cls, path: str | pathlib.Path) -> RunFolder:
        """The folder, not yet made; UserError when something is there already or it cannot be made."""
        folder = cls(path)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"--run_dir={path} is a file; give a folder that does not exist yet")
        if folder.path.is_dir() and any(entry.name != LOCK for entry in folder.path.iterdir()):
            what = "a run" if folder.config_file.exists() else "files"
            raise UserError(f"--run_dir={path} already holds {what}, which would be overwritten; give another folder")
        check_can_be_made(folder.path, flag="run_dir", inside=_LONGEST_INSIDE)
        return folder

    @property
    def config_file(self) -> pathlib.Path:
        """Settings and circumstances."""
        return self.path / "config.json"

    @property
    def genotype_file(self) -> pathlib.Path:
        """The architecture: of a search, the best one."""
        return self.path / "genotype.json"

    @property
    def genotypes(self) -> pathlib.Path:
        """Folder of a search's ranked architectures, 01.json the best."""
        return self.path / "genotypes"

    @property
    def front(self) -> pathlib.Path:
        """Folder of the front of a search with several objectives, 01.json the best in the first of them."""
        return self.path / "front"

    @property
    def trials(self) -> pathlib.Path:
        """Folder of the runs of a search's candidates, 000001 the first, where they are trained from scratch."""
        return self.path / "trials"

    @property
    def metrics_file(self) -> pathlib.Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def evaluations_file(self) -> pathlib.Path:
        """One JSON object a line: scores of the finished generator."""
        return self.path / "evaluations.jsonl"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def best_checkpoint(self) -> pathlib.Path:
        """Folder of the checkpoint with the best score."""
        return self.checkpoints / "best"

    @property
    def tensorboard(self) -> pathlib.Path:
        """Folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def samples(self) -> pathlib.Path:
        """Folder of the sample grids."""
        return self.path / "samples"

    @property
    def report_page(self) -> pathlib.Path:
        """What the run did, to be read by people."""
        return self.path / "report.html"

    @property
    def report_file(self) -> pathlib.Path:
        """The same for programs."""
        return self.path / "report.json"

    @property
    def best(self) -> RunFolder:
        """In a search: the training run of its best architecture."""
        return RunFolder(self.path / "best")

    def create(self, *, command: str, settings: Mapping[str, Any]) -> None:
        """Makes the folder with its config.json."""
        self.path.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FORMAT,
            "version": VERSION,
            "command": command,
            "settings": dict(settings),
            "command_line": sys.argv,
            "packages": versions(),
            "python": platform.python_version(),
            "commit": _commit(),
            "machine": machine.describe(),
        }
        write_atomically(self.config_file, json.dumps(document, indent=1) + "\n")

    def resume(self, *, settings: Mapping[str, Any]) -> None:
        """Sweeps what a killed process was writing, and notes in config.json that the run goes on, and with what."""
        for file in self.path.rglob(".*.tmp"):
            if re.fullmatch(r"\..+\.[0-9a-f]{16}\.tmp", file.name):  # of `replacing`
                file.unlink(missing_ok=True)
        document = self.config()
        now = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
        document["settings"] = earlier_versions.going_on(document["settings"], settings)
        document["resumed"] = [
            *document.get("resumed", []),
            {"time": now, "command_line": sys.argv, "commit": _commit(), "packages": versions()},
        ]
        write_atomically(self.config_file, json.dumps(document, indent=1) + "\n")

    @property
    def was_resumed(self) -> bool:
        """Whether config.json says that a command went on with the run."""
        return bool(self.config().get("resumed"))

    def config(self) -> dict[str, Any]:
        """config.json; UserError when that is missing or damaged."""
        try:
            document = json_text.parse(self.config_file.read_text(encoding="utf-8"))
            dict(document["settings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read the settings of the run in {self.config_file}: {error!r}") from None
        return document

    def settings(self) -> dict[str, Any]:
        """The settings in config.json; UserError when that is missing or damaged."""
        return earlier_versions.in_todays_names(self.config()["settings"])

    def packages(self) -> dict[str, str]:
        """Versions by name of what the newest process that wrote the run had; empty where that is not known."""
        document = self.config()
        newest = [entry["packages"] for entry in document.get("resumed", []) if "packages" in entry]
        return dict(newest[-1] if newest else document.get("packages", {}))

    def append_evaluation(self, scores: Mapping[str, Any]) -> None:
        """Adds a line to evaluations.jsonl."""
        with open_to_append(self.evaluations_file) as file:
            file.write(json.dumps(dict(scores)) + "\n")

    def evaluations(self) -> list[dict[str, Any]]:
        """The lines of evaluations.jsonl, in the order in which they were written; a damaged one costs a warning.

        Raises:
          UserError: the file cannot be read.
        """
        try:
            lines = self.evaluations_file.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"{self.evaluations_file} cannot be read: {error}") from None
        found = []
        for number, line in enumerate(lines, 1):
            try:
                row = json_text.parse(line) if line.strip() else {}
            except ValueError:
                row = None
            if row and isinstance(row, dict):
                found.append(row)
            elif row != {}:
                logging.warning("%s: line %d is damaged and left out", self.evaluations_file, number)
        return found


def versions() -> dict[str, str]:
    """Of the packages that are installed: which there are depends on Python's version."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _commit() -> str:
    """The commit of the checkout that the package runs from; empty when it was installed."""
    root = pathlib.Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()
