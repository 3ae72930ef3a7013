"""Who says in a study what searches found: the bench's table at every cost, or trainings of what they ended with."""

from __future__ import annotations

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from autogan_tf.bench import halves, judging, recipe, table
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.study import DRAWS, TABLE, Arm, StudyConfig
from autogan_tf.config.train import TrainConfig
from autogan_tf.data import seeds, sources
from autogan_tf.nas import assembly
from autogan_tf.nas.candidates import Candidates
from autogan_tf.runs import history
from autogan_tf.search_space import catalog
from autogan_tf.studies import answers, trained
from autogan_tf.studies.answers import Costs
from autogan_tf.studies.document import Results

Tokens = tuple[int, ...]
Runs = Mapping[str, Mapping[int, tuple[Arm, pathlib.Path]]]  # of searches, by name of the group and seed
REGRET = "regret: log Fréchet distance above the best there is"
_ALIKE = ("space", "num_cells", "bench_half", "max_parameters", "max_multiply_adds")


@dataclasses.dataclass(frozen=True)
class Training:
    """One that a judge needs. flags: of `train`, but for its folder."""

    tokens: Tokens
    seed: int
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{'-'.join(map(str, self.tokens))}-seed-{self.seed}"

    @property
    def words(self) -> str:
        """The architecture and the seed."""
        return f"{' '.join(map(str, self.tokens))}, seed {self.seed}"


class Judge(abc.ABC):
    """Asked for its trainings, then given them, then for the results.

    Args:
      costs: in what those of each way to search are counted.
      drawn: architectures that were only drawn, by the seed of the draw.
    """

    def __init__(self, costs: Mapping[Arm, Costs], drawn: Mapping[int, Tokens]) -> None:
        self._costs, self._drawn = costs, drawn
        self._folders: Mapping[Training, pathlib.Path] = {}

    def trainings(self, folders: Sequence[pathlib.Path]) -> list[Training]:
        """What is to be trained where the searches in these folders have ended."""
        return []

    def is_there(self, training: Training, folder: pathlib.Path) -> bool:
        """Whether one of `trainings` is complete in a folder."""
        return False

    def take(self, folders: Mapping[Training, pathlib.Path]) -> None:
        """These are complete; those of `trainings` that are not among them have failed."""
        self._folders = folders

    @abc.abstractmethod
    def results(self, runs: Runs) -> Results:
        """What the searches found; raises UserError where nothing of it is known."""

    def _read(self, runs: Runs, worth: Callable[[Tokens], float | None]) -> _Read:
        """The searches' ends, how well `worth` agrees with their rewards, and the draws as a group of their own."""
        found = _Read({}, {}, {}, {})
        for name, of_seed in runs.items():
            for seed, (arm, folder) in of_seed.items():
                run = history.read(folder)
                ended = answers.answer(run, costs=self._costs[arm])
                assert ended, folder
                found.runs.setdefault(name, {})[seed] = run
                found.ends.setdefault(name, {})[seed] = ended.tokens
                found.spent.setdefault(name, {})[seed] = ended.cost
                for what, rewards in answers.estimates(run, num_tokens=len(ended.tokens)).items():
                    agreed = answers.agreement(rewards, worth)
                    if agreed:
                        found.agreements.setdefault(name, {}).setdefault(what, []).append(agreed)
        if self._drawn:
            found.ends[DRAWS], found.spent[DRAWS] = dict(self._drawn), dict.fromkeys(self._drawn, 0.0)
        return found


class _Read(NamedTuple):
    """By name of the group and seed the runs, and what they ended with at which cost; see `Results`."""

    runs: dict[str, dict[int, history.History]]
    ends: dict[str, dict[int, Tokens]]
    spent: dict[str, dict[int, float]]
    agreements: dict[str, dict[str, list[tuple[float, int]]]]


