"""Checkpoints of a run: TensorFlow's, with the plain-Python part of the state inside the same checkpoint."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


class Checkpoints:
    """Saves and restores trackable objects together with a JSON-able state.

    Args:
      folder: of the checkpoints.
      objects: what is saved, by name. An object that is replaced later must be set anew with `track`.
      keep: how many of the newest checkpoints stay.
    """

    def __init__(self, folder: pathlib.Path, objects: Mapping[str, Any], *, keep: int = 2) -> None:
        self._state = tf.Variable("{}", dtype=tf.string, trainable=False, name="state")
        self._checkpoint = tf.train.Checkpoint(state=self._state, **objects)
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep)

    def track(self, name: str, trackable: Any) -> None:
        """From now on saves `trackable` under `name`."""
        setattr(self._checkpoint, name, trackable)

    def save(self, number: int, state: Mapping[str, Any]) -> str:
        """Writes checkpoint `number` with the state; returns its path prefix."""
        self._state.assign(json.dumps(dict(state)))
        return self._manager.save(checkpoint_number=number)

    def restore_latest(self) -> dict[str, Any] | None:
        """Restores the newest checkpoint, every object wholly; its state, or None when there is none."""
        if self._manager.latest_checkpoint is None:
            return None
        self._checkpoint.restore(self._manager.latest_checkpoint).assert_existing_objects_matched()
        return json.loads(self._state.numpy().decode())
