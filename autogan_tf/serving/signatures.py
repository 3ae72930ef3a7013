"""What a served generator answers: the signatures of the SavedModel that `export` writes.

Every input and output has the batch as its first dimension, so that a server may put the requests of several clients
together and take the answers apart again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from autogan_tf.data import pipeline
from autogan_tf.models.generator import Generator
from autogan_tf.training import sampling

Draw = Callable[..., tf.Tensor]  # z float32 [N, D] and, of a conditional generator, label int32 [N] -> images

MOST_STEPS = 256  # of an interpolation
MOST_PICTURES = 4096  # of a request for interpolations
_PART = 64  # of them drawn at once
_PARALLEL = 1e-4  # angle in radians below which two latents are taken for one direction


class ServedGenerator(tf.Module):
    """A generator in inference mode behind signatures.

    N is a batch of any size but 0, which is refused; D the length of a latent. A conditional generator's signatures
    also take label, int32 [N].

    - serving_default: z float32 [N, D] -> images float32 [N, S, S, C] in [-1, 1].
    - png: z -> png_bytes, string [N].
    - sample: seed int64 [N] -> png_bytes and z; a seed gives the same picture alone and in any batch, and the same as
      `python -m autogan_tf.sample`.
    - interpolate: z_start and z_end float32 [N, D], steps int32 [N] of 2 to 256 and at most 4,096 together -> png_bytes
      string [N, most steps]:
      in each row the pictures on the way from one latent to the other, both included, empty strings after them.

    Args:
      draw: from `drawing`, or the same function in another form.
      latent_dim: D.
      num_classes: 0 for a generator without classes.
      variables: those that `draw` reads.
      description: path of the JSON file that travels as an asset.
    """

    def __init__(
        self, draw: Draw, *, latent_dim: int, num_classes: int, variables: Sequence[tf.Variable], description: str
    ) -> None:
        super().__init__(name="served_generator")
        self._draw = draw
        self._latent_dim, self._num_classes = latent_dim, num_classes
        # the variables and not the Keras model: with it, Keras would save its own functions and their traces, too
        self.weights = list(variables)
        self.description = tf.saved_model.Asset(description)

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """A traced function for each name above."""
        latent = ((None, self._latent_dim), tf.float32)
        label = {"label": ((None,), tf.int32)} if self._num_classes else {}
        inputs: dict[str, tuple[Callable, dict]] = {
            "serving_default": (self._images, {"z": latent}),
            "png": (self._png, {"z": latent}),
            "sample": (self._sample, {"seed": ((None,), tf.int64)}),
            "interpolate": (self._interpolate, {"z_start": latent, "z_end": latent, "steps": ((None,), tf.int32)}),
        }
        return {
            name: _traced(function, {key: tf.TensorSpec(*kind, name=key) for key, kind in (taken | label).items()})
            for name, (function, taken) in inputs.items()
        }

    def _images(self, z: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        labels = () if label is None else (_checked_labels(label, self._num_classes),)
        return {"images": self._draw(z, *labels)}

    def _png(self, z: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        return {"png_bytes": _encoded(self._images(z, label)["images"])}

    def _sample(self, seed: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        z = sampling.latents_of_seeds(seed, latent_dim=self._latent_dim)
        return self._png(z, label) | {"z": z}

    def _interpolate(
        self, z_start: tf.Tensor, z_end: tf.Tensor, steps: tf.Tensor, label: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        limits = [tf.debugging.assert_greater_equal(steps, 2, "steps must be at least 2")]
        limits.append(tf.debugging.assert_less_equal(steps, MOST_STEPS, f"steps must be at most {MOST_STEPS}"))
        too_many = f"steps must be at most {MOST_PICTURES} together"
        limits.append(tf.debugging.assert_less_equal(tf.reduce_sum(steps), MOST_PICTURES, too_many))
        with tf.control_dependencies(limits):
            most = tf.reduce_max(steps)
        places = tf.range(most)[None, :]  # [1, most]
        shown = places < steps[:, None]  # [N, most]
        z = between(z_start, z_end, tf.cast(places, tf.float32) / tf.cast(steps[:, None] - 1, tf.float32))
        labels = None if label is None else tf.repeat(label, tf.reduce_sum(tf.cast(shown, tf.int32), axis=1))
        drawn = self._png_in_parts(tf.boolean_mask(z, shown), labels)
        return {"png_bytes": tf.RaggedTensor.from_row_lengths(drawn, steps).to_tensor("")}

    def _png_in_parts(self, z: tf.Tensor, label: tf.Tensor | None) -> tf.Tensor:
        """PNG files, string [M], drawn `_PART` at once: a small request can ask for more than memory has room for."""
        parts = (tf.shape(z)[0] + _PART - 1) // _PART

        def draw(i: tf.Tensor, files: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            rows = slice(i * _PART, (i + 1) * _PART)
            drawn = self._png(z[rows], None if label is None else label[rows])["png_bytes"]
            return i + 1, files.write(i, drawn)

        files = tf.TensorArray(tf.string, size=parts, element_shape=[None], infer_shape=False)
        return tf.while_loop(lambda i, _: i < parts, draw, (tf.constant(0), files), parallel_iterations=1)[1].concat()


def drawing(generator: Generator) -> tf.types.experimental.ConcreteFunction:
    """The generator in inference mode as one function of z and, where it has classes, label."""
    inputs = [tf.TensorSpec([None, generator.latent_dim], tf.float32, name="z")]
    if generator.num_classes:
        inputs.append(tf.TensorSpec([None], tf.int32, name="label"))

    def draw(*given: tf.Tensor) -> tf.Tensor:
        return tf.identity(generator(*given, training=False), name="images")

    return tf.function(draw, autograph=False).get_concrete_function(*inputs)


def between(start: tf.Tensor, end: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Latents on the great circle from `start` to `end`, float32 [N, D] each, at `share` [N, M]: [N, M, D].

    Normally distributed latents have nearly one length, which a straight line would leave. The length goes evenly from
    the one to the other; opposite or zero latents are joined by a straight line.

    Source: White 2016, arXiv 1609.04468, section 2.1.
    """
    lengths = [tf.norm(z, axis=1, keepdims=True) for z in (start, end)]
    units = [tf.math.divide_no_nan(z, length) for z, length in zip((start, end), lengths, strict=True)]
    angle = tf.acos(tf.clip_by_value(tf.reduce_sum(units[0] * units[1], axis=1, keepdims=True), -1.0, 1.0))
    on_circle = (tf.sin(angle) > _PARALLEL) & (lengths[0] > 0) & (lengths[1] > 0)
    safe = tf.where(on_circle, angle, 1.0)
    weights = [tf.where(on_circle, tf.sin(part * safe) / tf.sin(safe), part) for part in (1.0 - share, share)]
    direction = weights[0][:, :, None] * units[0][:, None] + weights[1][:, :, None] * units[1][:, None]
    length = (1.0 - share) * lengths[0] + share * lengths[1]
    straight = (1.0 - share)[:, :, None] * start[:, None] + share[:, :, None] * end[:, None]
    return tf.where(on_circle[:, :, None], length[:, :, None] * direction, straight)


