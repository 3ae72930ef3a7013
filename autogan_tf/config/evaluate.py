"""The settings of `python -m autogan_tf.evaluate`."""

import dataclasses

from autogan_tf.config import data_settings, feature_settings, generator_settings, plugins
from autogan_tf.config.errors import UserError
from autogan_tf.config.fields import PATH, check_fields, setting

METRICS = ("is", "fid", "kid", "prdc", "is_inf", "fid_inf", "memorization")
_COMPARING = ("fid", "kid", "prdc", "fid_inf", "memorization")

_WHAT = "what is judged"
_REFERENCE = "real images to compare with"
_SCORES = "scores"
_NETWORK = "feature network"
_RUN = "run"


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """One of `run_dir`, `saved_model` and `images`, against `reference`; `validate()` raises UserError otherwise."""

    run_dir: str = generator_settings.run_dir("is judged", group=_WHAT)
    saved_model: str = generator_settings.saved_model(group=_WHAT)
    images: str = setting(
        "",
        "A folder or zip file of images, all of one size, that something has generated.",
        group=_WHAT,
        path=("folder:", ""),
    )
    weights: str = generator_settings.weights(group=_WHAT)
    checkpoint: str = generator_settings.checkpoint(group=_WHAT)
    num_eval_imgs: int = setting(
        50000, "Images that are judged; of a folder with more, so many at random.", group=_WHAT, minimum=2
    )

    reference: str = setting(
        "",
        "The real images: a data set, a folder or zip file (folder:PATH, or a path with a slash), or an .npz file of "
        "statistics (mu and sigma). Empty for the data set of the run.",
        group=_REFERENCE,
        path=("folder:", ""),
    )
    reference_split: str = setting(
        "train", "Which part of that data set.", group=_REFERENCE, choices=("train", "test")
    )
    heldout: bool = setting(
        False,
        "For memorization, of a data set with a test split of its own: takes its test images, which the generator has "
        "not seen, as the yardstick, in place of the training images' distances among themselves.",
        group=_REFERENCE,
    )
    num_reference_imgs: int = setting(
        0, "How many of its images, the first ones of a fixed random order; 0 for all.", group=_REFERENCE, minimum=0
    )
    data_dir: str = setting(
        "",
        "Folder of the data prepared by TensorFlow Datasets; empty for the run's, $TFDS_DATA_DIR or "
        "~/tensorflow_datasets.",
        group=_REFERENCE,
        path=PATH,
    )
    download: bool = setting(False, "Download data or weights that are not there.", group=_REFERENCE)
    data_memory_gb: float = data_settings.data_memory_gb(group=_REFERENCE)
    write_reference: str = setting(
        "", "File.npz to write the reference's statistics to; alone, nothing else is done.", group=_REFERENCE, path=PATH
    )
    image_size: int = setting(
        0,
        "Side in pixels of the reference's images, for write_reference alone; otherwise that of the judged images.",
        group=_REFERENCE,
        minimum=0,
        maximum=4096,
    )

    metrics: tuple[str, ...] = setting(
        (),
        "Which scores: is (Inception score), fid (Fréchet distance), kid (kernel distance), prdc (precision, recall, "
        "density, coverage), is_inf and fid_inf (extrapolated to endless images), memorization. Empty for "
        "is,fid,kid,prdc, or for is,fid where the reference is a file of statistics.",
        group=_SCORES,
        choices=METRICS,
    )
    preset: str = setting(
        "tfgan",
        "Conventions: tfgan takes the Inception score over all images and rounds them to 8 bits; official, as the "
        "published implementation, takes it over 10 parts in order and truncates to 8 bits.",
        group=_SCORES,
        choices=("tfgan", "official"),
    )
    engine: str = setting(
        "fast",
        "Whose functions compute: fast are our own; tfgan takes TF-GAN's for the scores that it has, which is slower, "
        "needs more memory and agrees to 9 digits.",
        group=_SCORES,
        choices=("fast", "tfgan"),
    )
    seed: int = setting(0, "Number from which the latents follow.", group=_SCORES, minimum=0, maximum=2**31 - 1)
    repeats: int = setting(
        1, "Evaluations with seeds seed, seed + 1, ...; their mean and spread are reported.", group=_SCORES, minimum=1
    )
    eval_batch_size: int = setting(100, "Images generated and looked at at once.", group=_SCORES, minimum=1)

    features: str = feature_settings.features(
        "", group=_NETWORK, if_empty=" Empty for the run's own with its settings, or inception."
    )
    inception_weights: str = feature_settings.inception_weights(group=_NETWORK)
    features_resolution: int = feature_settings.features_resolution(group=_NETWORK)
    classifier_data: str = setting(
        "",
        "Data set that the classifier is trained on. Empty for the run's own, or else the reference.",
        group=_NETWORK,
        path=("folder:", ""),
    )
    classifier_steps: int = setting(
        0, "Training steps of the classifier; 0 for the run's own setting, or 4000.", group=_NETWORK, minimum=0
    )
    classifier_batch_size: int = setting(
        0, "Images of such a step; 0 for the run's own setting, or 128.", group=_NETWORK, minimum=0
    )
    classifier_width: int = setting(
        0, "Channels of the classifier's first block; 0 for the run's own setting, or 32.", group=_NETWORK, minimum=0
    )
    classifier_seed: int | None = setting(
        None, "Seed of the classifier; None for the run's own, or 0.", group=_NETWORK, minimum=0, maximum=2**31 - 1
    )
    cache_dir: str = feature_settings.cache_dir(group=_NETWORK)

    json: str = setting("", "File to write the results to as JSON; - for standard output.", group=_RUN, path=PATH)
    plugin: tuple[str, ...] = plugins.plugin(group=_RUN)
    threads: int = setting(0, "Threads that TensorFlow may use; 0 for all cores.", group=_RUN, minimum=0)

    @property
    def has_statistics_file(self) -> bool:
        """Whether the reference is a file rather than images."""
        return self.reference.endswith(".npz")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The metrics, with the default resolved."""
        return self.metrics or (("is", "fid") if self.has_statistics_file else ("is", "fid", "kid", "prdc"))

    @property
    def compares(self) -> bool:
        """Whether any of the scores needs real images."""
        return any(metric in _COMPARING for metric in self.wanted)

    def validate(self) -> None:
        """Raises UserError for values that do not fit or do not go together."""
        check_fields(self)
        given = [name for name in ("run_dir", "saved_model", "images") if getattr(self, name)]
        if len(given) > 1 or not (given or self.write_reference):
            raise UserError(
                "give one of --run_dir, --saved_model and --images, or --write_reference alone; got "
                + (" and ".join(f"--{name}" for name in given) or "none of them")
            )
        if self.features or not self.run_dir:  # what a run says is known later
            feature_settings.validate(
                features=self.features or "inception",
                inception_weights=self.inception_weights,
                features_resolution=self.features_resolution,
            )
        if not self.run_dir and not self.reference and (self.compares or self.write_reference):
            raise UserError(
                "--reference is empty, and only a run knows its data set; give a data set, folder:PATH or a file.npz, "
                "or --metrics=is, which needs none"
            )
        if self.has_statistics_file:
            self._validate_statistics_file()
        if self.write_reference and not self.write_reference.endswith(".npz"):
            raise UserError(f"--write_reference={self.write_reference} must end in .npz")
        if self.write_reference and not given and not self.image_size:
            raise UserError("--image_size is 0; --write_reference alone needs the side of the images in pixels")
        if self.image_size and given:
            raise UserError("--image_size goes with --write_reference alone; judged images have a size of their own")
        if "memorization" in self.wanted and (self.num_reference_imgs or self.reference_split == "test"):
            raise UserError(
                "--metrics=memorization compares with all images that the generator was trained on; leave out "
                "--num_reference_imgs and --reference_split=test"
            )
        if self.heldout and "memorization" not in self.wanted:
            raise UserError("--heldout is for --metrics=memorization; add that or leave --heldout out")
        if self.engine == "tfgan" and self.preset == "official" and "is" in self.wanted:
            raise UserError(
                "TF-GAN has the Inception score of one part only, and --preset=official takes 10; leave out "
                "--engine=tfgan or --preset=official"
            )
        if self.seed + self.repeats > 2**31:
            raise UserError(f"--seed={self.seed} with --repeats={self.repeats} goes beyond 2**31 - 1; lower --seed")
        if self.images and self.repeats > 1:
            raise UserError(f"--repeats={self.repeats} needs a generator; a folder of images has one score only")

    def _validate_statistics_file(self) -> None:
        if self.num_reference_imgs or self.reference_split != "train":
            raise UserError(
                f"--num_reference_imgs and --reference_split choose images, and {self.reference} is a file of "
                "statistics; leave them out"
            )
        needing = [metric for metric in self.wanted if metric in ("kid", "prdc", "memorization")]
        if needing:
            raise UserError(
                f"--metrics={','.join(needing)} need the real images' features, and {self.reference} holds their "
                "mean and covariance only; give --metrics=is,fid or a data set as --reference"
            )
        if self.write_reference:
            raise UserError(f"--write_reference needs a data set or a folder, and --reference is {self.reference}")
