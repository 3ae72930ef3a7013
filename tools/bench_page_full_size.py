"""The section of the bench's page on architectures of full size; for `make_bench_page.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats
from bench_page_parts import ENOUGH, Tokens, interval, markdown_table, seed_shares
from bench_pieces import FULL_SIZE

from autogan_tf.bench import effects
from autogan_tf.bench.comparison import rank_correlation
from autogan_tf.search_space import autogan

HEADING = "## 16 pixels and full size"
RESAMPLES = 500
TWO_CELLS = len(autogan.SPACE.counts(2))  # tokens, with which every architecture of more cells begins


def full_size(larger: Sequence[dict], swept: Sequence[dict], worth: Mapping[Tokens, float]) -> list[str]:
    """What the sample of three cells and the two-cell architectures have in common.

    Args:
      larger: rows of three cells.
      swept: those of two cells.
      worth: log Fréchet distances of two-cell architectures.
    """
    first = [row for row in larger if row["seed"] == 0]
    space = autogan.SPACE.size(FULL_SIZE)
    found = (
        f"{len(first):,} of the {space:,} architectures of three cells (4 to 32 pixels), drawn at random, were "
        "trained, too, for a number of steps of their own. No architecture is in both spaces; what can be compared is "
        "what choices are worth, and how far an architecture's first two cells tell its rank."
    )
    return [HEADING, found, *_effects(first, swept), *_first_cells(first, worth), *_noise(larger)]


def _effects(first: Sequence[dict], swept: Sequence[dict]) -> list[str]:
    title = "### What choices are worth, in both"
    if not first or not swept:
        return [title, "There are too few rows yet."]
    (large, large_y), (small, small_y) = (_arrays(rows) for rows in (first, swept))
    try:
        found = effects.main_values(large, large_y), effects.main_values(small, small_y)
    except ValueError as error:
        return [title, f"There are too few rows yet ({error})."]
    names = list(found[1])  # of the first two cells

    def tau(one: np.ndarray, other: np.ndarray) -> float:
        return _agreement(one, other, names, scipy.stats.kendalltau)

    def rho(one: np.ndarray, other: np.ndarray) -> float:
        return _agreement(one, other, names, scipy.stats.spearmanr)

    sides = [np.column_stack([tokens, values]) for tokens, values in ((large, large_y), (small, small_y))]
    lines = []
    for name, statistic in (("Kendall's tau", tau), ("Spearman's rho", rho)):
        low, high = interval(statistic, *sides, resamples=RESAMPLES)
        lines.append((name, f"{statistic(*sides):.2f}", f"{low:.2f} to {high:.2f}"))
    text = (
        f"Main effects on the log of the Fréchet distance of the {len(names)} options of the first two cells, at 32 "
        "pixels and at 16. Each with its 95 % interval (bootstrap over architectures, which adds their noise once more "
        "and so leans to the low side):"
    )
    pairs = [(option, f"{100 * found[1][option]:+.0f}", f"{100 * found[0][option]:+.0f}") for option in names]
    return [
        title, text, markdown_table(("agreement of the effects", "value", "interval"), lines),
        markdown_table(("option", "two cells, in hundredths", "three cells, in hundredths"), pairs),
    ]  # fmt: skip


def _arrays(rows: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row["tokens"] for row in rows]), np.log([row["fid"][-1] for row in rows])


def _agreement(one: np.ndarray, other: np.ndarray, names: Sequence[str], correlation) -> float:
    """Of the effects of the options `names`; rows are tokens and a value. NaN where they cannot be estimated."""
    try:
        found = [effects.main_values(rows[:, :-1].astype(int), rows[:, -1]) for rows in (one, other)]
    except ValueError:
        return float("nan")
    return float(correlation(*([values[name] for name in names] for values in found)).statistic)


def _first_cells(first: Sequence[dict], worth: Mapping[Tokens, float]) -> list[str]:
    title = "### What the first two cells tell"
    known = [row for row in first if tuple(row["tokens"][:TWO_CELLS]) in worth]
    if len(known) < ENOUGH:
        return [title, f"There are too few rows yet: {len(known):,} whose first two cells' worth is known."]
    told = rank_correlation(
        [worth[tuple(row["tokens"][:TWO_CELLS])] for row in known], [float(np.log(row["fid"][-1])) for row in known]
    )
    return [
        title,
        f"Kendall's tau of the Fréchet distances of {told.count:,} architectures with what their first two cells, an "
        f"architecture of their own, are worth by the two-cell table: {told.tau:.2f} ({told.low:.2f} to "
        f"{told.high:.2f}, 95 %, bootstrap over architectures). Each was trained once, so that its seed lowers that.",
    ]


def _noise(larger: Sequence[dict]) -> list[str]:
    title, found = "### Noise at full size", seed_shares(larger)
    if found is None:
        return [title, "There are too few trainings with other seeds yet (`make_bench.py full-size`)."]
    return [title, *found]
