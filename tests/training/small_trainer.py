"""A trainer of two cells that is made and run in seconds."""

from __future__ import annotations

import numpy as np

from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.training.borrowed_graphs import BorrowingTrainer
from autogan_tf.training.trainer import Trainer, changeable_seed

# of every decision each option, and the skip both ways
ARCHITECTURES = ("0 0 2 1  1 1 0 0 1", "1 1 1 0  0 2 2 1 0", "1 2 0 1  0 0 1 1 1")


def made(
    architecture: str, *, graphs: Trainer | None = None, seed: seeds.Seed = 3, changeable: bool = False, **options
) -> Trainer:
    """One that computes in `graphs` where these are given; options: of `Trainer`, in place of those here."""
    seed = changeable_seed(seed) if changeable else seed
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1)).astype(np.uint8)
    settings = dict(
        genotype=Genotype.from_string(architecture),
        stream=ImageStream(images=images, batch_size=4, seed=seed),
        gf_dim=4,
        df_dim=6,
        latent_dim=4,
        bottom_width=4,
        channels=1,
        gen_batch_size=4,
        n_critic=2,
        g_lr=0.01,
        d_lr=0.02,
        beta1=0.0,
        beta2=0.9,
        init_type="xavier_uniform",
        steps=3,
        lr_decay=False,
        ema_decay=0.9,
        seed=seed,
        changeable=changeable,
    )
    settings |= options
    return BorrowingTrainer(graphs=graphs, **settings) if graphs else Trainer(**settings)
