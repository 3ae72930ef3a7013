"""A generator read back from a SavedModel: what `export` writes, or anything with the same signature."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.features import saved_model
from autogan_tf.serving import model_folder

_NEEDED = "a signature serving_default from z, float32 [N, D], to images, float32 [N, S, S, C] in [-1, 1]"


class SavedGenerator:
    """Calls as a generator does: latents float32 [N, latent_dim] -> images float32 [N, S, S, C] in [-1, 1].

    One that `export` wrote may have classes (num_classes > 0), and then also takes labels, int32 [N]; class_counts
    tells how often each came in the images that it learnt from.

    Args:
      path: a SavedModel's folder, or a folder of its versions (1/, 2/ ...), of which the newest is taken.

    Raises:
      UserError: no SavedModel there, one that cannot be read, or another signature.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        self.path = model_folder.newest(path, flag="saved_model")
        self._model = saved_model.load_module(self.path)  # kept: the signature does not own its variables
        self._signature = self._model.signatures.get("serving_default")
        if self._signature is None:
            raise UserError(f"the SavedModel {self.path} has no signature serving_default; needed is {_NEEDED}")
        inputs, outputs = self._signature.structured_input_signature[1], self._signature.structured_outputs
        conditional = set(inputs) == {"z", "label"}
        if not (conditional or set(inputs) == {"z"}) or "images" not in outputs:
            raise UserError(
                f"the SavedModel {self.path} takes {', '.join(sorted(inputs)) or 'nothing'} and gives "
                f"{', '.join(sorted(outputs)) or 'nothing'}; needed is {_NEEDED}"
            )
        z, images = inputs["z"], outputs["images"]
        if not (_fits(z, rank=2) and _fits(images, rank=4) and images.shape[1] == images.shape[2]):
            raise UserError(
                f"the SavedModel {self.path} takes z {_described(z)} and gives images {_described(images)}; needed is "
                f"{_NEEDED}, with D, S and C known"
            )
        self.latent_dim = z.shape[1]
        described = model_folder.read_description(self.path) if conditional else {}
        self.num_classes = int(described.get("num_classes", 0))
        self.class_counts = described.get("class_counts") or [1] * self.num_classes
        _, self.resolution, _, self.channels = images.shape

    def __call__(self, z: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """float32 [N, latent_dim] -> float32 [N, S, S, C]."""
        return self._signature(z=z, **({} if label is None else {"label": label}))["images"]


def _fits(spec: tf.TensorSpec, *, rank: int) -> bool:
    """Whether it is float32 [N, ...] of that rank, with all sizes but N known."""
    return spec.dtype == tf.float32 and spec.shape.rank == rank and None not in spec.shape[1:].as_list()


def _described(spec: tf.TensorSpec) -> str:
    return f"{spec.dtype.name} {spec.shape}"
