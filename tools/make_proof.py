"""What a study says for docs/does-it-find.md: its tables, its figure, and the numbers that are kept.

    python tools/make_proof.py --study=runs/proof-table/study.json --name=table --way=predictor-90

Writes docs/does-it-find/NAME.json, the study without the single curves, and, where there is a table to judge by,
docs/does-it-find/NAME.png: what had been found at each cost. Prints Markdown: what each way had found and how likely it
is better than random search, and over all costs the way's lowest bound, which the criteria ask for.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from bench_page_parts import markdown_table  # noqa: E402 (beside this file)

from autogan_tf.bench.comparison import pairwise  # noqa: E402
from autogan_tf.runs.report_charts import BLUE, GREEN, GREY, ORANGE, PURPLE, STYLE  # noqa: E402

BASELINE = "random"
SHOWN = (10, 20, 40, 64, 100, 200)
SPANS = ((10, 200), (64, 200))  # costs over which the criteria T2 and T3 ask for the lowest bound


def superiority(document: Mapping[str, Any], name: str) -> dict[float, tuple[float, float, float]]:
    """By cost: the probability that `name` had found better than random search had, and its 95 % interval."""
    curves, others = (np.array(document["groups"][group]["curves"], float) for group in (name, BASELINE))
    found = {}
    for place, cost in enumerate(document["costs"]):
        at_cost = {"first": curves[:, place], "second": others[:, place]}
        if all(np.isfinite(values).all() for values in at_cost.values()):
            pair = pairwise({group: values.tolist() for group, values in at_cost.items()})[0]
            found[cost] = (pair.better, pair.low, pair.high)
    return found


def milestones(document: Mapping[str, Any]) -> tuple[str, str]:
    """Two tables with a row for each way, of some costs: its superiority over random search, and the share of all
    architectures that are better than its answer, by fresh trainings and by estimates."""
    shown = [row for row in document["milestones"] if row["cost"] in SHOWN]
    chances, standings = [], []
    for name in document["groups"]:
        of_cost = [row["groups"][name] for row in shown]
        if name != BASELINE:
            better = [group["better_than"][BASELINE] for group in of_cost]
            chances.append([name, *(f"{b['better']:.2f} ({b['low']:.2f} to {b['high']:.2f})" for b in better)])
        found = [(_percent(group["standing"]), _percent(group["estimated_standing"])) for group in of_cost]
        standings.append([name, *(f"{fresh} ({estimated})" for fresh, estimated in found)])
    costs = [f"cost {row['cost']:g}" for row in shown]
    return (
        markdown_table(["superiority over random search", *costs], chances),
        markdown_table(["better architectures (by estimates)", *costs], standings),
    )


def comparisons(document: Mapping[str, Any]) -> str:
    """A table of every two ways at their end, by each measure."""
    rows = []
    for measure, pairs in [(document["measure"], document["pairs"])] + [
        (further["measure"], further["pairs"]) for further in document["further"]
    ]:
        for pair in pairs:
            chance = f"{pair['better']:.2f} ({pair['low']:.2f} to {pair['high']:.2f})"
            rows.append((measure.split(":")[0], pair["first"], pair["second"], chance, f"{pair['p_value']:.2g}"))
    return markdown_table(("measure", "first", "second", "superiority of the first", "p (Holm)"), rows)


def draw(document: Mapping[str, Any], found: Mapping[str, Mapping[float, tuple]], path: pathlib.Path) -> None:
    """Left the median regret of each way against cost, right its superiority over random search with the interval."""
    colours = dict(zip(found, (ORANGE, PURPLE, BLUE, GREEN), strict=False)) | {BASELINE: GREY}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        regret, chance = figure.subplots(1, 2)
        for name, colour in colours.items():
            regret.plot(document["costs"], document["groups"][name]["median"], color=colour, label=name)
        regret.set_ylabel("regret: log Fréchet distance\nabove the best's, median")
        regret.set_ylim(bottom=0)
        regret.legend(fontsize=8)
        for name, of_cost in found.items():
            middle, low, high = zip(*of_cost.values(), strict=True)
            chance.plot(list(of_cost), middle, color=colours[name])
            chance.fill_between(list(of_cost), low, high, color=colours[name], alpha=0.15, linewidth=0)
        chance.axhline(0.5, color=GREY, linewidth=1)
        chance.set_ylabel("probability of superiority\nover random search")
        for axes in (regret, chance):
            axes.set_xscale("log")
            axes.set_xticks([5, 10, 20, 40, 100, 200], ["5", "10", "20", "40", "100", "200"], minor=False)
            axes.minorticks_off()
            axes.set_xlim(4, max(document["costs"]))
            axes.set_xlabel("cost in full trainings")
        figure.savefig(path, dpi=110, metadata={"Software": None})


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=pathlib.Path, required=True, help="a study.json that `study` wrote")
    parser.add_argument("--name", required=True, help="what the files are called")
    parser.add_argument("--way", help="the way that the criteria are about")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs" / "does-it-find", help="their folder")
    arguments = parser.parse_args(argv)
    try:
        document = json.loads(arguments.study.read_text(encoding="utf-8"))
        groups = document["groups"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        parser.error(f"--study={arguments.study} is not read as a study ({error}); name a study.json of `study`")
    if arguments.way is not None and arguments.way not in groups:
        parser.error(f"--way={arguments.way} is none of the study's; there are {', '.join(groups)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    kept = document | {"groups": {name: {k: v for k, v in group.items() if k != "curves"}
                                  for name, group in groups.items()}}  # fmt: skip
    kept["settings"] = {k: v for k, v in document["settings"].items() if k != "run_dir"}
    (arguments.output / f"{arguments.name}.json").write_text(json.dumps(kept) + "\n", encoding="utf-8")
    if not document["milestones"]:
        print(comparisons(document))
        return 0
    searching = [name for name in groups if name not in (BASELINE, "no search")]
    found = {name: superiority(document, name) for name in searching}
    draw(document, found, arguments.output / f"{arguments.name}.png")
    print(*milestones(document), sep="\n\n")
    print(f"\nThe best architecture by all trainings: {_percent(document['ceiling'])} are better by the fresh ones.")
    for name in [arguments.way] if arguments.way else searching:
        for first, last in SPANS:
            lows = {cost: low for cost, (_, low, _) in found[name].items() if first <= cost <= last}
            if lows:
                lowest = min(lows, key=lows.__getitem__)
                print(f"{name}, cost {first} to {last}: the interval's lowest end is {lows[lowest]:.3f}, at {lowest:g}")
    for name, group in groups.items():
        print(f"{name}: {group['different']} different answers of {len(group['seeds'])} searches")
    return 0


if __name__ == "__main__":
    sys.exit(main())
