"""What the sections of the bench's page have in common; for `make_bench_page.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from autogan_tf.bench import agreement, table
from autogan_tf.bench.judging import Judge
from autogan_tf.config.errors import UserError
from autogan_tf.models.cost import Cost

Tokens = tuple[int, ...]
SCORES = {"fid": "Fréchet distance", "kid": "kernel distance", "is": "Inception score"}
ENOUGH = 20  # architectures, fewer of which say nothing


def sound(rows: Iterable[dict]) -> list[dict]:
    """Those that did not fail."""
    return [row for row in rows if not row["failure"]]


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column's cells name the rows."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seed_shares(rows: Iterable[dict]) -> tuple[str, str] | None:
    """Words and a table: how much of a training's scores is its seed's, of the architectures that were trained with all
    seeds; None where these are too few."""
    of_seed: dict[int, dict[Tokens, dict]] = {}
    for row in rows:
        of_seed.setdefault(row["seed"], {})[tuple(row["tokens"])] = row
    common = sorted(set.intersection(*map(set, of_seed.values()))) if of_seed else []
    if len(of_seed) < 2 or len(common) < ENOUGH:
        return None
    lines = []
    for key, name in SCORES.items():
        values = np.array([[found[tokens][key][-1] for found in of_seed.values()] for tokens in common])
        values = values if key == "is" else np.log(np.maximum(values, 1e-9))
        low, high = interval(agreement.intraclass_correlation, values)
        share = agreement.intraclass_correlation(values)
        name = name if key == "is" else f"log of the {name}"
        lines.append((name, f"{1 - share:.2f}", f"{1 - high:.2f} to {1 - low:.2f}"))
    text = (
        f"{len(common):,} architectures were trained with {len(of_seed)} seeds. The share of the variance of one "
        "training's score that is the seed's (1 less the intraclass correlation), with its 95 % interval (bootstrap "
        "over architectures):"
    )
    return text, markdown_table(("score", "share of the seed", "interval"), lines)


def interval(
    statistic: Callable[..., float], *groups: np.ndarray, resamples: int = 1000
) -> tuple[float, float]:
    """95 % of a statistic of groups of rows: bootstrap over the rows of each, percentiles; what cannot be computed from
    a draw, NaN, is left out."""
    rng = np.random.default_rng(0)
    found = [
        statistic(*(group[rng.integers(0, len(group), len(group))] for group in groups)) for _ in range(resamples)
    ]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)


class Known:
    """What two-cell architectures are worth, by `judging`.

    Args:
      rows: of their trainings.

    Attributes:
      worth: log Fréchet distance of each; none where the rows do not tell the error of a training.
    """

    def __init__(self, rows: Sequence[dict]) -> None:
        self.worth: dict[Tokens, float] = {}
        if not rows:
            return
        self._table = table.of_rows(rows, lambda genotype: Cost(0, 0))  # what generators cost is not asked for
        try:
            judge = Judge(self._table)
        except UserError:
            return
        self.worth = {tokens: judge.worth(tokens) for tokens in self._table.architectures}

    @property
    def best(self) -> float:
        """The lowest worth."""
        return min(self.worth.values())

    def random_search(self, number: int) -> float:
        """What the best by its training of so many random ones is worth on average."""
        return self._table.expected_best(number, judged=self.worth)
