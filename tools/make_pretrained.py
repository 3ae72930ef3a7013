"""Makes a released generator of a run: python tools/make_pretrained.py --run_dir=runs/NAME --name=NAME

Writes autogan_tf/pretrained/NAME.npz, the moving average's weights in half precision, and NAME.json, its genotype with
the scores of the run's last evaluation. The model card beside them, NAME.md, is written by hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from autogan_tf.config.errors import UserError  # noqa: E402
from autogan_tf.models.generator import generator_cost  # noqa: E402
from autogan_tf.pretrained import generators  # noqa: E402
from autogan_tf.runs.folder import write_atomically  # noqa: E402
from autogan_tf.search_space.genotype import Genotype  # noqa: E402
from autogan_tf.training import trained  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run_dir", type=pathlib.Path, required=True, help="a finished run of train or search")
    parser.add_argument("--name", required=True, help="of the released generator")
    parser.add_argument("--output", type=pathlib.Path, default=generators.FOLDER, help="the folder of its files")
    arguments = parser.parse_args(argv)
    files = {ending: arguments.output / f"{arguments.name}.{ending}" for ending in ("npz", "json")}
    there = [str(path) for path in files.values() if path.exists()]
    if there:
        parser.error(f"--name={arguments.name}: {' and '.join(there)} would be overwritten; delete them or rename")
    try:
        run = trained.training_run(arguments.run_dir)
        network = trained.load_generator(run)
        weights = generators.packed(network)
        genotype = dataclasses.replace(Genotype.load(run.genotype_file), name=arguments.name)
        scores = run.evaluations()[-1:]
    except UserError as error:
        parser.error(str(error))
    cost = generator_cost(
        genotype,
        gf_dim=network.gf_dim,
        latent_dim=network.latent_dim,
        bottom_width=network.bottom_width,
        channels=network.channels,
    )
    text = genotype.to_json(scores=scores[0] if scores else {}, cost=dataclasses.asdict(cost))
    write_atomically(files["npz"], weights)
    write_atomically(files["json"], text.encode())
    print(f"{files['npz']}: {len(weights) / 1e6:.1f} MB; write its card, {arguments.name}.md, beside it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
