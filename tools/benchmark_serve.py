"""`benchmark.py serve`: what the local server adds to the model's own time, what batching brings, and a long load."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
import psutil
from timing import Report, add_counts, add_some_of, alternate, run_parts

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.models import initializers
from autogan_tf.models.generator import Generator
from autogan_tf.search_space import published
from autogan_tf.serving import model_folder, signatures
from autogan_tf.serving.client import Client
from autogan_tf.serving.served_version import ServedVersion

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("latency", "batching", "load")
ADDRESSES = ("REST", "gRPC")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts to run, and their sizes; the generator is architecture A with weights drawn at random."""
    add_some_of(parser, "parts", PARTS)
    counts = [
        ("gf_dim", 32, "channels of the generator"),
        ("images", 16, "images of a request, in the part latency"),
        ("clients", 8, "clients at once, in the parts batching and load"),
        ("requests", 20, "requests of each client, in the part batching"),
        ("seconds", 60, "how long the part load takes"),
    ]
    add_counts(parser, counts)


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Exports a generator, starts `python -m autogan_tf.serve` on it and asks it."""
    with tempfile.TemporaryDirectory() as folder:
        version = _exported(pathlib.Path(folder) / "model", arguments.gf_dim)
        with _server(version) as (process, addresses):
            parts: dict[str, Callable[[argparse.Namespace, Report], None]] = {
                "latency": lambda a, r: _latency(a, r, version, addresses),
                "batching": lambda a, r: _batching(a, r, addresses),
                "load": lambda a, r: _load(a, r, process, addresses),
            }
            run_parts(parts, arguments, report)


def _exported(folder: pathlib.Path, gf_dim: int) -> pathlib.Path:
    generator = Generator(published.load("autogan_cifar10_a"), gf_dim=gf_dim)
    initializers.initialize(generator.named_layers(), seed=seeds.stateless_seed(0, "benchmark"))
    return model_folder.write_version(
        folder,
        signatures.drawing(generator),
        latent_dim=generator.latent_dim,
        num_classes=0,
        variables=generator.variables,
        description={},
    )


@contextlib.contextmanager
def _server(version: pathlib.Path) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    """The command in a process of its own, on free ports, and its addresses by protocol."""
    words = [sys.executable, "-m", "autogan_tf.serve", f"--saved_model={version.parent}"]
    process = subprocess.Popen([*words, "--rest_port=0", "--grpc_port=0"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.split())
            if line.startswith("gRPC:"):
                break
        else:
            raise UserError(f"{' '.join(words)} ended with {process.wait()}")
        found = {words[0].rstrip(":"): words[1] for words in lines if len(words) == 2}
        yield psutil.Process(process.pid), {
            "REST": found["REST"].partition("/v1")[0], "gRPC": f"grpc://{found['gRPC']}"
        }  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def _client(url: str) -> Client:
    return Client(url, model="model")


def _latency(
    arguments: argparse.Namespace, report: Report, version: pathlib.Path, addresses: dict[str, str]
) -> None:
    """A request of some images, beside the signature itself in this process."""
    numbers = np.arange(arguments.images)
    model = ServedVersion(version, number=1)
    ways: dict[str, Callable[[], object]] = {"the signature itself": lambda: model.run("sample", {"seed": numbers})}
    for name in ADDRESSES:
        ways[name] = functools.partial(_client(addresses[name]).predict, "sample", seed=numbers)
    seconds = alternate(ways, 10 * arguments.rounds)
    report.times(f"One request for {arguments.images} images", seconds)
    own = np.median(seconds["the signature itself"])
    rows = [{"over": name, "milliseconds added": 1e3 * (float(np.median(seconds[name])) - float(own))}
            for name in ADDRESSES]  # fmt: skip
    report.rows("What the server and the client add", rows)


def _batching(arguments: argparse.Namespace, report: Report, addresses: dict[str, str]) -> None:
    """Requests for one image each: of one client after the other, and of all clients at once."""
    number = arguments.clients * arguments.requests
    with concurrent.futures.ThreadPoolExecutor(arguments.clients) as pool:
        for name in ADDRESSES:
            ask = functools.partial(_ask_for_one, [_client(addresses[name]) for _ in range(arguments.clients)])
            ways: dict[str, Callable[[], object]] = {
                "one by one": functools.partial(_all, map, ask, number),
                f"{arguments.clients} at once": functools.partial(_all, pool.map, ask, number),
            }
            seconds = alternate(ways, arguments.rounds)
            title = f"{number} requests for one image each over {name}"
            report.times(title, seconds, baseline="one by one", work=number)


def _ask_for_one(clients: list[Client], place: int) -> None:
    clients[place % len(clients)].predict("sample", seed=np.array([place]))


def _all(each: Callable, ask: Callable[[int], None], number: int) -> None:
    collections.deque(each(ask, range(number)), maxlen=0)


def _load(
    arguments: argparse.Namespace, report: Report, process: psutil.Process, addresses: dict[str, str]
) -> None:
    """All clients without a pause, half of them over each protocol; requests, errors, and the server's memory."""
    start = time.monotonic()
    end = start + arguments.seconds

    def ask(place: int) -> tuple[int, int]:
        client, rng = _client(addresses[ADDRESSES[place % 2]]), np.random.default_rng(place)
        done = errors = 0
        while time.monotonic() < end:
            try:
                client.sample_png(rng.integers(0, 2**40, rng.integers(1, 33)))
                done += 1
            except UserError:
                errors += 1
        return done, errors

    with concurrent.futures.ThreadPoolExecutor(arguments.clients) as pool:
        running = [pool.submit(ask, place) for place in range(arguments.clients)]
        time.sleep(arguments.seconds / 6)  # until which it has seen batches of most sizes
        early = process.memory_info().rss
        counts = np.array([one.result() for one in running])
    late = process.memory_info().rss
    row = {
        "clients": arguments.clients,
        "requests": int(counts[:, 0].sum()),
        "errors": int(counts[:, 1].sum()),
        "requests a second": float(counts[:, 0].sum()) / arguments.seconds,
        "memory after a sixth, MB": early / 1e6,
        "at the end, MB": late / 1e6,
    }
    report.rows(f"Load for {arguments.seconds} seconds", [row])
