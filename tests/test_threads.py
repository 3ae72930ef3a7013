"""--threads in every command that computes with TensorFlow."""

from __future__ import annotations

import importlib

import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import sources
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


@pytest.mark.parametrize("workers", [1, 2])
def test_several_processes_share_the_gpus(workers, monkeypatch, capsys):
    """Said before the first operation, or the first process would take all of their memory."""

    def shared() -> None:
        raise UserError("shared")

    def limited(number: int) -> None:
        """This process must not be changed."""

    def opened_data(**settings: object) -> None:
        raise UserError("not shared")

    monkeypatch.setattr(machine, "use_threads", limited)
    monkeypatch.setattr(machine, "share_gpus", shared)
    monkeypatch.setattr(sources, "check_available", opened_data)
    words = ["--dataset=mnist5k", "--estimation=from_scratch", f"--workers={workers}", "--strategy=random"]
    assert importlib.import_module("autogan_tf.search").main(words) == 2
    assert (": shared" in capsys.readouterr().err) == (workers > 1)


def test_memory_of_gpus_grows(monkeypatch):
    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on)))
    machine.share_gpus()
    assert grown == [("GPU:0", True), ("GPU:1", True)]
