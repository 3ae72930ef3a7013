"""The scores of an evaluation as a table, with what they were made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogan_tf.runs.progress import Terminal

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
            value, error = results["mean"][key], f"± {results['spread'][key]:.4g} over {seeds} seeds"
        else:
            value, error = first[key], ""
            for suffix, meaning in (("_std", "over the parts"), ("_error", "standard error")):
                if first.get(key + suffix):
                    error = f"± {first[key + suffix]:.2g} {meaning}"
        rows.append([name, f"{value:.4f}", error])
    terminal.table(["score", "value", ""], rows)
    terminal.line(
        f"{first['num_images']:,} images of {results['judged']}, {results['preset']} conventions"
        + ("" if first["seed"] is None else f", seed {first['seed']}" + (f" and {seeds - 1} more" if seeds > 1 else ""))
    )
    terminal.line(f"seen through {first['feature_network']}")
    if "reference" in first:
        number = first["reference_images"]
        images = "real images" if number is None else f"{number:,} images"  # a file of statistics may not say
        terminal.line(f"against {images} of {first['reference'] or 'a file of statistics'}")
    if "memorization" in first:
        terminal.line(_memorization(first["memorization"]))


def _memorization(found: Mapping[str, Any]) -> str:
    z = found["z_score"]
    verdict = "nearer to the training images than real ones are: copied" if z < -3 else "no sign of copying"
    return (
        f"memorization: {found['copies']:,} copies of training images; {found['share_closer']:.1%} of the images are "
        f"nearer to one than {found['quantile']:.0%} of the real ones ({found['yardstick']}); z {z:+.1f}, {verdict}"
    )
