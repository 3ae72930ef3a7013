"""The settings of `python -m autogan_tf.search`. Defaults are the published CIFAR-10 search of AutoGAN.

Names are those of the published implementation where it has them; paper: arXiv 1908.03835, section 4.
"""

import dataclasses
from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from autogan_tf.config import (
    data_settings,
    distribution_settings,
    estimation_settings,
    feature_settings,
    final_training,
    plugins,
    resume_settings,
    shared_gan_settings,
    strategy_settings,
    terminal_settings,
)
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting
from autogan_tf.config.image_sides import image_sides
from autogan_tf.config.semantics import RESET_STANDARD_DEVIATION, RESET_VARIANCE, Semantics
from autogan_tf.config.train import TrainConfig

_DATA = "data"
_NETWORKS = "networks of the search"
_SEARCH = "search"
_REWARD = "reward"
_FINAL = final_training.GROUP
_RUN = "run"


@dataclasses.dataclass(frozen=True)
@final_training.with_final_training
class SearchConfig(
    strategy_settings.StrategySettings, estimation_settings.EstimationSettings, shared_gan_settings.SharedGanSettings
):
    """What a search is made of; `validate()` raises UserError where values do not fit or do not go together."""

    ALIASES: ClassVar[Mapping[str, str]] = final_training.aliases()
    GROUPS: ClassVar[tuple[str, ...]] = (
        _DATA, _NETWORKS, shared_gan_settings.GROUP, _SEARCH, *strategy_settings.GROUPS, estimation_settings.GROUP,
        _REWARD, _FINAL, _RUN
    )  # fmt: skip

    dataset: str = data_settings.dataset(group=_DATA)
    data_dir: str = data_settings.data_dir(group=_DATA)
    download: bool = data_settings.download(group=_DATA)
    data_memory_gb: float = data_settings.data_memory_gb(group=_DATA)
    image_size: int = setting(
        0,
        "Side of the images in pixels, as a check: 0, or bottom_width * 2**num_cells.",
        group=_DATA,
        minimum=0,
    )

    space: str = setting("autogan", "Name of the search space.", group=_NETWORKS)
    num_cells: int = setting(
        3, "Cells of the generator, each doubling the side of the image.", group=_NETWORKS, minimum=1, maximum=6
    )
    bottom_width: int = setting(
        4,
        "Side in pixels of the feature map before the first cell: with three cells 4 gives 32 pixels and 6 gives 48.",
        group=_NETWORKS,
        minimum=2,
    )
    latent_dim: int = setting(128, "Length of the latent vector.", group=_NETWORKS, minimum=1)
    gf_dim: int = setting(128, "Channels of the generator's cells.", group=_NETWORKS, minimum=1)
    df_dim: int = setting(64, "Channels of the discriminator's blocks.", group=_NETWORKS, minimum=1)
    init_type: str = setting(
        "xavier_uniform",
        "How the convolutions' weights are drawn.",
        group=_NETWORKS,
        choices=("normal", "orth", "xavier_uniform"),
    )

    strategy: str = strategy_settings.strategy(group=_SEARCH)
    max_search_iter: int = setting(
        65,
        "Search iterations: in each the shared GAN is trained, then the strategy tries architectures.",
        group=_SEARCH,
        minimum=1,
    )
    grow_steps: tuple[int, ...] = setting(
        (15, 35),
        "Iterations, counted from 0, at whose start the next cell is added: num_cells - 1 of them, rising.",
        group=_SEARCH,
        minimum=1,
    )
    single_level: bool = setting(
        False,
        "Search the whole generator at once, at its full size, in place of growing it cell by cell; grow_steps "
        "say nothing then.",
        group=_SEARCH,
    )
    shared_epoch: int = setting(
        15, "Passes over the data that the shared GAN trains for in an iteration.", group=_SEARCH, minimum=1
    )
    shared_steps: int = setting(
        0,
        "Discriminator steps that the shared GAN trains for in an iteration, in place of shared_epoch; 0 to use that.",
        group=_SEARCH,
        minimum=0,
    )
    dynamic_reset_threshold: float | None = setting(
        None,
        "Spread of either loss under which the shared GAN counts as collapsed and is drawn anew: a standard deviation, "
        f"with reference_semantics a variance. None means {RESET_STANDARD_DEVIATION:g}, with reference_semantics "
        f"{RESET_VARIANCE:g}; 0 switches resetting off.",
        group=_SEARCH,
        minimum=0,
    )
    dynamic_reset_window: int = setting(
        500, "Newest losses of each network over which that spread is taken.", group=_SEARCH, minimum=2
    )
    topk: int = setting(
        5, "Architectures kept when the search grows (the beam), and ranked at its end.", group=_SEARCH, minimum=1
    )
    num_candidate: int = setting(
        10, "Architectures that the strategy proposes to choose the topk from.", group=_SEARCH, minimum=1
    )
    score_repeats: int = setting(
        1,
        "How often a candidate is scored, each time with other latents, before the ranking.",
        group=_SEARCH,
        minimum=1,
    )
    reference_semantics: bool = setting(
        False,
        "Train, score and rank exactly as the published code does, with its known mistakes; of the strategies "
        "reinforce has such, too, and needs ctrl_sample_batch 1 then.",
        group=_SEARCH,
    )

    features: str = feature_settings.features("classifier", group=_REWARD)
    inception_weights: str = feature_settings.inception_weights(group=_REWARD)
    features_resolution: int = feature_settings.features_resolution(group=_REWARD)
    reward: str = setting(
        "is",
        "What architectures are rewarded for: a sum of objectives, each with a number and * before it, with log(...) "
        'around it, or neither, as in "is - 0.1*fid - log(parameters)". is: Inception score; fid: Fréchet distance to '
        "the real images at the size of the stage; kid: kernel distance to up to 5,000 of them; parameters, "
        "multiply_adds: of the generator that is trained in the end, while cells are missing the least that they can "
        "bring it to.",
        group=_REWARD,
    )
    max_parameters: int = setting(
        0,
        "Most parameters of the generator that is trained in the end; only such architectures are tried, and "
        "beginnings that lead to one. 0 for any number.",
        group=_REWARD,
        minimum=0,
    )
    max_multiply_adds: int = setting(
        0, "Most multiply-adds of that generator for one image. 0 for any number.", group=_REWARD, minimum=0
    )
    rl_num_eval_img: int = setting(5000, "Generated images that a reward is taken from.", group=_REWARD, minimum=2)
    num_eval_imgs: int = setting(
        50000,
        "Generated images of the final scores: of the ranking and of the trained architecture.",
        group=_REWARD,
        minimum=2,
    )
    eval_batch_size: int = setting(100, "Images generated at once while scoring.", group=_REWARD, minimum=1)
    calibration_batches: int = setting(
        4,
        "Batches from which an architecture's own batch-norm statistics are taken before it is scored.",
        group=_REWARD,
        minimum=1,
    )
    classifier_steps: int = feature_settings.classifier_steps(group=_REWARD)
    classifier_batch_size: int = feature_settings.classifier_batch_size(group=_REWARD)
    classifier_width: int = feature_settings.classifier_width(group=_REWARD)
    classifier_seed: int = feature_settings.classifier_seed(group=_REWARD)
    cache_dir: str = feature_settings.cache_dir(group=_REWARD)

    train_steps: int = setting(
        50000,
        "Generator steps that the best architecture is trained for from scratch; 0 for none.",
        group=_FINAL,
        minimum=0,
    )
    train_top: int = setting(
        1,
        "How many of the best architectures are trained; the one with the lowest Fréchet distance becomes best/, and "
        "the ranking follows what came out.",
        group=_FINAL,
        minimum=1,
    )
    ema_decay: float = setting(
        0.999,
        "Decay of the moving average of the generator's weights, which is what is judged. It is warmed up: "
        "min(ema_decay, (1 + t)/(10 + t)) at generator step t = 0, 1, ...; with reference_semantics it is not.",
        group=_FINAL,
        minimum=0,
        below=1,
    )
    train_eval_every: int = setting(
        5000, "Generator steps between sample grids; 0 for one at the end only.", group=_FINAL, minimum=0
    )

    run_dir: str = setting("", "The run's folder; empty for runs/search-<dataset>-<UTC time>.", group=_RUN, path=PATH)
    seed: int = setting(0, "Number from which every random draw follows.", group=_RUN, minimum=0, maximum=2**31 - 1)
    plugin: tuple[str, ...] = plugins.plugin(group=_RUN)
    resume: str = resume_settings.resume(group=_RUN)
    other_stack: bool = resume_settings.other_stack(group=_RUN)
    save_steps: int = resume_settings.save_steps(group=_RUN)
    save_minutes: float = resume_settings.save_minutes(group=_RUN)
    keep_checkpoints: int = resume_settings.keep_checkpoints(group=_RUN)
    grid_every: int = setting(
        5,
        "Search iterations between sample grids of the best architecture, besides those before a cell is added; 0 for "
        "these only.",
        group=_RUN,
        minimum=0,
    )
    verbosity: str = terminal_settings.verbosity(group=_RUN)
    dry_run: bool = setting(
        False, "Print the settings, the networks' sizes and the planned work, and stop without writing.", group=_RUN
    )
    distribution: str = distribution_settings.distribution(group=_RUN)
    replicas: int = distribution_settings.replicas(group=_RUN)
    precision: str = distribution_settings.precision(
        group=_RUN,
        what="the feature maps of the shared GAN, of the final training and of a classifier that gives rewards are",
    )
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_RUN, minimum=0)

    @property
    def final(self) -> TrainConfig:
        """The settings of the final training, without an architecture."""
        return final_training.of(self)

    @property
    def candidate_steps(self) -> tuple[int, ...]:
        """Generator steps after which candidates are scored that are trained from scratch."""
        return self.fidelities or (self.train_steps,)

    @property
    def full_training_steps(self) -> int:
        """Generator steps of what --budget counts in; 0 where nothing says how many."""
        return self.budget_steps or self.train_steps or (self.fidelities[-1] if self.fidelities else 0)

    @property
    def resolution(self) -> int:
        """Side in pixels of the images that the whole generator makes: bottom_width * 2**num_cells."""
        return image_sides(bottom_width=self.bottom_width, num_cells=self.num_cells)[-1]

    @property
    def growths(self) -> tuple[int, ...]:
        """Iterations at whose start the architectures get a cell more; none where the search begins with all cells."""
        return () if self.single_level else self.grow_steps

    @property
    def first_cells(self) -> int:
        """Cells of the architectures that the search begins with."""
        return self.num_cells if self.single_level else 1

    @property
    def semantics(self) -> Semantics:
        """What reference_semantics stands for."""
        return Semantics.of_flag(self.reference_semantics)

    @property
    def reset_threshold(self) -> float:
        """dynamic_reset_threshold with None resolved: a standard deviation, with reference_semantics a variance."""
        if self.dynamic_reset_threshold is not None:
            return self.dynamic_reset_threshold
        return self.semantics.default_reset_threshold

    def validate(self) -> None:
        """Raises UserError for a value outside its field's range, and for values that do not go together."""
        check_fields(self)
        feature_settings.validate(
            features=self.features,
            inception_weights=self.inception_weights,
            features_resolution=self.features_resolution,
        )
        strategy_settings.chosen(self).validate()
        data_settings.validate(dataset=self.dataset)
        distribution_settings.validate(distribution=self.distribution, replicas=self.replicas)
        if self.image_size not in (0, self.resolution):
            raise UserError(
                f"--image_size must be bottom_width * 2**num_cells = {self.bottom_width} * 2**{self.num_cells} = "
                f"{self.resolution}, but it is {self.image_size}; leave it out, or change --bottom_width or --num_cells"
            )
        if self.topk > self.num_candidate:
            raise UserError(
                f"--topk must be at most num_candidate, from which it chooses, but it is {self.topk} and "
                f"num_candidate is {self.num_candidate}; lower --topk or raise --num_candidate"
            )
        estimation_settings.validate(self)
        if self.shared_sampling == "fair" and (self.max_parameters or self.max_multiply_adds):
            raise UserError(
                "--shared_sampling=fair trains every option equally often, which --max_parameters and "
                "--max_multiply_adds do not allow; give --shared_sampling=uniform, or leave the bounds out"
            )
        if self.train_top > self.topk:
            raise UserError(
                f"--train_top must be at most topk, the number of ranked architectures, but it is {self.train_top} and "
                f"topk is {self.topk}; lower --train_top or raise --topk"
            )
        if self.reference_semantics and self.strategy == "reinforce" and self.ctrl_sample_batch != 1:
            raise UserError(
                f"--ctrl_sample_batch must be 1 with --reference_semantics, whose published code fails with more, but "
                f"it is {self.ctrl_sample_batch}; set it to 1 or leave out --reference_semantics"
            )
        if self.reference_semantics and self.single_level:
            raise UserError(
                "--single_level is not in the published code, whose search grows; leave it or --reference_semantics out"
            )
        if self.reference_semantics and self.bottom_width != 4:
            raise UserError(
                f"--bottom_width must be 4 with --reference_semantics, whose published code grows through 8, 16, 32 "
                f"pixels whatever it is, but it is {self.bottom_width}; set it to 4 or leave out --reference_semantics"
            )
        self._validate_grow_steps()
        final_training.validate(self)

    def _validate_grow_steps(self) -> None:
        steps, received = self.grow_steps, ",".join(map(str, self.grow_steps))
        if self.single_level:
            return
        if len(steps) != self.num_cells - 1:
            remedy = "--grow_steps= (empty)" if self.num_cells == 1 else "one number for each cell after the first"
            raise UserError(
                f"--grow_steps must be num_cells - 1 = {self.num_cells - 1} iterations, but it has {len(steps)} "
                f"({received or 'none'}); give {remedy}, or change --num_cells"
            )
        for earlier, later in pairwise(steps):
            if later <= earlier:
                raise UserError(
                    f"--grow_steps must rise, but {later} follows {earlier} in {received}; "
                    "give the iterations in rising order, each once"
                )
        if steps and steps[-1] >= self.max_search_iter:
            raise UserError(
                f"--grow_steps must be less than max_search_iter = {self.max_search_iter}, but {received} has "
                f"{next(step for step in steps if step >= self.max_search_iter)}; lower it or raise --max_search_iter"
            )
