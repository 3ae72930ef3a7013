"""Run by test_every_setting.py in a process of its own: a few steps of a tiny training with each of `cases`.

Prints a JSON object for each: the settings, and either the losses and gradient norms or the error.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from autogan_tf.config import train as train_settings
from autogan_tf.config.distribution_settings import PRECISIONS
from autogan_tf.config.errors import UserError
from autogan_tf.config.train import TrainConfig
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from tests import pairwise

CELLS, STEPS, BATCH, CLASSES = 1, 3, 3, 2
FLAGS = (False, True)
TOKENS = {f"token{place}": range(count) for place, count in enumerate(autogan.SPACE.counts(CELLS))}
BOUND = {
    "loss": train_settings.LOSSES,
    "penalty": train_settings.PENALTIES,
    "spectral_norm": train_settings.SPECTRAL_NORMS,
    "minibatch_std": FLAGS,
    "clip_weights": (0.0, 0.01),
}
FREE = {
    # one factor, so that every precision meets every other setting both with and without XLA
    "computing": tuple((precision, jit_compile) for precision in PRECISIONS for jit_compile in FLAGS),
    "conditional": FLAGS,
    "lr_decay": FLAGS,
    **{f"augment_{name}": FLAGS for name in train_settings.AUGMENTATIONS},
    **TOKENS,
}


def cases() -> list[dict[str, Any]]:
    """Pairwise over all settings that `train` allows together."""

    def allows(case: dict[str, Any]) -> bool:
        try:
            TrainConfig(arch="0 0 0 0", **case).validate()
        except UserError:
            return False
        return True

    return pairwise.cover(BOUND, FREE, allows)


def trained(case: dict[str, Any]) -> dict[str, float]:
    """What the last of `STEPS` steps says of a training with these settings; raises where it does not go."""
    from autogan_tf.data.pipeline import ImageStream
    from autogan_tf.training.trainer import Trainer

    rng = np.random.default_rng(0)
    side = 2 * 2**CELLS
    images = rng.integers(0, 256, (9, side, side, 3)).astype(np.uint8)
    labels = np.arange(9, dtype=np.int32) % CLASSES
    precision, jit_compile = case["computing"]
    trainer = Trainer(
        genotype=Genotype.from_tokens([case[name] for name in TOKENS]),
        stream=ImageStream(images=images, batch_size=BATCH, seed=0, labels=labels),
        **{"gf_dim": 4, "df_dim": 4, "latent_dim": 3, "bottom_width": 2, "channels": 3, "gen_batch_size": BATCH},
        **{"n_critic": 1, "g_lr": 1e-3, "d_lr": 1e-3, "beta1": 0.0, "beta2": 0.9, "init_type": "xavier_uniform"},
        **{"steps": STEPS, "ema_decay": 0.999, "seed": 0, "precision": precision, "jit_compile": jit_compile},
        **{name: case[name] for name in ("loss", "penalty", "minibatch_std", "clip_weights", "lr_decay")},
        spectral_norm=case["spectral_norm"] in ("discriminator", "both"),
        generator_spectral_norm=case["spectral_norm"] in ("generator", "both"),
        augment=[name for name in train_settings.AUGMENTATIONS if case[f"augment_{name}"]],
        num_classes=CLASSES if case["conditional"] else 0,
    )
    for scale in trainer.loss_scales or ():
        scale.scale.assign(64.0)  # the first steps at the initial scale overflow and are left out
    before = {variable.ref(): variable.numpy() for variable in trainer.generator.trainable_variables}
    progress = trainer.loop.run(begin=0, end=STEPS)
    moved = [np.any(variable.numpy() != before[variable.ref()]) for variable in trainer.generator.trainable_variables]
    return progress._asdict() | {"moved": float(np.mean(moved))}


def main() -> None:
    """With an argument "N/M" every M-th case from the N-th on."""
    first, step = map(int, sys.argv[1].split("/"))
    for case in cases()[first::step]:
        try:
            result = trained(case)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"case": case} | result), flush=True)


if __name__ == "__main__":
    from autogan_tf.config import environment

    environment.set_tensorflow_defaults()
    main()
