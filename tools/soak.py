"""Kills a run at random moments, again and again, until it ends, and compares it with one that nobody disturbed.

    python tools/soak.py --kills=100 --folder=/tmp/soak -- search --flagfile=quickstart.flags --save_steps=8

The words after -- are a command of the program and its flags, without --run_dir; `train` works as well. FOLDER/whole is
the run that goes through, FOLDER/killed the other one. What must be the same, byte for byte: weights, optimizers,
controller, rewards, ranked architectures, scores, sample grids. Exits with 1 where something differs.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from autogan_tf.runs.checkpoints import Checkpoints  # noqa: E402

# What clocks, memory and the number of checkpoints say.
_OF_THE_MACHINE = ("time", "seconds", "images_per_second", "memory_mb", "logs", "saves")
# Where a training reports depends on the clock, too.
_BY_THE_CLOCK = ("train",)


def command(words: Sequence[str], run_dir: pathlib.Path) -> list[str]:
    """The command line of a run in a folder."""
    name, *flags = words
    return [sys.executable, "-m", f"autogan_tf.{name}", *flags, f"--run_dir={run_dir}"]


def run_whole(words: Sequence[str], run_dir: pathlib.Path, **options: Any) -> None:
    """Runs it to its end; RuntimeError where that fails."""
    done = subprocess.run(command(words, run_dir), capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr[-2000:]}")


def run_killed(words: Sequence[str], run_dir: pathlib.Path, *, kills: int, seed: int, **options: Any) -> list[int]:
    """Runs it with `kills` kills, each at a random moment, and then to its end.

    Most come within two seconds after it has got on, some while it still starts.

    Returns:
      The number of the newest whole checkpoint after each kill.

    Raises:
      RuntimeError: it ends with an error, its progress is lost, or it ends before it was killed so often.
    """
    rng = random.Random(seed)
    reached: list[int] = []
    while len(reached) < kills:
        lines = _lines(run_dir)
        process = subprocess.Popen(
            command(words, run_dir), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options
        )
        if rng.random() < 0.8:
            while process.poll() is None and _lines(run_dir) == lines:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 2))
        else:
            time.sleep(rng.uniform(0, 8))
        if process.poll() is not None:
            errors = process.stderr.read() if process.stderr else ""
            if process.returncode:
                raise RuntimeError(f"{words} ended with {process.returncode}: {errors[-2000:]}")
            raise RuntimeError(f"{words} was done after {len(reached)} kills; give it more to do")
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        number = _newest(run_dir)
        if reached and number < reached[-1]:
            raise RuntimeError(f"after kill {len(reached) + 1} the newest checkpoint is {number}, before {reached[-1]}")
        reached.append(number)
    run_whole(words, run_dir, **options)
    return reached


def _lines(run_dir: pathlib.Path) -> int:
    """Bytes of what the run has noted, in the search and its final training."""
    files = [folder / "metrics.jsonl" for folder in (run_dir, run_dir / "best")]
    return sum(file.stat().st_size for file in files if file.exists())


def _newest(run_dir: pathlib.Path) -> int:
    """Number of checkpoints written, in the search and its final training."""
    folders = [folder / "checkpoints" for folder in (run_dir, run_dir / "best")]
    found = [Checkpoints(folder, {}).find(tidy=False) for folder in folders]
    return sum(saved.number for saved in found if saved is not None)


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """What is not the same in two runs of the same command, in words."""
    found = []
    for part in (".", "best"):
        a, b = one / part, other / part
        if not a.exists() and not b.exists():
            continue
        for name in ("metrics.jsonl", "evaluations.jsonl"):
            if _rows(a / name) != _rows(b / name):
                found.append(f"{part}/{name}")
        for folder in ("samples", "genotypes", "front"):
            names = {file.name for place in (a, b) for file in (place / folder).glob("*")}
            different = (name for name in sorted(names) if _content(a / folder / name) != _content(b / folder / name))
            found += [f"{part}/{folder}/{name}" for name in different]
        found += [f"{part}/checkpoints: {name}" for name in _different_tensors(a / "checkpoints", b / "checkpoints")]
    return found


def _rows(file: pathlib.Path) -> list[Any]:
    if not file.exists():
        return []
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [_without(row) for row in rows if row.get("phase") not in _BY_THE_CLOCK]


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in _OF_THE_MACHINE}
    return [_without(entry) for entry in value] if isinstance(value, list) else value


def _content(file: pathlib.Path) -> Any:
    if not file.exists():
        return None
    if file.suffix == ".json":  # whose name is the run's
        return {k: v for k, v in json.loads(file.read_text(encoding="utf-8")).items() if k != "name"}
    return file.read_bytes()


def _different_tensors(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    saved = [Checkpoints(folder, {}).find(tidy=False) for folder in (one, other)]
    if None in saved:
        return [] if saved == [None, None] else ["one has none"]
    a, b = (tf.train.load_checkpoint(entry.prefix) for entry in saved if entry)
    names = set(a.get_variable_to_shape_map()) | set(b.get_variable_to_shape_map())
    names -= {"state/.ATTRIBUTES/VARIABLE_VALUE", "save_counter/.ATTRIBUTES/VARIABLE_VALUE"}
    names -= {name for name in names if name.startswith("_CHECKPOINTABLE")}
    found = [
        name for name in sorted(names)
        if np.asarray(a.get_tensor(name)).tobytes() != np.asarray(b.get_tensor(name)).tobytes()
    ]  # fmt: skip
    states = [_without(entry.state) for entry in saved if entry]
    return found + ([] if states[0] == states[1] else ["the state"])


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how often it is killed (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="a new folder for both runs")
    parser.add_argument("words", nargs="+", help="search or train, and flags")
    arguments = parser.parse_args(argv)
    if arguments.folder.exists():
        parser.error(f"--folder={arguments.folder} is there; give a new one")
    whole, killed = arguments.folder / "whole", arguments.folder / "killed"
    began = time.monotonic()
    run_whole(arguments.words, whole, cwd=ROOT)
    took = time.monotonic() - began
    began = time.monotonic()
    reached = run_killed(arguments.words, killed, kills=arguments.kills, seed=arguments.seed, cwd=ROOT)
    print(f"undisturbed {took:.0f} s, with {arguments.kills} kills {time.monotonic() - began:.0f} s")
    print(f"checkpoints after each kill: {', '.join(map(str, reached))}")
    found = differences(whole, killed)
    print("\n".join(["different:", *found]) if found else "both are the same, byte for byte")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
