"""What shared weights say of every two-cell architecture, for `make_bench.py shared`: supernets, and their scores."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence

import tensorflow as tf
from bench_pieces import Tokens, every
from bench_rows import appending, machine_name, rows_of

from autogan_tf import search
from autogan_tf.bench import recipe
from autogan_tf.config import command_line
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.data import sources
from autogan_tf.data.literal_path import literal
from autogan_tf.metrics import reference
from autogan_tf.nas import assembly
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import Real
from autogan_tf.nas.estimation.reward import Scorer, some_real
from autogan_tf.runs import machine
from autogan_tf.runs.checkpoints import newest
from autogan_tf.runs.folder import RunFolder

# how the architectures are chosen that a supernet is trained on: by the controller, as they grow; or any of whole ones,
# where no controller has to learn and one reward an iteration is the least that a search asks for
SAMPLINGS = {
    "published": (),
    "uniform": ("--single_level", "--shared_sampling=uniform", "--strategy=random", "--round_trials=1"),
}
SEEDS = range(5)
ROWS = tuple(f"shared-{sampling}" for sampling in SAMPLINGS)
NUM_IMAGES = 1000
SCORES = ("is", "fid", "kid")


def work(
    folder: pathlib.Path,
    *,
    share: int,
    shares: int,
    flags: Sequence[str] = (),
    architectures: Sequence[Tokens] = (),
) -> int:
    """Trains every `shares`-th supernet, beginning with number `share`, and makes its rows, those that are missing.

    Args:
      folder: of the rows, with supernets/.
      flags: of the search, beside those of its flag file.
      architectures: that are scored, by default all.

    Returns:
      0, or the exit code of a search that failed, or that was told to stop.
    """
    machine.use_threads(1)
    failed = 0
    for sampling, seed in [(sampling, seed) for seed in SEEDS for sampling in SAMPLINGS][share::shares]:
        name, run = f"shared-{sampling}", RunFolder(folder / "supernets" / f"{sampling}-{seed}")
        done = {tuple(row["tokens"]) for row in rows_of(folder, name) if row["seed"] == seed}
        missing = [tokens for tokens in architectures or every(recipe.NUM_CELLS) if tokens not in done]
        if not missing:
            continue
        if done and not run.genotype_file.exists():
            raise SystemExit(
                f"{len(done):,} rows of {name} were made with a supernet that is not in {run.path}; copy it there, or "
                f"delete those with seed {seed}"
            )
        words = [f"--flagfile={recipe.SHARED_FLAGS}", *SAMPLINGS[sampling], f"--seed={seed}", *flags]
        code = search.main([*words, f"--run_dir={run.path}", "--threads=1", "--verbosity=quiet"])
        tf.keras.backend.clear_session()
        if code > 128:
            return code
        failed = failed or code
        if code:
            continue
        supernet = Supernet(command_line.parse(SearchConfig, words, doc=""), run)
        about: dict[str, object] = {"seed": seed, "sampling": sampling, "machine": machine_name()} | supernet.cost
        with appending(folder, name, share=share, shares=shares) as append:
            for tokens in missing:
                append({"tokens": list(tokens)} | about | supernet.scores(tokens))
    return failed


class Supernet:
    """One that was trained, as it was in the end; it keeps no average of its weights.

    Args:
      config: of its search.
      run: the search's folder.

    Attributes:
      cost: "trained_images" and "scored_images" of the search.
    """

    def __init__(self, config: SearchConfig, run: RunFolder) -> None:
        assembly.leave_graphs(config)
        data = sources.load(
            dataset=config.dataset, data_dir=config.data_dir, download=config.download, resolution=config.resolution
        )
        judge = recipe.judge(config.resolution)
        gan = assembly.new_shared_gan(config, data.channels)
        saved = newest(run.checkpoints, otherwise="delete the search's folder to begin it anew")
        if saved is None:
            raise SystemExit(f"the search in {run.path} is complete and has no checkpoint; delete it to begin anew")
        with literal(saved.prefix) as given:
            tf.train.Checkpoint(gan=gan).read(given).expect_partial().assert_existing_objects_matched()
        trained, scored = saved.state["search"]["estimator"]["spent"]
        self.cost = {"trained_images": trained, "scored_images": scored}
        real = reference.of_images(data, judge, with_features=True)
        assert real.features is not None
        self._scorer = Scorer(
            generator=gan.generator,
            network=judge,
            batch_size=config.eval_batch_size,
            calibration_batches=config.calibration_batches,
            seed=config.seed,
            semantics=config.semantics,
            reward=objectives.reward(" + ".join(SCORES)),  # whose parts are what is asked for
            real={config.resolution: Real(real.statistics, some_real(real.features, seed=config.seed))},
        )
        self._scorer.start_phase("bench", 0)  # all on the same latents

    def scores(self, tokens: Tokens) -> dict[str, object]:
        """"is", "fid", "kid" of NUM_IMAGES images; "failure": "", or why they are None; CPU "seconds" that it took."""
        began, failure = time.process_time(), ""
        found: dict[str, float | None] = dict.fromkeys(SCORES)
        try:
            found |= self._scorer.trials([tokens], num_images=NUM_IMAGES)[0].scores
        except UserError as error:  # of images with NaN
            failure = str(error)
        row: dict[str, object] = {name: value and float(f"{value:.7g}") for name, value in found.items()}
        return row | {"failure": failure, "seconds": round(time.process_time() - began, 3)}


def complete_and_not(folder: pathlib.Path) -> tuple[list[dict], list[str]]:
    """The rows of supernets that have scored every architecture, and how far each of the others is, in words."""
    of_supernet: dict[tuple[str, int], dict[Tokens, dict]] = {}
    for name in ROWS:
        for row in rows_of(folder, name):
            of_supernet.setdefault((row["sampling"], row["seed"]), {})[tuple(row["tokens"])] = row
    number = len(every(recipe.NUM_CELLS))
    whole = [row for rows in of_supernet.values() if len(rows) == number for row in rows.values()]
    others = [
        f"{sampling} {seed} ({len(rows):,} of {number:,})"
        for (sampling, seed), rows in sorted(of_supernet.items())
        if len(rows) < number
    ]
    return whole, others
