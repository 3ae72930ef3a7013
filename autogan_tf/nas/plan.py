"""What a search is given, and what it ends with, as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from autogan_tf.config.semantics import CORRECTED, Semantics
from autogan_tf.search_space import autogan
from autogan_tf.search_space.genotype import Genotype
from autogan_tf.search_space.space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much work a search is, whatever its strategy. Names and units are those of the flags."""

    max_search_iter: int
    grow_steps: tuple[int, ...]
    shared_steps: int  # discriminator steps in an iteration
    dis_batch_size: int
    rl_num_eval_img: int
    num_eval_imgs: int
    num_candidate: int
    topk: int
    score_repeats: int
    seed: int
    space: SearchSpace = autogan.SPACE
    bottom_width: int = 4  # side in pixels before the first cell
    first_cells: int = 1  # of the first stage's architectures: 1, or all where they are searched at once
    semantics: Semantics = CORRECTED
    budget: float = 0.0  # images, as `Spent.images` counts, after which no iteration begins; 0: no such bound
    scored_image_cost: float = 1.0

    @property
    def num_cells(self) -> int:
        """Of the last stage's architectures."""
        return self.first_cells + len(self.grow_steps)

    def size_of_images(self, num_cells: int) -> float:
        """Pixels of an image from so many cells, as a share of the last stage's: a quarter for each cell less."""
        return 0.25 ** (self.num_cells - num_cells)


@dataclasses.dataclass(frozen=True)
class Ranked:
    """An architecture at the search's end: its reward when it was chosen, and on `num_images` images its reward again,
    `score`, with the scores that this is made of, by objective; steps: as of a `Trial`; expected: what the strategy
    made of the reward, by which it was ranked, where it did."""

    genotype: Genotype
    reward: float
    score: float
    num_images: int
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    steps: int = 0
    expected: float | None = None
