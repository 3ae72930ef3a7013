"""Makes the bench's table, piece by piece: python tools/make_bench.py gate

    judge      the classifier that all scores are seen through (once)
    tune       12 architectures x 2 seeds with other settings, under a name: tune --name=falling --flags=--lr_decay
    gate       20 architectures x 3 seeds: whether the recipe's trainings tell architectures apart
    one-cell   all 36 architectures of one cell x 10 seeds
    sweep      all 2,592 architectures of two cells, seed 0
    replicates 300 of them, drawn at random, seeds 1 and 2
    best       the 200 best of the sweep, three fresh seeds: the best of noisy scores are partly luck
    table      packs the rows that there are into the files that come with the program
    status     what of each there is
    again      30 trainings that another machine has made of a piece, made on this one: again --of=gate
    agreement  how well seeds agree on the architectures of a piece: agreement --of=gate
    machines   how far machines agree on trainings that were made again: machines --of=gate

Rows go to --folder, one JSON object a line, as they are made. The same command goes on where an earlier one was stopped
or killed; what is there is not made again. --workers processes share the work; each uses one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from bench_agreement import across_machines, agreement  # noqa: E402 (beside this file)
from bench_training import Length, Measurements  # noqa: E402 (beside this file)
from timing import Report, at_least  # noqa: E402

from autogan_tf.bench import recipe, table  # noqa: E402
from autogan_tf.config.image_sides import image_sides  # noqa: E402
from autogan_tf.data import seeds, sources  # noqa: E402
from autogan_tf.features import classifier  # noqa: E402
from autogan_tf.runs import machine, tensorflow_warnings  # noqa: E402
from autogan_tf.runs.folder import write_atomically  # noqa: E402
from autogan_tf.search_space import autogan  # noqa: E402
from autogan_tf.training import assembly  # noqa: E402

Tokens = tuple[int, ...]
PIECES = ("gate", "one-cell", "sweep", "replicates", "best")
AGAIN = "again-"  # and the name of a piece: its rows that were made again on another machine


@dataclasses.dataclass(frozen=True)
class Piece:
    """Trainings: `jobs` are tokens and seed of each, seed by seed, since each seed has graphs of its own."""

    jobs: tuple[tuple[Tokens, int], ...]
    length: Length


def crossed(architectures: Sequence[Tokens], seeds: Sequence[int]) -> tuple[tuple[Tokens, int], ...]:
    """Every architecture with every seed."""
    return tuple((tokens, seed) for seed in seeds for tokens in architectures)


def every(num_cells: int) -> tuple[Tokens, ...]:
    """All architectures, in an order drawn once, so that the first ones are a random sample, too."""
    found = list(itertools.product(*map(range, autogan.SPACE.counts(num_cells))))
    order = seeds.numpy_rng(0, "bench_order", num_cells).permutation(len(found))
    return tuple(found[place] for place in order)


def drawn(number: int, purpose: str) -> tuple[Tokens, ...]:
    """Different architectures of two cells."""
    rng = seeds.numpy_rng(0, purpose)
    found: dict[Tokens, None] = {}
    while len(found) < number:
        found[tuple(autogan.SPACE.sample(rng, num_cells=2, number=1)[0].tolist())] = None
    return tuple(found)


def piece(name: str, steps: int, folder: pathlib.Path) -> Piece:
    """What belongs to a piece; `steps` of each training, `folder` of the rows that it follows from."""
    # the ladder of successive halving by thirds
    length = Length((steps // 27, steps // 9, steps // 3, steps), 2000)
    if name.startswith("tune"):
        return Piece(crossed(drawn(12, "bench_tune"), (91, 92)), length)
    if name == "gate":
        return Piece(crossed(drawn(20, "bench_gate_2"), (201, 202, 203)), length)
    if name == "one-cell":
        return Piece(crossed(every(1), tuple(range(10))), length)
    if name == "sweep":
        return Piece(crossed(every(2), (0,)), length)
    if name == "replicates":
        return Piece(crossed(every(2)[:300], (1, 2)), length)
    if name.startswith(AGAIN):
        others = [row for row in rows_of(folder, name.removeprefix(AGAIN)) if row["machine"] != machine_name()]
        return Piece(tuple((tuple(row["tokens"]), row["seed"]) for row in others[:30]), length)
    assert name == "best", name
    swept = {tuple(row["tokens"]): row for row in rows_of(folder, "sweep")}
    missing = len(every(2)) - len(swept)
    if missing:
        raise SystemExit(f"the best of the sweep are not known yet: {missing:,} rows are missing; make them first")
    sound = [tokens for tokens, row in swept.items() if not row["failure"]]
    best = sorted(sound, key=lambda tokens: swept[tokens]["fid"][-1])[:200]
    return Piece(crossed(best, (11, 12, 13)), length)


def rows_of(folder: pathlib.Path, name: str) -> Iterator[dict]:
    """All that are there; a line that was cut by a kill is left out."""
    files = [path for path in folder.glob("*.jsonl") if re.fullmatch(rf"{re.escape(name)}-\d+-of-\d+", path.stem)]
    for path in sorted(files):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def work(name: str, folder: pathlib.Path, flags: Sequence[str], *, share: int, shares: int) -> None:
    """Makes every `shares`-th row of a piece that is missing, beginning with number `share`."""
    machine.use_threads(1)
    settings, where = recipe.settings(flags), machine_name()
    wanted = piece(name, settings.max_iter, folder)
    made = [row for row in rows_of(folder, name) if not name.startswith(AGAIN) or row["machine"] == where]
    done = {(tuple(row["tokens"]), row["seed"]) for row in made}
    path = folder / f"{name}-{share}-of-{shares}.jsonl"
    with path.open("a") as file:
        if path.stat().st_size and not path.read_text().endswith("\n"):
            file.write("\n")
        measurements, of_seed = None, None
        for tokens, seed in wanted.jobs[share::shares]:
            if (tokens, seed) in done:
                continue
            if seed != of_seed:
                cells = autogan.SPACE.num_cells_of(len(tokens))
                measurements = Measurements(settings, num_cells=cells, seed=seed, length=wanted.length)
                of_seed = seed
            assert measurements is not None
            row = measurements.of(tokens) | {"points": list(wanted.length.points), "flags": list(flags)}
            file.write(json.dumps(row | {"machine": where}) + "\n")
            file.flush()


def machine_name() -> str:
    """What results depend on: the processor, and which vector instructions it has."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return str(machine.describe()["processor"])
    pairs = (line.split(":", 1) for line in reversed(lines) if ":" in line)
    found = {name.strip(): value for name, value in pairs}
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in found.get("flags", "").split()]
    return " ".join([str(machine.describe()["processor"]), f"model {found.get('model', '?').strip()}", *known])


