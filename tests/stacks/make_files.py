"""Makes the files of this folder with the running TensorFlow: python tests/stacks/make_files.py

A training of three steps, and what the commands make of it, into tensorflow-2.15/ or tensorflow-2.21/ beside this file,
which tests on the other TensorFlow read. Made again only where a format changes; both are to be made then.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from autogan_tf.config import environment  # noqa: E402

environment.set_tensorflow_defaults()

from autogan_tf import convert, evaluate, export, sample, train  # noqa: E402
from tests import photos  # noqa: E402

TRAINING = {
    "arch": "0 1 1 1",
    "dataset": "folder:photos",
    "gf_dim": 4,
    "df_dim": 4,
    "latent_dim": 5,
    "gen_batch_size": 6,
    "dis_batch_size": 6,
    "n_critic": 1,
    "max_iter": 3,
    "keep_checkpoints": 1,
    "num_eval_imgs": 40,
    "classifier_steps": 10,
    "classifier_batch_size": 16,
    "classifier_width": 4,
    "cache_dir": "cache",
    "run_dir": "run",
}

# What is not read again, or is made anew.
NOT_KEPT = ("photos", "tensorboard", "samples", "report.*", "images-*", "reference-*", "docker-compose.yml")


def main() -> None:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        photos.write(pathlib.Path("."), side=8)
        run = "--run_dir=run"
        judge = ["--features=classifier", "--classifier_data=folder:photos", "--cache_dir=cache"]
        judge += [f"--{name}={value}" for name, value in TRAINING.items() if name.startswith("classifier_")]
        written = ["--json=scores.json", "--num_eval_imgs=24"]
        for command, arguments in (
            (train, [f"--{name}={value}" for name, value in TRAINING.items()]),
            (export, [run, "--output=served"]),
            (convert, [run, "--to_official=official.npz"]),
            (sample, [run, "--images=drawn", "--num_images=24"]),
            (evaluate, ["--reference=folder:photos", "--write_reference=reference.npz", "--image_size=8", *judge]),
            (evaluate, ["--images=drawn", "--reference=reference.npz", *judge, *written]),
        ):
            assert command.main(arguments) == 0, command.__name__
        target = HERE / f"tensorflow-{'.'.join(tf.__version__.split('.')[:2])}"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(".", target, ignore=shutil.ignore_patterns(*NOT_KEPT))


if __name__ == "__main__":
    main()
