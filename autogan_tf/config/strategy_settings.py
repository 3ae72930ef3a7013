"""The search strategies by name, each with a class of settings of its own, from which flags of `search` come.

To add a strategy: its settings here, as a base of `StrategySettings` and in `STRATEGIES`, and its class in
nas/strategies/; or from a file of one's own, see `register`. TensorFlow is not imported here.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import check_fields, did_you_mean, setting

_REINFORCE = "strategy reinforce"
_TRIALS = "strategies random, evolution, local_search, predictor and nsga2"
_NSGA2 = "strategy nsga2"
GROUPS = (_REINFORCE, _TRIALS, _NSGA2)


@dataclasses.dataclass(frozen=True)
class ReinforceSettings:
    """AutoGAN's own: a controller that learns by REINFORCE (paper: arXiv 1908.03835, sections 3.3 and 3.4)."""

    hid_size: int = setting(100, "Units of the controller's LSTM.", group=_REINFORCE, minimum=1)
    ctrl_step: int = setting(30, "Controller steps in an iteration.", group=_REINFORCE, minimum=1)
    ctrl_sample_batch: int = setting(
        1, "Architectures that a controller step draws and scores.", group=_REINFORCE, minimum=1
    )
    ctrl_lr: float = setting(3.5e-4, "The controller's learning rate (Adam).", group=_REINFORCE, above=0)
    ctrl_beta1: float = setting(
        0.9, "Decay of the first moment of the controller's Adam.", group=_REINFORCE, minimum=0, below=1
    )
    ctrl_beta2: float = setting(
        0.999, "Decay of the second moment of the controller's Adam.", group=_REINFORCE, minimum=0, below=1
    )
    baseline_decay: float = setting(
        0.9, "Decay of the moving average of rewards that REINFORCE subtracts.", group=_REINFORCE, minimum=0, below=1
    )
    entropy_coeff: float = setting(
        1e-3, "Weight of the entropy of the controller's choices, which keeps it trying.", group=_REINFORCE, minimum=0
    )

    def validate(self) -> None:
        """Raises UserError for a value outside its field's range."""
        check_fields(self)

    @property
    def trials_per_round(self) -> int:
        """Architectures tried in a search iteration, at most."""
        return self.ctrl_step * self.ctrl_sample_batch


@dataclasses.dataclass(frozen=True)
class BatchSettings(abc.ABC):
    """Of all strategies that try candidates by themselves."""

    trial_batch: int = setting(
        1,
        "Architectures asked for at once, which can be scored beside each other; none of them profits from the scores "
        "of the others.",
        group=_TRIALS,
        minimum=1,
    )

    def validate(self) -> None:
        """Raises UserError for a value outside its field's range, and for values that do not go together."""
        check_fields(self)

    @property
    @abc.abstractmethod
    def trials_per_round(self) -> int:
        """Architectures tried in a search iteration, at most."""


@dataclasses.dataclass(frozen=True)
class TrialSettings(BatchSettings):
    """Of those of them whose rounds are as long as one likes; random and local_search need nothing more."""

    round_trials: int = setting(
        30,
        "Architectures tried in a search iteration, at most; of nsga2 it is nsga2_population that says how many.",
        group=_TRIALS,
        minimum=1,
    )

    @property
    def trials_per_round(self) -> int:
        """Architectures tried in a search iteration, at most."""
        return self.round_trials


@dataclasses.dataclass(frozen=True)
class EvolutionSettings(TrialSettings):
    """Regularised evolution (arXiv 1802.01548)."""

    population: int = setting(10, "Architectures that are alive in the evolution.", group=_TRIALS, minimum=1)
    tournament: int = setting(
        3, "Architectures drawn from the population, the best of which has a child.", group=_TRIALS, minimum=1
    )

    def validate(self) -> None:
        """As `TrialSettings.validate`."""
        super().validate()
        if self.tournament > self.population:
            raise UserError(
                f"--tournament must be at most population, from which it is drawn, but it is {self.tournament} and "
                f"population is {self.population}; lower --tournament or raise --population"
            )
        if self.population + self.trial_batch > self.round_trials:
            raise UserError(
                "--round_trials must be at least population + trial_batch, as each round scores the population before "
                f"there are children, {self.population} + {self.trial_batch}, but it is {self.round_trials}; raise "
                "--round_trials or lower --population or --trial_batch"
            )


@dataclasses.dataclass(frozen=True)
class PredictorSettings(TrialSettings):
    """A surrogate learns from what was tried (PNAS, arXiv 1712.00559)."""

    initial_trials: int = setting(
        10,
        "Random architectures of a search before its surrogate proposes; whole batches of --trial_batch.",
        group=_TRIALS,
        minimum=1,
    )
    surrogate: str = setting(
        "ridge",
        "What the predictor learns: linear: ridge regression on the options that were chosen, whose strength follows "
        "from the data; ridge: the same on them and on pairs of them; forest: a random forest; or perceptrons: the "
        "mean of five small networks.",
        group=_TRIALS,
        choices=("linear", "ridge", "forest", "perceptrons"),
    )