def new_judge(config: StudyConfig, of_arm: Mapping[Arm, SearchConfig]) -> Judge:
    """The judge that a study names.

    Args:
      config: of the study.
      of_arm: the settings of a search of each way.

    Raises:
      UserError: the searches cannot be compared, or this judge does not know what they find.
    """
    first = next(iter(of_arm.values()))
    for search in of_arm.values():
        other = [name for name in _ALIKE if getattr(search, name) != getattr(first, name)]
        if other:
            told = ", ".join(f"--{name} {getattr(first, name)} and {getattr(search, name)}" for name in other)
            raise UserError(f"a study's searches must choose from the same architectures, but they have {told}")
    for search in of_arm.values():
        if search.estimation == "table":
            recipe.check_search(search)
    costs = {arm: _costs(search) for arm, search in of_arm.items()}
    units = {(cost.full_training, cost.scored_image) for cost in costs.values()}
    if len(units) > 1:
        told = ", ".join(f"{full:,.0f} images and {scored:g} for a scored one" for full, scored in sorted(units))
        raise UserError(
            f"costs are counted in full trainings, which are not the same in all ways to search: {told}; give "
            "--budget_steps and --scored_image_cost in --search_flags"
        )
    drawn = _drawn(config, first)
    if config.judge == TABLE:
        return JudgedByTable(config, of_arm, costs, drawn)
    return JudgedByTrainings(config, of_arm, costs, drawn)


class JudgedByTable(Judge):
    """By the bench's table; of the study `config`, with the settings of a search of each way in `of_arm`."""

    def __init__(
        self,
        config: StudyConfig,
        of_arm: Mapping[Arm, SearchConfig],
        costs: Mapping[Arm, Costs],
        drawn: Mapping[int, Tokens],
    ) -> None:
        super().__init__(costs, drawn)
        search = next(iter(of_arm.values()))
        if search.space != "autogan" or search.dataset != recipe.DATASET:
            raise UserError(
                f"the bench's table has not the architectures of --space={search.space} on --dataset={search.dataset}; "
                "judge by --judge=trainings"
            )
        folder = pathlib.Path(config.table) if config.table else None
        found = table.load(num_cells=search.num_cells, folder=folder)
        found.check_complete()
        self._judge = judging.Judge(found, admits=halves.admits(search.bench_half))
        self._budget = int(config.budget)
        self._num_tokens = len(catalog.space(search.space).counts(search.num_cells))

    def results(self, runs: Runs) -> Results:
        """As `Judge.results`; a search ends with what it took for the best when its budget was spent."""
        costs = [float(cost) for cost in range(1, self._budget + 1)]
        seen = self._read(runs, self._judge.worth_by_others)
        curves: dict[str, dict[int, list[float]]] = {}
        standings: dict[str, dict[int, list[float]]] = {}
        estimated: dict[str, dict[int, list[float]]] = {}
        for name, of_seed in seen.runs.items():
            for seed, run in of_seed.items():
                found = answers.incumbents(run, costs=self._costs[runs[name][seed][0]], num_tokens=self._num_tokens)
                curves.setdefault(name, {})[seed] = answers.curve(found, costs, self._judge.regret)
                standings.setdefault(name, {})[seed] = answers.curve(found, costs, self._judge.standing)
                estimated.setdefault(name, {})[seed] = answers.curve(found, costs, self._judge.estimated_standing)
                if found:
                    seen.ends[name][seed] = found[-1].tokens
        for seed, tokens in self._drawn.items():
            curves.setdefault(DRAWS, {})[seed] = [self._judge.regret(tokens)] * len(costs)
            standings.setdefault(DRAWS, {})[seed] = [self._judge.standing(tokens)] * len(costs)
            estimated.setdefault(DRAWS, {})[seed] = [self._judge.estimated_standing(tokens)] * len(costs)
        return Results(
            REGRET, costs, curves, seen.spent, agreements=seen.agreements, ends=seen.ends, standings=standings,
            estimated_standings=estimated, ceiling=self._judge.standing(self._judge.best_estimated),
        )  # fmt: skip


