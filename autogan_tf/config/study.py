"""The settings of `python -m autogan_tf.study`."""

import dataclasses
import shlex

from autogan_tf.config import command_line, estimation_settings, plugins, strategy_settings, terminal_settings
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, did_you_mean, setting
from autogan_tf.config.search import SearchConfig

_WHAT = "what is compared"
_RUN = "run"
BASELINE = "random"  # the strategy that always runs beside the others


@dataclasses.dataclass(frozen=True)
class StudyConfig:
    """Which searches there are; `validate()` raises UserError where values do not fit or do not go together."""

    strategies: tuple[str, ...] = setting(
        ("reinforce", "random", "evolution", "local_search"),
        "Search strategies, separated by commas; random always runs beside them.",
        group=_WHAT,
    )
    estimations: tuple[str, ...] = setting(
        ("table",), "How architectures are judged, separated by commas; each with each strategy.", group=_WHAT
    )
    seeds: int = setting(
        20,
        "Searches of each strategy and estimation, with seeds of their own. With 20 a Mann-Whitney test sees a "
        "difference of one standard deviation with a probability of 0.84.",
        group=_WHAT,
        minimum=2,
    )
    first_seed: int = setting(
        1000,
        "The first of these seeds. Settings that were chosen by a study's result must be shown with other seeds.",
        group=_WHAT,
        minimum=0,
        maximum=2**31 - 10_001,
    )
    budget: float = setting(
        100.0, "What each search may cost, in full trainings, see --budget of search.", group=_WHAT, minimum=1
    )
    search_flags: str = setting(
        "--flagfile=bench_search.flags",
        "Further flags of every search, as one text; --strategy, --estimation, --seed, --budget and --run_dir are the "
        "study's.",
        group=_WHAT,
    )
    table: str = setting(
        "",
        "The folder of the bench's tables, for searches and for judging what they found; empty for those that come "
        "with the program.",
        group=_WHAT,
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
    def arms(self) -> list[tuple[str, str]]:
        """Estimation and strategy of each group of searches, the baseline of an estimation last."""
        strategies = [name for name in self.strategies if name != BASELINE]
        return [(estimation, name) for estimation in self.estimations for name in (*strategies, BASELINE)]

    def flags(self, estimation: str, strategy: str, seed: int) -> list[str]:
        """Of a search, but for its folder."""
        ours = {"strategy": strategy, "estimation": estimation, "seed": seed}
        found = [*shlex.split(self.search_flags), *(f"--{name}={value}" for name, value in ours.items())]
        found += [f"--budget={self.budget:g}", *(f"--plugin={file}" for file in self.plugin)]
        return [*found, f"--table={self.table}"] if self.table and estimation == "table" else found

    def search(self, estimation: str, strategy: str) -> SearchConfig:
        """The settings of a search; UserError where they are wrong."""
        flags = self.flags(estimation, strategy, self.first_seed)
        return command_line.parse(SearchConfig, flags, doc="")

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
            if not given or len(set(given)) < len(given):
                raise UserError(f"--{flag} must name each once, at least one, but it is {','.join(given) or 'empty'}")
            for name in given:
                if name not in known:
                    close = did_you_mean(name, known) or ";"
                    raise UserError(f"--{flag} has {name!r}, which there is not{close} there are {', '.join(known)}")
        try:
            words = shlex.split(self.search_flags)
        except ValueError as error:
            raise UserError(f"--search_flags={self.search_flags!r} cannot be read as words: {error}") from None
        taken = ("strategy", "estimation", "seed", "budget", "run_dir", "table", "plugin", "verbosity", "dry_run")
        for word in words:
            name = word.lstrip("-").partition("=")[0]
            if name in taken:
                raise UserError(f"--search_flags has --{name}, which the study gives; leave it out there")
        for estimation, strategy in self.arms:
            self.search(estimation, strategy)
