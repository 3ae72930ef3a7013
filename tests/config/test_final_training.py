"""A search's final training has the settings of `train`, with a prefix."""

from __future__ import annotations

import pytest

from autogan_tf.config import command_line, fields, final_training
from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig

NONE = {
    "genotype", "arch", "space", "plugin", "run_dir", "seed", "dataset", "data_dir", "download", "data_memory_gb",
    "bottom_width",
    "reference_semantics", "distribution", "replicas", "precision", "threads", "val_freq", "num_eval_imgs", "features",
    "inception_weights", "features_resolution", "classifier_steps", "classifier_batch_size", "classifier_width",
    "classifier_seed", "cache_dir", "resume", "save_steps", "save_minutes", "keep_checkpoints", "verbosity", "dry_run",
    "other_stack",
}  # fmt: skip


def search(*argv: str) -> SearchConfig:
    return command_line.parse(SearchConfig, argv, doc="")


def test_every_setting_of_train_has_a_flag_or_is_the_searchs_own():
    flags = {field.name for field in fields.fields_of(SearchConfig)} | set(final_training.aliases())
    for field in fields.fields_of(TrainConfig):
        assert (f"train_{field.name}" in flags) == (field.name not in NONE), field.name


def test_what_is_not_given_is_as_it_was_before_there_were_these_flags():
    """The search's own rates of decay and sizes, no watching for collapse, the hinge loss, no decay of the rates."""
    final = search("--latent_dim=7", "--beta2=0.5", "--init_type=orth", "--bottom_width=6", "--seed=3").final
    assert (final.latent_dim, final.beta1, final.beta2, final.init_type) == (7, 0.0, 0.5, "orth")
    assert (final.bottom_width, final.seed, final.max_iter, final.eval_steps) == (6, 3, 50000, 5000)
    assert final.reset_threshold == 0 and final.on_collapse == "stop"
    assert (final.loss, final.penalty, final.augment, final.conditional) == ("hinge", "none", (), False)
    assert (final.gf_dim, final.df_dim, final.ema_decay, final.lr_decay) == (256, 128, 0.999, False)


def test_what_is_given_reaches_it():
    final = search(
        "--train_loss=wasserstein", "--train_penalty=wgan_gp", "--train_augment=flip,color", "--train_beta2=0.75",
        "--train_latent_dim=9", "--train_jit_compile", "--train_conditional",
    ).final  # fmt: skip
    assert (final.loss, final.penalty, final.augment) == ("wasserstein", "wgan_gp", ("flip", "color"))
    assert (final.beta2, final.latent_dim, final.jit_compile, final.conditional) == (0.75, 9, True, True)


def test_three_settings_have_two_names():
    config = search("--train_max_iter=12", "--train_eval_steps=3", "--train_ema_decay=0.5")
    assert (config.train_steps, config.train_eval_every, config.ema_decay) == (12, 3, 0.5)
    assert search("--train_max_iter=12", "--train_steps=13").train_steps == 13  # the later one wins
    assert search("--train_steps=13", "--train_max_iter=12").train_steps == 12


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--train_loss=wasserstein", "--train_spectral_norm=none"],
         "--train_loss=wasserstein needs .* give --train_penalty=wgan_gp, --train_clip_weights"),
        (["--train_minibatch_std", "--train_penalty=r1"], "--train_penalty=r1 needs .* --train_minibatch_std looks"),
        (["--train_n_critic=0"], "--train_n_critic must be a whole number that is at least 1"),
        (["--train_seed=0"], "unknown flag --train_seed"),
        (["--train_top=6"], "--train_top must be at most topk.* it is 6 and topk is 5"),
    ],  # fmt: skip
)
def test_what_does_not_fit_is_refused_in_the_searchs_names(argv, words):
    with pytest.raises(UserError, match=words):
        search(*argv)


def test_without_a_final_training_its_settings_may_be_whatever_they_are():
    config = search("--train_loss=wasserstein", "--train_spectral_norm=none", "--train_steps=0")
    assert config.final.loss == "wasserstein"
