"""Generators: the supernet, which holds every branch of every cell, and a derived one, which holds what it uses.

Both are called in one way, and tell which of their weights a call uses: nothing else has to ask which one it has.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence

import tensorflow as tf

from autogan_tf.config.image_sides import image_sides
from autogan_tf.models import cost, layers
from autogan_tf.models.cells import PLAIN, Cell, cell_cost
from autogan_tf.models.cost import Cost
from autogan_tf.models.operations import Make
from autogan_tf.models.spectral_norm import SpectralDense
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace


class GeneratorBase(tf.keras.Model, abc.ABC):
    """Dense layer to bottom_width x bottom_width, cells, then batch norm, ReLU, 3x3 convolution, tanh."""

    def __init__(
        self,
        *,
        space: SearchSpace,
        tokens_of_cells: Sequence[tuple[int, ...] | None],
        gf_dim: int,
        latent_dim: int,
        bottom_width: int,
        channels: int,
        name: str,
        make: Make = PLAIN,
        compute_dtype: str = "float32",
    ) -> None:
        super().__init__(name=name)
        self.num_classes = make.num_classes
        self._inner_dtype = compute_dtype
        self.space = space
        self.gf_dim = gf_dim
        self.latent_dim = latent_dim
        self.bottom_width = bottom_width
        self.channels = channels
        self.l1 = SpectralDense(
            latent_dim, bottom_width**2 * gf_dim, "l1", use_bias=True, normalize=make.spectral_norm
        )
        self.cells = [
            Cell(
                gf_dim,
                index=index,
                decisions=space.decisions(index),
                tokens=tokens,
                make=make,
                name=f"cell{index + 1}",
            )
            for index, tokens in enumerate(tokens_of_cells)
        ]
        self.to_rgb_bn = make.batch_norm(gf_dim, "to_rgb_bn")
        self.to_rgb_conv = make.conv(gf_dim, channels, 3, "to_rgb_conv")
        self.built = True

    @property
    def num_cells(self) -> int:
        """Number of cells; the last stage is one less."""
        return len(self.cells)

    def named_layers(self) -> dict[str, tf.keras.layers.Layer]:
        """Every layer with weights, by path ("l1", "cell1.pre_conv1.conv", ..., "to_rgb_conv")."""
        cells = {
            f"cell{cell.index + 1}.{name}": layer for cell in self.cells for name, layer in cell.named_layers().items()
        }
        return {"l1": self.l1} | cells | {"to_rgb_bn": self.to_rgb_bn, "to_rgb_conv": self.to_rgb_conv}

    @abc.abstractmethod
    def used_variables(self, tokens: tf.Tensor | None = None) -> list[tf.Tensor | bool]:
        """For each of `trainable_variables`: whether the architecture uses it; `tokens` as for `call`.

        An entry is True for what is always used, a boolean scalar tensor for a branch of a supernet's grown cell, and
        False for the cells that `tokens` does not reach.
        """

    @abc.abstractmethod
    def _choices(self, tokens: tf.Tensor | None) -> Sequence[tf.Tensor | None]:
        """For each cell of the architecture: the tokens that it is called with."""

    def become(self, genotype: Genotype) -> None:
        """Takes another architecture, where a generator can: `ChangeableGenerator`; ValueError of any other."""
        raise ValueError("only a changeable generator takes another architecture")

    def call(
        self,
        z: tf.Tensor,
        labels: tf.Tensor | None = None,
        tokens: tf.Tensor | None = None,
        stage: int | None = None,
        training: bool = False,
        momentum: float | tf.Tensor = layers.BATCH_NORM_MOMENTUM,
    ) -> tf.Tensor:
        """Images from the first `stage` + 1 cells.

        Args:
          z: latents, float32 [N, latent_dim].
          labels: int32 [N] from 0 to num_classes - 1, of (only) a conditional generator.
          tokens: int32 [T], the architecture, of (only) a supernet; T tokens are those of whole cells (4, 9, 14, ...).
          stage: Python integer from 0; None means all cells of the architecture.
          training: whether batch norm uses (and records) the batch's statistics.
          momentum: weight of this batch in batch norm's running statistics, when training.

        Returns:
          float32 [N, S, S, channels] in [-1, 1], S = bottom_width * 2^(stage + 1).

        Raises:
          ValueError: labels or tokens that this generator does not take, or needs and does not get; a stage that it has
            not, or that the tokens do not reach.
        """
        if (labels is None) != (self.num_classes == 0):
            raise ValueError(
                f"a generator of {self.num_classes} classes {'needs' if self.num_classes else 'takes no'} labels"
            )
        choices = self._choices(tokens)
        stage = len(choices) - 1 if stage is None else stage
        if not 0 <= stage < self.num_cells:
            raise ValueError(f"stage must be from 0 to {self.num_cells - 1}, got {stage}")
        if stage >= len(choices):
            needed, given = (self.space.slices(cells)[-1].stop for cells in (stage + 1, len(choices)))
            raise ValueError(f"stage {stage} needs {needed} tokens, got {given}")
        mode = layers.Pass(training, momentum, labels)
        h = self.l1(tf.cast(z, self._inner_dtype), training=training)
        h = tf.reshape(h, [-1, self.bottom_width, self.bottom_width, self.gf_dim])
        skips: list[tf.Tensor] = []
        for cell, chosen in zip(self.cells[: stage + 1], choices[: stage + 1], strict=True):
            skip, h = cell(h, skips, chosen, mode)
            skips.append(skip)
        h = tf.nn.relu(self.to_rgb_bn(h, mode))
        return tf.tanh(tf.cast(self.to_rgb_conv(h, training=training), tf.float32))


class Generator(GeneratorBase):
    """The generator of one genotype, with exactly the parameters that it uses.

    Args:
      genotype: the architecture; `len(genotype.cells)` cells.
      gf_dim: channels of every feature map (published: 256 for training).
      latent_dim: size of the latent vector (published: 128).
      bottom_width: side of the first feature map; images are bottom_width * 2^cells pixels wide.
      channels: of the images, 3 or 1.
      num_classes: 0, or of a conditional generator: each batch norm has weights for every class.
      spectral_norm: whether all kernels are spectrally normalised.
      compute_dtype: "float32", "bfloat16" or "float16", of feature maps; weights, statistics and images are float32.
    """

    def __init__(
        self,
        genotype: Genotype,
        *,
        gf_dim: int = 256,
        latent_dim: int = 128,
        bottom_width: int = 4,
        channels: int = 3,
        num_classes: int = 0,
        spectral_norm: bool = False,
        compute_dtype: str = "float32",
        name: str = "generator",
    ) -> None:
        super().__init__(
            space=genotype.space,
            tokens_of_cells=[cell.tokens for cell in genotype.cells],
            gf_dim=gf_dim,
            latent_dim=latent_dim,
            bottom_width=bottom_width,
            channels=channels,
            name=name,
            make=Make(spectral_norm=spectral_norm, num_classes=num_classes),
            compute_dtype=compute_dtype,
        )
        self.genotype = genotype

    def used_variables(self, tokens: tf.Tensor | None = None) -> list[tf.Tensor | bool]:
        """All: it holds nothing else."""
        return [True] * len(self.trainable_variables)

    def _choices(self, tokens: tf.Tensor | None) -> Sequence[tf.Tensor | None]:
        if tokens is not None:
            raise ValueError("a derived generator has one architecture, and takes no `tokens`")
        return [None] * self.num_cells  # each knows its own


class SupernetGenerator(GeneratorBase):
    """All architectures in one network with shared weights; the tokens are an argument of `call`, never a state.

    Args: as for `Generator`; `space`: of the architectures; `num_cells` at least 1.
    """

    def __init__(
        self,
        *,
        space: SearchSpace = autogan.SPACE,
        num_cells: int = 3,
        gf_dim: int = 128,
        latent_dim: int = 128,
        bottom_width: int = 4,
        channels: int = 3,
        compute_dtype: str = "float32",
        name: str = "supernet",
    ) -> None:
        if num_cells < 1:
            raise ValueError(f"a supernet needs at least one cell, got num_cells={num_cells}")
        super().__init__(
            space=space,
            tokens_of_cells=[None] * num_cells,
            gf_dim=gf_dim,
            latent_dim=latent_dim,
            bottom_width=bottom_width,
            channels=channels,
            name=name,
            compute_dtype=compute_dtype,
        )

    def used_variables(self, tokens: tf.Tensor | None = None) -> list[tf.Tensor | bool]:
        """As `GeneratorBase` says."""
        choices = self._choices(tokens)
        used: dict[int, tf.Tensor | bool] = {}
        for cell in self.cells:
            conditions = cell.used_layers(choices[cell.index]) if cell.index < len(choices) else {}
            for name, layer in cell.named_layers().items():
                used.update({id(variable): conditions.get(name, False) for variable in layer.trainable_variables})
        return [used.get(id(variable), True) for variable in self.trainable_variables]

    def _choices(self, tokens: tf.Tensor | None) -> Sequence[tf.Tensor]:
        if tokens is None:
            raise ValueError("a supernet needs `tokens`, the architecture; got None")
        tokens = tf.convert_to_tensor(tokens, tf.int32)
        return [tokens[part] for part in self.space.slices(self.space.num_cells_of(tokens.shape[0]))]


def copy_weights(*, source: GeneratorBase, target: GeneratorBase) -> None:
    """Copies weights and statistics into `target` from the layers of the same names in `source`, which has them all
    (a supernet for a derived generator, or another network of the same genotype)."""
    layers_of_source = source.named_layers()
    for name, layer in target.named_layers().items():
        for variable, value in zip(layer.variables, layers_of_source[name].variables, strict=True):
            variable.assign(value)


def generator_cost(
    genotype: Genotype,
    *,
    gf_dim: int,
    latent_dim: int,
    bottom_width: int = 4,
    channels: int = 3,
    num_classes: int = 0,
) -> Cost:
    """Cost of the derived generator of `genotype`, counted without building it; of a conditional one with its number
    of classes.

    At gf_dim 256 and latent_dim 128 the published architecture A has 4,405,251 parameters and 1.77 G multiply-adds.
    """
    parts = [Cost((latent_dim + 1) * bottom_width**2 * gf_dim, latent_dim * bottom_width**2 * gf_dim)]
    sides = image_sides(bottom_width=bottom_width, num_cells=len(genotype.cells))
    for cell, side in zip(genotype.cells, sides, strict=True):
        parts.append(cell_cost(cell, width=gf_dim, height=side, num_classes=num_classes))
    parts.append(Cost(2 * gf_dim * max(1, num_classes), 0))  # the batch norm before the last convolution
    parts.append(cost.conv_cost(3, gf_dim, channels, sides[-1]))
    return cost.total(parts)
