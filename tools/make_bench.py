"""Makes the bench's tables, piece by piece: python tools/make_bench.py gate

    judge      the classifiers that all scores are seen through, those that are missing
    tune       24 architectures x 2 seeds with other settings, under a name: tune --name=falling --flags=--lr_decay;
               with --cells=3 of full size, with --architectures=40 of more of them
    gate       60 architectures x 2 seeds: whether the recipe's trainings tell architectures apart
    one-cell   all 36 architectures of one cell x 10 seeds
    sweep      all 2,592 architectures of two cells, seed 0
    replicates 300 of them, drawn at random, seeds 1 and 2
    best       the 200 best by the estimates that follow from both, three fresh seeds: single scores are partly luck
    full-size  200 architectures of three cells at 32 pixels, drawn at random, seed 0, and seeds 1 and 2 of 30 of them
    shared     supernets, five for each way to choose what trains, and what their weights say of all of two cells
    pictures   of what the ten best and the ten worst of the sweep draw, trained again
    table      packs the rows that there are into the files that come with the program
    status     what of each there is
    again      30 trainings that another machine has made of a piece, made on this one: again --of=gate
    agreement  how well seeds agree on the architectures of a piece, or of several: agreement --of=gate
    machines   how far machines agree on trainings that were made again: machines --of=gate
    surrogates how well those of --strategy=predictor rank architectures of the sweep that they have not seen
    transfer   how well the same, fitted to the sweep or another piece, rank those of one more: transfer --of=full-size

Rows go to --folder, one JSON object a line, as they are made, and supernets to supernets/ in it. The same command goes
on where an earlier one was stopped or killed; what is there is not made again. --workers processes share the work; each
uses one core. A seed is a training's name: its numbers follow from that and the architecture, so that no two
trainings have the same (autogan_tf/bench/recipe.py).
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

import bench_pictures  # noqa: E402 (beside this file)
import bench_rows  # noqa: E402 (beside this file)
import bench_supernets  # noqa: E402 (beside this file)
from bench_agreement import across_machines, agreement  # noqa: E402 (beside this file)
from bench_pieces import AGAIN, PIECES, TABLES, TUNE, TUNED, every, piece  # noqa: E402 (beside this file)
from bench_rows import rows_of  # noqa: E402 (beside this file)
from bench_surrogates import ranking_of_unseen, transfer  # noqa: E402 (beside this file)
from bench_training import Measurements  # noqa: E402 (beside this file)
from timing import Report, at_least  # noqa: E402

from autogan_tf.bench import features, recipe, shared_scores, table  # noqa: E402
from autogan_tf.config.image_sides import image_sides  # noqa: E402
from autogan_tf.data import sources  # noqa: E402
from autogan_tf.features import choice, classifier  # noqa: E402
from autogan_tf.runs import machine, tensorflow_warnings  # noqa: E402
from autogan_tf.runs.folder import write_atomically  # noqa: E402
from autogan_tf.search_space import autogan  # noqa: E402
from autogan_tf.training import assembly  # noqa: E402


def work(
    name: str,
    folder: pathlib.Path,
    flags: Sequence[str],
    *,
    where: Sequence[str] = (),
    share: int,
    shares: int,
    **of_tuning: int,
) -> None:
    """Makes every `shares`-th row of a piece that is missing, beginning with number `share`; where: flags that say
    where the images are, which rows do not tell. For the others see `piece`."""
    machine.use_threads(1)
    wanted, here = piece(name, folder, flags=[*flags, *where], **of_tuning), bench_rows.machine_name()
    made = [row for row in rows_of(folder, name) if not name.startswith(AGAIN) or row["machine"] == here]
    done = {(tuple(row["tokens"]), row["seed"]) for row in made}
    with bench_rows.appending(folder, name, share=share, shares=shares) as append:
        measurements = None
        for tokens, seed in wanted.jobs[share::shares]:
            if (tokens, seed) in done:
                continue
            if measurements is None:
                cells = autogan.SPACE.num_cells_of(len(tokens))
                measurements = Measurements(wanted.settings, num_cells=cells, length=wanted.length)
            row = measurements.of(tokens, seed=seed) | {"points": list(wanted.length.points), "flags": list(flags)}
            append(row | {"machine": here})


def make_judges(where: Sequence[str]) -> None:
    """Trains those that are missing; where: flags that say where the images are."""
    settings = recipe.settings(where)
    missing = [largest for largest in recipe.JUDGES if not recipe.judge_file(largest).exists()]
    if not missing:
        raise SystemExit(
            f"they are in {recipe.FOLDER}, and all rows were seen through them; delete one with its rows to begin anew"
        )
    for largest in missing:
        train, test = sources.labelled_splits(
            dataset=settings.dataset, data_dir=settings.data_dir, download=settings.download, resolution=largest
        )
        trained = classifier.load_or_train(
            train=train,
            test=test,
            sizes=(largest // 2, largest),
            steps=settings.classifier_steps,
            batch_size=settings.classifier_batch_size,
            width=settings.classifier_width,
            seed=0,
            cache_dir=choice.cache_folder(settings.cache_dir),
        )
        path = recipe.judge_file(largest)
        path.parent.mkdir(exist_ok=True)
        classifier.write(path, classifier.rounded(trained))
        print(f"test accuracy {trained.accuracy}; written to {path}")


def pack(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Writes the rows that there are as tables, and what shared weights say of two cells where a supernet's scores are
    complete."""
    for num_cells, names in TABLES.items():
        rows = [row for name in names for row in rows_of(folder, name)]
        if not rows:
            continue
        settings = recipe.settings(num_cells=num_cells)
        images = recipe.not_loaded(image_sides(bottom_width=settings.bottom_width, num_cells=num_cells)[-1])
        found = table.of_rows(
            rows, lambda genotype, settings=settings, images=images: assembly.cost_of(settings, genotype, images)
        )
        path = target / f"{num_cells}-cells.npz"
        write_atomically(path, found.to_bytes())
        print(f"{len(rows):,} trainings of {len(found.architectures):,} architectures written to {path}")
    swept = list(rows_of(folder, "sweep"))
    if swept:
        write_atomically(target / features.FILE, features.packed(swept))
    whole, others = bench_supernets.complete_and_not(folder)
    if whole:
        scored = shared_scores.of_rows(whole)
        write_atomically(target / shared_scores.FILE, scored.to_bytes())
        print(f"{len(scored.supernets)} supernets' scores written to {target / shared_scores.FILE}")
    if others:
        print(f"not complete, and left out: {', '.join(others)}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    others = ["shared", "pictures", "judge", "tune", "again", "table", "status"]
    others += ["agreement", "machines", "surrogates", "transfer"]
    parser.add_argument("piece", choices=[*PIECES, *others])
    parser.add_argument("--name", default="", help="of `tune`: what its rows are called")
    parser.add_argument("--flags", type=shlex.split, default="", help="of `tune`: train's flags beside the recipe's")
    parser.add_argument("--cells", type=int, choices=sorted(TABLES), default=2, help="of `tune` (default 2)")
    parser.add_argument(
        "--architectures", type=at_least(2), default=TUNED,
        help=f"of `tune`: how many (default {TUNED})",
    )  # fmt: skip
    parser.add_argument("--of", default="gate", help="of `again` and others: a piece, or tune-NAME (default gate)")
    parser.add_argument("--learnt", default="sweep", help="of `transfer`: what they are fitted to (default sweep)")
    parser.add_argument("--without", default="", help="of `agreement`: a choice whose architectures are left out")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs" / "bench", help="of the rows")
    parser.add_argument(
        "--data_dir", default="",
        help="where TensorFlow Datasets has prepared the images, as the commands take it",
    )  # fmt: skip
    parser.add_argument("--workers", type=at_least(1), default=2, help="processes (default 2)")
    parser.add_argument("--share", type=int, default=-1, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    is_tuning, name = arguments.piece == "tune", arguments.piece
    tuned = arguments.flags or arguments.cells != 2 or arguments.architectures != TUNED
    if is_tuning != bool(arguments.name) or (not is_tuning and tuned):
        parser.error(
            "--name, --flags, --cells and --architectures belong to tune, which needs the name: tune --name=falling "
            "--flags=--lr_decay"
        )
    if any(flag.startswith("--data_dir") for flag in arguments.flags):
        parser.error("rows tell their --flags, and not where the images lie: give --data_dir beside --flags")
    if is_tuning:
        name = TUNE + arguments.name
    elif name == "again":
        name = AGAIN + arguments.of
        arguments.flags = next((row["flags"] for row in rows_of(arguments.folder, arguments.of)), [])
    where = [f"--data_dir={arguments.data_dir}"] if arguments.data_dir else []
    if name == "judge":
        make_judges(where)
    elif name == "table":
        pack(arguments.folder, table.FOLDER)
    elif name == "status":
        progress = [_progress(arguments.folder, name) for name in bench_rows.names(arguments.folder)]
        Report().rows("Rows", progress or [{"piece": "no rows"}])
    elif name == "agreement":
        rows = [row for of in arguments.of.split(",") for row in rows_of(arguments.folder, of)]
        Report().rows(f"Agreement of seeds: {arguments.of}", agreement(rows, without=arguments.without))
    elif name == "machines":
        rows, again = (list(rows_of(arguments.folder, of)) for of in (arguments.of, AGAIN + arguments.of))
        report = Report()
        for machines, found in across_machines(rows, again).items():
            report.rows(f"Trainings of {arguments.of} on {machines}", found)
    elif name == "surrogates":
        Report().rows("What surrogates expect of others", ranking_of_unseen(list(rows_of(arguments.folder, "sweep"))))
    elif name == "transfer":
        learnt, rows = (list(rows_of(arguments.folder, of)) for of in (arguments.learnt, arguments.of))
        Report().rows(f"What {arguments.learnt} tells of {arguments.of}", transfer(learnt, rows))
    elif arguments.share < 0:
        return _in_processes(name, arguments)
    else:
        shared_out = {"share": arguments.share, "shares": arguments.workers}
        with tensorflow_warnings.silenced():
            if name == "shared":
                return bench_supernets.work(arguments.folder, flags=where, **shared_out)
            if name == "pictures":
                bench_pictures.work(arguments.folder, where, **shared_out)
                return 0
            of_tuning = {"num_cells": arguments.cells, "architectures": arguments.architectures}
            work(name, arguments.folder, arguments.flags, where=where, **of_tuning, **shared_out)
    return 0


def _progress(folder: pathlib.Path, name: str) -> dict[str, object]:
    rows = list(rows_of(folder, name))
    number: int | str = ""
    if name in bench_supernets.ROWS:
        number = len(bench_supernets.SEEDS) * len(every(2))
        seconds = sum(row["seconds"] for row in rows)
    else:
        number = len(piece(name, folder).jobs) if name in PIECES else ""
        seconds = sum(row["seconds"][-1] + row["scoring"][-1] for row in rows if row["seconds"])
    flags = " ".join(rows[0].get("flags", [])) if rows else ""
    hours = round(seconds / 3600, 1)
    return {"piece": name, "rows": f"{len(rows):,}", "of": f"{number:,}" if number else "", "core hours": hours,
            "flags": flags}  # fmt: skip


def _in_processes(name: str, arguments: argparse.Namespace) -> int:
    """Shares the piece among processes, unless rows of that name were made in another way; 1 where one failed."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    flags = list(arguments.flags)
    for row in rows_of(arguments.folder, name):
        if row["flags"] != flags:
            raise SystemExit(f"rows of {name} have flags {row['flags']}, got {flags}: take another --name")
        cells = autogan.SPACE.num_cells_of(len(row["tokens"]))
        if name.startswith(TUNE) and cells != arguments.cells:
            raise SystemExit(f"rows of {name} have {cells} cells, got {arguments.cells}: take another --name")
    of = "sweep" if name == "pictures" else name.removeprefix(AGAIN)
    for row in rows_of(arguments.folder, of):
        if row.get("training_seed") != recipe.training_seed(row["tokens"], row["seed"]):
            raise SystemExit(
                f"rows of {of} in {arguments.folder} were made by an earlier version, whose trainings had other seeds, "
                "and what is made now would not go with them: take another --folder"
            )
    words = [sys.executable, __file__, arguments.piece, f"--folder={arguments.folder}"]
    words += [f"--data_dir={arguments.data_dir}"]
    words += [f"--workers={arguments.workers}", f"--of={arguments.of}"]
    if arguments.name:
        words += [f"--name={arguments.name}", f"--flags={shlex.join(arguments.flags)}", f"--cells={arguments.cells}"]
        words += [f"--architectures={arguments.architectures}"]
    processes = [subprocess.Popen([*words, f"--share={share}"]) for share in range(arguments.workers)]
    return int(any([process.wait() for process in processes]))


if __name__ == "__main__":
    sys.exit(main())
