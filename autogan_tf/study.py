"""Compares ways to search: python -m autogan_tf.study --strategies=evolution,random --seeds=20 --run_dir=runs/study

Each strategy searches with each seed until it has cost the same, by default in the bench, whose trainings are on
record, so that a search takes seconds; random search always runs beside the others. Ends with study.html and
study.json: what had been found at which cost, and how likely one strategy finds better than another. A study that was
stopped goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, fields, plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.study import StudyConfig

if TYPE_CHECKING:
    from autogan_tf.bench.judging import Judge
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import StopRequest
    from autogan_tf.runs.progress import Terminal

_REGRET = "regret: log Fréchet distance above the best there is"
_MUST_BE_THE_SAME = ("first_seed", "budget", "search_flags", "table")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(StudyConfig, argv, doc=__doc__ or "", body=_study)


@dataclasses.dataclass(frozen=True)
class Job:
    """A search of a study; plain data that goes to other processes. flags: but for its folder."""

    group: str
    seed: int
    folder: str
    flags: tuple[str, ...]

    @property
    def goal(self) -> str:
        """What is so when it is done, in words."""
        return f"the search in {self.folder} was complete"

    @property
    def log(self) -> pathlib.Path:
        """What the search has said."""
        return pathlib.Path(f"{self.folder}.log")


def jobs(config: StudyConfig) -> list[Job]:
    """All searches, seed by seed, so that a study that was stopped has as many of each."""
    found = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        for estimation, strategy in config.arms:
            group = f"{estimation} {strategy}" if len(config.estimations) > 1 else strategy
            folder = str(pathlib.Path(config.run_dir) / "searches" / f"{estimation}-{strategy}-{seed}")
            found.append(Job(group, seed, folder, tuple(config.flags(estimation, strategy, seed))))
    return found


class Searches:
    """What a worker process does; `config`: of the study."""

    def __init__(self, config: StudyConfig) -> None:
        plugins.load(config.plugin)

    def run(self, job: Job, *, stop: StopRequest) -> int:
        """The search, or what of it an earlier process has not done; its exit code.

        Raises Interrupted where it was stopped.
        """
        import tensorflow as tf

        from autogan_tf import search
        from autogan_tf.runs import signals
        from autogan_tf.runs.keeper import Interrupted

        if stop.signal:
            raise Interrupted(stop.signal, job.folder)
        with job.log.open("a", encoding="utf-8") as log, signals.passed_on(lambda: stop.signal):
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                code = search.main([*job.flags, f"--run_dir={job.folder}", "--verbosity=quiet"])
        tf.keras.backend.clear_session()
        if code > 128:
            raise Interrupted(code - 128, job.folder)
        return code


def _study(config: StudyConfig) -> int:
    environment.set_tensorflow_defaults()
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal

    judge = _judge(config)
    settings = fields.to_dict(config)
    with locked(pathlib.Path(config.run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(config.run_dir, command="study", resume="auto")
        if resumes:
            _check_same(settings, folder.settings())
            folder.resume(settings=settings)
        else:
            folder.create(command="study", settings=settings)
        (folder.path / "searches").mkdir(exist_ok=True)

        failed: dict[Job, str] = {}

        def study(stop: StopRequest) -> None:
            failed.update(_search_all(config, terminal, stop))
            _write(config, folder, terminal, failed, judge)

        code = exit_code_of(study, folder=folder, terminal=terminal, failures=(), has_report=False)
        return code or bool(failed)


def _check_same(settings: dict[str, Any], written: dict[str, Any]) -> None:
    changed = [name for name in _MUST_BE_THE_SAME if settings[name] != written.get(name)]
    if changed:
        told = "; ".join(f"--{name} was {written.get(name)} and is {settings[name]}" for name in changed)
        raise UserError(
            f"a study cannot go on with other settings: {told}; give the same ones (strategies, estimations and seeds "
            "may be added), or another --run_dir"
        )


def _search_all(config: StudyConfig, terminal: Terminal, stop: StopRequest) -> dict[Job, str]:
    """Runs what is missing; what went wrong."""
    from autogan_tf.nas.best_training import is_complete
    from autogan_tf.nas.estimation.ray_workers import RayWorkers
    from autogan_tf.nas.estimation.workers import Processes, Workers
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import Interrupted

    every = jobs(config)
    of_arm = {arm: config.search(*arm) for arm in config.arms}
    missing = [
        job
        for job, arm in zip(every, config.arms * config.seeds, strict=True)
        if not is_complete(of_arm[arm], RunFolder(job.folder))
    ]
    workers: Workers
    if config.workers == "ray":
        workers = RayWorkers(Searches, config, address=config.ray_address)
    else:
        workers = Processes(Searches, config, number=int(config.workers))

    def wait() -> None:
        if stop.signal:
            raise Interrupted(stop.signal, config.run_dir)

    failed = {}
    terminal.overall("study", len(every), "searches")
    there = len(every) - len(missing)
    terminal.advance_overall(there)
    with contextlib.closing(workers):
        for done, (job, code) in enumerate(zip(missing, workers.map(missing, wait=wait), strict=True), there + 1):
            if code:
                failed[job] = f"{job.folder} ended with code {code}, see {job.log}"
                terminal.line(failed[job])
            terminal.line(f"{done} of {len(every)}: {job.group}, seed {job.seed}")
            terminal.advance_overall(done)
    terminal.end_overall()
    return failed


def _judge(config: StudyConfig) -> Judge:
    """Says what an architecture is worth."""
    from autogan_tf.bench import table
    from autogan_tf.bench.judging import Judge

    searched = [config.search(estimation, strategy) for estimation, strategy in config.arms]
    cells = {search.num_cells for search in searched}
    if len(cells) > 1 or {search.space for search in searched} != {"autogan"}:
        raise UserError("a study's searches must be of the same space and number of cells, one that the bench has")
    (num_cells,) = cells
    trained = table.load(num_cells=num_cells, folder=pathlib.Path(config.table) if config.table else None)
    trained.check_complete()
    return Judge(trained)


def _write(
    config: StudyConfig,
    folder: RunFolder,
    terminal: Terminal,
    failed: Mapping[Job, str],
    judge: Judge,
) -> None:
    """study.json, study.html and TensorBoard's curves."""
    import json

    from autogan_tf.bench import study_data, study_page
    from autogan_tf.nas import assembly
    from autogan_tf.runs import history
    from autogan_tf.runs.folder import write_atomically
    from autogan_tf.search_space import catalog

    costs = [float(cost) for cost in range(1, int(config.budget) + 1)]
    curves: dict[str, dict[int, list[float]]] = {}
    of_arm = {arm: config.search(*arm) for arm in config.arms}
    for job, arm in zip(jobs(config), config.arms * config.seeds, strict=True):
        if job in failed:
            continue
        search = of_arm[arm]
        found = study_data.incumbents(
            history.read(job.folder),
            full_training=search.full_training_steps * assembly.images_per_step(search.final),
            scored_image_cost=search.scored_image_cost,
            num_tokens=len(catalog.space(search.space).counts(search.num_cells)),
        )
        curves.setdefault(job.group, {})[job.seed] = study_data.curve(found, costs, judge.regret)
    if not curves:
        raise UserError(f"none of the searches has come to its end: {next(iter(failed.values()))}")
    document = study_data.document(
        curves, costs, measure=_REGRET, failed=list(failed.values()), settings=fields.to_dict(config)
    )
    write_atomically(folder.path / "study.json", json.dumps(document, allow_nan=False, indent=1) + "\n")
    write_atomically(folder.path / "study.html", study_page.page(document))
    study_page.write_tensorboard(folder.tensorboard, document)
    for name, group in document["groups"].items():
        number = len(group["seeds"])
        terminal.result(f"{name}: regret {group['median'][-1]} (median of {number} seeds)")
    terminal.result(str(folder.path / "study.html"))


if __name__ == "__main__":
    sys.exit(main())
