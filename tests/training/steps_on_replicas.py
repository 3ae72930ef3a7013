"""Run by test_distribution.py in processes of its own: 20 steps of a small GAN, losses as JSON in the last line.

Arguments: the strategy, then a JSON object: "replicas", "arch", and what else is given to the trainer; "supernet" true
for the search's shared GAN, which takes another architecture at every step; "as_a_run" true for the trainer's own loop,
in which the chief would look at every step and evaluate at every third, the others only at the end.
"""

from __future__ import annotations

import json
import sys

from autogan_tf.config import environment

environment.set_tensorflow_defaults()

import numpy as np  # noqa: E402

from autogan_tf.data.pipeline import ImageStream  # noqa: E402
from autogan_tf.training import distribution  # noqa: E402

STEPS, CRITIC = 20, 2
SIZES = {"gf_dim": 4, "df_dim": 4, "latent_dim": 4, "bottom_width": 4, "channels": 1}
RECIPE = {"g_lr": 2e-3, "d_lr": 2e-3, "beta1": 0.0, "beta2": 0.9, "init_type": "xavier_uniform"}
SETTINGS = SIZES | RECIPE | {"gen_batch_size": 8, "n_critic": CRITIC, "seed": 3}


def main() -> None:
    options = json.loads(sys.argv[2])
    where = distribution.start(sys.argv[1], replicas=options.pop("replicas", 0))
    rng = np.random.default_rng(0)
    side = 16 if options.get("supernet") else 8 * 2 ** (options["arch"].count("  "))
    stream = ImageStream(
        images=rng.integers(0, 256, (40, side, side, 1)).astype(np.uint8),
        batch_size=8,
        seed=3,
        labels=rng.integers(0, 3, 40).astype(np.int32),
    )
    result = supernet(stream, where) if options.pop("supernet", False) else derived(stream, where, **options)
    agreed = [where.agreed(np.array([value + (not where.is_chief)])).tolist() for value in (1.5, 4.5)]
    result["gathered"] = where.gathered("chief" if where.is_chief else "another, ünlike")
    if where.any_worker:
        result["any"] = where.any_worker(np.array([where.is_chief, False, True])).tolist()
    print(json.dumps(result | {"agreed": agreed, "chief": where.is_chief, "count": where.count}))


def derived(
    stream: ImageStream, where: distribution.Distribution, *, arch: str, as_a_run: bool = False, **options
) -> dict:
    from autogan_tf.search_space.genotype import Genotype
    from autogan_tf.training import trainer as trainer_module
    from autogan_tf.training.trainer import Trainer

    trainer = Trainer(
        genotype=Genotype.from_string(arch),
        stream=stream,
        steps=STEPS,
        lr_decay=True,
        ema_decay=0.9,
        distribution=where,
        **(SETTINGS | options),
    )
    losses: list = []
    if as_a_run:
        trainer_module.SECONDS_BETWEEN_REPORTS = 1e-9 if where.is_chief else 1e9
        chiefs = {"evaluate": lambda step: None, "evaluate_every": 3} if where.is_chief else {}
        trainer.run(report=lambda step, numbers: losses.append([numbers["d_loss"], numbers["g_loss"]]), **chiefs)
    else:
        losses += [trainer.loop.run(begin=i, end=i + 1)[1:3] for i in range(STEPS)]
    # what is judged follows, too
    image = next(trainer.sample(2, purpose="grid"))
    return {"losses": losses, "images": [float(np.mean(image)), float(np.std(image))]}


def supernet(stream: ImageStream, where: distribution.Distribution) -> dict:
    from autogan_tf.nas.estimation.shared_gan import SharedGan
    from autogan_tf.training.collapse import CollapseDetector

    detector = CollapseDetector(window=5, threshold=0.0)
    # With some seeds a ReLU sits so near its corner that rounding decides, and losses part by 1e-4; with this one,
    # weights that were disturbed by 3e-7 in 16 ways gave the same losses within 1e-6.
    gan = SharedGan(num_cells=2, detector=detector, distribution=where, **(SETTINGS | {"seed": 7}))
    # a bias before a norm has no gradient but rounding, of which Adam makes whole steps; the next architecture, without
    # that norm, would see them
    gan.g_optimizer.epsilon = gan.d_optimizer.epsilon = 1e-3
    rng = np.random.default_rng(1)
    tokens = np.stack([rng.integers(0, choices, STEPS) for choices in (2, 3, 3, 2) * 2 + (2,)], axis=1)
    loop = gan.stage_loop(stage=1, stream=stream)
    losses = [loop.run(begin=i, end=i + 1, tokens=tokens.astype(np.int32))[1:3] for i in range(STEPS)]
    return {"losses": losses, "images": [0.0, 0.0]}


if __name__ == "__main__":
    main()
