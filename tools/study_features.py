"""Which feature network tells good images from bad ones? A study on real CIFAR-10, written to docs/feature-study.md.

    python tools/study_features.py --data_dir=DIR [--inception_weights=FILE.pth]

Real test images are spoilt in known ways, and each network's Inception score and Fréchet distance say what they notice.
A network is a good reward when the score falls as images get worse, by much more than the noise of a short scoring.
It takes about an hour on 2 cores. The numbers go to docs/feature-study.json, from which --from_json writes the page
anew.
"""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

import numpy as np  # noqa: E402
from feature_study_page import (  # noqa: E402 (beside this file)
    CLASSIFIER,
    SHORT,
    SIDES,
    SMALL_SIDE_IMAGES,
    UNTOUCHED,
    page,
)
from scipy import ndimage  # noqa: E402
from timing import alternate  # noqa: E402 (beside this file)

from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.data import pipeline, seeds, sources  # noqa: E402
from autogan_tf.data.image_data import take  # noqa: E402
from autogan_tf.features import choice, efficientnet_lite  # noqa: E402
from autogan_tf.features.classifier import load_or_train  # noqa: E402
from autogan_tf.features.extraction import outputs_of  # noqa: E402
from autogan_tf.features.protocol import FeatureNetwork  # noqa: E402
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance  # noqa: E402
from autogan_tf.metrics.inception_score import inception_score  # noqa: E402
from autogan_tf.runs import machine  # noqa: E402
from autogan_tf.runs.folder import write_atomically  # noqa: E402

NUMBERS = (1_000, 2_000, 5_000, 10_000)
TIMED = 1_000  # images that a rate is measured on
MAX_IMAGES = 10_000  # test images that CIFAR-10 has
SMALL_SIDE_CONDITIONS = (UNTOUCHED, "blur 1 px", "noise 15 levels", "5 of 10 classes")


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of `sigma` pixels."""
    blurred = ndimage.gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0))
    return np.clip(np.rint(blurred), 0, 255).astype(np.uint8)


def noise(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian noise of `sigma` levels."""
    drawn = seeds.numpy_rng(0, "noise", int(10 * sigma)).normal(0, sigma, images.shape)
    return np.clip(np.rint(images + drawn), 0, 255).astype(np.uint8)


def keep_classes(images: np.ndarray, labels: np.ndarray, number: int) -> np.ndarray:
    """As many images, of the first `number` classes only, each image repeated as often as needed."""
    chosen = np.flatnonzero(labels < number)
    return images[np.resize(chosen, len(images))]


