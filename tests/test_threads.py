"""--threads in every command that computes with TensorFlow."""

from __future__ import annotations

import importlib

import pytest

from autogan_tf.config.errors import UserError
from autogan_tf.runs import machine

COMMANDS = {
    "search": ["--dataset=mnist5k"],
    "train": ["--dataset=mnist5k", "--arch=0 1 1 1"],
    "evaluate": ["--images=photos", "--reference=mnist5k", "--features=classifier"],
    "sample": ["--saved_model=model", "--grid=grid.png"],
    "serve": ["--saved_model=model"],
    "export": ["--run_dir=run", "--output=model"],
    "convert": ["--run_dir=run", "--to_official=arrays.npz"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_threads_are_limited_before_anything_is_computed(command, monkeypatch, capsys):
    """TensorFlow takes the limit only before its first operation, so this process must not set one."""

    def limited(number: int) -> None:
        raise UserError(f"limited to {number}")

    monkeypatch.setattr(machine, "use_threads", limited)
    assert importlib.import_module(f"autogan_tf.{command}").main([*COMMANDS[command], "--threads=3"]) == 2
    assert "limited to 3" in capsys.readouterr().err
