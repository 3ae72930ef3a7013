"""Where candidates compute: in one graph all that can share it, the others in their own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from autogan_tf.bench import recipe
from autogan_tf.config import command_line
from autogan_tf.config.search import SearchConfig
from autogan_tf.data.image_data import ImageData
from autogan_tf.data.image_store import IN_MEMORY
from autogan_tf.nas.estimation.candidate_training import CandidateTraining, Job
from autogan_tf.training import assembly
from autogan_tf.training.trainer import Trainer

ONE, TWO = (0, 1, 1, 0), (1, 2, 0, 1)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A function: trains jobs given as (tokens, seed, steps) with further flags -> of each trainer that was made
    "graphs" for one that lends them, "borrows" or "own"; and the scores, in .scores."""
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)
    data = ImageData("noise", images, np.zeros(16, np.int32), 1, "train")
    made: list[str] = []
    new_trainer = assembly.new_trainer

    def told(*arguments, changeable: bool = False, graphs: Trainer | None = None) -> Trainer:
        made.append("graphs" if changeable else "borrows" if graphs else "own")
        return new_trainer(*arguments, changeable=changeable, graphs=graphs)

    def train(name: str, jobs, *flags: str) -> list[str]:
        config = command_line.parse(
            SearchConfig,
            ["--dataset=mnist5k", "--num_cells=1", "--single_level", "--estimation=from_scratch", "--train_steps=2",
             "--latent_dim=4", "--train_gf_dim=4", "--train_df_dim=4", "--train_dis_batch_size=4",
             "--train_gen_batch_size=4", "--num_eval_imgs=20", "--rl_num_eval_img=20", f"--cache_dir={tmp_path}",
             *flags],
            doc="",
        )  # fmt: skip
        training = CandidateTraining(config, data, recipe.judge(16), store=IN_MEMORY)
        made.clear()
        for tokens, seed, steps in jobs:
            folder = tmp_path / name / f"{'-'.join(map(str, tokens))}-{seed}"
            training.run(Job(str(folder), tokens, seed, steps, 20))
            rows = (folder / "evaluations.jsonl").read_text().splitlines()
            train.scores[name, tokens, seed, steps] = json.loads(rows[-1])["frechet_distance"]
        return list(made)

    train.scores = {}
    monkeypatch.setattr(assembly, "new_trainer", told)
    return train


def test_all_in_one_and_each_as_if_it_were_alone(trained):
    jobs = [(ONE, 0, 1), (TWO, 0, 1), (ONE, 0, 2), (TWO, 0, 2)]
    assert trained("both", jobs) == ["graphs", "borrows", "borrows", "borrows", "borrows"]
    assert trained("alone", [(TWO, 0, 1), (TWO, 0, 2)]) == ["graphs", "borrows", "borrows"]
    assert trained("own", [(TWO, 0, 1)], "--candidate_graphs=own") == ["own"]
    assert trained.scores["alone", TWO, 0, 2] == trained.scores["both", TWO, 0, 2] != trained.scores["both", ONE, 0, 2]
    assert trained.scores["own", TWO, 0, 1] == pytest.approx(trained.scores["both", TWO, 0, 1], rel=1e-3)


def test_other_seeds_have_the_same_graph_and_each_training_its_own_seed(trained):
    assert trained("seeds", [(ONE, 0, 1), (ONE, 7, 1)]) == ["graphs", "borrows", "borrows"]
    assert trained("alone", [(ONE, 7, 1)]) == ["graphs", "borrows"]
    seventh = trained.scores["seeds", ONE, 7, 1]
    assert seventh == trained.scores["alone", ONE, 7, 1] and seventh != trained.scores["seeds", ONE, 0, 1]


@pytest.mark.parametrize(
    "flag",
    ["--train_conditional", "--train_spectral_norm=both", pytest.param("--train_jit_compile", marks=pytest.mark.slow)],
)
def test_what_cannot_share_has_its_own(trained, flag):
    assert trained("special", [(ONE, 0, 1)], flag) == ["own"]
