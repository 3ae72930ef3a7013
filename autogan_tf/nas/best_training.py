"""The end of a search: its best architectures trained from scratch as `train` does it, and ranked by what came out.

One architecture is trained in best/. Of several each is trained in trained/NN, NN being its place after the search, and
the one with the lowest Fréchet distance then becomes best/.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autogan_tf.config import final_training, json_text
from autogan_tf.config.search import SearchConfig
from autogan_tf.features import choice
from autogan_tf.features.protocol import FeatureNetwork
from autogan_tf.metrics import reference
from autogan_tf.nas.plan import Ranked
from autogan_tf.nas.trial import Tokens
from autogan_tf.runs import tensorflow_warnings
from autogan_tf.runs.folder import LOCK, RunFolder, write_atomically
from autogan_tf.runs.keeper import StopRequest
from autogan_tf.runs.progress import Terminal
from autogan_tf.runs.report import Refreshed
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training import assembly
from autogan_tf.training.opening import Opened
from autogan_tf.training.training_run import scores_if_complete

# Of a training's scores those that the genotype files of the ranked architectures get.
_TOLD = ("step", "inception_score", "frechet_distance", "kernel_distance", "num_images", "feature_network")


def train_best(
    config: SearchConfig,
    ranked: Sequence[Ranked],
    begun: Opened,
    *,
    network: FeatureNetwork,
    folder: RunFolder,
    terminal: Terminal,
    stop: StopRequest,
    begun_in: Callable[[Tokens], pathlib.Path | None] = lambda tokens: None,
) -> tuple[Genotype, dict[str, Any]]:
    """Trains the first `train_top` of the ranked architectures, or goes on with that.

    Args:
      ranked: what the search ended with, best first.
      network: the feature network that scores.
      folder: of the search, with its genotypes/.
      begun_in: the run in which an architecture's training has begun, from which a copy goes on; None for nowhere.

    Returns:
      The best architecture, and its scores as `run_training` gives them.

    Raises as `run_training`.
    """
    top = ranked[: config.train_top]
    _move_best_back(top, folder)
    begun.distribution.chiefs(True)  # other workers look for the checkpoints where they now are
    seen = reference.of_images(
        begun.data, network, cache_dir=choice.cache_folder(config.cache_dir), with_features=True
    )
    found = []
    for place, entry in enumerate(top, 1):
        where = _place(folder, place, len(top))
        final = final_training.of(config, arch=str(entry.genotype))
        source = begun_in(entry.genotype.tokens)
        if source is not None:  # it goes on with the seed that it has begun with
            final = dataclasses.replace(final, seed=RunFolder(source).settings()["seed"])
        trainer = assembly.new_trainer(final, entry.genotype, begun.data, begun.distribution)
        if source is not None and not where.config_file.exists():
            _copy_run(source, where, genotype=(folder.genotypes / f"{place:02d}.json").read_bytes())
        resumes = where.config_file.exists()
        if not where.genotype_file.exists():
            write_atomically(where.genotype_file, (folder.genotypes / f"{place:02d}.json").read_bytes())
        assembly.prepare_folder(final, entry.genotype, begun.data, begun.distribution, where, resumes=resumes)
        if len(top) > 1:
            terminal.line(f"training {place} of {len(top)}: {entry.genotype}, into {where.path}")
        with tensorflow_warnings.silenced():
            scores = assembly.train(
                final,
                trainer,
                begun.data,
                folder=where,
                network=network,
                reference=seen,
                terminal=terminal,
                stop=stop,
                evaluate_every=config.train_eval_every,
                score_each=False,
                report_on=folder if len(top) == 1 else None,
            )
        found.append(scores)
    if len(top) == 1:
        return top[0].genotype, found[0]
    order = sorted(range(len(top)), key=lambda place: found[place]["frechet_distance"])
    _place(folder, order[0] + 1, len(top)).path.rename(folder.best.path)
    _rank_again(folder, order, found)
    Refreshed(folder).now()
    return top[order[0]].genotype, found[order[0]]


def follow_best(
    config: SearchConfig, ranked: Sequence[Ranked], begun: Opened, *, folder: RunFolder | None, stop: StopRequest
) -> None:
    """The same trainings on a worker that is not the chief; folder: the chief's search. Errors as for `train_best`."""
    top = ranked[: config.train_top]
    begun.distribution.chiefs(True)
    for place, entry in enumerate(top, 1):
        final = final_training.of(config, arch=str(entry.genotype))
        trainer = assembly.new_trainer(final, entry.genotype, begun.data, begun.distribution)
        where = _place(folder, place, len(top)) if folder else None
        assembly.follow(final, trainer, folder=where, stop=stop)


def is_complete(config: SearchConfig, folder: RunFolder) -> bool:
    """Whether the search in the folder has nothing left to do."""
    if not folder.genotype_file.exists():
        return False
    if not config.train_steps:
        return True
    if not scores_if_complete(folder.best, steps=config.train_steps, num_images=config.num_eval_imgs):
        return False
    if config.train_top == 1:
        return True
    documents = [json_text.parse(file.read_text(encoding="utf-8")) for file in folder.genotypes.glob("*.json")]
    steps = [document["scores"]["trained"]["step"] for document in documents if "trained" in document["scores"]]
    return len(steps) == min(config.train_top, len(documents)) and min(steps) >= config.train_steps


def _copy_run(source: pathlib.Path, where: RunFolder, *, genotype: bytes) -> None:
    """A copy of a run, with another genotype file, which is there as a whole or not at all."""
    part = where.path.with_name(f".{where.path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, ignore=shutil.ignore_patterns(LOCK))
    write_atomically(RunFolder(part).genotype_file, genotype)
    part.rename(where.path)


def _place(folder: RunFolder, place: int, number: int) -> RunFolder:
    """Where the architecture at a place, from 1, of so many that are trained is trained."""
    return folder.best if number == 1 else RunFolder(folder.path / "trained" / f"{place:02d}")


def _move_best_back(top: Sequence[Ranked], folder: RunFolder) -> None:
    """Where several are trained, best/ of a training that is to go on goes to its place among them."""
    if len(top) == 1 or not folder.best.genotype_file.exists():
        return
    written = Genotype.load(folder.best.genotype_file)
    for place, entry in enumerate(top, 1):
        where = _place(folder, place, len(top)).path
        if entry.genotype == written and not where.exists():
            where.parent.mkdir(exist_ok=True)
            folder.best.path.rename(where)
            return


def _rank_again(folder: RunFolder, order: Sequence[int], found: Sequence[Mapping[str, Any]]) -> None:
    """Writes genotypes/ anew: what was trained in the order of its scores, then the others as they were."""
    files = sorted(folder.genotypes.glob("*.json"))
    documents = [json_text.parse(file.read_text(encoding="utf-8")) for file in files]
    for document, scores in zip(documents, found, strict=False):
        document["scores"]["trained"] = {name: scores[name] for name in _TOLD if name in scores}
    places = [*order, *range(len(order), len(files))]
    for file, place in zip(files, places, strict=True):
        write_atomically(file, json.dumps(documents[place], indent=1) + "\n")
    # last, as it tells that this is done
    write_atomically(folder.genotype_file, files[0].read_bytes())
