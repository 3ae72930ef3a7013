"""Converts the published implementation's checkpoints, both ways.

    python -m autogan_tf.convert --checkpoint=official.pth --arch="1 0 1 1 1 0 0 1 1 1 0 1 0 3" --run_dir=runs/official
    python -m autogan_tf.convert --run_dir=runs/official --to_official=official.npz

The first makes a run from a .pth or safetensors file (PyTorch is not needed); the second writes a run's arrays under
the published names.
"""

from __future__ import annotations

import dataclasses
import io
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from autogan_tf.config import command_line, environment, fields
from autogan_tf.config.convert import ConvertConfig
from autogan_tf.search_space import published
from autogan_tf.search_space.genotype import Genotype


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(ConvertConfig, argv, doc=__doc__ or "", body=_convert)


def _convert(config: ConvertConfig) -> int:
    environment.set_tensorflow_defaults()
    from autogan_tf.runs import machine

    machine.use_threads(config.threads)
    if config.checkpoint:
        _from_official(config)
    else:
        _to_official(config)
    return 0


def _from_official(config: ConvertConfig) -> None:
    import tensorflow as tf

    from autogan_tf.interop import official_names, official_pytorch
    from autogan_tf.models.generator import generator_cost
    from autogan_tf.runs.checkpoints import Checkpoints
    from autogan_tf.runs.folder import RunFolder, write_atomically

    genotype = published.choose(arch=config.arch, genotype=config.genotype)
    official_names.check_space(genotype.space, f"the architecture {genotype}")
    folder = RunFolder.check_free(config.run_dir)
    checkpoint = official_pytorch.read_checkpoint(config.checkpoint)
    last = checkpoint.get("gen_state_dict", checkpoint)
    judged = checkpoint if config.weights == "average" else last
    networks = {
        # of a checkpoint that holds one generator only, both are that one
        "ema_generator": official_pytorch.generator(judged, genotype.tokens),
        "generator": official_pytorch.generator(last, genotype.tokens),
    }
    if "dis_state_dict" in checkpoint:
        networks["discriminator"] = official_pytorch.discriminator(checkpoint, stage=len(genotype.cells) - 1)
    network = networks["ema_generator"]
    cost = generator_cost(
        genotype,
        gf_dim=network.gf_dim,
        latent_dim=network.latent_dim,
        bottom_width=network.bottom_width,
        channels=network.channels,
    )
    origins = {name: model.official_origin.to_json() for name, model in networks.items()}
    folder.create(command="convert", settings=fields.to_dict(config) | {"official_origin": origins})
    name = genotype.name or pathlib.Path(config.checkpoint).stem
    text = dataclasses.replace(genotype, name=name).to_json(cost=dataclasses.asdict(cost))
    write_atomically(folder.genotype_file, text)
    saved = tf.train.Checkpoint(**networks)
    Checkpoints(folder.checkpoints, {"trainer": saved}).save(0, {"step": 0})
    print(
        f"{config.checkpoint}: generator of {cost.parameters:,} parameters, "
        f"{cost.multiply_adds / 1e6:,.0f} M multiply-adds, {genotype}; the run is in {folder.path}"
    )


def _to_official(config: ConvertConfig) -> None:
    import numpy as np

    from autogan_tf.interop import official_names, official_pytorch
    from autogan_tf.runs.folder import check_new_file, write_atomically
    from autogan_tf.training import trained

    check_new_file(config.to_official, flag="to_official")
    target = pathlib.Path(config.to_official)
    folder = trained.training_run(config.run_dir)
    genotype = Genotype.load(folder.genotype_file)
    official_names.check_space(genotype.space, f"the architecture {genotype}")
    if config.network == "generator":
        network, name = trained.load_generator(folder, weights=config.weights), trained.WEIGHTS[config.weights]
    else:
        network, name = trained.load_discriminator(folder), "discriminator"
    origin = folder.settings().get("official_origin", {}).get(name)
    if origin:
        network.official_origin = official_pytorch.Origin.from_json(origin)
    arrays: dict[str, Any] = official_pytorch.state_dict(network)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(target, buffer.getvalue())
    print(f"{target}: {len(arrays)} arrays of the {config.network} in {folder.path}")


if __name__ == "__main__":
    sys.exit(main())
