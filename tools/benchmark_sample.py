"""`benchmark.py sample`: images per second that a trained generator draws, beside a plain graph and PyTorch."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable

import benchmark_networks as networks  # beside this file
import numpy as np
from multiply_adds import multiply_adds
from timing import Report, alternate

WAYS = ("float32", "mixed_bfloat16", "plain", "plain_bfloat16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which generator, and which ways to draw from it."""
    networks.add_arguments(parser, WAYS)


def run(arguments: argparse.Namespace, report: Report) -> None:
    """Draws `--gen_batch_size` images at once, of levels 0 to 255, into the host's memory."""
    inputs = networks.drawn_inputs(arguments)
    built = {name: networks.build(name, arguments, inputs, ("sample", "sample of any size")) for name in arguments.ways}
    first = next(iter(built.values()))
    reference = first.sample().astype(int)
    rows = [
        {
            "way": name,
            "multiply-adds of an image, G": multiply_adds(way.concrete("sample")) / 1e9 / arguments.gen_batch_size,
            "levels off at most": int(np.abs(way.sample() - reference).max()),
        }
        for name, way in built.items()
    ]
    report.rows("Images from the same weights and latents", rows)
    ways: dict[str, Callable[[], object]] = {name: way.sample for name, way in built.items()}
    with contextlib.ExitStack() as stack:
        if arguments.torch_python:
            weights = first.weights_for_torch()
            torch = stack.enter_context(networks.torch_variants(arguments, inputs, weights, arguments.torch_ways))
            ways |= {f"PyTorch {name}": _asking(torch.ask, f"{name} sample") for name in arguments.torch_ways}
        seconds = alternate(ways, arguments.rounds)
    report.times(
        f"{arguments.gen_batch_size} images",
        seconds,
        baseline=networks.baseline(seconds),
        work=arguments.gen_batch_size,
    )


def _asking(ask: Callable[[str], str], line: str) -> Callable[[], object]:
    return lambda: ask(line)
