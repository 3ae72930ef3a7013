"""Run folders written by hand, for the tests of what reads them."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from autogan_tf.search_space.genotype import Genotype

# three iterations on the first cell, two on the second; two architectures in each
REWARDS = [
    {"0 0 0 0": 1.0, "1 2 1 1": 2.0},
    {"0 1 0 0": 3.0, "1 2 1 0": 2.5},
    {"0 1 2 1": 1.5, "0 1 0 1": 4.0},
    {"0 1 0 0 0 0 0 0 1": 2.0, "0 1 0 0 1 1 1 1 0": 3.0},
    {"0 1 0 0 1 2 1 0 0": 5.0, "0 1 0 0 1 1 1 0 1": 3.5},
]
STAGES = [0, 0, 0, 1, 1]
RESET = 1  # the iteration in which the losses stood still
START = 1_800_000_000.0
SETTINGS = {
    "dataset": "mnist5k",
    "data_dir": "",
    "num_cells": 2,
    "grow_steps": [3],
    "max_search_iter": 5,
    "ctrl_step": 1,
    "ctrl_sample_batch": 2,
    "train_steps": 20,
    "bottom_width": 4,
    "gf_dim": 16,
}


def write_config(folder: pathlib.Path, command: str, settings: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "format": "autogan-run",
        "version": 1,
        "command": command,
        "settings": settings,
        "packages": {"tensorflow": "2.15.1"},
        "python": "3.11.7",
        "commit": "abc",
        "machine": {"system": "Linux", "processor": "A & B", "cores": 2},
    }
    (folder / "config.json").write_text(json.dumps(document))


def write_rows(file: pathlib.Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def search_rows(iterations: int = 5) -> list[dict[str, Any]]:
    """Each iteration takes 10 seconds, 4 of them the strategy's."""
    rows: list[dict[str, Any]] = []
    for step, (rewards, stage) in enumerate(zip(REWARDS[:iterations], STAGES, strict=False)):
        now = START + 10.0 * (step + 1)
        best = max(rewards, key=lambda name: rewards[name])
        # as an earlier version called the phase, which is read like today's
        rows.append({"step": step, "phase": "controller", "time": now, "rewards": rewards, "seconds": 4.0})
        counts = [2, 3, 3, 2] + [2] * stage
        rows.append({"step": step, "phase": "search", "time": now, "stage": stage, "best": rewards[best],
                     "best_architecture": best, "mean": sum(rewards.values()) / 2, "best_so_far": rewards[best],
                     "entropy": 0.5, "d_loss": 2.0, "g_loss": None if step == 0 else -0.5, "collapsed": step == RESET,
                     "seconds": 10.0, "memory_mb": 100.0 + step,
                     "policy": [[1 / count] * count for count in counts]})  # fmt: skip
        if step == 2 and iterations > 3:
            kept = {"0 1 0 1": 4.0, "0 1 0 0": 3.0}
            rows.append({"step": 3, "phase": "growth", "time": now, "stage": 0, "kept": kept})
    return rows


def write_candidates(folder: pathlib.Path) -> pathlib.Path:
    """A search whose candidates were trained by themselves, for 100 steps or 300; one came again and failed."""
    write_search(folder)
    write_config(folder, "search", SETTINGS | {"estimation": "from_scratch", "fidelities": [100, 300]})
    rows = search_rows()
    for row in rows:
        if row["phase"] == "controller":
            steps = {name: 300 if reward > 2.4 else 100 for name, reward in row["rewards"].items()}
            row |= {"iteration": row["step"], "trained_steps": steps}
    again = {"0 0 0 0": None}
    rows.append({"step": 5, "phase": "strategy", "iteration": 4, "time": START + 51.0, "rewards": again,
                 "trained_steps": {"0 0 0 0": 300}, "seconds": 1.0})  # fmt: skip
    write_rows(folder / "metrics.jsonl", rows)
    return folder


def picture(file: pathlib.Path, seed: int = 0, side: int = 40) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(file)


def training_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in (10, 20):
        rows.append({"step": step, "phase": "train", "time": START + 100 + step, "d_loss": 2.0, "g_loss": 0.1})
        rows.append({"step": step, "phase": "evaluation", "time": START + 101 + step, "frechet_distance": 50.0 - step,
                     "inception_score": 2.5, "num_images": 500, "feature_network": "classifier/0123",
                     "reference": "mnist5k/train", "reference_digest": "ff"})  # fmt: skip
    return rows


def write_search(folder: pathlib.Path, *, iterations: int = 5) -> pathlib.Path:
    """A search; complete with its final training, or stopped after some iterations."""
    write_config(folder, "search", SETTINGS)
    write_rows(folder / "metrics.jsonl", search_rows(iterations))
    for step in range(iterations):
        picture(folder / "samples" / f"iteration-{step + 1:04d}.png", step)
    picture(folder / "samples" / "real.png")
    if iterations < 5:
        return folder
    for place, (name, reward) in enumerate((("0 1 0 0 1 2 1 0 1", 5.0), ("0 1 0 0 1 1 1 0 1", 3.5)), 1):
        text = Genotype.from_string(name, name=f"found-{place}").to_json(
            scores={"reward": reward, "inception_score": reward - 0.5}, cost={"parameters": 1234, "multiply_adds": 5e6}
        )
        (folder / "genotypes").mkdir(exist_ok=True)
        (folder / "genotypes" / f"{place:02d}.json").write_text(text)
        if place == 1:
            (folder / "genotype.json").write_text(text)
    write_training(folder / "best", settings=SETTINGS)
    return folder


def write_training(folder: pathlib.Path, *, settings: dict[str, Any] | None = None) -> pathlib.Path:
    """A finished training of 20 steps."""
    write_config(folder, "train", settings or {"genotype": "autogan_cifar10_a", "max_iter": 20, "dataset": "mnist5k"})
    write_rows(folder / "metrics.jsonl", training_rows())
    genotype = Genotype.from_string("0 1 0 0 1 2 1 0 1", name="found-1")
    (folder / "genotype.json").write_text(genotype.to_json(cost={"parameters": 1234, "multiply_adds": 5e6}))
    for step in (10, 20):
        picture(folder / "samples" / f"step-{step:06d}.png", step)
    for name in ("final", "real", "neighbours"):
        picture(folder / "samples" / f"{name}.png")
    (folder / "checkpoints").mkdir()
    return folder
