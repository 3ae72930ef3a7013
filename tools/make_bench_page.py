"""Writes docs/bench.md and its figures from the bench's rows: python tools/make_bench_page.py

The page says how many rows there are; of what there is too little for, it says so. Figures go to docs/bench/.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from bench_page_full_size import full_size  # noqa: E402 (beside this file)
from bench_page_parts import SCORES, Known, markdown_table, seed_shares, sound  # noqa: E402 (beside this file)
from bench_page_shared import shared  # noqa: E402 (beside this file)
from bench_pictures import file_of  # noqa: E402 (beside this file)
from bench_pieces import best_and_worst, every  # noqa: E402 (beside this file)
from bench_rows import rows_of  # noqa: E402 (beside this file)

from autogan_tf.bench import effects  # noqa: E402
from autogan_tf.bench.comparison import rank_correlation  # noqa: E402
from autogan_tf.bench.judging import FRESH  # noqa: E402
from autogan_tf.runs.report_charts import BLUE, GREY, STYLE  # noqa: E402
from autogan_tf.search_space.genotype import Genotype  # noqa: E402

# the article's four observations on what its search found (arXiv 1908.03835, section 4.2), and the options they name
ARTICLE = (
    ("pre-activation is preferred", "conv", ("pre",)),
    ("nearest and bilinear upsampling are preferred to deconvolution", "up", ("nearest", "bilinear")),
    ("no norm is preferred in most cells", "norm", ("none",)),
    ("skips between cells are preferred", "skips", ("from 1",)),
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=pathlib.Path, default=ROOT / "docs" / "bench", help="folder of the rows")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "bench.md", help="the page")
    arguments = parser.parse_args(argv)
    swept, repeated, best = (sound(rows_of(arguments.rows, name)) for name in ("sweep", "replicates", "best"))
    larger = sound(rows_of(arguments.rows, "full-size"))
    figures = arguments.output.with_suffix("")  # docs/bench beside docs/bench.md
    figures.mkdir(parents=True, exist_ok=True)
    parts = [_head(len(swept)), *_distribution(swept, figures), *_noise(swept, repeated)]
    everything = [*swept, *repeated, *best]
    known = Known(everything)
    parts += [*_effects(swept, figures), *_correlations(swept), *_best_and_worst(known, everything, figures)]
    parts += [*full_size(larger, swept, known.worth), *shared(arguments.rows, known)]
    arguments.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"{arguments.output}: {len(swept):,} architectures, {len(repeated):,} further trainings")
    return 0


def _head(number: int) -> str:
    return (
        "# The bench\n\n"
        f"{number:,} of the {len(every(2)):,} architectures of AutoGAN's two cells (4 to 16 pixels), each trained once "
        "from scratch on CIFAR-10 at 16 pixels: what their scores look like, how much of them is luck, and what each "
        "choice is worth. Made by `python tools/make_bench_page.py` from the rows in [bench/](bench/README.md), which "
        "says how they were made. Low Fréchet and kernel distances are good, and high Inception scores."
    )


def _distribution(rows: Sequence[dict], figures: pathlib.Path) -> list[str]:
    if len(rows) < 3:
        return []
    fid = np.array([row["fid"][-1] for row in rows])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.hist(fid, bins=min(60, max(5, len(fid) // 4)), color=BLUE)
        axes.set_xlabel("Fréchet distance")
        axes.set_ylabel("architectures")
        axes.axvline(float(np.median(fid)), color=GREY, linestyle="--", linewidth=1, label="median")
        axes.legend()

    _save(draw, figures / "distribution.png", height=2.6)
    table = markdown_table(
        ("score", "best", "5 %", "median", "95 %", "worst"),
        [(SCORES[key], *(f"{value:.4g}" for value in _percentiles(rows, key))) for key in SCORES],
    )
    return ["## What there is to find", f"![Fréchet distances]({figures.name}/distribution.png)", table]


def _percentiles(rows: Sequence[dict], key: str) -> list[float]:
    """From the best to the worst."""
    found = np.percentile([row[key][-1] for row in rows], [0, 5, 50, 95, 100]).tolist()
    return found[::-1] if key == "is" else found


def _noise(swept: Sequence[dict], repeated: Sequence[dict]) -> list[str]:
    heading, found = "## Noise and signal", seed_shares([*swept, *repeated])
    if found is None:
        return [heading, "There are too few trainings with other seeds yet (`make_bench.py replicates`)."]
    return [heading, *found]


def _effects(rows: Sequence[dict], figures: pathlib.Path) -> list[str]:
    heading = "## What each choice is worth"
    try:
        found = effects.fit({tuple(row["tokens"]): float(np.log(row["fid"][-1])) for row in rows})
    except ValueError as error:
        return [heading, f"There are too few rows yet ({error})."]
    flat = [effect for of_choice in found.main.values() for effect in of_choice]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(flat))[::-1]
        values = 100 * np.array([effect.value for effect in flat])
        error = 100 * np.array([[e.value - e.low for e in flat], [e.high - e.value for e in flat]])
        axes.errorbar(values, places, xerr=error, fmt="o", color=BLUE, ecolor=GREY, markersize=4, capsize=2)
        axes.axvline(0, color=GREY, linewidth=0.9)
        axes.set_yticks(places, [effect.options[0] for effect in flat], fontsize=8)
        axes.set_xlabel("effect on the log of the Fréchet distance, in hundredths (left is better)")

    _save(draw, figures / "effects.png", height=0.24 * len(flat) + 0.8)
    share = (
        f"The main effects together explain {found.share:.0%} of the variance of the log of the Fréchet distance; the "
        "rest is what choices do together, and the seed. Each with its 95 % interval; -10 is about 10 % less distance."
    )
    pairs = [
        (" × ".join(map(str, pair.choices)), f"{pair.share:.1%}", f"{pair.p_value:.2g}",
         f"{' and '.join(largest.options)}: {100 * largest.value:+.0f} "
         f"({100 * largest.low:+.0f} to {100 * largest.high:+.0f})")
        for pair in found.interactions[:8] for largest in pair.effects[:1]
    ]  # fmt: skip
    heads = ("choices", "share of the variance", "p (Holm)", "largest effect beyond both by themselves")
    table = markdown_table(heads, pairs)
    return [
        heading, share, f"![Main effects]({figures.name}/effects.png)", "The largest interactions of two choices:",
        table, "### The article's observations", _article(found),
    ]  # fmt: skip


def _article(found: effects.Effects) -> str:
    rows = []
    for words, decision, options in ARTICLE:
        for choice, of_choice in found.main.items():
            if choice.decision != decision:
                continue
            named = [effect for effect in of_choice if effect.options[0].split("=")[1] in options]
            others = [effect for effect in of_choice if effect not in named]
            best_other = min(others, key=lambda effect: effect.value)
            worst_named = max(named, key=lambda effect: effect.value)
            if worst_named.high < best_other.low:
                verdict = "yes"
            elif min(named, key=lambda effect: effect.value).low > best_other.high:
                verdict = "no, the other way round"
            else:
                verdict = "not to be told"
            told = ", ".join(f"{effect.options[0].split('=')[1]} {100 * effect.value:+.0f}" for effect in of_choice)
            rows.append((words, f"cell {choice.cell}: {told}", verdict))
    return markdown_table(("in the article's searches", "here, in hundredths", "the same here"), rows)


def _correlations(rows: Sequence[dict]) -> list[str]:
    heading = "## Cheaper scores and other scores"
    if len(rows) < 20:
        return [heading, "There are too few rows yet."]
    end = [-row["fid"][-1] for row in rows]
    table = []
    for place, steps in enumerate(rows[0]["points"][:-1]):
        earlier = rank_correlation([-row["fid"][place] for row in rows], end)
        table.append((f"Fréchet distance after {steps} steps", earlier))
    table.append(("kernel distance at the end", rank_correlation([-row["kid"][-1] for row in rows], end)))
    table.append(("Inception score at the end", rank_correlation([row["is"][-1] for row in rows], end)))
    text = (
        "Kendall's tau with the Fréchet distance at the end of the same training, over all architectures, with its 95 "
        "% interval (bootstrap). What the seed does is the same on both sides, so that another training agrees less."
    )
    lines = [(name, f"{tau.tau:.2f}", f"{tau.low:.2f} to {tau.high:.2f}") for name, tau in table]
    return [heading, text, markdown_table(("score", "tau", "interval"), lines)]


def _best_and_worst(known: Known, rows: Sequence[dict], figures: pathlib.Path) -> list[str]:
    heading, (best, worst) = "## The best and the worst", best_and_worst(known.worth)
    if len(known.worth) < len(best) + len(worst):
        return [heading, "There are too few trainings with other seeds yet (`make_bench.py replicates`)."]
    trainings: dict[tuple[int, ...], list[dict]] = {}
    for row in rows:
        trainings.setdefault(tuple(row["tokens"]), []).append(row)
    words = (
        "By the mean (of the logs) of three fresh trainings where there are such, elsewhere by an estimate in which a "
        "training counts for as much as its error allows, and the main effects of the choices for the rest. Neighbours "
        "in these lists hardly differ. Pictures are of one training, on the same latent vectors for all, where "
        "`make_bench.py pictures` has made them."
    )
    parts = [heading, words]
    for title, some in (("best", best), ("worst", worst)):
        lines = [
            (f"`{Genotype.from_tokens(tokens)}`", f"{np.exp(known.worth[tokens]):.2f}",
             "fresh" if {row["seed"] for row in trainings[tokens]}.issuperset(FRESH) else "estimate",
             f"{np.mean([row['is'][-1] for row in trainings[tokens]]):.2f}", str(len(trainings[tokens])),
             "; ".join(cell.in_words() for cell in Genotype.from_tokens(tokens).cells), _picture(figures, tokens))
            for tokens in some
        ]  # fmt: skip
        heads = (title, "Fréchet distance", "by", "Inception score, mean", "trainings", "cells", "images")
        parts.append(markdown_table(heads, lines))
    return parts


def _picture(figures: pathlib.Path, tokens: Sequence[int]) -> str:
    file = file_of(figures, tokens)
    return f"![images]({figures.name}/{file.parent.name}/{file.name})" if file.exists() else ""


def _save(draw, path: pathlib.Path, *, height: float) -> None:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, height), layout="constrained")
        draw(figure)
        figure.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())
