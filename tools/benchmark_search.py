"""`benchmark.py search`: what an iteration of a search on two cores is made of, and beside another checkout's."""

from __future__ import annotations

import argparse
import functools
import itertools
import pathlib
from collections.abc import Callable, Iterator

import benchmark_networks as networks  # beside this file
import numpy as np
import tensorflow as tf
from other_checkout import OTHER, add_against, logged
from timing import Report, add_counts, add_some_of, alternate, run_parts

from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.features import classifier_network
from autogan_tf.features.classifier import Classifier
from autogan_tf.models.controller import Controller
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.strategies.controller_policy import ControllerPolicy
from autogan_tf.search_space import autogan
from autogan_tf.training.loop import GanLoop

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("costs", "iteration")
PRECISIONS = ("float32", "mixed_bfloat16")
ARCHITECTURES = 10  # drawn at random
EACH = 5  # iterations of each cell, of which the first is not counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts to run, and their sizes; the defaults are those of cifar10_cpu.flags."""
    add_some_of(parser, "parts", PARTS)
    add_some_of(parser, "precisions", PRECISIONS)
    counts = [
        ("rl_num_eval_img", 1000, "images that an architecture is scored with"),
        ("calibration_batches", 2, "batches of 100 images that measure batch norm's statistics before"),
    ]
    add_counts(parser, [*networks.SMALL_SIZES, *counts])
    add_against(parser, flagfile="quickstart.flags", what="iterations")


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Runs the parts that were asked for."""
    run_parts({"costs": _costs, "iteration": _iteration}, arguments, report)


def _costs(arguments: argparse.Namespace, report: Report) -> None:
    """Training steps and scorings of architectures drawn at random, in each stage; the controller's work."""
    ways: dict[tuple[str, str], Callable[[], object]] = {}
    for precision in arguments.precisions:
        rng = np.random.default_rng(0)
        gan = networks.small_gan(arguments, n_critic=1, precision=precision)
        scorer = _scorer(gan, precision, arguments.calibration_batches)
        for stage in range(3):
            side = 8 * 2**stage
            images = rng.integers(0, 256, (1000, side, side, 3), np.uint8)
            stream = ImageStream(images=images, batch_size=arguments.batch_size, seed=0)
            loop = gan.stage_loop(stage=stage, stream=stream)
            tokens = autogan.SPACE.sample(rng, num_cells=stage + 1, number=ARCHITECTURES)
            ways[f"{ARCHITECTURES} training steps of both at {side} pixels", precision] = functools.partial(
                _train, loop, tf.constant(tokens, tf.int32), itertools.count()
            )
            ways[f"{ARCHITECTURES} scorings at {side} pixels", precision] = functools.partial(
                _score, scorer, tokens.tolist(), arguments.rl_num_eval_img, itertools.count()
            )
    ways[f"{ARCHITECTURES} steps of the controller", "float32"] = functools.partial(
        _learn, _policy(), itertools.count()
    )
    seconds = alternate(ways, arguments.rounds)
    for part in dict.fromkeys(part for part, _ in ways):
        of_part = {precision: taken for (name, precision), taken in seconds.items() if name == part}
        report.times(f"{part}, seconds", of_part, baseline=next(iter(of_part)), work=ARCHITECTURES)


def _scorer(gan: SharedGan, precision: str, calibration_batches: int) -> Scorer:
    network = classifier_network.build_network(resolution=32, channels=3, num_classes=10, width=32)
    classifier_network.initialise(network, seed=0)
    classifier = Classifier(network, accuracy={}, from_cache=False)
    return Scorer(
        generator=gan.generator,
        network=classifier.computing_in(precision),
        batch_size=100,
        calibration_batches=calibration_batches,
        seed=0,
    )


def _train(loop: GanLoop, tokens: tf.Tensor, calls: Iterator[int]) -> None:
    loop.run(begin=0, end=ARCHITECTURES, first_step=next(calls) * ARCHITECTURES, tokens=tokens)


def _score(scorer: Scorer, tokens: list[list[int]], number: int, calls: Iterator[int]) -> None:
    scorer.start_phase("benchmark", next(calls))  # which forgets the scores
    scorer.trials(tokens, num_images=number)


def _policy() -> ControllerPolicy:
    controller = Controller(stage=2)
    controller.initialize(seeds.stateless_seed(0, "benchmark"))
    zeros = np.zeros((1, controller.hid_size), np.float32)
    return ControllerPolicy(
        controller=controller,
        prefixes=np.zeros((1, 9), np.int32),
        prefix_states=(zeros, zeros),
        learning_rate=3.5e-4,
        beta_1=0.9,
        beta_2=0.999,
        baseline_decay=0.9,
        entropy_coeff=1e-3,
    )


def _learn(policy: ControllerPolicy, calls: Iterator[int]) -> None:
    policy.start_phase(np.zeros(1))
    for _ in range(ARCHITECTURES):
        _, decisions, state = policy.sample(1, seeds.stateless_seed(0, "benchmark", next(calls)))
        policy.learn(decisions.tokens, state, np.ones(1))


def _iteration(arguments: argparse.Namespace, report: Report) -> None:
    """Whole commands, in alternation: the seconds that a search itself reports for its iterations."""
    ways = {precision: (ROOT, [f"--precision={precision}"]) for precision in arguments.precisions}
    if arguments.against:
        ways[OTHER] = (arguments.against, [])
    seconds: dict[str, list[list[list[float]]]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, (root, flags) in ways.items():
            seconds[name].append(_searched(root, [f"--flagfile={arguments.flagfile}", *flags]))
    for stage in range(3):
        report.times(
            f"One iteration of {arguments.flagfile} at {8 * 2**stage} pixels, seconds",
            {name: [second for values in rounds for second in values[stage]] for name, rounds in seconds.items()},
            baseline=list(ways)[-1] if arguments.against else arguments.precisions[0],
        )


def _searched(root: pathlib.Path, given: list[str]) -> list[list[float]]:
    """Seconds of the iterations of each cell but the first one, which also traces the graphs.

    Several, as an architecture that comes again is not scored again, and versions may draw other ones.
    """
    flags = [*given, f"--max_search_iter={3 * EACH}", f"--grow_steps={EACH},{2 * EACH}", "--train_steps=0"]
    flags += ["--num_candidate=5", "--topk=1", "--num_eval_imgs=100"]
    seconds = [line["seconds"] for line in logged(root, "search", flags) if line["phase"] == "search"]
    return [seconds[stage * EACH + 1 : (stage + 1) * EACH] for stage in range(3)]