def _traced(function: Callable, inputs: dict[str, tf.TensorSpec]) -> tf.types.experimental.ConcreteFunction:
    def checked(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        sizes = [tf.shape(tensor)[0] for tensor in given.values()]
        one_size = [tf.debugging.assert_greater(sizes[0], 0, "the batch is empty; give at least one row")]
        names = ", ".join(given)
        for size in sizes[1:]:
            one_size.append(tf.debugging.assert_equal(size, sizes[0], f"{names} must have equally many rows"))
        with tf.control_dependencies(one_size):
            return function(**{name: tf.identity(tensor) for name, tensor in given.items()})

    return tf.function(checked, autograph=False).get_concrete_function(**inputs)


def _checked_labels(label: tf.Tensor, num_classes: int) -> tf.Tensor:
    message = f"label must be from 0 to {num_classes - 1}"
    # assert_non_negative and assert_positive would end the message in ".  "
    limits = [
        tf.debugging.assert_greater_equal(label, 0, message),
        tf.debugging.assert_less(label, num_classes, message),
    ]
    with tf.control_dependencies(limits):
        return tf.identity(label)


def _encoded(images: tf.Tensor) -> tf.Tensor:
    """PNG files, string [N], of float32 images in [-1, 1]."""
    return tf.map_fn(tf.io.encode_png, pipeline.to_uint8(images), fn_output_signature=tf.string)
