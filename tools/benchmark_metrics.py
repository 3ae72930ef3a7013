"""`benchmark.py metrics`: Fréchet distance, images per second through feature networks, memory of an evaluation."""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import psutil
import tensorflow as tf
from other_python import OtherPython, add_torch_python  # beside this file
from timing import Report, add_counts, add_some_of, alternate, run_parts

from autogan_tf.features import efficientnet_lite, inception
from autogan_tf.metrics import tfgan_scores
from autogan_tf.metrics.evaluator import evaluate_images
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance
from autogan_tf.metrics.reference import Reference

NUM_FEATURES = 2048  # of Inception, as its logits
NUM_LOGITS = 1008
BATCH = 50
PARTS = ("frechet", "networks", "memory")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts to run, and their sizes."""
    add_some_of(parser, "parts", PARTS)
    images = [("num_images", 10_000, "rows of features for frechet"), ("memory_images", 50_000, "images for memory")]
    add_counts(parser, images, least=2)
    add_counts(parser, [("num_features", NUM_FEATURES, "columns of features for frechet and memory")])
    add_torch_python(parser, needs="PyTorch and torch-fidelity")


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Runs the parts that were asked for."""
    run_parts({"frechet": _frechet, "networks": _networks, "memory": _memory}, arguments, report)


def features(number: int, width: int, seed: int) -> np.ndarray:
    """float32 [number, width] as Inception's are: not negative, correlated, spread over many scales."""
    rng = np.random.default_rng(seed)
    scales = np.exp(rng.normal(0, 1, width))
    mixing = rng.standard_normal((width, width)) / width**0.5
    return np.abs((rng.standard_normal((number, width)) * scales) @ mixing).astype(np.float32)


def _frechet(arguments: argparse.Namespace, report: Report) -> None:
    number, width = arguments.num_images, arguments.num_features
    real, fake = (features(number, width, seed) for seed in (0, 1))
    reference, judged = (FrechetStatistics.from_features(rows) for rows in (real, fake))
    frechet_distance(judged, reference)  # leaves the reference's factor behind

    def fresh(statistics: FrechetStatistics) -> FrechetStatistics:
        return FrechetStatistics.from_moments(statistics.mean, statistics.covariance, count=statistics.count)

    def by_eigenvalues() -> float:
        """As torch-fidelity 0.4 does it."""
        product = judged.covariance @ reference.covariance
        roots = np.sqrt(np.linalg.eigvals(product).astype(np.complex128)).real.sum()
        shift = judged.mean - reference.mean
        return float(shift @ shift + np.trace(judged.covariance) + np.trace(reference.covariance) - 2 * roots)

    ways = {
        "ours, reference used before": lambda: frechet_distance(fresh(judged), reference),
        "ours, new reference": lambda: frechet_distance(fresh(judged), fresh(reference)),
        "eigenvalues of the product": by_eigenvalues,
        "TF-GAN": lambda: tfgan_scores.frechet_distance(judged, reference),
    }
    values = {name: way() for name, way in ways.items()}
    rows = [
        {"way": name, "value": value, "relative difference": abs(value / values["TF-GAN"] - 1)}
        for name, value in values.items()
    ]
    report.rows("Fréchet distance: agreement", rows)
    seconds = alternate(ways, arguments.rounds)
    report.times(f"Fréchet distance of {width:,} features", seconds, baseline="TF-GAN")


