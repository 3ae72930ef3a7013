"""Makes the README's pictures.

    python tools/make_readme_figures.py --run_dir=runs/NAME --name=cifar10-train-cpu
    python tools/make_readme_figures.py --genotype=autogan_cifar10_a --name=autogan-cifar10-a

The first writes docs/NAME-curve.png, a training run's Fréchet distance over time, and docs/NAME-grid.png, what its best
checkpoint draws, and prints what the curve shows. The second writes docs/NAME.svg, an architecture's diagram.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.runs import diagram  # noqa: E402
from autogan_tf.search_space import published  # noqa: E402

FIRST_MINUTES = 5


def read(run_dir: pathlib.Path) -> list[dict]:
    """The evaluations in order: "step", "minutes" since training began, "frechet_distance", "feature_network"."""
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    began = next(row["time"] for row in rows if row["phase"] == "train")
    return [row | {"minutes": (row["time"] - began) / 60} for row in rows if row["phase"] == "evaluation"]


def describe(evaluations: Sequence[dict]) -> dict[str, float]:
    """What is asked of a training: "improved", the share of the first half's evaluations that were the best so far (the
    first has nothing to compare with); "first", the first distance from 5 minutes on; "last"; and "ratio" of both."""
    distances = [row["frechet_distance"] for row in evaluations]
    half = distances[: -(-len(distances) // 2)]
    better = [value < min(half[:place]) for place, value in enumerate(half) if place]
    first = next((row for row in evaluations if row["minutes"] >= FIRST_MINUTES), evaluations[-1])["frechet_distance"]
    return {
        "improved": sum(better) / max(1, len(better)),
        "first": first,
        "last": distances[-1],
        "ratio": distances[-1] / first,
    }


def draw_curve(evaluations: Sequence[dict], path: pathlib.Path) -> None:
    """The Fréchet distance over minutes as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    minutes = [row["minutes"] for row in evaluations]
    distances = [row["frechet_distance"] for row in evaluations]
    figure, axes = pyplot.subplots(figsize=(7, 3.5), constrained_layout=True)
    axes.plot(minutes, distances, marker="o", color="#1f5fa8")
    for x, y in zip(minutes, distances, strict=True):
        text = f"{y:,.0f}" if y >= 100 else f"{y:.3g}"
        axes.annotate(text, (x, y), textcoords="offset points", xytext=(0, 8), ha="center", fontsize=8)
    axes.set_xlim(0, max(minutes) * 1.04)
    axes.set_ylim(0, max(distances) * 1.15)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("Fréchet distance")
    axes.set_title(f"{evaluations[-1]['num_images']:,} images, {evaluations[-1]['feature_network']}", fontsize=9)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run_dir", type=pathlib.Path, help="a finished run of train")
    what.add_argument("--genotype", help="a genotype file or a published name")
    parser.add_argument("--name", required=True, help="what the pictures' names begin with")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs", help="their folder")
    arguments = parser.parse_args(argv)
    if not arguments.output.is_dir():
        parser.error(f"--output={arguments.output} is no folder; make it first")
    if arguments.genotype:
        try:
            genotype = published.choose(arch="", genotype=arguments.genotype)
        except UserError as error:
            parser.error(str(error))
        (arguments.output / f"{arguments.name}.svg").write_text(diagram.svg(genotype), encoding="utf-8")
        return
    grid = arguments.run_dir / "samples" / "final.png"
    for needed in (arguments.run_dir / "metrics.jsonl", grid):
        if not needed.is_file():
            parser.error(f"--run_dir={arguments.run_dir} is no finished training run: there is no {needed}")
    evaluations = read(arguments.run_dir)
    draw_curve(evaluations, arguments.output / f"{arguments.name}-curve.png")
    shutil.copyfile(grid, arguments.output / f"{arguments.name}-grid.png")
    shown = describe(evaluations)
    print(
        f"{len(evaluations)} evaluations; of the first half {shown['improved']:.0%} were better than all before; after "
        f"{FIRST_MINUTES} minutes {shown['first']:.4g}, at the end {shown['last']:.4g}, {shown['ratio']:.2f} of it"
    )


if __name__ == "__main__":
    main()
