"""Writes a generator for TF Serving: python -m autogan_tf.export --run_dir=runs/NAME --output=models/autogan

The folder gets a numbered version, a SavedModel with signatures for images, PNG files, seeds and interpolation, and the
files that start a server on it. `--describe=models/autogan` prints what the newest version there holds.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autogan_tf.config import command_line, environment, json_text
from autogan_tf.config.encoding import shown
from autogan_tf.config.errors import UserError
from autogan_tf.config.export import ExportConfig
from autogan_tf.config.image_sides import image_sides

if TYPE_CHECKING:
    from autogan_tf.models.generator import Generator
    from autogan_tf.runs.folder import RunFolder


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return command_line.run(ExportConfig, argv, doc=__doc__ or "", body=_export)


def _export(config: ExportConfig) -> int:
    environment.set_tensorflow_defaults()
    # imported late: --help and errors in the flags must not wait for TensorFlow
    from autogan_tf.pretrained import generators
    from autogan_tf.runs import machine
    from autogan_tf.runs.folder import check_can_be_made, check_new_file, write_atomically
    from autogan_tf.serving import model_folder, signatures, small_forms
    from autogan_tf.training import trained

    machine.use_threads(config.threads)
    if config.describe:
        version = model_folder.newest(config.describe, flag="describe")
        print(json.dumps(model_folder.read_description(version), indent=1))
        return 0
    check_new_file(config.tflite, flag="tflite")
    folder = pathlib.Path(config.output).absolute()
    check_can_be_made(folder, flag="output", inside=f"1/{'n' * 100}")
    if shown(folder.name) != folder.name:
        raise UserError(
            f"--output={config.output}: its last name is the model's, which clients ask for, and must be UTF-8; give "
            "another one"
        )
    model_folder.check_version(folder, config.version)
    if config.saved_model:
        generator = generators.load(config.saved_model)
        description = generators.description(config.saved_model, generator)
    else:
        run = trained.training_run(config.run_dir)
        generator = trained.load_generator(run, weights=config.weights, checkpoint=config.checkpoint)
        description = _describe(config, run, generator)
    if config.tflite:  # first, as it may fail
        content, difference = small_forms.tensorflow_lite(generator, half=config.float16)
    exact = signatures.drawing(generator)
    written = model_folder.write_version(
        folder,
        small_forms.with_half_weights(exact) if config.float16 else exact,
        latent_dim=generator.latent_dim,
        num_classes=generator.num_classes,
        variables=[] if config.float16 else generator.variables,
        description=description | {"stored_as": "float16" if config.float16 else "float32"},
        version=config.version,
    )
    beside = model_folder.write_server_files(folder)
    if config.tflite:
        write_atomically(pathlib.Path(config.tflite), content)
    for path in (written, *beside):
        print(path)
    if config.tflite:
        print(f"{config.tflite}: images differ by at most {difference / small_forms.LEVEL:.2g} of 255 levels")
    return 0


def _describe(config: ExportConfig, run: RunFolder, generator: Generator) -> dict[str, Any]:
    """What travels inside: everything that tells where the generator comes from and how good it is."""
    side = image_sides(bottom_width=generator.bottom_width, num_cells=generator.num_cells)[-1]
    return {
        "genotype": _read(run.genotype_file),
        "weights": config.weights,
        "checkpoint": config.checkpoint,
        "latent_dim": generator.latent_dim,
        "image_shape": [side, side, generator.channels],
        "num_classes": generator.num_classes,
        "class_counts": run.settings().get("class_counts", []),
        "scores": run.evaluations(),
        "run": _read(run.config_file),
    }


def _read(path: pathlib.Path) -> Any:
    try:
        return json_text.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