class JudgedByTrainings(Judge):
    """By trainings with fresh seeds; arguments as for `JudgedByTable`."""

    def __init__(
        self,
        config: StudyConfig,
        of_arm: Mapping[Arm, SearchConfig],
        costs: Mapping[Arm, Costs],
        drawn: Mapping[int, Tokens],
    ) -> None:
        super().__init__(costs, drawn)
        self._seeds = config.fresh_seeds
        self._recipe, *others = [trained.recipe(search) for search in of_arm.values()]
        if any(_but_for_the_machine(other) != _but_for_the_machine(self._recipe) for other in others):
            raise UserError(
                "what searches found is trained anew as their final training is, and the ways to search differ in "
                "that; give all of them the same one, in --search_flags"
            )
        if not self._recipe.max_iter:
            raise UserError("--judge=trainings needs to know for how long: give --train_steps in --search_flags")
        self._wanted: list[Training] = []

    def trainings(self, folders: Sequence[pathlib.Path]) -> list[Training]:
        """As `Judge.trainings`: every architecture once, however often it was found."""
        found = [history.read(folder).ranked[0].genotype.tokens for folder in folders]
        self._wanted = [
            Training(tokens, seed, trained.flags_of(self._recipe, tokens, seed))
            for seed in self._seeds
            for tokens in dict.fromkeys([*found, *self._drawn.values()])
        ]
        return self._wanted

    def is_there(self, training: Training, folder: pathlib.Path) -> bool:
        """As `Judge.is_there`."""
        return bool(trained.scores(self._recipe, folder))

    def results(self, runs: Runs) -> Results:
        """As `Judge.results`; raises UserError where no training has come to its end."""
        told: dict[Tokens, list[Mapping[str, float]]] = {}
        for entry in self._wanted:
            scores = trained.scores(self._recipe, self._folders[entry]) if entry in self._folders else {}
            told.setdefault(entry.tokens, []).append(scores)
        try:
            worth = trained.TrainedWorth(told)
        except ValueError:
            raise UserError("no training of what was found has come to its end; see the logs in trainings/") from None
        seen = self._read(runs, worth.worth)

        def of(measure: str) -> dict[str, dict[int, float]]:
            return {
                name: {seed: _known(worth.worth(tokens, measure)) for seed, tokens in of_seed.items()}
                for name, of_seed in seen.ends.items()
            }

        first, *further = worth.measures
        curves = {name: {seed: [value] for seed, value in of_seed.items()} for name, of_seed in of(first).items()}
        words = f"{first}, mean of {len(self._seeds)} trainings anew"
        most = max(cost for of_seed in seen.spent.values() for cost in of_seed.values())
        others = {name: of(name) for name in further}
        return Results(words, [most], curves, seen.spent, others, seen.agreements, seen.ends)


def _known(value: float | None) -> float:
    assert value is not None
    return value


def _but_for_the_machine(settings: TrainConfig) -> TrainConfig:
    """What does not change the result left out."""
    return dataclasses.replace(settings, threads=0, verbosity=TrainConfig.verbosity, seed=0)


def _costs(search: SearchConfig) -> Costs:
    full = search.full_training_steps * assembly.images_per_step(search.final)
    if not full:
        raise UserError(
            "costs are told in full trainings, and --search_flags does not say how long one is: give --train_steps"
        )
    # the final trainings of several are part of the search: the best of them is what it answers
    after = search.train_top * search.train_steps * assembly.images_per_step(search.final)
    return Costs(full, search.scored_image_cost, after if search.train_top > 1 else 0)


def _drawn(config: StudyConfig, search: SearchConfig) -> dict[int, Tokens]:
    """Architectures by the seed that each is drawn with, every one that may be tried as likely as any other."""
    if not config.draws:
        return {}
    admits: Callable[[Tokens], bool] | None = halves.admits(search.bench_half)
    if search.max_parameters or search.max_multiply_adds:
        data = recipe.not_loaded(search.resolution) if config.judge == TABLE else sources.load(
            dataset=search.dataset, data_dir=search.data_dir, resolution=search.resolution
        )
        admits = assembly.new_constraints(search, data).admits
    every = Candidates(catalog.space(search.space), num_cells=search.num_cells, admits=admits)
    numbers = range(config.first_seed, config.first_seed + config.draws)
    return {seed: every.draw(1, seeds.numpy_rng(seed, "study_draw"))[0] for seed in numbers}
