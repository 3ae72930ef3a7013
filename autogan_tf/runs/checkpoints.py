"""Checkpoints of a run: TensorFlow's, with the plain-Python part of the state inside the same checkpoint.

What counts is which files are there, whatever TensorFlow's own `checkpoint` file says: that may be lost, be damaged or
point elsewhere. A checkpoint is restored after every one of its tensors has been read, which checks their sums; from a
damaged one the way leads back to the one before, with a warning.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import tensorflow as tf
from absl import logging

from autogan_tf.config.errors import UserError
from autogan_tf.data.atomic_file import replacing
from autogan_tf.data.literal_path import literal

FORMAT = 1  # of the state
_STATE = "state/.ATTRIBUTES/VARIABLE_VALUE"
_FILE = re.compile(r"ckpt-(0|[1-9][0-9]*)\.(index|data-[0-9]{5}-of-[0-9]{5})")
_ASIDE = "damaged-"
_ERRORS = (tf.errors.OpError, OSError, ValueError, LookupError, TypeError, RuntimeError)


class SaveFailed(RuntimeError):
    """A checkpoint could not be written; those before it are as they were."""


class Saved(NamedTuple):
    """A checkpoint that was read from end to end: its path without endings, its number and its state."""

    prefix: str
    number: int
    state: dict[str, Any]


class Checkpoints:
    """Saves and restores trackable objects together with a JSON-able state.

    Args:
      folder: of the checkpoints.
      objects: what is saved, by name. An object that is replaced later must be set anew with `track`.
      keep: how many of the newest checkpoints stay.

    Raises:
      UserError: TensorFlow cannot be given the folder, see `literal`.
    """

    def __init__(self, folder: pathlib.Path, objects: Mapping[str, Any], *, keep: int = 2) -> None:
        self._folder, self._keep = folder, keep
        self._state = tf.Variable("{}", dtype=tf.string, trainable=False, name="state")
        self._checkpoint = tf.train.Checkpoint(state=self._state, **objects)
        with literal(folder / "ckpt-0"):  # at once, and not when hours of work are to be saved
            pass

    def track(self, name: str, trackable: Any) -> None:
        """From now on saves `trackable` under `name`."""
        setattr(self._checkpoint, name, trackable)

    def save(self, number: int, state: Mapping[str, Any]) -> str:
        """Writes checkpoint `number` with the state; returns its path prefix.

        Afterwards there are this one and the newest of those with lower numbers. One with a higher number is of a
        course that the run has gone back from, and goes, too.

        Raises:
          SaveFailed: the disk is full or cannot be written to.
        """
        self._state.assign(json.dumps({"format": FORMAT} | dict(state)))
        prefix = self._folder / f"ckpt-{number}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with literal(prefix) as given:
                self._checkpoint.write(given)
            there = _numbers(self._folder)
            kept = [other for other in there if other <= number][-self._keep :]
            self._write_list(kept)
            self._remove(set(there) - set(kept))
        except (tf.errors.OpError, OSError, UserError) as error:
            raise SaveFailed(f"checkpoint {number} cannot be written to {self._folder}: {why(error)}") from None
        return str(prefix)

    def find(self, *, tidy: bool = True) -> Saved | None:
        """The newest checkpoint that is whole; None when there is none at all.

        Args:
          tidy: sweeps what an interrupted save has left, and puts damaged checkpoints aside, as damaged-ckpt-...; not
            for a process that only reads.

        Raises:
          UserError: there are checkpoints, and none of them can be read.
        """
        if tidy:
            self._sweep()
        saved = newest(self._folder, otherwise="copy them back from elsewhere, or begin anew in another folder")
        if saved is None:
            return None
        if saved.state.pop("format", None) != FORMAT:
            raise UserError(
                f"the checkpoint {saved.prefix} was written by another version of the program, which this one cannot "
                "go on with; begin anew in another folder"
            )
        if tidy:
            self._put_aside(after=saved.number)
            self._write_list(_numbers(self._folder))
        return saved

    def restore(self, saved: Saved) -> None:
        """Restores every object wholly.

        Raises:
          UserError: the objects are not those that were saved.
        """
        try:
            with literal(saved.prefix) as given:
                self._checkpoint.read(given).assert_existing_objects_matched()
        except (*_ERRORS, AssertionError) as error:
            raise UserError(
                f"the checkpoint {saved.prefix} does not fit this run: {why(error)}; it is of other settings or of "
                "another version"
            ) from None

    def _write_list(self, numbers: list[int]) -> None:
        """TensorFlow's `checkpoint` file, with names only, so that the folder may be moved."""
        if not numbers:
            (self._folder / "checkpoint").unlink(missing_ok=True)
            return
        lines = [f'model_checkpoint_path: "ckpt-{numbers[-1]}"']
        lines += [f'all_model_checkpoint_paths: "ckpt-{number}"' for number in numbers]
        lines += [f"all_model_checkpoint_timestamps: {number + 1}.0" for number in numbers]  # only their order counts
        with replacing(self._folder / "checkpoint") as file:
            file.write(("\n".join(lines) + "\n").encode())

    def _remove(self, numbers: Collection[int]) -> None:
        for entry in list(self._folder.iterdir()):  # by their names, and not by a pattern of the folder's, too
            match = _FILE.fullmatch(entry.name)
            if match and int(match[1]) in numbers:
                entry.unlink(missing_ok=True)

    def _sweep(self) -> None:
        if not self._folder.is_dir():
            return
        for entry in self._folder.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry.name.endswith("_temp"):
                shutil.rmtree(entry, ignore_errors=True)
            elif ".tmp" in entry.name or ".tempstate" in entry.name:
                entry.unlink(missing_ok=True)

    def _put_aside(self, *, after: int) -> None:
        """The damaged checkpoints with higher numbers than the good one's."""
        for entry in list(self._folder.iterdir()):
            match = _FILE.fullmatch(entry.name)
            if match and int(match[1]) > after:
                entry.rename(entry.with_name(_ASIDE + entry.name))


