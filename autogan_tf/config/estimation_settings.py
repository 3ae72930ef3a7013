"""The settings of how a search finds out what architectures are worth."""

import dataclasses
from typing import Any

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import setting

GROUP = "estimation"


@dataclasses.dataclass(frozen=True)
class EstimationSettings:
    """A part of a search's settings."""

    estimation: str = setting(
        "shared_weights",
        "How architectures are judged: shared_weights: by weights that all of them share, which train in every "
        "iteration; from_scratch: each is trained by itself, as the final training is, into trials/ of the run's "
        "folder.",
        group=GROUP,
        choices=("shared_weights", "from_scratch"),
    )
    fidelities: tuple[int, ...] = setting(
        (),
        "With from_scratch: generator steps after which candidates are scored, rising; who is then in the best third "
        "of all that came so far goes on, the others stop (successive halving). The candidates before a growth and at "
        "the end go on to the last. They are the first steps of the final training, whose winner goes on from there. "
        "Empty for train_steps alone.",
        group=GROUP,
        minimum=1,
    )
    workers: int = setting(
        1,
        "With from_scratch: processes that train candidates beside each other on this machine; the result does not "
        "depend on them. Each of them computes in as many threads as threads says.",
        group=GROUP,
        minimum=1,
    )


def validate(config: Any) -> None:
    """Raises UserError where the settings of a search do not go together."""
    given = ",".join(map(str, config.fidelities))
    if config.estimation == "shared_weights":
        if config.fidelities:
            raise UserError(
                f"--fidelities={given} needs --estimation=from_scratch, as shared weights belong to no single "
                "architecture; give that, or leave --fidelities out"
            )
        if config.workers > 1:
            raise UserError(
                f"--workers={config.workers} needs --estimation=from_scratch, as shared weights are trained in one "
                "process; give that, or leave --workers out"
            )
        return
    if config.shared_sampling != "strategy":
        raise UserError(
            f"--shared_sampling={config.shared_sampling} says what shared weights are trained on, and "
            f"--estimation={config.estimation} has none; leave it out"
        )
    if list(config.fidelities) != sorted(set(config.fidelities)):
        raise UserError(f"--fidelities must rise, each number once, but they are {given}; give them in rising order")
    if not config.fidelities and not config.train_steps:
        raise UserError(
            "--estimation=from_scratch needs to know how long candidates are trained, but --train_steps is 0 and "
            "--fidelities is empty; give one of them"
        )
    if config.fidelities and 0 < config.train_steps < config.fidelities[-1]:
        raise UserError(
            f"--fidelities must end at train_steps = {config.train_steps} or before, as candidates make the first "
            f"steps of the final training, but they are {given}; lower them or raise --train_steps"
        )
    if config.reference_semantics:
        raise UserError(
            "--estimation=from_scratch is not in the published code, whose architectures share weights; leave it or "
            "--reference_semantics out"
        )
    if config.distribution == "multi_worker":
        raise UserError(
            "--distribution=multi_worker trains one network on several machines, which candidates of "
            "--estimation=from_scratch are too many and too short for; leave it out"
        )
    if config.distribution != "one" and config.workers > 1:
        raise UserError(
            f"--workers={config.workers} trains that many candidates at once, each on one device, which "
            f"--distribution={config.distribution} does not allow; leave one of them out"
        )
