"""The scores of an evaluation as a table, with what they were made with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autogan_tf.runs.progress import Terminal

_SHOWN_PAIRS = 3  # of nearest images
# arrows: which way is better
_NAMES = {
    "inception_score": "Inception score ↑",
    "inception_score_infinity": "Inception score, endless images ↑",
    "frechet_distance": "Fréchet distance ↓",
    "frechet_distance_infinity": "Fréchet distance, endless images ↓",
    "kernel_distance": "kernel distance ↓",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "density": "density ↑",
    "coverage": "coverage ↑",
}


def show(results: Mapping[str, Any], terminal: Terminal) -> None:
    """Prints {"judged", "preset", "evaluations": scores of each seed, "mean" and "spread" of several}."""
    first, seeds = results["evaluations"][0], len(results["evaluations"])
    rows = []
    for key, name in _NAMES.items():
        if key not in first:
            continue
        if seeds > 1:
            value, error = results["mean"].get(key), results["spread"].get(key)
            meaning = f"over {seeds} seeds"
        elif first.get(key + "_std"):
            value, error, meaning = first[key], first[key + "_std"], "over the parts"
        else:
            value, error, meaning = first[key], first.get(key + "_error"), "standard error"
        rows.append([name, _number(value), f"± {error:.2g} {meaning}" if _is_finite(error) else ""])
    if rows:
        terminal.table(["score", "value", ""], rows)
    terminal.line(
        f"{first['num_images']:,} images of {results['judged']}, {results['preset']} conventions"
        + ("" if first["seed"] is None else f", seed {first['seed']}" + (f" and {seeds - 1} more" if seeds > 1 else ""))
    )
    terminal.line(f"seen through {first['feature_network']}")
    if "reference" in first:
        number = first["reference_images"]
        images = "real images" if number is None else f"{number:,} images"  # a file of statistics may not say
        digest = f", statistics {first['reference_digest']}" if first.get("reference_digest") else ""
        terminal.line(f"against {images} of {first['reference'] or 'a file of statistics'}{digest}")
    for scores in results["evaluations"]:
        if "memorization" in scores:
            which = f"memorization, seed {scores['seed']}" if seeds > 1 else "memorization"
            terminal.line(f"{which}: {_memorization(scores['memorization'])}")
            closest = _closest(scores["memorization"])
            if closest:
                terminal.line(f"nearest to training images: {closest}")


def _number(value: float | None) -> str:
    return f"{value:.4g}" if _is_finite(value) else "not finite"


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _memorization(found: Mapping[str, Any]) -> str:
    """The facts; what they mean is for the reader to judge."""
    return (
        f"{found['copies']:,} copies of training images; {found['share_closer']:.1%} of the images are as near to a "
        f"training image as the nearest {found['quantile']:.0%} of real ones ({found['yardstick']}); "
        f"z {found['z_score']:+.1f} (below 0: nearer to training images than real ones are, which blur also does)"
    )


def _closest(found: Mapping[str, Any]) -> str:
    """The first few pairs by their files, or by their positions where they are no files; "" where none is listed."""

    def names(side: str) -> list[str]:
        return found[f"closest_{side}_files"] or [f"image {row}" for row in found[f"closest_{side}"]]

    pairs = list(zip(names("generated"), names("training"), found["closest_distances"], strict=True))[:_SHOWN_PAIRS]
    return "; ".join(f"{made} to {real} ({distance:.2g})" for made, real, distance in pairs)
