"""Compares ways to search: python -m autogan_tf.study --strategies=evolution,random --seeds=20 --run_dir=runs/study

Each strategy searches with each seed until it has cost the same, by default in the bench, whose trainings are on
record, so that a search takes seconds; random search always runs beside the others. Ends with study.html and
study.json: what had been found at which cost, and how likely one strategy finds better than another. With
--judge=trainings what real searches found is trained anew, with fresh seeds. A study that was stopped goes on.
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
from autogan_tf.config.study import Arm, StudyConfig

if TYPE_CHECKING:
    from autogan_tf.config.search import SearchConfig
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.keeper import StopRequest
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.studies.judges import Judge

_MUST_BE_THE_SAME = ("first_seed", "budget", "search_flags", "table", "judge", "judge_seeds")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(StudyConfig, argv, doc=__doc__ or "", body=_study)


@dataclasses.dataclass(frozen=True)
class Job:
    """A run of a study; plain data that goes to other processes.

    command: search or train; what: in words; folder, flags: of the run.
    """

    command: str
    what: str
    folder: str
    flags: tuple[str, ...]

    @property
    def goal(self) -> str:
        """What is so when it is done, in words."""
        return f"the {self.command} in {self.folder} was complete"

    @property
    def log(self) -> pathlib.Path:
        """What it has said."""
        return pathlib.Path(f"{self.folder}.log")


@dataclasses.dataclass(frozen=True)
class Search:
    """A search of a study."""

    arm: Arm
    seed: int
    job: Job


def searches(config: StudyConfig) -> list[Search]:
    """All of them, seed by seed, so that a study that was stopped has as many of each."""
    found = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        for arm in config.ways:
            folder = str(pathlib.Path(config.run_dir) / "searches" / f"{arm.folder}-{seed}")
            job = Job("search", f"{arm.name}, seed {seed}", folder, tuple(config.flags(arm, seed)))
            found.append(Search(arm, seed, job))
    return found


class Runs:
    """What a worker process does; `config`: of the study."""

    def __init__(self, config: StudyConfig) -> None:
        plugins.load(config.plugin)

    def run(self, job: Job, *, stop: StopRequest) -> int:
        """The run, or what of it an earlier process has not done; its exit code.

        Raises Interrupted where it was stopped.
        """
        import tensorflow as tf

        from autogan_tf import search, train
        from autogan_tf.runs import signals
        from autogan_tf.runs.keeper import Interrupted

        if stop.signal:
            raise Interrupted(stop.signal, job.folder)
        command = {"search": search.main, "train": train.main}[job.command]
        with job.log.open("a", encoding="utf-8") as log, signals.passed_on(lambda: stop.signal):
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                code = command([*job.flags, f"--run_dir={job.folder}", "--verbosity=quiet"])
        tf.keras.backend.clear_session()
        if code > 128:
            raise Interrupted(code - 128, job.folder)
        return code


def _study(config: StudyConfig) -> int:
    environment.set_tensorflow_defaults()
    from autogan_tf.nas.best_training import is_complete
    from autogan_tf.runs.ending import exit_code_of
    from autogan_tf.runs.folder import RunFolder
    from autogan_tf.runs.lock import locked
    from autogan_tf.runs.progress import Terminal
    from autogan_tf.studies import judges

    of_arm = {arm: config.search(arm) for arm in config.ways}
    judge = judges.new_judge(config, of_arm)
    settings = fields.to_dict(config)
    with locked(pathlib.Path(config.run_dir)), Terminal(verbosity=config.verbosity) as terminal:
        folder, resumes = RunFolder.open(config.run_dir, command="study", resume="auto")
        if resumes:
            _check_same(settings, folder.settings())
            folder.resume(settings=settings)
        else:
            folder.create(command="study", settings=settings)
        failed: dict[Job, str] = {}

        def study(stop: StopRequest) -> None:
            (folder.path / "searches").mkdir(exist_ok=True)
            every = searches(config)
            for one in every:
                _check_same_search(dataclasses.replace(of_arm[one.arm], seed=one.seed), RunFolder(one.job.folder))
            missing = [one.job for one in every if not is_complete(of_arm[one.arm], RunFolder(one.job.folder))]
            failed.update(_done(config, [one.job for one in every], missing, "searches", terminal, stop))
            ended = [one for one in every if one.job not in failed]
            if not ended:
                raise UserError(f"none of the searches has come to its end: {next(iter(failed.values()))}")
            failed.update(_train(config, judge, ended, folder, terminal, stop))
            _write(config, judge, ended, failed, folder, terminal)

        code = exit_code_of(study, folder=folder, terminal=terminal, failures=(), has_report=False)
        return code or bool(failed)


def _check_same(settings: dict[str, Any], written: dict[str, Any]) -> None:
    changed = [name for name in _MUST_BE_THE_SAME if settings[name] != written.get(name, settings[name])]
    if changed:
        told = "; ".join(f"--{name} was {written.get(name)} and is {settings[name]}" for name in changed)
        raise UserError(
            f"a study cannot go on with other settings: {told}; give the same ones (ways to search, seeds and draws "
            "may be added), or another --run_dir"
        )


def _check_same_search(config: SearchConfig, folder: RunFolder) -> None:
    """UserError where a search that is there was made with other settings: its way may have had the same name."""
    from autogan_tf.config import resume_settings
    from autogan_tf.nas.estimation import objectives

    if not folder.config_file.exists():
        return
    config = dataclasses.replace(config, reward=str(objectives.reward(config.reward)))  # as a search writes it
    try:
        resume_settings.check_same(config, folder.settings())
    except UserError as error:
        raise UserError(f"the search in {folder.path} is another one: {error}") from None


def _done(
    config: StudyConfig, every: Sequence[Job], missing: Sequence[Job], unit: str, terminal: Terminal, stop: StopRequest
) -> dict[Job, str]:
    """Does what is missing of all jobs; what went wrong."""
    from autogan_tf.nas.estimation.ray_workers import RayWorkers
    from autogan_tf.nas.estimation.workers import Processes, Workers
    from autogan_tf.runs.keeper import Interrupted

    workers: Workers
    if config.workers == "ray":
        workers = RayWorkers(Runs, config, address=config.ray_address)
    else:
        workers = Processes(Runs, config, number=int(config.workers))

    def wait() -> None:
        if stop.signal:
            raise Interrupted(stop.signal, config.run_dir)

    failed = {}
    terminal.overall("study", len(every), unit)
    there = len(every) - len(missing)
    terminal.advance_overall(there)
    with contextlib.closing(workers):
        for done, (job, code) in enumerate(zip(missing, workers.map(missing, wait=wait), strict=True), there + 1):
            if code:
                failed[job] = f"{job.folder} ended with code {code}, see {job.log}"
                terminal.line(failed[job])
            terminal.line(f"{done} of {len(every)}: {job.what}")
            terminal.advance_overall(done)
    terminal.end_overall()
    return failed


def _train(
    config: StudyConfig, judge: Judge, ended: Sequence[Search], folder: RunFolder, terminal: Terminal, stop: StopRequest
) -> dict[Job, str]:
    """Trains anew what was found and drawn, where the judge needs it; what went wrong."""
    place = folder.path / "trainings"
    wanted = judge.trainings([pathlib.Path(one.job.folder) for one in ended])
    if not wanted:
        return {}
    place.mkdir(exist_ok=True)
    every = {
        entry: Job("train", f"training {entry.words}", str(place / entry.name), entry.flags) for entry in wanted
    }
    missing = [job for entry, job in every.items() if not judge.is_there(entry, place / entry.name)]
    failed = _done(config, list(every.values()), missing, "trainings", terminal, stop)
    judge.take({entry: place / entry.name for entry, job in every.items() if job not in failed})
    return failed


def _write(
    config: StudyConfig,
    judge: Judge,
    ended: Sequence[Search],
    failed: Mapping[Job, str],
    folder: RunFolder,
    terminal: Terminal,
) -> None:
    """study.json, study.html and TensorBoard's curves."""
    import json

    from autogan_tf.runs.folder import write_atomically
    from autogan_tf.studies import page
    from autogan_tf.studies.document import document

    of_group: dict[str, dict[int, tuple[Arm, pathlib.Path]]] = {}
    for one in ended:
        of_group.setdefault(one.arm.name, {})[one.seed] = (one.arm, pathlib.Path(one.job.folder))
    found = document(judge.results(of_group), failed=list(failed.values()), settings=fields.to_dict(config))
    write_atomically(folder.path / "study.json", json.dumps(found, allow_nan=False, indent=1) + "\n")
    write_atomically(folder.path / "study.html", page.page(found))
    page.write_tensorboard(folder.tensorboard, found)
    for name, group in found["groups"].items():
        number = len(group["seeds"])
        terminal.result(f"{name}: {found['measure'].split(':')[0]} {group['median'][-1]} (median of {number})")
    terminal.result(str(folder.path / "study.html"))


if __name__ == "__main__":
    sys.exit(main())
