"""`benchmark.py data`: images per second of the input pipeline beside a small training step; start-up times."""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

import benchmark_networks as networks  # beside this file
import numpy as np
import tensorflow as tf
from timing import Report, add_counts, add_some_of, alternate, run_parts

from autogan_tf.config.errors import UserError
from autogan_tf.data import sources
from autogan_tf.data.image_store import ImageStore
from autogan_tf.data.pipeline import ImageStream, reduce
from autogan_tf.search_space import autogan

PARTS = ("pipeline", "read", "help", "start")
COMMANDS = ("search", "train", "evaluate", "sample", "convert", "export", "serve")
ROOT = pathlib.Path(__file__).resolve().parents[1]
SMALL_SIDE, SIDE = 8, 32
BATCHES = 50
PATIENCE = 300  # seconds for a first step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts to run, and the sizes of the first; the defaults are those of quickstart.flags."""
    add_some_of(parser, "parts", PARTS)
    add_counts(parser, [("num_images", 50_000, "images of 32 pixels in the pipeline"), *networks.SMALL_SIZES])
    parser.add_argument("--dataset", default="cifar10", help="what the part read reads (default cifar10)")
    parser.add_argument("--data_dir", default="", help="where TensorFlow Datasets prepared it")


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Runs the parts that were asked for."""
    run_parts({"pipeline": _pipeline, "read": _read, "help": _help, "start": _start}, arguments, report)


def _pipeline(arguments: argparse.Namespace, report: Report) -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        on_disk = ImageStore(folder=folder, memory_gb=1e-9).allocate([arguments.num_images, SIDE, SIDE, 3])
        in_memory = rng.integers(0, 256, on_disk.shape, np.uint8)
        on_disk[:] = in_memory
        small = reduce(in_memory, SMALL_SIDE)
        ways = {
            f"smallest step of a search ({SMALL_SIDE} pixels)": _step(small, arguments),
            f"pipeline, {SMALL_SIDE} pixels": _batches(small, arguments),
            f"pipeline, {SIDE} pixels": _batches(in_memory, arguments),
            f"pipeline, {SIDE} pixels, from a file": _batches(on_disk, arguments),
        }
        seconds = alternate(ways, arguments.rounds)
    work = arguments.batch_size * BATCHES
    report.times(f"{BATCHES} batches of {arguments.batch_size}", seconds, baseline=next(iter(ways)), work=work)


def _read(arguments: argparse.Namespace, report: Report) -> None:
    """A data set at 32 pixels: decoded, and as it was kept the first time."""
    where = {"dataset": arguments.dataset, "data_dir": arguments.data_dir, "resolution": SIDE}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "decoded": lambda: sources.load(**where),
            "kept from before": lambda: sources.load(**where, store=ImageStore(folder=folder)),
        }
        seconds = alternate(ways, arguments.rounds)  # the first time, which is not counted, fills the cache
    report.times(f"Seconds to read the training images of {arguments.dataset}", seconds, baseline="decoded")


def _batches(images: np.ndarray, arguments: argparse.Namespace) -> Callable[[], object]:
    """Reads BATCHES batches as a training loop does, one after the other inside of a graph."""
    stream = ImageStream(images=images, batch_size=arguments.batch_size, seed=0)

    @tf.function(autograph=False)
    def read(first: tf.Tensor) -> tf.Tensor:
        def one(step: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return step + 1, total + stream.batch(step)[0, 0, 0, 0]

        state = (first, tf.constant(0.0))
        return tf.while_loop(lambda step, _: step < first + BATCHES, one, state, parallel_iterations=1)[1]

    calls = itertools.count()
    return lambda: read(tf.constant(next(calls) * BATCHES, tf.int64)).numpy()


def _step(images: np.ndarray, arguments: argparse.Namespace) -> Callable[[], object]:
    """BATCHES discriminator steps of a search's first stage, every second one with a generator step."""
    gan = networks.small_gan(arguments, n_critic=2)
    loop = gan.stage_loop(stage=0, stream=ImageStream(images=images, batch_size=arguments.batch_size, seed=0))
    tokens = tf.zeros([BATCHES, len(autogan.SPACE.counts(1))], tf.int32)
    calls = itertools.count()
    return lambda: loop.run(begin=0, end=BATCHES, first_step=next(calls) * BATCHES, tokens=tokens)


def _help(arguments: argparse.Namespace, report: Report) -> None:
    def shown(command: str) -> Callable[[], object]:
        words = [sys.executable, "-m", f"autogan_tf.{command}", "--help"]
        return lambda: subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    seconds = alternate({f"{command} --help": shown(command) for command in COMMANDS}, arguments.rounds)
    report.times("Seconds until the help is shown", seconds)


def _start(arguments: argparse.Namespace, report: Report) -> None:
    """From the command to the first numbers of its training, at the sizes of quickstart.flags."""
    train = ["train", "--flagfile=mnist_train.flags", "--genotype=autogan_cifar10_a"]
    # the first number that a search writes comes from the strategy's first step, after a training step and scorings
    search = ["search", "--flagfile=quickstart.flags", "--shared_steps=1", "--ctrl_step=1"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        numbers = itertools.count()

        def first(words: Sequence[str], phase: str) -> Callable[[], object]:
            common = ["--classifier_steps=1", f"--cache_dir={folder / 'cache'}"]
            return lambda: _until([*words, *common, f"--run_dir={folder / str(next(numbers))}"], phase, folder)

        def going_on(words: Sequence[str], phase: str) -> Callable[[], object]:
            one = ["--classifier_steps=1", f"--cache_dir={folder / 'cache'}", "--save_steps=1"]
            return lambda: _until([*words, *one, f"--run_dir={folder / words[0]}"], phase, folder, saved=True)

        ways = {
            "first step of train": first(train, "train"),
            "first strategy step of search": first(search, "strategy"),
            "next steps of a train that goes on": going_on(train, "train"),
            "next strategy step of a search that goes on": going_on(search, "strategy"),
        }
        seconds = alternate(ways, arguments.rounds)  # the first time, which is not counted, trains the classifier
    report.times("Seconds from the command to", seconds)


def _until(words: Sequence[str], phase: str, folder: pathlib.Path, *, saved: bool = False) -> None:
    """Starts a command and stops it when its run has numbers of a phase that it had not before.

    saved: waits for a checkpoint as well, so that the run can go on.
    """
    run_dir = pathlib.Path(words[-1].partition("=")[2])
    before = list(_lines(run_dir / "metrics.jsonl"))
    with open(folder / "output.txt", "w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"autogan_tf.{words[0]}", *words[1:]], cwd=ROOT, stdout=output, stderr=output
        )
    try:
        began = time.monotonic()
        while not (
            any(line.get("phase") == phase and line not in before for line in _lines(run_dir / "metrics.jsonl"))
            and (any(run_dir.glob("checkpoints/*.index")) or not saved)
        ):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                shown = (folder / "output.txt").read_text().strip()
                raise UserError(f"{' '.join(words)} gave no first number, and printed: {shown or 'nothing'}")
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()


def _lines(path: pathlib.Path) -> Iterator[dict]:
    if path.is_file():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # else it is being written
                yield json.loads(line)
