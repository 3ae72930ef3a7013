"""The settings of a search's shared GAN: how its weights are trained, and on which architectures."""

import dataclasses

from autogan_tf.config.fields import setting

GROUP = "training of the shared GAN"


@dataclasses.dataclass(frozen=True)
class SharedGanSettings:
    """A part of a search's settings."""

    gen_batch_size: int = setting(128, "Images of a generator step.", group=GROUP, minimum=1)
    dis_batch_size: int = setting(
        64, "Real images, and as many generated ones, of a discriminator step.", group=GROUP, minimum=1
    )
    shared_sampling: str = setting(
        "strategy",
        "Which architectures the shared weights train on: strategy: what the strategy chooses; uniform: each is as "
        "likely as any other; fair: besides, every option of a decision trains equally often.",
        group=GROUP,
        choices=("strategy", "uniform", "fair"),
    )
    n_critic: int = setting(5, "Discriminator steps for each generator step.", group=GROUP, minimum=1)
    g_lr: float = setting(2e-4, "The generator's learning rate (Adam).", group=GROUP, above=0)
    d_lr: float = setting(2e-4, "The discriminator's learning rate (Adam).", group=GROUP, above=0)
    beta1: float = setting(
        0.0, "Adam's decay of the first moment.", group=GROUP, minimum=0, below=1
    )
    beta2: float = setting(
        0.9, "Adam's decay of the second moment.", group=GROUP, minimum=0, below=1
    )
