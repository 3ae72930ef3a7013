"""SearchConfig: the published defaults, the settings that do not go together, and the shipped flag files."""

import pytest

from autogan_tf.config.command_line import parse
from autogan_tf.config.errors import UserError
from autogan_tf.config.flag_files import shipped_folder
from autogan_tf.config.search import SearchConfig

# The published search's settings: AutoGAN's CIFAR-10 script.
PUBLISHED = {
    "gen_batch_size": 128,
    "dis_batch_size": 64,
    "latent_dim": 128,
    "gf_dim": 128,
    "df_dim": 64,
    "n_critic": 5,
    "bottom_width": 4,
    "num_cells": 3,
    "init_type": "xavier_uniform",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta1": 0.0,
    "beta2": 0.9,
    "shared_epoch": 15,
    "grow_steps": (15, 35),
    "max_search_iter": 65,
    "ctrl_step": 30,
    "ctrl_sample_batch": 1,
    "ctrl_lr": 3.5e-4,
    "hid_size": 100,
    "baseline_decay": 0.9,
    "entropy_coeff": 1e-3,
    "rl_num_eval_img": 5000,
    "num_candidate": 10,
    "topk": 5,
    "dynamic_reset_window": 500,
    "train_gf_dim": 256,
    "train_df_dim": 128,
    "train_steps": 50000,
}


def config_of(flag_file: str) -> SearchConfig:
    return parse(SearchConfig, [f"--flagfile={flag_file}"], doc="")


def test_defaults_are_the_published_settings():
    config = SearchConfig()
    assert {name: getattr(config, name) for name in PUBLISHED} == PUBLISHED


def test_the_published_flag_files_state_the_published_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, dataset, width in [("cifar10.flags", "cifar10", 4), ("stl10.flags", "stl10", 6)]:
        config = config_of(name)
        expected = {**PUBLISHED, "bottom_width": width}
        assert {setting: getattr(config, setting) for setting in PUBLISHED} == expected
        assert config.dataset == dataset
        text = (shipped_folder() / name).read_text()
        assert [setting for setting in PUBLISHED if f"--{setting}=" not in text] == []


@pytest.mark.parametrize(("width", "cells", "resolution"), [(4, 3, 32), (6, 3, 48), (4, 1, 8), (4, 4, 64), (7, 2, 28)])
def test_resolution(width, cells, resolution):
    grow_steps = tuple(range(1, cells))
    config = SearchConfig(bottom_width=width, num_cells=cells, grow_steps=grow_steps)
    assert config.resolution == resolution
    for image_size in (0, resolution):
        SearchConfig(bottom_width=width, num_cells=cells, grow_steps=grow_steps, image_size=image_size).validate()


@pytest.mark.parametrize(
    ("threshold", "reference", "resolved"),
    [(None, False, 0.0316), (None, True, 1e-3), (0.0, True, 0.0), (0.0, False, 0.0), (0.5, True, 0.5)],
)
def test_reset_threshold(threshold, reference, resolved):
    config = SearchConfig(dynamic_reset_threshold=threshold, reference_semantics=reference)
    assert config.reset_threshold == resolved


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"image_size": 48}, ["--image_size", "4 * 2**3 = 32", "48", "--bottom_width"]),
        ({"image_size": 32, "bottom_width": 6}, ["--image_size", "6 * 2**3 = 48", "32"]),
        ({"topk": 11}, ["--topk", "11", "num_candidate is 10"]),
        ({"single_level": True, "reference_semantics": True}, ["--single_level", "search grows"]),
        ({"shared_sampling": "fair", "max_parameters": 9}, ["--shared_sampling=fair", "--shared_sampling=uniform"]),
        ({"grow_steps": (35, 15)}, ["--grow_steps", "rise", "15 follows 35", "35,15"]),
        ({"grow_steps": (15, 15)}, ["--grow_steps", "rise", "15 follows 15"]),
        ({"grow_steps": (15,)}, ["--grow_steps", "num_cells - 1 = 2", "1 (15)"]),
        ({"grow_steps": ()}, ["--grow_steps", "num_cells - 1 = 2", "none"]),
        ({"num_cells": 1}, ["--grow_steps", "num_cells - 1 = 0", "15,35"]),
        ({"num_cells": 4}, ["--grow_steps", "num_cells - 1 = 3"]),
        ({"grow_steps": (15, 65)}, ["--grow_steps", "max_search_iter = 65", "has 65"]),
        ({"grow_steps": (0, 35)}, ["--grow_steps", "at least 1", "0,35"]),
        ({"max_search_iter": 20}, ["--grow_steps", "max_search_iter = 20", "has 35"]),
        ({"reference_semantics": True, "ctrl_sample_batch": 2}, ["--ctrl_sample_batch", "--reference_semantics", "2"]),
        ({"dataset": " "}, ["--dataset", "cifar10"]),
        ({"num_cells": 7, "grow_steps": (1, 2, 3, 4, 5, 6)}, ["--num_cells", "at most 6", "7"]),
        ({"gf_dim": 0}, ["--gf_dim", "at least 1", "0"]),
        ({"budget": 2.0, "train_steps": 0}, ["--budget=2", "--budget_steps", "--train_steps", "--fidelities"]),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, parts):
    with pytest.raises(UserError) as caught:
        SearchConfig(**settings).validate()
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, 50000),
        ({"train_steps": 0}, 0),
        ({"train_steps": 0, "budget_steps": 540, "budget": 2.0}, 540),
        ({"train_steps": 900, "budget_steps": 540}, 540),
        ({"train_steps": 0, "estimation": "from_scratch", "fidelities": (20, 60)}, 60),
        ({"train_steps": 90, "estimation": "from_scratch", "fidelities": (20, 60)}, 90),
    ],
)
def test_what_a_budget_counts_in(settings, steps):
    config = SearchConfig(**settings)
    config.validate()
    assert config.full_training_steps == steps


def test_cross_checks_run_when_a_command_line_is_parsed():
    with pytest.raises(UserError, match="--topk must be at most num_candidate"):
        parse(SearchConfig, ["--topk=20"], doc="")


@pytest.mark.parametrize(
    "settings",
    [
        {"num_cells": 1, "grow_steps": ()},
        {"topk": 10},
        {"grow_steps": (1, 64)},
        {"reference_semantics": True},
        {"train_steps": 0},
        {"single_level": True, "max_search_iter": 1},  # whatever grow_steps are, as a flag file may give them
        {"reference_semantics": True, "ctrl_sample_batch": 2, "strategy": "random"},
        {"max_search_iter": 1, "num_cells": 1, "grow_steps": ()},
    ],
)
def test_extremes_that_are_allowed(settings):
    SearchConfig(**settings).validate()


def test_the_reference_search_exists_for_a_bottom_width_of_4_only():
    with pytest.raises(UserError, match="--bottom_width must be 4 with --reference_semantics.*but it is 6"):
        SearchConfig(reference_semantics=True, bottom_width=6).validate()
