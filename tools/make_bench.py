"""Makes the bench's table, piece by piece: python tools/make_bench.py gate

    judge   the classifier that all scores are seen through (once)
    gate    20 architectures x 3 seeds, looked at at several lengths: how long a training must be to tell them apart
    status  what of each there is

Rows go to --folder, one JSON object a line, as they are made. The same command goes on where an earlier one was stopped
or killed; what is there is not made again. --workers processes share the work; each uses one core.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from bench_training import Length, Measurements  # noqa: E402 (beside this file)
from timing import at_least  # noqa: E402

from autogan_tf.bench import recipe  # noqa: E402
from autogan_tf.data import seeds, sources  # noqa: E402
from autogan_tf.features import classifier  # noqa: E402
from autogan_tf.runs import machine, tensorflow_warnings  # noqa: E402
from autogan_tf.search_space import autogan  # noqa: E402

Job = tuple[tuple[int, ...], int]  # tokens, seed

GATE = Length((40, 90, 120, 180, 270, 360, 540, 810, 1080), 2000)
GATE_ARCHITECTURES, GATE_SEEDS = 20, (101, 102, 103)  # of no other piece


def gate_jobs() -> list[Job]:
    """Seed by seed, since each has graphs of its own."""
    rng = seeds.numpy_rng(0, "bench_gate")
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < GATE_ARCHITECTURES:
        drawn[tuple(autogan.SPACE.sample(rng, num_cells=2, number=1)[0].tolist())] = None
    return [(tokens, seed) for seed in GATE_SEEDS for tokens in drawn]


PIECES = {"gate": (gate_jobs, GATE)}


def rows_of(folder: pathlib.Path, piece: str) -> Iterator[dict]:
    """All that are there; a line that was cut by a kill is left out."""
    for path in sorted(folder.glob(f"{piece}-*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def work(piece: str, folder: pathlib.Path, *, share: int, shares: int) -> None:
    """Makes every `shares`-th row that is missing, beginning with number `share`."""
    machine.use_threads(1)
    jobs, length = PIECES[piece][0](), PIECES[piece][1]
    done = {(tuple(row["tokens"]), row["seed"]) for row in rows_of(folder, piece)}
    settings, where = recipe.settings(), machine_name()
    path = folder / f"{piece}-{share}-of-{shares}.jsonl"
    with path.open("a") as file:
        if path.stat().st_size and not path.read_text().endswith("\n"):
            file.write("\n")
        measurements, of_seed = None, None
        for tokens, seed in jobs[share::shares]:
            if (tokens, seed) in done:
                continue
            if seed != of_seed:
                cells = autogan.SPACE.num_cells_of(len(tokens))
                measurements, of_seed = Measurements(settings, num_cells=cells, seed=seed, length=length), seed
            assert measurements is not None
            file.write(json.dumps(measurements.of(tokens) | {"machine": where}) + "\n")
            file.flush()


def machine_name() -> str:
    """What results depend on: the processor, and which vector instructions it has."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return str(machine.describe()["processor"])
    found = dict(line.split("\t:", 1) for line in reversed(lines) if "\t:" in line)
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if name in found.get("flags", "").split()]
    return " ".join([str(machine.describe()["processor"]), f"model {found.get('model', '?').strip()}", *known])


def make_judge() -> None:
    """Trains it, unless it is there."""
    path = recipe.FOLDER / "judge-16.npz"
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


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("piece", choices=["judge", *PIECES, "status"])
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "docs" / "bench", help="of the rows")
    parser.add_argument("--workers", type=at_least(1), default=2, help="processes (default 2)")
    parser.add_argument("--share", type=int, default=-1, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.piece == "judge":
        make_judge()
        return 0
    if arguments.piece == "status":
        for piece, (jobs, _) in PIECES.items():
            print(f"{piece}: {sum(1 for _ in rows_of(arguments.folder, piece)):,} of {len(jobs()):,}")
        return 0
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.share >= 0:
        with tensorflow_warnings.silenced():
            work(arguments.piece, arguments.folder, share=arguments.share, shares=arguments.workers)
        return 0
    words = [
        sys.executable,
        __file__,
        arguments.piece,
        f"--folder={arguments.folder}",
        f"--workers={arguments.workers}",
    ]
    processes = [subprocess.Popen([*words, f"--share={share}"]) for share in range(arguments.workers)]
    return max(process.wait() for process in processes)


if __name__ == "__main__":
    sys.exit(main())
