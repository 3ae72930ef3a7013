"""The settings of how a search finds out what architectures are worth."""

import dataclasses
from typing import Any

from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, setting

GROUP = "estimation"
ESTIMATIONS = {  # name -> what it is; who does it is in nas/estimation/catalog.py
    "shared_weights": "by weights that all of them share, which train in every iteration",
    "from_scratch": "each is trained by itself, as the final training is, into trials/ of the run's folder",
    "table": "what each came to when it was trained by itself is looked up in the bench's table, which has all "
    "architectures of one cell and of two",
}


@dataclasses.dataclass(frozen=True)
class EstimationSettings:
    """A part of a search's settings."""

    estimation: str = setting(
        "shared_weights",
        f"How architectures are judged. {'; '.join(f'{name}: {words}' for name, words in ESTIMATIONS.items())}.",
        group=GROUP,
        choices=ESTIMATIONS,
    )
    fidelities: tuple[int, ...] = setting(
        (),
        "With from_scratch and table: generator steps after which candidates are scored, rising; who is then in the "
        "best third of all that came so far goes on, the others stop (successive halving). The candidates before a "
        "growth and at the end go on to the last. They are the first steps of the final training, whose winner goes on "
        "from there. Empty for train_steps alone. With table those that it has, empty for the last of them.",
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
    candidate_graphs: str = setting(
        "one",
        "With from_scratch: one: all candidates compute in one graph, which is traced once, though a step takes longer "
        "in it; own: each in its own, which pays where candidates are trained for thousands of steps. Results differ "
        "by the order in which float32 sums of gradients are taken. Conditional networks, spectral norm in the "
        "generator, train_jit_compile and several replicas have graphs of their own whatever this says.",
        group=GROUP,
        choices=("one", "own"),
    )
    candidate_seeds: str = setting(
        "own",
        "With from_scratch: whose weights, latents and order of images a candidate trains with: own: those that follow "
        "from seed and the candidate's choices, so that what many trainings have in common is not the luck of one "
        "seed; same: all candidates have those of seed. The winner's training goes on with what it began with.",
        group=GROUP,
        choices=("own", "same"),
    )
    budget: float = setting(
        0.0,
        "What the search may cost, in full trainings (see budget_steps): no iteration begins after that, once all "
        "cells are there, nor after ten in a row that cost nothing. Counted are the images that training steps are "
        "made with, and scored_image_cost for each that is generated for a score, smaller ones by their pixels. 0 for "
        "max_search_iter iterations whatever they cost.",
        group=GROUP,
        minimum=0,
    )
    budget_steps: int = setting(
        0,
        "Generator steps of the full trainings that budget counts in; 0 for train_steps, or without these the last of "
        "fidelities.",
        group=GROUP,
        minimum=0,
    )
    scored_image_cost: float = setting(
        1.0,
        "What it costs to generate an image and look at it, in images that a training step is made with.",
        group=GROUP,
        minimum=0,
    )
    table: str = setting(
        "",
        "With table: the folder of the tables 1-cells.npz and 2-cells.npz; empty for those that come with the program.",
        group=GROUP,
        path=PATH,
    )
    bench_half: str = setting(
        "all",
        "Which architectures may be tried: those of one half of the first cells. What is chosen or tuned by searches "
        "in the half tuning is to be proven by searches in the half proof.",
        group=GROUP,
        choices=("all", "tuning", "proof"),
    )


def validate(config: Any) -> None:
    """Raises UserError where the settings of a search do not go together."""
    given = ",".join(map(str, config.fidelities))
    if config.budget and not config.full_training_steps:
        raise UserError(
            f"--budget={config.budget:g} counts in full trainings, but --budget_steps and --train_steps are 0 and "
            "--fidelities is empty; give one of them"
        )
    if 0 < config.budget < 1:
        raise UserError(f"--budget must be at least 1 full training, or 0 for none, but it is {config.budget:g}")
    if config.table and config.estimation != "table":
        raise UserError(f"--table={config.table} needs --estimation=table; give that, or leave --table out")
    if config.bench_half != "all" and (config.space != "autogan" or config.shared_sampling == "fair"):
        raise UserError(
            f"--bench_half={config.bench_half} is a half of the space autogan's first cells, which --space="
            f"{config.space} and --shared_sampling={config.shared_sampling} do not go with; leave it out"
        )
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
    if config.reference_semantics:
        raise UserError(
            f"--estimation={config.estimation} is not in the published code, whose architectures share weights; leave "
            "it or --reference_semantics out"
        )
    if config.estimation == "table":
        _validate_table(config)
    else:
        _validate_from_scratch(config, given)


def _validate_table(config: Any) -> None:
    if config.workers > 1 or config.distribution != "one":
        raise UserError(
            f"--estimation=table trains nothing that --workers={config.workers} or --distribution="
            f"{config.distribution} could share; leave them out"
        )
    if config.score_repeats > 1:
        raise UserError(
            f"--score_repeats must be 1 with --estimation=table, which tells of one training of each architecture, but "
            f"it is {config.score_repeats}"
        )


def _validate_from_scratch(config: Any, given: str) -> None:
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