def newest(folder: pathlib.Path, *, otherwise: str) -> Saved | None:
    """The newest checkpoint in a folder that is whole; None when there is none at all. Changes nothing.

    otherwise: what to do where there are checkpoints and none of them can be read, which is a UserError.
    """
    numbers = _numbers(folder)
    for number in reversed(numbers):
        prefix = folder / f"ckpt-{number}"
        try:
            return Saved(str(prefix), number, _read_whole(prefix))
        except UserError:  # which is no damage
            raise
        except _ERRORS as error:
            logging.warning("the checkpoint %s is damaged (%s); looking at the one before", prefix, why(error))
    if numbers:
        names = ", ".join(f"ckpt-{number}" for number in reversed(numbers))
        raise UserError(f"none of the checkpoints in {folder} can be read ({names}); {otherwise}")
    return None


def _numbers(folder: pathlib.Path) -> list[int]:
    """Of the checkpoints of which any file is there, ascending."""
    if not folder.is_dir():
        return []
    matches = (_FILE.fullmatch(entry.name) for entry in folder.iterdir())
    return sorted({int(match[1]) for match in matches if match})


def _read_whole(prefix: pathlib.Path) -> dict[str, Any]:
    """The state of a checkpoint; raises one of _ERRORS where any part of it is damaged or missing."""
    if not prefix.with_name(prefix.name + ".index").exists():
        raise FileNotFoundError(f"{prefix.name}.index is missing")
    with literal(prefix) as given:
        reader = tf.train.load_checkpoint(given)
        state = json.loads(reader.get_tensor(_STATE).decode())
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)  # compares its sum
    if not isinstance(state, dict):
        raise ValueError("its state is no JSON object")
    return state


def why(error: BaseException) -> str:
    """An exception's message in a line, without its full stop and the names of TensorFlow's operations."""
    text = (str(error).strip() or repr(error)).splitlines()[0]
    return re.sub(r"\{\{function_node [^}]*\}\} |\.tempstate\d+| \[Op:\w+\]$", "", text)[:300].rstrip(". ")
