"""Feeds generated files to whatever reads what users bring: genotypes, flag files, statistics, checkpoints, pictures.

    python tools/fuzz.py                                  10,000 of each
    python tools/fuzz.py --inputs=500 --kinds=checkpoint  fewer, of one kind

A reader may take a file or refuse it with an error of ours (UserError). Anything else is a fault: another exception, a
hang of over 20 seconds, code from the file that runs. The process may take 4 GiB of memory, so that no file takes the
machine's. The smallest file that shows a fault is kept in --folder. Exits with 1 where there is one.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import pathlib
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

import fuzz_inputs  # noqa: E402 (beside this file)
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from autogan_tf.config import (  # noqa: E402
    command_line,
    convert,
    evaluate,
    export,
    fields,
    report,
    sample,
    search,
    serve,
    train,
)
from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.data import folder as image_folder  # noqa: E402
from autogan_tf.interop import official_pytorch  # noqa: E402
from autogan_tf.metrics.frechet_statistics import FrechetStatistics  # noqa: E402
from autogan_tf.search_space.genotype import Genotype  # noqa: E402

SECONDS = 20
MEMORY_GIB = 4
COMMANDS = (
    convert.ConvertConfig, evaluate.EvaluateConfig, export.ExportConfig, report.ReportConfig, sample.SampleConfig,
    search.SearchConfig, serve.ServeConfig, train.TrainConfig,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of file: `name` of the file that it is written to, the contents to try, and what reads it."""

    name: str
    contents: st.SearchStrategy[bytes]
    read: Callable[[pathlib.Path], object]


def kinds(folder: pathlib.Path, canary: pathlib.Path) -> dict[str, Kind]:
    """All of them; files lie in `folder`, `canary` is what hostile ones try to make."""
    names = sorted({field.name for command in COMMANDS for field in fields.fields_of(command)} | {"grow_step", "x y"})
    return {
        "genotype": Kind("found.json", fuzz_inputs.genotypes(), Genotype.load),
        "flags": Kind("my.flags", fuzz_inputs.flag_files(names, folder / "my.flags"), _read_flags),
        "statistics": Kind("of_data.npz", fuzz_inputs.statistics(canary), FrechetStatistics.load),
        "checkpoint": Kind("official.pth", fuzz_inputs.checkpoints(canary), _read_checkpoint),
        "image": Kind("image.png", fuzz_inputs.images(), _read_image),
        "images": Kind("images.zip", fuzz_inputs.zips(), _read_zip),
    }


def _read_flags(path: pathlib.Path) -> None:
    """By every command; UserError where all of them refuse it."""
    refused = []
    for command in COMMANDS:
        try:
            command_line.parse(command, [f"--flagfile={path}"], doc="")
        except UserError as error:
            refused.append(error)
    if len(refused) == len(COMMANDS):
        raise refused[0]


def _read_checkpoint(path: pathlib.Path) -> None:
    state = official_pytorch.read_checkpoint(path)
    official_pytorch.generator(state.get("gen_state_dict", state), Genotype.from_string(fuzz_inputs.TOKENS).tokens)


def _read_image(path: pathlib.Path) -> None:
    image_folder.load(dataset=f"folder:{path.parent}", resolution=8, split="train")


def _read_zip(path: pathlib.Path) -> None:
    image_folder.check_available(f"folder:{path}")
    image_folder.load(dataset=f"folder:{path}", resolution=8, split="train")


class Fault(Exception):
    """What a reader may not do."""


class TooLate(BaseException):
    """The time is up; no `except Exception` of a reader takes it for a damaged file."""


def try_one(kind: Kind, path: pathlib.Path, canary: pathlib.Path) -> str:
    """Reads the file; "read" or "refused".

    Raises:
      Fault: it hangs, runs code, or raises anything but UserError with a message.
    """

    def too_late(*_: object) -> None:
        raise TooLate(f"still reading after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(SECONDS)
    try:
        kind.read(path)
        outcome = "read"
    except UserError as error:
        if not str(error).strip():
            raise Fault("an error without a message") from error
        outcome = "refused"
    except (Exception, TooLate) as error:
        raise Fault(f"{type(error).__name__}: {error}") from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    if canary.exists():
        canary.unlink()
        raise Fault("code in the file was run")
    return outcome


def fuzz(kind: Kind, *, inputs: int, folder: pathlib.Path, canary: pathlib.Path, draw: int = 0) -> dict[str, int]:
    """Tries so many generated files; how many were read and refused.

    Raises:
      Fault: of the smallest file found that shows one, which then lies in `folder`.
    """
    outcomes: collections.Counter[str] = collections.Counter()
    path = folder / kind.name

    @seed(draw)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(kind.contents)
    def every(content: bytes) -> None:
        path.write_bytes(content)
        outcomes[try_one(kind, path, canary)] += 1

    every()
    return dict(outcomes)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="files of each kind (default 10,000)")
    parser.add_argument(
        "--kinds", default="genotype,flags,statistics,checkpoint,image,images", help="some of (default) all"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the files")
    parser.add_argument("--folder", type=pathlib.Path, help="where a file that shows a fault is kept")
    arguments = parser.parse_args(argv)
    place = arguments.folder or pathlib.Path(tempfile.mkdtemp(prefix="fuzz-"))
    place.mkdir(parents=True, exist_ok=True)
    canary = place / "canary"
    faults = 0
    for name in arguments.kinds.split(","):
        folder = place / name
        folder.mkdir(exist_ok=True)
        known = kinds(folder, canary)
        if name not in known:
            parser.error(f"--kinds must be some of {', '.join(known)}, got {name!r}")
        limit_memory()
        began = time.monotonic()
        try:
            outcomes = fuzz(known[name], inputs=arguments.inputs, folder=folder, canary=canary, draw=arguments.seed)
        except Fault as fault:
            faults += 1
            traceback.print_exception(fault)
            print(f"{name}: FAULT: {fault}; the file is {folder / known[name].name}", flush=True)
            continue
        found = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        print(f"{name}: {found} in {time.monotonic() - began:.0f} s", flush=True)
    return 1 if faults else 0


def limit_memory() -> None:
    """Lets this process take only so much more address space."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_GIB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    sys.exit(main())
