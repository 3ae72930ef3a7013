"""`benchmark.py train`: seconds of both training steps, beside other graphs, PyTorch and another checkout."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import pathlib
import statistics
from collections.abc import Callable, Mapping

import benchmark_networks as networks  # beside this file
import tensorflow as tf
from benchmark_networks import STEPS, Ours
from multiply_adds import multiply_adds
from other_checkout import OTHER, add_against, logged
from other_python import OtherPython
from timing import Report, add_counts, alternate

from autogan_tf.config.errors import UserError
from autogan_tf.training.precision import COMPUTE_DTYPES

ROOT = pathlib.Path(__file__).resolve().parents[1]
WAYS = ("float32", "mixed_bfloat16", "plain", "plain_bfloat16", "supernet")
PEAK_SIDE = 2048  # of the square matrices whose product shows what the machine can do
Lists = dict[str, list[float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which networks, and which ways to train them."""
    networks.add_arguments(parser, WAYS)
    add_counts(parser, [("n_critic", 5, "discriminator steps for a generator step")])
    add_against(parser, flagfile="mnist_train.flags", what="steps")
    add_counts(parser, [("max_iter", 300, "generator steps of the runs that are timed with --against")], least=2)


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Builds all ways, shows that they compute the same, and times them."""
    inputs = networks.drawn_inputs(arguments)
    built = {name: networks.build(name, arguments, inputs, STEPS) for name in arguments.ways}
    base = next(iter(built))
    runs: dict[str, Callable[[str], float]] = {name: way.step for name, way in built.items()}
    counts = _counts(built, arguments.n_critic)
    if counts:
        rows = [{"way": name, **count} for name, count in counts.items()]
        report.rows("Multiply-adds of convolutions and matrix products, G", rows)
    with contextlib.ExitStack() as stack:
        if arguments.torch_python:
            start = built[base] if base != "supernet" else Ours(arguments, inputs)
            torch = stack.enter_context(
                networks.torch_variants(arguments, inputs, start.weights_for_torch(), arguments.torch_ways)
            )
            for name in arguments.torch_ways:
                runs[f"PyTorch {name}"] = functools.partial(_torch_step, torch, name)
        losses = [{"way": name, **{step: way(step) for step in STEPS}} for name, way in runs.items()]
        report.rows("Loss of the first step from the same weights", losses)
        seconds = {
            step: alternate({name: functools.partial(way, step) for name, way in runs.items()}, arguments.rounds)
            for step in STEPS
        }
    baseline = networks.baseline(runs)
    for step in STEPS:
        report.times(f"A {step}'s step", seconds[step], baseline=baseline)
    together = _together(seconds, arguments.n_critic)
    report.times(
        f"{arguments.n_critic} discriminator steps and one generator step", together, baseline=baseline
    )
    if counts:
        _share_of_peak(counts, together, arguments.rounds, report)
    if arguments.against:
        _against(arguments, report)


def _torch_step(torch: OtherPython, variant: str, step: str) -> float:
    return float(torch.ask(f"{variant} {step}"))


def _together(seconds: Mapping[str, Lists], n_critic: int) -> Lists:
    """What a round of the loop takes: of each round's times, n_critic of the one and one of the other."""
    return {
        name: [n_critic * d + g for d, g in zip(times, seconds["generator"][name], strict=True)]
        for name, times in seconds["discriminator"].items()
    }


def _against(arguments: argparse.Namespace, report: Report) -> None:
    """Whole commands, in alternation: by what a training itself reports, without the tracing of its graph."""
    roots = {"this checkout": ROOT, OTHER: arguments.against}
    seconds: Lists = {name: [] for name in roots}
    for _ in range(arguments.rounds):
        for name, root in roots.items():
            seconds[name].append(_seconds_an_image(root, arguments))
    report.times(f"Training of {arguments.flagfile}, seconds for each real image", seconds, baseline=OTHER)


def _seconds_an_image(root: pathlib.Path, arguments: argparse.Namespace) -> float:
    flags = [f"--flagfile={arguments.flagfile}", f"--arch={' '.join(map(str, arguments.genotype.tokens))}"]
    flags += [f"--max_iter={arguments.max_iter}", f"--eval_steps={arguments.max_iter}", "--num_eval_imgs=100"]
    lines = [line for line in logged(root, "train", flags) if "images_per_second" in line]
    steps = [line["step"] - before["step"] for before, line in itertools.pairwise(lines)]
    if not sum(steps):
        raise UserError(f"--max_iter={arguments.max_iter}: too short to tell the speed, must be larger")
    seconds = sum(number / line["images_per_second"] for number, line in zip(steps, lines[1:], strict=True))
    return seconds / sum(steps)


def _counts(built: Mapping[str, Ours], n_critic: int) -> dict[str, dict[str, float]]:
    """Multiply-adds in G of each way whose graph has no conditionals: of both steps, and of a round of the loop."""
    counts = {}
    for name, way in built.items():
        if name != "supernet":
            of = {step: multiply_adds(way.concrete(step)) / 1e9 for step in STEPS}
            counts[name] = of | {"together": n_critic * of["discriminator"] + of["generator"]}
    return counts


def _share_of_peak(
    counts: Mapping[str, Mapping[str, float]], together: Lists, rounds: int, report: Report
) -> None:
    """Multiply-adds a second of a round of the loop, beside those of a large matrix product in the same type."""
    types = {name: COMPUTE_DTYPES["mixed_bfloat16" if name.endswith("bfloat16") else "float32"] for name in counts}
    times = alternate({dtype: _product(dtype) for dtype in dict.fromkeys(types.values())}, rounds)
    peaks = {dtype: PEAK_SIDE**3 / 1e9 / min(values) for dtype, values in times.items()}
    rows = []
    for name, count in counts.items():
        rate = count["together"] / statistics.median(together[name])
        peak = peaks[types[name]]
        rows.append({"way": name, "G a second": rate, "of a matrix product": peak, "share": rate / peak})
    report.rows(f"Multiply-adds a second, and of a product of two {PEAK_SIDE} x {PEAK_SIDE} matrices", rows)


def _product(dtype: str) -> Callable[[], object]:
    matrix = tf.cast(tf.random.stateless_normal([PEAK_SIDE, PEAK_SIDE], seed=[0, 0]), dtype)
    graph = tf.function(lambda x: tf.reduce_sum(tf.cast(tf.matmul(x, x)[:1, :1], tf.float32)), autograph=False)
    return lambda: graph(matrix).numpy()