@dataclasses.dataclass(frozen=True)
class Nsga2Settings(BatchSettings):
    """NSGA-II (Deb et al. 2002), at the scale of EAGAN (arXiv 2111.15097)."""

    objectives: tuple[str, ...] = setting(
        ("fid", "parameters"),
        "Two or three objectives, named as in reward, that architectures are compared by: one is better than another "
        "where it is worse in none of them and better in one. They are measured whatever the reward is, which still "
        "ranks at a growth and at the end. Low is good of fid, kid, parameters and multiply_adds, high of is.",
        group=_NSGA2,
    )
    nsga2_population: int = setting(
        32,
        "Architectures that are alive, and as many children of them, which are tried in each iteration; with "
        "shared_weights the living are scored anew before.",
        group=_NSGA2,
        minimum=2,
    )

    def validate(self) -> None:
        """As `BatchSettings.validate`."""
        super().validate()
        if len(self.objectives) not in (2, 3) or len(set(self.objectives)) < len(self.objectives):
            raise UserError(
                "--objectives must be two or three different objectives, but it is "
                f"{','.join(self.objectives) or 'empty'}; for example --objectives=fid,parameters"
            )

    @property
    def trials_per_round(self) -> int:
        """Architectures tried in a search iteration, at most."""
        return 2 * self.nsga2_population


@dataclasses.dataclass(frozen=True)
class StrategySettings(PredictorSettings, EvolutionSettings, TrialSettings, Nsga2Settings, ReinforceSettings):
    """The settings of all strategies together, which a search has whichever it uses."""


class Entry(NamedTuple):
    """A strategy.

    settings: the class of its settings.
    made_by: its class, called with settings and a `Task`; as text "module:Class", in nas/strategies/.
    words: what it does, for `--help`.
    """

    settings: type
    made_by: str | Callable[[Any, Any], Any]
    words: str


STRATEGIES: dict[str, Entry] = {
    "reinforce": Entry(
        ReinforceSettings, "reinforce:Reinforce", "AutoGAN's controller, which learns from rewards"
    ),
    "random": Entry(TrialSettings, "random_search:RandomSearch", "draws them"),
    "evolution": Entry(
        EvolutionSettings, "evolution:Evolution", "the best of a few has a child with one mutation, the oldest dies"
    ),
    "local_search": Entry(TrialSettings, "local_search:LocalSearch", "climbs to better neighbours"),
    "predictor": Entry(
        PredictorSettings, "predictor:Predictor", "a surrogate learns, and what it expects most of is tried"
    ),
    "nsga2": Entry(
        Nsga2Settings,
        "nsga2:Nsga2",
        "evolves for several objectives at once, and ends with the front of those that none is better than",
    ),
}
_BUILT_IN = frozenset(STRATEGIES)


def register(
    name: str, made_by: Callable[[Any, Any], Any], *, settings: type = TrialSettings, words: str = ""
) -> None:
    """Adds a strategy, from a file that --plugin names.

    Args:
      name: for --strategy.
      made_by: makes it of its settings and a `Task` (nas/task.py): a `CandidateStrategy`, or another `Strategy`.
      settings: a frozen dataclass with `validate()` and `trials_per_round`, such as a subclass of `TrialSettings`; its
        fields, each a `fields.setting`, become flags. Where it has `objectives`, these are measured whatever the reward
        is.
      words: what it does, for --help.

    Raises:
      UserError: the name is taken.
    """
    if name in STRATEGIES:
        raise UserError(f"there is a search strategy called {name!r} already; give yours another name")
    STRATEGIES[name] = Entry(settings, made_by, words)


def added() -> list[str]:
    """The names of the strategies that were registered."""
    return [name for name in STRATEGIES if name not in _BUILT_IN]


def strategy(*, group: str) -> str:
    """--strategy, among those that there are now."""
    listed = "; ".join(f"{name}: {entry.words}" if entry.words else name for name, entry in STRATEGIES.items())
    return setting(
        "reinforce", f"How architectures are proposed. {listed}.", group=group, choices=STRATEGIES
    )


def entry(name: str) -> Entry:
    """The strategy called `name`; UserError with the valid names where there is none."""
    if name not in STRATEGIES:
        close = did_you_mean(name, STRATEGIES) or ";"
        raise UserError(f"no search strategy is called {name!r}{close} there are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def chosen(config: Any) -> Any:
    """The settings of the strategy that `config.strategy` names, out of all of a search; not validated yet."""
    kind = entry(config.strategy).settings
    return kind(**{field.name: getattr(config, field.name) for field in dataclasses.fields(kind)})


def objectives_of(config: Any) -> tuple[str, ...]:
    """The objectives that the strategy that `config.strategy` names compares architectures by; none: the reward."""
    return tuple(getattr(chosen(config), "objectives", ()))
