"""The settings of `python -m autogan_tf.study`."""

import dataclasses
import functools
import re
import shlex

from autogan_tf.config import command_line, estimation_settings, plugins, strategy_settings, terminal_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, did_you_mean, setting
from autogan_tf.config.search import SearchConfig

_WHAT = "what is compared"
_JUDGED = "how it is judged"
_RUN = "run"
BASELINE = "random"  # the strategy that always runs beside the others
DRAWS = "no search"  # the group of architectures that were only drawn
TABLE, TRAININGS = "table", "trainings"  # the judges
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_OURS = ("seed", "budget", "run_dir", "table", "plugin", "verbosity", "dry_run")  # flags that the study gives


@dataclasses.dataclass(frozen=True)
class Arm:
    """A way to search. name: of its group; folder: of its searches, but for their seeds; flags: beside all arms'."""

    name: str
    folder: str
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Which searches there are; `validate()` raises UserError where values do not fit or do not go together."""

    strategies: tuple[str, ...] = setting(
        ("reinforce", "random", "evolution", "local_search", "predictor"),
        "Search strategies, separated by commas; random always runs beside them.",
        group=_WHAT,
    )
    estimations: tuple[str, ...] = setting(
        ("table",), "How architectures are estimated, separated by commas; each with each strategy.", group=_WHAT
    )
    arms: str = setting(
        "",
        "Further ways to search, as 'NAME: FLAGS; NAME: FLAGS', such as 'thirds: --strategy=random "
        "--fidelities=60,180,540'; with these alone leave --strategies empty; random with each of --estimations runs "
        "beside them.",
        group=_WHAT,
    )
    seeds: int = setting(
        20,
        "Searches of each way, with seeds of their own. With 20 a Mann-Whitney test sees a difference of one standard "
        "deviation with a probability of 0.84.",
        group=_WHAT,
        minimum=2,
    )
    first_seed: int = setting(
        1000,
        "The first of these seeds. Settings that were chosen by a study's result must be shown with other seeds.",
        group=_WHAT,
        minimum=0,
        maximum=2**31 - 2_000_001,
    )
    budget: float = setting(
        100.0,
        "What each search may cost, in full trainings, see --budget of search; 0 for what the searches' own flags say, "
        "where trainings judge.",
        group=_WHAT,
        minimum=0,
    )
    search_flags: str = setting(
        "--flagfile=bench_search.flags",
        "Further flags of every search, as one text; --strategy, --estimation, --seed, --budget and --run_dir are the "
        "study's.",
        group=_WHAT,
    )
    draws: int = setting(
        20, "Architectures that are only drawn, for comparison with no search at all.", group=_WHAT, minimum=0
    )

    judge: str = setting(
        TABLE,
        "Who says what the found architectures are worth. table: the bench's table, without a training, at every cost. "
        "trainings: each is trained anew, with judge_seeds fresh seeds, as the searches' final training is, and the "
        "mean counts; what searches end with is judged alone.",
        group=_JUDGED,
        choices=(TABLE, TRAININGS),
    )
    judge_seeds: int = setting(
        3, "With trainings: how often each found architecture is trained anew.", group=_JUDGED, minimum=1, maximum=1000
    )
    table: str = setting(
        "",
        "The folder of the bench's tables, for searches and for judging what they found; empty for those that come "
        "with the program.",
        group=_JUDGED,
        path=PATH,
    )

    run_dir: str = setting("", "The study's folder, with the searches in searches/.", group=_RUN, path=PATH)
    workers: str = setting(
        "1",
        "Searches at once, each in a process of this machine, or ray: a Ray cluster that is there already does them, "
        "one task each, and what they write is fetched into the study's folder. The result does not depend on it.",
        group=_RUN,
    )
    ray_address: str = setting(
        "auto", "With --workers=ray the cluster's address; auto for the one that this machine is part of.", group=_RUN
    )
    plugin: tuple[str, ...] = plugins.plugin(group=_RUN)
    verbosity: str = terminal_settings.verbosity(group=_RUN)

    @property
    def ways(self) -> list[Arm]:
        """All groups of searches; the baseline comes last of its estimation's."""
        strategies = [name for name in self.strategies if name != BASELINE]
        found = []
        for estimation in self.estimations:
            for strategy in (*strategies, BASELINE):
                name = f"{estimation} {strategy}" if len(self.estimations) > 1 else strategy
                flags = (f"--strategy={strategy}", f"--estimation={estimation}")
                found.append(Arm(name, f"{estimation}-{strategy}", flags))
        return [*found, *(Arm(name, name, tuple(shlex.split(flags))) for name, flags in self._further())]

    def flags(self, arm: Arm, seed: int) -> list[str]:
        """Of a search, but for its folder."""
        found = [*shlex.split(self.search_flags), *arm.flags]
        found += [f"--plugin={','.join(self.plugin)}"] if self.plugin else []
        found += [f"--budget={self.budget:g}"] if self.budget else []
        if self.table and _estimation(tuple(found)) == "table":
            found.append(f"--table={self.table}")
        return [*found, f"--seed={seed}"]

    def search(self, arm: Arm) -> SearchConfig:
        """The settings of a search; UserError where they are wrong."""
        return command_line.parse(SearchConfig, self.flags(arm, self.first_seed), doc="")

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """Of the trainings that judge; those of no search."""
        return tuple(range(self.first_seed + 1_000_000, self.first_seed + 1_000_000 + self.judge_seeds))

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        if not self.run_dir:
            raise UserError("--run_dir is empty; give the study a folder, such as runs/study")
        if self.workers != "ray" and not (self.workers.isdecimal() and int(self.workers) > 0):
            raise UserError(f"--workers must be a number from 1, or ray, got {self.workers!r}")
        for flag, given, known in (
            ("strategies", self.strategies, strategy_settings.STRATEGIES),
            ("estimations", self.estimations, estimation_settings.ESTIMATIONS),
        ):
            if len(set(given)) < len(given) or not (given or (flag == "strategies" and self.arms)):
                raise UserError(f"--{flag} must name each once, at least one, but it is {','.join(given) or 'empty'}")
            for name in given:
                if name not in known:
                    close = did_you_mean(name, known) or ";"
                    raise UserError(f"--{flag} has {name!r}, which there is not{close} there are {', '.join(known)}")
        if 0 < self.budget < 1 or (self.judge == TABLE and not self.budget):
            raise UserError(
                f"--budget must be at least 1 full training, or with --judge=trainings 0, got {self.budget:g}"
            )
        self._check_words("search_flags", self.search_flags, (*_OURS, "strategy", "estimation"))
        for name, flags in self._further():
            self._check_words(f"arms, in {name},", flags, _OURS)
        ways = self.ways
        for names in ([arm.name for arm in ways] + [DRAWS], [arm.folder for arm in ways]):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise UserError(f"--arms has {', '.join(twice)}, which is another way's name; choose another one")
        for arm in ways:
            self.search(arm)

    def _further(self) -> list[tuple[str, str]]:
        """Names and flags of `arms`."""
        found = []
        for part in filter(None, map(str.strip, self.arms.split(";"))):
            name, colon, flags = part.partition(":")
            if not colon or not re.fullmatch(_NAME, name.strip()):
                raise UserError(
                    f"--arms has {part!r}; each must be a name of letters, digits, dots, hyphens and underscores, then "
                    "a colon and the flags, as 'thirds: --strategy=random --fidelities=60,180,540'"
                )
            found.append((name.strip(), flags))
        return found

    @staticmethod
    def _check_words(flag: str, text: str, taken: tuple[str, ...]) -> None:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UserError(f"--{flag} cannot be read as words: {text!r}: {error}") from None
        for word in words:
            name = word.lstrip("-").partition("=")[0]
            if word.startswith("-") and name in taken:
                raise UserError(f"--{flag} has --{name}, which the study gives; leave it out there")


@functools.cache
def _estimation(flags: tuple[str, ...]) -> str:
    return command_line.parse(SearchConfig, flags, doc="").estimation
