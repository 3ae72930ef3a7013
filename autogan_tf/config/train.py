"""The settings of `python -m autogan_tf.train`. Defaults are the published CIFAR-10 training of AutoGAN.

Names are those of the published implementation where it has them; paper: arXiv 1908.03835, section 4.
"""

import dataclasses

from autogan_tf.config import (
    data_settings,
    distribution_settings,
    feature_settings,
    plugins,
    resume_settings,
    terminal_settings,
)
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting
from autogan_tf.config.semantics import RESET_STANDARD_DEVIATION, RESET_VARIANCE, Semantics

LOSSES = ("hinge", "non_saturating", "least_squares", "wasserstein")
PENALTIES = ("none", "wgan_gp", "r1")
SPECTRAL_NORMS = ("discriminator", "generator", "both", "none")
MAX_RESTARTS = 5
AUGMENTATIONS = ("flip", "color", "translation", "cutout")

_WHAT = "architecture"
_DATA = "data"
_NETWORKS = "networks"
_TRAINING = "training"
_DEVICES = "devices"
_SCORES = "scores"
_RUN = "run"


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What a training is made of; `validate()` raises UserError where values do not fit or do not go together."""

    genotype: str = setting(
        "", "The architecture: a genotype file, such as a search writes, or a published name.", group=_WHAT, path=PATH
    )
    arch: str = setting("", 'The architecture as integers, in quotes: --arch="1 0 1 1 1 0 0 1 1".', group=_WHAT)
    space: str = setting(
        "autogan", "Name of the search space of arch; a genotype file says its own.", group=_WHAT
    )

    dataset: str = data_settings.dataset(group=_DATA)
    data_dir: str = data_settings.data_dir(group=_DATA)
    download: bool = data_settings.download(group=_DATA)
    data_memory_gb: float = data_settings.data_memory_gb(group=_DATA)
    augment: tuple[str, ...] = setting(
        (),
        "For small data: flip mirrors half of the real images; color, translation and cutout change real and generated "
        "images alike before the discriminator sees them (differentiable augmentation).",
        group=_DATA,
        choices=AUGMENTATIONS,
    )

    bottom_width: int = setting(
        4,
        "Side in pixels of the feature map before the first cell: with three cells 4 gives 32 pixels and 6 gives 48.",
        group=_NETWORKS,
        minimum=2,
    )
    conditional: bool = setting(
        False,
        "Learn the classes of labelled data: class-conditional batch norm in the generator, projection in the "
        "discriminator; sample --label then draws one class.",
        group=_NETWORKS,
    )
    latent_dim: int = setting(128, "Length of the latent vector.", group=_NETWORKS, minimum=1)
    gf_dim: int = setting(256, "Channels of the generator's cells.", group=_NETWORKS, minimum=1)
    df_dim: int = setting(128, "Channels of the discriminator's blocks.", group=_NETWORKS, minimum=1)
    init_type: str = setting(
        "xavier_uniform",
        "How the convolutions' weights are drawn.",
        group=_NETWORKS,
        choices=("normal", "orth", "xavier_uniform"),
    )

    max_iter: int = setting(50000, "Generator steps.", group=_TRAINING, minimum=1)
    gen_batch_size: int = setting(128, "Images of a generator step.", group=_TRAINING, minimum=1)
    dis_batch_size: int = setting(
        64, "Real images, and as many generated ones, of a discriminator step.", group=_TRAINING, minimum=1
    )
    n_critic: int = setting(5, "Discriminator steps for each generator step.", group=_TRAINING, minimum=1)
    g_lr: float = setting(2e-4, "The generator's learning rate (Adam).", group=_TRAINING, above=0)
    d_lr: float = setting(2e-4, "The discriminator's learning rate (Adam).", group=_TRAINING, above=0)
    beta1: float = setting(0.0, "Adam's decay of the first moment.", group=_TRAINING, minimum=0, below=1)
    beta2: float = setting(0.9, "Adam's decay of the second moment.", group=_TRAINING, minimum=0, below=1)
    lr_decay: bool = setting(False, "Lower both learning rates linearly to 0 over max_iter.", group=_TRAINING)
    ema_decay: float = setting(
        0.999,
        "Decay of the moving average of the generator's weights, which is what is judged. It is warmed up: "
        "min(ema_decay, (1 + t)/(10 + t)) at generator step t = 0, 1, ...; with reference_semantics it is not.",
        group=_TRAINING,
        minimum=0,
        below=1,
    )
    spectral_norm: str = setting(
        "discriminator", "Whose layers are spectrally normalised.", group=_TRAINING, choices=SPECTRAL_NORMS
    )
    minibatch_std: bool = setting(
        False,
        "Shows the discriminator how much the images of a batch differ; it then looks across the batch.",
        group=_TRAINING,
    )
    loss: str = setting("hinge", "The adversarial loss.", group=_TRAINING, choices=LOSSES)
    penalty: str = setting(
        "none",
        "Penalty on the discriminator's gradient: wgan_gp between real and generated images, r1 at real ones.",
        group=_TRAINING,
        choices=PENALTIES,
    )
    penalty_weight: float | None = setting(
        None, "The penalty's weight; None for that of its paper, 10 for both.", group=_TRAINING, above=0
    )
    clip_weights: float = setting(
        0.0, "Bound that the discriminator's weights are clipped to after each step; 0 for none.", group=_TRAINING,
        minimum=0,
    )
    dynamic_reset_threshold: float | None = setting(
        None,
        "Standard deviation of either network's losses under which the GAN counts as collapsed, with "
        f"reference_semantics their variance; 0 to train on. None means {RESET_STANDARD_DEVIATION:g}, with "
        f"reference_semantics {RESET_VARIANCE:g}, with the hinge loss, for which it was found, and 0 with others, "
        "which may vary less in a training that goes well.",
        group=_TRAINING,
        minimum=0,
    )
    dynamic_reset_window: int = setting(
        500, "Newest losses of each network over which that is taken.", group=_TRAINING, minimum=2
    )
    on_collapse: str = setting(
        "stop",
        f"What then happens: stop, or restart with other weights, at most {MAX_RESTARTS} times.",
        group=_TRAINING,
        choices=("stop", "restart"),
    )
    reference_semantics: bool = setting(
        False,
        "Draw the first weights and average the generator's exactly as the published code does, with its known "
        "mistakes.",
        group=_TRAINING,
    )

    distribution: str = distribution_settings.distribution(group=_DEVICES)
    replicas: int = distribution_settings.replicas(group=_DEVICES)
    precision: str = distribution_settings.precision(group=_DEVICES)
    jit_compile: bool = setting(
        False, "Compile the steps with XLA; for accelerators, on CPUs it is slower.", group=_DEVICES
    )
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_DEVICES, minimum=0)

    val_freq: int = setting(
        20, "Passes of the discriminator over the data between evaluations.", group=_SCORES, minimum=1
    )
    eval_steps: int = setting(
        0, "Generator steps between evaluations, in place of val_freq; 0 to use that.", group=_SCORES, minimum=0
    )
    num_eval_imgs: int = setting(50000, "Generated images of an evaluation.", group=_SCORES, minimum=2)
    features: str = feature_settings.features("classifier", group=_SCORES)
    inception_weights: str = feature_settings.inception_weights(group=_SCORES)
    features_resolution: int = feature_settings.features_resolution(group=_SCORES)
    classifier_steps: int = feature_settings.classifier_steps(group=_SCORES)
    classifier_batch_size: int = feature_settings.classifier_batch_size(group=_SCORES)
    classifier_width: int = feature_settings.classifier_width(group=_SCORES)
    classifier_seed: int = feature_settings.classifier_seed(group=_SCORES)
    cache_dir: str = feature_settings.cache_dir(group=_SCORES)

    run_dir: str = setting("", "The run's folder; empty for runs/train-<dataset>-<UTC time>.", group=_RUN, path=PATH)
    seed: int = setting(0, "Number from which every random draw follows.", group=_RUN, minimum=0, maximum=2**31 - 1)
    plugin: tuple[str, ...] = plugins.plugin(group=_RUN)
    resume: str = resume_settings.resume(group=_RUN)
    other_stack: bool = resume_settings.other_stack(group=_RUN)
    save_steps: int = resume_settings.save_steps(group=_RUN)
    save_minutes: float = resume_settings.save_minutes(group=_RUN)
    keep_checkpoints: int = resume_settings.keep_checkpoints(group=_RUN)
    verbosity: str = terminal_settings.verbosity(group=_RUN)
    dry_run: bool = setting(
        False, "Print the settings, the networks' sizes and the planned work, and stop without writing.", group=_RUN
    )

    @property
    def semantics(self) -> Semantics:
        """What reference_semantics stands for."""
        return Semantics.of_flag(self.reference_semantics)

    @property
    def reset_threshold(self) -> float:
        """dynamic_reset_threshold with None resolved: a standard deviation, with reference_semantics a variance."""
        if self.dynamic_reset_threshold is not None:
            return self.dynamic_reset_threshold
        return self.semantics.default_reset_threshold if self.loss == "hinge" else 0.0

    @property
    def normalizes_generator(self) -> bool:
        """Whether spectral norm is on the generator."""
        return self.spectral_norm in ("generator", "both")

    @property
    def normalizes_discriminator(self) -> bool:
        """Whether spectral norm is on the discriminator."""
        return self.spectral_norm in ("discriminator", "both")

    def validate(self) -> None:
        """Raises UserError for a value outside its field's range, and for values that do not go together."""
        check_fields(self)
        data_settings.validate(dataset=self.dataset)
        if bool(self.arch) == bool(self.genotype):
            raise UserError(
                "give the architecture as either --genotype (a file or a published name) or --arch, "
                f"got {'both' if self.arch else 'neither'}"
            )
        feature_settings.validate(
            features=self.features,
            inception_weights=self.inception_weights,
            features_resolution=self.features_resolution,
        )
        if self.clip_weights and self.loss != "wasserstein":
            raise UserError(
                f"--clip_weights bounds the critic of the Wasserstein loss, but --loss is {self.loss}; leave it out or "
                "give --loss=wasserstein"
            )
        if self.clip_weights and self.normalizes_discriminator:
            raise UserError(
                "--clip_weights does nothing to spectrally normalised layers, which are divided by their norm; give "
                "--spectral_norm=none or leave it out"
            )
        if self.clip_weights and self.penalty != "none":
            raise UserError(
                f"--clip_weights and --penalty={self.penalty} are two ways to the same end; give one of them"
            )
        if self.minibatch_std and self.penalty != "none":
            raise UserError(
                f"--penalty={self.penalty} needs a discriminator that looks at each image by itself, and "
                "--minibatch_std looks across the batch; give one of them"
            )
        bounded = self.normalizes_discriminator or self.penalty != "none" or self.clip_weights
        if self.loss == "wasserstein" and not bounded:
            raise UserError(
                "--loss=wasserstein needs something that bounds the discriminator's slope; give --penalty=wgan_gp, "
                "--clip_weights=0.01 or --spectral_norm=discriminator"
            )
        distribution_settings.validate(distribution=self.distribution, replicas=self.replicas)
        if len(set(self.augment)) < len(self.augment):
            raise UserError(f"--augment names something twice: {','.join(self.augment)}")
