"""A generator that becomes one architecture after another in one graph: many short trainings trace theirs once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.search_space.genotype import Genotype


class ChangeableGenerator(SupernetGenerator):
    """Called as a derived generator is, without tokens, but any architecture of as many cells can take its place.

    It holds every branch; those that the present architecture does not use are neither computed nor trained. Layers
    have the derived generator's paths and so begin with its weights, and the steps compute what it computes: results
    differ by the order in which float32 sums of gradients are taken.

    Args:
      genotype: the first architecture.
      sizes: as for `SupernetGenerator`: gf_dim, latent_dim, ...; it has neither classes nor spectral norm.
    """

    def __init__(self, genotype: Genotype, **sizes: Any) -> None:
        super().__init__(space=genotype.space, num_cells=len(genotype.cells), **sizes)
        self.genotype = genotype
        chosen = tf.Variable(genotype.tokens, dtype=tf.int32, trainable=False, name="tokens")
        self._chosen = lambda: chosen  # out of Keras's sight: it is no weight, to be averaged or saved

    def become(self, genotype: Genotype) -> None:
        """From now on computes `genotype`, with the weights that its branches have.

        Raises:
          ValueError: of another space, or of another number of cells.
        """
        if genotype.space != self.space or len(genotype.cells) != self.num_cells:
            raise ValueError(
                f"must be an architecture of {self.num_cells} cells of the space {self.space.name}, got {genotype}"
            )
        self.genotype = genotype
        self._chosen().assign(genotype.tokens)

    def _choices(self, tokens: tf.Tensor | None) -> Sequence[tf.Tensor]:
        if tokens is not None:
            raise ValueError("a changeable generator has its architecture from `become`, and takes no `tokens`")
        return super()._choices(tf.convert_to_tensor(self._chosen()))
