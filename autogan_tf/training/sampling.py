"""Images from a generator, in batches: the same images whatever the size of the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.data import pipeline, seeds

_BLOCK = 100  # latents drawn at once; part of the definition of which images a seed gives
_ROUNDING = 1e-3  # half precision ends there


def latents(number: int, *, latent_dim: int, seed: int, purpose: str, batch_size: int) -> Iterator[np.ndarray]:
    """Yields full batches of latents, float32 [batch_size, latent_dim], `number` or a few more in all.

    Args:
      number: latents needed, at least 0.
      latent_dim: length of each.
      seed, purpose: latent i is a function of these and i alone.
      batch_size: at least 1.
    """
    waiting = np.zeros([0, latent_dim], np.float32)
    drawn = 0
    for _ in range(0, number, batch_size):
        blocks = [waiting]
        while sum(map(len, blocks)) < batch_size:
            blocks.append(seeds.latents(seeds.stateless_seed(seed, purpose, drawn), [_BLOCK, latent_dim]).numpy())
            drawn += _BLOCK
        waiting = np.concatenate(blocks)
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def sample(
    generate: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    number: int,
    *,
    latent_dim: int,
    seed: int,
    purpose: str,
    batch_size: int = 100,
) -> Iterator[np.ndarray]:
    """Yields images, uint8 [n, S, S, C], `number` in all; the last batch may be short.

    Args:
      generate: of `quantized`.
      number, latent_dim, seed, purpose, batch_size: as for `latents`.

    Raises:
      UserError: images with NaN or outside of [-1, 1].
    """
    done = 0
    for z in latents(
        number, latent_dim=latent_dim, seed=seed, purpose=purpose, batch_size=max(1, min(batch_size, number))
    ):
        images, valid = (part.numpy()[: number - done] for part in generate(tf.constant(z)))
        if not valid.all():
            raise UserError(
                f"{np.count_nonzero(~valid)} of {len(images)} generated images have NaN or values outside of [-1, 1]: "
                "the generator's weights are broken, or its images have another scale"
            )
        done += len(images)
        yield images


def quantized(
    generator: Callable[[tf.Tensor], tf.Tensor], *, latent_dim: int, truncate: bool = False
) -> tf.types.experimental.GenericFunction:
    """The generator as one graph from latents to images of 8 bits.

    Args:
      generator: latents -> images float32 in [-1, 1], in inference mode.
      latent_dim: length of a latent.
      truncate: levels are truncated, as the published implementation does, rather than rounded.

    Returns:
      latents float32 [N, latent_dim] -> images uint8 [N, S, S, C], and bool [N]: whether an image had no NaN and lay
      within [-1, 1], which uint8 cannot tell.
    """

    def images(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        exact = generator(z)
        valid = tf.reduce_all(tf.abs(exact) <= 1.0 + _ROUNDING, axis=[1, 2, 3])  # false for NaN
        return pipeline.to_uint8(exact, truncate=truncate), valid

    return tf.function(images, input_signature=[tf.TensorSpec([None, latent_dim], tf.float32)], autograph=False)
