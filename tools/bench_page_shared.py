"""The section of the bench's page on shared weights; for `make_bench_page.py`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.stats
from bench_page_parts import ENOUGH, SCORES, Known, Tokens, markdown_table
from bench_rows import rows_of
from bench_supernets import NUM_IMAGES, SAMPLINGS

from autogan_tf.bench import recipe
from autogan_tf.nas import assembly

HEADING = "## What shared weights say"
RESAMPLES = 200
TOP = 10
TRAININGS = 40  # that random search is given, as many as a supernet may cost


def shared(folder: pathlib.Path, known: Known) -> list[str]:
    """How far scores with shared weights rank architectures as trainings of their own do, and what is found by them.

    Args:
      folder: of the rows.
      known: what two-cell architectures are worth by trainings of their own.
    """
    if not known.worth:
        return [HEADING, "There are too few trainings yet to say what architectures are worth."]
    settings = recipe.settings()
    full_training = settings.max_iter * assembly.images_per_step(settings)
    agreements, finds, told, scored = [], [], [], 0.0
    for sampling in SAMPLINGS:
        rows = list(rows_of(folder, f"shared-{sampling}"))
        of_seed: dict[int, dict[Tokens, dict]] = {}
        for row in rows:
            if tuple(row["tokens"]) in known.worth:
                of_seed.setdefault(row["seed"], {})[tuple(row["tokens"])] = row
        common = sorted(set.intersection(*map(set, of_seed.values()))) if of_seed else []
        if len(common) < ENOUGH:
            told.append(f"There are too few rows of {sampling} sampling yet (`make_bench.py shared`).")
            continue
        cost = np.mean([_cost(next(iter(found.values()))) for found in of_seed.values()]) / full_training
        told.append(
            f"{sampling.capitalize()} sampling: {len(of_seed)} supernet{'s' * (len(of_seed) > 1)}, each of which cost "
            f"{cost:.1f} full trainings, and {len(common):,} architectures that all of them have scored."
        )
        scored = max(scored, len(common) * NUM_IMAGES / full_training)
        worth = np.array([known.worth[tokens] for tokens in common])
        for key, name in SCORES.items():
            scores = np.array([_low_is_good([found[tokens] for tokens in common], key) for found in of_seed.values()])
            low, high = _interval(scores, worth)
            agreements.append((sampling, name, f"{_tau(scores, worth):.2f}", f"{low:.2f} to {high:.2f}"))
            orders = np.argsort(scores, axis=1, kind="stable")
            distances = (worth[orders[:, 0]], worth[orders[:, :TOP]], worth)
            finds.append((sampling, f"best {name}", *(f"{np.exp(np.mean(values)):.2f}" for values in distances)))
    if not agreements:
        return [HEADING, *told]
    words = (
        "Supernets were trained on architectures of the controller's while they grow (published), or on any of whole "
        f"ones (uniform); then each scored the architectures on {NUM_IMAGES:,} images with its weights. Kendall's tau "
        "of these scores with what the architectures are worth by trainings of their own, on average over supernets, "
        "with its 95 % interval (bootstrap over supernets and architectures):"
    )
    several = TRAININGS + round(scored)
    chosen = (
        "The Fréchet distance that an architecture is worth (geometric mean over supernets) where it was chosen by "
        f"such a score, of the best {TOP} by it, and of any. Beside its training a supernet has then cost the images "
        f"of these scores, as many as {scored:.0f} full trainings have. Random search with {TRAININGS} trainings of "
        f"their own comes to {np.exp(known.random_search(TRAININGS)):.2f}, with {several} to "
        f"{np.exp(known.random_search(several)):.2f}, and the best there is has {np.exp(known.best):.2f}."
    )
    return [
        HEADING, words, *told, markdown_table(("sampling", "score", "tau", "interval"), agreements), chosen,
        markdown_table(("sampling", "chosen by", "the best", f"the best {TOP}", "any"), finds),
    ]  # fmt: skip


def _cost(row: dict) -> float:
    return row["trained_images"] + row["scored_images"]


def _low_is_good(rows: Sequence[dict], key: str) -> np.ndarray:
    """The scores, the Inception score with a minus; of what could not be scored the worst."""
    values = np.array([row[key] for row in rows], np.float64) * (-1 if key == "is" else 1)
    return np.where(np.isnan(values), np.nanmax(values), values)


def _tau(scores: np.ndarray, worth: np.ndarray) -> float:
    """Mean over supernets; scores: [supernets, architectures]."""
    return float(np.mean([scipy.stats.kendalltau(of_supernet, worth).statistic for of_supernet in scores]))


def _interval(scores: np.ndarray, worth: np.ndarray) -> tuple[float, float]:
    rng, (supernets, architectures) = np.random.default_rng(0), scores.shape
    found = []
    for _ in range(RESAMPLES):
        rows, columns = rng.integers(0, supernets, supernets), rng.integers(0, architectures, architectures)
        found.append(_tau(scores[np.ix_(rows, columns)], worth[columns]))
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
