"""A generator read back from a SavedModel: what `export` writes, or anything with the same signature."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from autogan_tf.config.errors import UserError

_NEEDED = "a signature serving_default from z, float32 [N, D], to images, float32 [N, S, S, C] in [-1, 1]"


class SavedGenerator:
    """Calls as a generator does: latents float32 [N, latent_dim] -> images float32 [N, S, S, C] in [-1, 1].

    Args:
      path: a SavedModel's folder, or a folder of its versions (1/, 2/ ...), of which the newest is taken.

    Raises:
      UserError: no SavedModel there, one that cannot be read, or another signature.
    """

    def __init__(self, path: str | pathlib.Path) -> None:
        self.path = _newest_version(pathlib.Path(path))
        try:
            self._model = tf.saved_model.load(str(self.path))  # kept: the signature does not own its variables
        except (OSError, tf.errors.OpError, ValueError, KeyError) as error:
            raise UserError(f"the SavedModel {self.path} cannot be read: {str(error).splitlines()[0]}") from None
        self._signature = self._model.signatures.get("serving_default")
        if self._signature is None:
            raise UserError(f"the SavedModel {self.path} has no signature serving_default; needed is {_NEEDED}")
        inputs, outputs = self._signature.structured_input_signature[1], self._signature.structured_outputs
        if set(inputs) != {"z"} or "images" not in outputs:
            raise UserError(
                f"the SavedModel {self.path} takes {', '.join(sorted(inputs)) or 'nothing'} and gives "
                f"{', '.join(sorted(outputs)) or 'nothing'}; needed is {_NEEDED}"
            )
        self.latent_dim = inputs["z"].shape[-1]
        shape = outputs["images"].shape
        if self.latent_dim is None or shape.rank != 4 or None in shape[1:].as_list() or shape[1] != shape[2]:
            raise UserError(
                f"the SavedModel {self.path} takes z {inputs['z'].shape} and gives images {shape}; needed is "
                f"{_NEEDED}, with D, S and C known"
            )
        _, self.resolution, _, self.channels = shape

    def __call__(self, z: tf.Tensor) -> tf.Tensor:
        """float32 [N, latent_dim] -> float32 [N, S, S, C]."""
        return self._signature(z=z)["images"]


def _newest_version(path: pathlib.Path) -> pathlib.Path:
    if (path / "saved_model.pb").exists():
        return path
    versions = [entry for entry in path.glob("*") if entry.name.isdigit() and (entry / "saved_model.pb").exists()]
    if not versions:
        raise UserError(f"--saved_model={path} holds no SavedModel (saved_model.pb, in it or in a folder of a version)")
    return max(versions, key=lambda entry: int(entry.name))