def conditions(images: np.ndarray, labels: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Name -> the test images, spoilt."""
    made: dict[str, Callable[[], np.ndarray]] = {UNTOUCHED: lambda: images}
    for sigma in (0.5, 1.0, 2.0):
        made[f"blur {sigma:g} px"] = functools.partial(blur, images, sigma)
    for sigma in (5.0, 15.0, 40.0):
        made[f"noise {sigma:g} levels"] = functools.partial(noise, images, sigma)
    for number in (8, 5, 1):
        made[f"{number} of 10 classes"] = functools.partial(keep_classes, images, labels[: len(images)], number)
    return made


class Look:
    """Features and logits of one set of images, and the scores of parts of it."""

    def __init__(self, images: np.ndarray, network: FeatureNetwork) -> None:
        blocks = (images[first : first + 100] for first in range(0, len(images), 100))
        start = time.monotonic()
        pairs = list(outputs_of(blocks, network))
        self.rate = len(images) / (time.monotonic() - start)
        self.features, self.logits = (np.concatenate(part) for part in zip(*pairs, strict=True))

    def scores(self, rows: np.ndarray | slice, reference: FrechetStatistics) -> tuple[float, float]:
        """Inception score and Fréchet distance of the images at `rows`."""
        distance = frechet_distance(FrechetStatistics.from_features(self.features[rows]), reference)
        return inception_score(self.logits[rows], 1)[0], distance


def parts(total: int, size: int) -> Iterator[np.ndarray]:
    """Disjoint random parts of `size` rows."""
    order = seeds.numpy_rng(0, "parts", size).permutation(total)
    for first in range(0, total - size + 1, size):
        yield order[first : first + size]


def study(name: str, network: FeatureNetwork, data: dict, log: Callable[[str], None]) -> dict:
    """All numbers of one network.

    Returns:
      "name"; "rate", images of 32 pixels per second; "numbers", Inception score and Fréchet distance by number of
      images; "sides", by side and condition the two scores, and "short" and "short_spread", their mean and standard
      deviation over short scorings; "conditions", the entry of the largest side. JSON makes strings of the keys.
    """
    result: dict = {"name": name, "conditions": {}, "numbers": {}, "sides": {}}
    for side in SIDES:
        number = len(data["test"].images) if side == max(SIDES) else SMALL_SIDE_IMAGES
        real_images, test, labels = data["real"].images[:number], data["test"].images[:number], data["test"].labels
        real = Look(pipeline.reduce(real_images, side), network)
        reference = FrechetStatistics.from_features(real.features)
        result["sides"][side] = {}
        for condition, spoil in conditions(test, labels).items():
            if side < max(SIDES) and condition not in SMALL_SIDE_CONDITIONS:
                continue
            seen = Look(pipeline.reduce(spoil(), side), network)
            whole = seen.scores(slice(None), reference)
            short = np.array([seen.scores(rows, reference) for rows in parts(len(seen.logits), SHORT)])
            entry = {
                "inception_score": whole[0],
                "frechet_distance": whole[1],
                "short": short.mean(axis=0).tolist(),
                "short_spread": short.std(axis=0, ddof=1).tolist(),
            }
            result["sides"][side][condition] = entry
            if side == max(SIDES):
                result["conditions"][condition] = entry
                if condition == UNTOUCHED:
                    result["rate"] = seen.rate
                    for count in (number for number in NUMBERS if number <= len(seen.logits)):
                        rows = seeds.numpy_rng(0, "numbers", count).permutation(len(seen.logits))[:count]
                        result["numbers"][count] = seen.scores(rows, reference)
            log(f"{name}, {side} px, {condition}: IS {whole[0]:.3f}, FID {whole[1]:.4g}, {seen.rate:.0f} images/s")
    return result


def resolutions(text: str) -> list[int]:
    """An argparse type: sides that efficientnet_lite0 takes, with commas between them."""
    sides = text.split(",") if text else []
    least = efficientnet_lite.MIN_RESOLUTION
    if not all(side.isdecimal() and int(side) >= least for side in sides):
        raise argparse.ArgumentTypeError(f"must be whole numbers of at least {least} with commas between, got {text!r}")
    return [int(side) for side in sides]


def read(data_dir: str, number: int) -> dict:
    """CIFAR-10: "real", `number` training images, and "test", as many test images."""
    data = {}
    for key, split in (("real", "train"), ("test", "test")):
        whole = sources.load(dataset="cifar10", data_dir=data_dir, resolution=max(SIDES), split=split)
        rows = seeds.numpy_rng(0, "study").permutation(len(whole.images))[:number]
        data[key] = take(whole, rows, split)
    return data


def load_networks(arguments: argparse.Namespace) -> dict[str, FeatureNetwork]:
    """All networks by name, before the first is studied, so that missing weights are told at once."""
    loaded: dict[str, FeatureNetwork] = {
        f"efficientnet_lite0 at {side}": efficientnet_lite.load(resolution=side) for side in arguments.efficientnet
    }
    if arguments.inception_weights:
        loaded["inception"] = choice.load("inception", inception_weights=arguments.inception_weights)
    train, test = sources.labelled_splits(dataset="cifar10", data_dir=arguments.data_dir, resolution=max(SIDES))
    classifier = load_or_train(
        train=train, test=test, sizes=list(SIDES), steps=4000, batch_size=128, width=32, seed=0,
        cache_dir=choice.cache_folder(""),
    )  # fmt: skip
    return {CLASSIFIER: classifier, **loaded}


def set_rates(studied: list[dict], networks: dict[str, FeatureNetwork], images: np.ndarray) -> None:
    """Sets each "rate" anew, the networks looking in turn: what else the machine did meanwhile then counts for all."""
    ways = {name: functools.partial(Look, images, network) for name, network in networks.items()}
    seconds = alternate(ways, 3)
    for entry in studied:
        if entry["name"] in seconds:
            entry["rate"] = len(images) / statistics.median(seconds[entry["name"]])


def measure(arguments: argparse.Namespace, log: Callable[[str], None]) -> dict:
    """What goes to feature-study.json."""
    data, networks = read(arguments.data_dir, arguments.num_images), load_networks(arguments)
    studied = [study(name, network, data, log) for name, network in networks.items()]
    set_rates(studied, networks, data["test"].images[:TIMED])
    return {"machine": machine.describe(), "num_images": arguments.num_images, "networks": studied}


def main(argv: Sequence[str] | None = None) -> None:
    """The command, with the words of `argv` or those of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default="", help="CIFAR-10 prepared by TensorFlow Datasets")
    parser.add_argument("--inception_weights", default="", help="see evaluate --help; without it Inception is left out")
    parser.add_argument("--efficientnet", type=resolutions, default="96,128,224", help="sides of efficientnet_lite0")
    parser.add_argument("--num_images", type=int, default=MAX_IMAGES, help="test images, and as many training images")
    parser.add_argument("--from_json", action="store_true", help="write the page anew from feature-study.json")
    parser.add_argument("--rates", action="store_true", help="measure only the images per second anew, for that file")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs", help="folder of the page and its numbers")
    arguments = parser.parse_args(argv)
    numbers = arguments.output / "feature-study.json"
    if not arguments.data_dir and not arguments.from_json:
        parser.error("--data_dir is required, except with --from_json: the folder of TensorFlow Datasets' CIFAR-10")
    try:
        if arguments.from_json or arguments.rates:
            if not numbers.is_file():
                parser.error(f"there is no {numbers} to begin with; name its folder as --output")
            results = json.loads(numbers.read_text(encoding="utf-8"))
            if arguments.rates:
                set_rates(results["networks"], load_networks(arguments), read(arguments.data_dir, TIMED)["test"].images)
        else:
            if not 2 * SHORT <= arguments.num_images <= MAX_IMAGES:
                parser.error(
                    f"--num_images must lie in {2 * SHORT}..{MAX_IMAGES}, from two short scorings of {SHORT} to all "
                    f"test images, got {arguments.num_images}"
                )
            results = measure(arguments, lambda text: print(text, flush=True))
    except UserError as error:
        parser.error(str(error))
    write_atomically(numbers, json.dumps(results, indent=1) + "\n")
    write_atomically(arguments.output / "feature-study.md", page(results))


if __name__ == "__main__":
    main()
