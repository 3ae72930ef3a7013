"""The flag files that come with the program: valid for the command that they open with."""

from __future__ import annotations

import re

import pytest

from autogan_tf.config.command_line import parse
from autogan_tf.config.flag_files import shipped_folder, shipped_names
from autogan_tf.config.search import SearchConfig
from autogan_tf.config.train import TrainConfig

SEARCH = (
    "bench_search.flags", "bench_shared.flags", "cifar10.flags", "cifar10_cpu.flags", "quickstart.flags", "stl10.flags"
)  # fmt: skip
TRAIN = (
    "bench_full_size.flags", "bench_train.flags", "cifar10_train.flags", "cifar10_train_cpu.flags", "mnist_train.flags",
    "stl10_train.flags",
)  # fmt: skip
COMMANDS = {"search": SearchConfig, "train": TrainConfig}


def test_which_there_are():
    assert shipped_names() == sorted([*SEARCH, *TRAIN])


@pytest.mark.parametrize("name", [*SEARCH, *TRAIN])
def test_each_is_valid_and_opens_with_its_command(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    header = (shipped_folder() / name).read_text().split("\n\n")[0].splitlines()
    assert all(line.startswith("# ") for line in header)
    assert any(line.startswith("# Measured:") for line in header)
    command, rest = re.search(r"python -m autogan_tf\.(\w+) (--flagfile=.*)", "\n".join(header)).groups()
    assert command == ("train" if name in TRAIN else "search")
    parse(COMMANDS[command], rest.split(), doc="").validate()
    assert rest.split()[0] == f"--flagfile={name}"


def test_the_published_training():
    """Section 4 of the paper, and the defaults of the published code."""
    for name, dataset, width in (("cifar10_train.flags", "cifar10", 4), ("stl10_train.flags", "stl10", 6)):
        config = parse(TrainConfig, [f"--flagfile={name}", "--genotype=autogan_cifar10_a"], doc="")
        assert config == TrainConfig(genotype="autogan_cifar10_a", dataset=dataset, bottom_width=width)
        found = [config.gf_dim, config.df_dim, config.latent_dim, config.gen_batch_size, config.dis_batch_size]
        assert found == [256, 128, 128, 128, 64]
        assert (config.max_iter, config.n_critic, config.g_lr, config.d_lr) == (50000, 5, 2e-4, 2e-4)
        assert (config.beta1, config.beta2, config.ema_decay, config.loss) == (0.0, 0.9, 0.999, "hinge")
        assert (config.val_freq, config.num_eval_imgs) == (20, 50000)