def inception_weights() -> dict[str, np.ndarray]:
    """Drawn, of the published shapes: the speed does not depend on the values."""
    shapes = json.loads(str(np.load(_fixture())["shapes"]))
    weights = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        scale = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.1
        weights[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
        if name.endswith("running_var"):
            weights[name] = np.ones(shape, np.float32)
    return weights


def _fixture() -> pathlib.Path:
    return pathlib.Path(__file__).resolve().parents[1] / "tests" / "parity" / "inception.npz"


_TORCH = """
import sys, tempfile, warnings
warnings.simplefilter("ignore")
import numpy, torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
torch.set_grad_enabled(False)
with tempfile.NamedTemporaryFile(suffix=".pth") as file, numpy.load(sys.argv[1]) as arrays:
    torch.save({name: torch.from_numpy(arrays[name]) for name in arrays.files}, file.name)
    network = FeatureExtractorInceptionV3("n", ["2048", "logits_unbiased"], feature_extractor_weights_path=file.name)
network.eval()
images = torch.from_numpy(numpy.load(sys.argv[2])).permute(0, 3, 1, 2).contiguous()
features = network(images)[0]
print(float(features.double().abs().mean()), flush=True)
for line in sys.stdin:
    network(images)
    print(flush=True)
"""


@contextlib.contextmanager
def torch_fidelity(python: str, weights: dict[str, np.ndarray], images: np.ndarray) -> Iterator[OtherPython]:
    """torch-fidelity's Inception, which sees the images each time that it is asked; first it says its mean feature."""
    with tempfile.TemporaryDirectory() as name:
        paths = [str(pathlib.Path(name) / file) for file in ("weights.npz", "images.npy")]
        np.savez(paths[0], **cast(dict[str, Any], weights))
        np.save(paths[1], images)
        with OtherPython(python, ["-c", _TORCH, *paths], needs="torch and torch-fidelity") as torch:
            yield torch


def _networks(arguments: argparse.Namespace, report: Report) -> None:
    images = np.random.default_rng(0).integers(0, 256, (BATCH, 32, 32, 3), np.uint8)
    weights = inception_weights()
    network = inception.load(weights)
    ways = {"inception": _looking(network, images)}
    for side in (96, 128, 224):
        ways[f"efficientnet_lite0 at {side}"] = _looking(efficientnet_lite.load(resolution=side), images)
    with contextlib.ExitStack() as stack:
        if arguments.torch_python:
            torch = stack.enter_context(torch_fidelity(arguments.torch_python, weights, images))
            mean = float(np.abs(network(tf.constant(images))[0].numpy().astype(np.float64)).mean())
            rows = [{"network": "inception", "mean feature": mean}]
            rows.append({"network": "inception by torch-fidelity", "mean feature": float(torch.first)})
            report.rows("Inception and torch-fidelity's: the same function", rows)
            ways["inception by torch-fidelity"] = torch.ask
        seconds = alternate(ways, arguments.rounds)
    report.times(f"Feature networks, {BATCH} images of 32 pixels at once", seconds, baseline="inception", work=BATCH)


def _looking(network, images: np.ndarray):
    graph = tf.function(lambda batch: network(batch), autograph=False)
    batch = tf.constant(images)
    return lambda: graph(batch)[0].numpy()


class _Drawn:
    """Stands in for a network with Inception's outputs, so that what is measured is all the rest."""

    name, digest, num_logits = "drawn", "0", NUM_LOGITS

    def __init__(self, num_features: int) -> None:
        self.num_features = num_features

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number = tf.shape(images)[0]
        seed = tf.cast(tf.reshape(images[0, 0, 0, :2], [2]), tf.int32)
        both = tf.random.stateless_normal([number, self.num_features + NUM_LOGITS], seed=seed, alg="philox")
        return tf.nn.relu(both[:, : self.num_features]), both[:, self.num_features :]


def _memory(arguments: argparse.Namespace, report: Report) -> None:
    """What an evaluation needs above the process before it, with real images of as many features beside it."""
    number, width, rng = arguments.memory_images, arguments.num_features, np.random.default_rng(0)

    def batches():
        for first in range(0, number, 100):
            yield rng.integers(0, 256, (min(100, number - first), 4, 4, 3), np.uint8)

    network = _Drawn(width)
    evaluate_images([next(batches())] * 30, network, None, engine="fast")  # TensorFlow's own memory
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "real.npy"
        real = np.lib.format.open_memmap(path, "w+", np.float32, (number, width))
        statistics = FrechetStatistics(width, network="drawn/0", source="drawn")
        for first in range(0, number, 1000):
            block = real[first : first + 1000]
            block[:] = np.maximum(rng.standard_normal(block.shape), 0)
            statistics.update(block)
        del block, real
        reference = Reference(statistics, np.load(path, mmap_mode="r"))
        before = psutil.Process().memory_info()
        with _Peak() as peak:
            start = time.monotonic()
            evaluate_images(batches(), network, reference, metrics=("is", "fid", "kid", "prdc"), engine="fast", seed=0)
            seconds = time.monotonic() - start
    rows = [
        ("private, above the process before, MB", (peak.private - (before.rss - before.shared)) / 1e6),
        ("with mapped files, which the system may drop, MB", (peak.resident - before.rss) / 1e6),
        ("time, s", seconds),
    ]
    report.rows(
        f"Evaluation (is, fid, kid, prdc) of {number:,} images with {width:,} features and {NUM_LOGITS:,} logits",
        [{"what it takes": name, "value": value} for name, value in rows],
    )


class _Peak(threading.Thread):
    """The most memory that this process has had while it was entered, looked at ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.resident = self.private = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            self._look()

    def _look(self) -> None:
        now = psutil.Process().memory_info()
        self.resident = max(self.resident, now.rss)
        self.private = max(self.private, now.rss - now.shared)

    def __enter__(self) -> _Peak:
        self._look()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._look()
