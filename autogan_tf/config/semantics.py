"""Where the published implementation and this one differ on purpose, as named switches: `--reference_semantics`."""

from __future__ import annotations

import dataclasses
import math

# The same test in two units: collapse is a standard deviation of the losses under 0.0316, a variance under 1e-3.
RESET_STANDARD_DEVIATION = 0.0316
RESET_VARIANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Semantics:
    """Each switch is on (or has the published value) where a part behaves as published, and off where it is corrected.

    A command knows all of them or none; single ones are for programs and tests, which may combine them freely: that a
    combination makes sense is not checked. Sources are files of the published implementation and sections of the paper.

    Attributes:
      entropy_in_reward: the bonus c · H is added to the reward, and its gradient flows through the advantage, so that
        learning lowers entropy; corrected, c · H is a term of its own in the objective (train_controller in
        functions.py; section 3.3).
      advantage_per_decision: each decision has a reward and a baseline of its own, and all log-probabilities are
        multiplied with all advantages, for one architecture at a time; corrected, an architecture has one advantage,
        and the loss is the mean over the batch (train_controller in functions.py; section 3.3).
      baseline_includes_reward: a reward enters the moving average before it is compared with it; corrected, after
        that (train_controller in functions.py).
      baseline_from_first_reward: an iteration's first step sets the baseline, and so learns nothing where
        `baseline_includes_reward`; corrected, a batch that nothing is learnt from sets it (train_controller in
        functions.py).
      repeated_candidates: the candidates of a ranking are drawn with replacement; corrected, they are distinct
        (get_topk_arch_hidden in functions.py; section 3.4).
      fresh_latents: every scoring has latents of its own, and an architecture that comes again is scored again;
        corrected, all scorings of a phase share latents (get_is in functions.py).
      reward_splits: into how many parts the images of a reward are cut, whose Inception scores are averaged: 10, which
        at 5,000 images lowers the score by 8 %; corrected, 1 (utils/inception_score.py).
      running_statistics_in_rewards: images are scored with batch norm's running statistics, mixed over architectures;
        corrected, with statistics of the architecture at hand (get_is in functions.py).
      truncated_pixels: scored images are cut down to 8 bits; corrected, rounded (get_is in functions.py).
      unsampled_moments_decay: Adam's moments of a branch decay in steps that do not use it; corrected, they stay
        (train_shared in functions.py).
      reset_threshold_is_variance: `dynamic_reset_threshold` is a variance of the losses; corrected, a standard
        deviation, as the paper says (train_shared in functions.py; section 3.4).
      windows_survive_growth: the losses of a smaller stage count when the next one is watched for collapse; corrected,
        growing clears them (search.py; section 3.4).
      ranks_untrained_weights: a ranking right after a reset scores weights that were just drawn; corrected, they are
        trained before (search.py).
      spectral_default_weights: spectrally normalised convolutions keep PyTorch's default weights, whatever `init_type`
        says; corrected, they follow it (weights_init in search.py and train.py).
      average_without_warm_up: the generator's moving average has its full decay from the first step; corrected, it is
        warmed up (train in functions.py).
      average_copies_statistics: batch norm's running statistics are copied, not averaged; corrected, averaged like the
        weights (train in functions.py).
    """

    entropy_in_reward: bool = False
    advantage_per_decision: bool = False
    baseline_includes_reward: bool = False
    baseline_from_first_reward: bool = False
    repeated_candidates: bool = False
    fresh_latents: bool = False
    reward_splits: int = 1
    running_statistics_in_rewards: bool = False
    truncated_pixels: bool = False
    unsampled_moments_decay: bool = False
    reset_threshold_is_variance: bool = False
    windows_survive_growth: bool = False
    ranks_untrained_weights: bool = False
    spectral_default_weights: bool = False
    average_without_warm_up: bool = False
    average_copies_statistics: bool = False

    @classmethod
    def corrected(cls) -> Semantics:
        """The default."""
        return cls()

    @classmethod
    def published(cls) -> Semantics:
        """All as in the published implementation."""
        return cls(
            entropy_in_reward=True,
            advantage_per_decision=True,
            baseline_includes_reward=True,
            baseline_from_first_reward=True,
            repeated_candidates=True,
            fresh_latents=True,
            reward_splits=10,
            running_statistics_in_rewards=True,
            truncated_pixels=True,
            unsampled_moments_decay=True,
            reset_threshold_is_variance=True,
            windows_survive_growth=True,
            ranks_untrained_weights=True,
            spectral_default_weights=True,
            average_without_warm_up=True,
            average_copies_statistics=True,
        )

    @classmethod
    def of_flag(cls, reference_semantics: bool) -> Semantics:
        """What --reference_semantics stands for."""
        return cls.published() if reference_semantics else cls.corrected()

    @property
    def default_reset_threshold(self) -> float:
        """Of the dynamic reset, in the unit of `dynamic_reset_threshold`; found for the hinge loss."""
        return RESET_VARIANCE if self.reset_threshold_is_variance else RESET_STANDARD_DEVIATION

    def as_standard_deviation(self, reset_threshold: float) -> float:
        """A threshold in the unit of `dynamic_reset_threshold` as a standard deviation of the losses."""
        return math.sqrt(reset_threshold) if self.reset_threshold_is_variance else reset_threshold


CORRECTED = Semantics.corrected()
