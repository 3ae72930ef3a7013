"""The page of study_features.py: what its numbers say, by a rule that is stated, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

UNTOUCHED = "untouched"
SHORT = 1_000  # images of a short scoring, as a search makes many of
SIDES = (8, 16, 32)
SMALL_SIDE_IMAGES = 4_000
SCORES = {"inception_score": "Inception score", "frechet_distance": "Fréchet distance"}
NOTICED = 2.0  # spreads of a short scoring
CLASSIFIER = "classifier"  # the one network that needs labels
T = TypeVar("T")


def noticed(entry: Mapping[str, Any], clean: Mapping[str, Any], which: int) -> float:
    """By how many standard deviations of a short scoring a score got worse; `which` is its place in SCORES."""
    worse = (clean["short"][0] - entry["short"][0], entry["short"][1] - clean["short"][1])[which]
    spread = np.hypot(clean["short_spread"][which], entry["short_spread"][which]) / np.sqrt(2)
    return worse / max(spread, 1e-12)


def by_number(entries: Mapping[Any, T]) -> list[tuple[int, T]]:
    """Items in the order of their keys, which are whole numbers, or such numbers as the strings that JSON has."""
    return sorted(((int(key), value) for key, value in entries.items()), key=lambda item: item[0])


def missed(network: Mapping[str, Any], which: int) -> list[str]:
    """Conditions, with their image size, that a short scoring does not notice."""
    return [
        f"{condition} at {side} px"
        for side, entries in by_number(network["sides"])
        for condition, entry in entries.items()
        if condition != UNTOUCHED and noticed(entry, entries[UNTOUCHED], which) < NOTICED
    ]


def best_of(networks: Sequence[dict], which: int) -> dict:
    """The network that misses the fewest, and of several such the fastest."""
    return min(networks, key=lambda network: (len(missed(network, which)), -network["rate"]))


def verdict(networks: Sequence[dict]) -> str:
    """The rule as Markdown, and what it gives."""
    lines = [
        f"The rule: a score through a network fits as a reward if it notices every spoiling above, that is, gets worse "
        f"by at least {NOTICED:g} standard deviations of a short scoring. Of the networks that fit, the fastest is "
        "taken; if none fits, the one that misses the fewest, and of several such the fastest.\n"
    ]
    unlabelled = [network for network in networks if network["name"] != CLASSIFIER]
    for which, score in enumerate(SCORES.values()):
        for network in networks:
            found = missed(network, which)
            lines.append(
                f"- {score} through {network['name']}: " + ("misses " + ", ".join(found) if found else "notices all")
            )
        best = best_of(networks, which)
        told = f"**{best['name']}**" + ("" if not missed(best, which) else ", which misses the fewest: none fits")
        lines.append(f"\nBy the rule, the {score} is taken through {told}.")
        if best["name"] == CLASSIFIER and unlabelled:
            lines[-1] += f" Where there are no labels: through **{best_of(unlabelled, which)['name']}**."
        lines[-1] += "\n"
    lines.append(
        "The classifier needs labels and is tied to its data set: its scores compare within one data set and one "
        "classifier only."
    )
    return "\n".join(lines) + "\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for first, *others in (header, rule, *rows):
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(results: Mapping[str, Any]) -> str:
    """The study as Markdown, from what `main` writes as JSON: tables, and what they say by a rule that is stated."""
    networks, used = results["networks"], results["machine"]
    header = ["images", *(network["name"] for network in networks)]
    small = min(SMALL_SIDE_IMAGES, results["num_images"])
    blocks = [
        "# Which feature network tells good images from bad ones?\n",
        "Real CIFAR-10 test images, untouched and spoilt in known ways, as each feature network sees them. A score is "
        "a good reward when it gets worse as the images do, by more than the noise of the short scorings that a search "
        "makes. This page and its numbers, [feature-study.json](feature-study.json), are written by\n",
        "```\npython tools/study_features.py --data_dir=DIR [--inception_weights=FILE.pth]\n```\n",
        f"{results['num_images']:,} test images are judged against as many training images, at 8 and 16 pixels "
        f"{small:,} against as many: the spoilt images made smaller. Where classes are dropped, the "
        "images of the remaining ones are repeated to the same number. Inception is in the tables only where its "
        f"weights were given. Measured on {used['processor']}, {used['cores']} cores.\n",
    ]
    for key, score in SCORES.items():
        rows = [
            [condition, *(f"{network['conditions'][condition][key]:.4g}" for network in networks)]
            for condition in networks[0]["conditions"]
        ]
        blocks += [f"## {score} at {max(SIDES)} pixels\n", table(header, rows)]
    columns = [by_number(network["numbers"]) for network in networks]
    rows = [
        [f"{row[0][0]:,}", *(f"{value[0]:.4g} / {value[1]:.4g}" for _, value in row)]
        for row in zip(*columns, strict=True)
    ]
    both = " / ".join(SCORES.values())
    blocks += [
        "## With more images\n",
        f"Untouched images, {both}: both are biased by few images, so only scores of equally many images compare.\n",
        table(["number of images", *header[1:]], rows),
        "## What a short scoring notices\n",
        f"By how many standard deviations of a scoring of {SHORT:,} images the score gets worse, {both}. Below "
        f"{NOTICED:g} a search would hardly notice; below 0 the score gets better.\n",
    ]
    rows = []
    for side, entries in by_number(networks[0]["sides"]):
        for condition in entries:
            if condition != UNTOUCHED:
                seen = [dict(by_number(network["sides"]))[side] for network in networks]
                pairs = ([noticed(one[condition], one[UNTOUCHED], which) for which in range(2)] for one in seen)
                rows.append([f"{side} px, {condition}", *(" / ".join(f"{value:.1f}" for value in p) for p in pairs)])
    rows.append([f"{max(SIDES)} px, images per second", *(f"{network['rate']:.0f}" for network in networks)])
    blocks += [table(header, rows), "## Which one to take\n", verdict(networks)]
    return "\n".join(blocks)