def make_judge() -> None:
    """Trains it, unless it is there."""
    path = recipe.judge_file(16)
    if path.exists():
        raise SystemExit(f"{path} is there, and all rows were seen through it; delete both to begin anew")
    train, test = sources.labelled_splits(dataset="mnist5k", data_dir="", resolution=16)
    settings = recipe.settings()
    trained = classifier.load_or_train(
        train=train,
        test=test,
        sizes=(8, 16),
        steps=settings.classifier_steps,
        batch_size=settings.classifier_batch_size,
        width=settings.classifier_width,
        seed=0,
        cache_dir=None,
    )
    path.parent.mkdir(exist_ok=True)
    classifier.write(path, classifier.rounded(trained))
    print(f"test accuracy {trained.accuracy}; written to {path}")


def pack(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Writes the rows that there are as tables, of one cell and of two; not those of tuning and gate."""
    settings = recipe.settings()
    for num_cells, names in ((1, ["one-cell"]), (2, ["sweep", "replicates", "best"])):
        rows = [row for name in names for row in rows_of(folder, name)]
        if not rows:
            continue
        images = recipe.images(image_sides(bottom_width=settings.bottom_width, num_cells=num_cells)[-1])
        found = table.of_rows(rows, lambda genotype, images=images: assembly.cost_of(settings, genotype, images))
        path = target / f"{num_cells}-cells.npz"
        write_atomically(path, found.to_bytes())
        print(f"{len(rows):,} trainings of {len(found.architectures):,} architectures written to {path}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    others = ["judge", "tune", "again", "table", "status", "agreement", "machines"]
    parser.add_argument("piece", choices=[*PIECES, *others])
    parser.add_argument("--name", default="", help="of `tune`: what its rows are called")
    parser.add_argument("--flags", type=shlex.split, default="", help="of `tune`: train's flags beside the recipe's")
    parser.add_argument("--of", default="gate", help="of `again`, `agreement` and `machines`: a piece, or tune-NAME")
    parser.add_argument("--without", default="", help="of `agreement`: a choice whose architectures are left out")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs" / "bench", help="of the rows")
    parser.add_argument("--workers", type=at_least(1), default=2, help="processes (default 2)")
    parser.add_argument("--share", type=int, default=-1, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if (arguments.piece == "tune") != bool(arguments.name) or (arguments.flags and arguments.piece != "tune"):
        parser.error("--name and flags belong to tune, which needs the name: tune --name=falling --flags=--lr_decay")
    name = {"tune": f"tune-{arguments.name}", "again": AGAIN + arguments.of}.get(arguments.piece, arguments.piece)
    if name == "judge":
        make_judge()
    elif name == "table":
        pack(arguments.folder, table.FOLDER)
    elif name == "status":
        names = {path.name.rpartition("-of-")[0].rpartition("-")[0] for path in arguments.folder.glob("*-of-*.jsonl")}
        Report().rows("Rows", [_progress(arguments.folder, name) for name in sorted(names)])
    elif name == "agreement":
        rows = list(rows_of(arguments.folder, arguments.of))
        Report().rows(f"Agreement of seeds: {arguments.of}", agreement(rows, without=arguments.without))
    elif name == "machines":
        rows, again = (list(rows_of(arguments.folder, of)) for of in (arguments.of, AGAIN + arguments.of))
        report = Report()
        for machines, found in across_machines(rows, again).items():
            report.rows(f"Trainings of {arguments.of} on {machines}", found)
    elif arguments.share >= 0:
        with tensorflow_warnings.silenced():
            work(name, arguments.folder, arguments.flags, share=arguments.share, shares=arguments.workers)
    else:
        return _in_processes(name, arguments)
    return 0


def _progress(folder: pathlib.Path, name: str) -> dict[str, object]:
    rows = list(rows_of(folder, name))
    of = "" if name.startswith(("tune", AGAIN)) else f"{len(piece(name, recipe.settings().max_iter, folder).jobs):,}"
    hours = sum(row["seconds"][-1] + row["scoring"][-1] for row in rows if row["seconds"]) / 3600
    flags = " ".join(rows[0]["flags"]) if rows else ""
    return {"piece": name, "rows": f"{len(rows):,}", "of": of, "core hours": round(hours, 1), "flags": flags}


def _in_processes(name: str, arguments: argparse.Namespace) -> int:
    """Shares the piece among processes, unless rows of that name were made with other flags."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for row in rows_of(arguments.folder, name):
        if row["flags"] != arguments.flags:
            raise SystemExit(f"rows of {name} have flags {row['flags']}, got {arguments.flags}: take another --name")
    words = [sys.executable, __file__, arguments.piece, f"--folder={arguments.folder}", f"--name={arguments.name}"]
    words += [f"--workers={arguments.workers}", f"--of={arguments.of}", f"--flags={shlex.join(arguments.flags)}"]
    processes = [subprocess.Popen([*words, f"--share={share}"]) for share in range(arguments.workers)]
    return max(process.wait() for process in processes)


if __name__ == "__main__":
    sys.exit(main())
