"""The shared GAN, and a small real search with it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.semantics import Semantics
from autogan_tf.config.strategy_settings import ReinforceSettings
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.nas.estimation.shared_weights import SharedWeights
from autogan_tf.nas.plan import Plan
from autogan_tf.nas.searcher import Searcher
from autogan_tf.nas.strategies.reinforce import Reinforce
from autogan_tf.nas.task import Task
from autogan_tf.search_space import autogan
from autogan_tf.training.collapse import CollapseDetector

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1)).astype(np.uint8)


def made(*, num_cells: int = 1, window: int = 2, threshold: float = 0.0, seed: int = 1, **options) -> SharedGan:
    sizes = {"bottom_width": 4, "latent_dim": 3, "gf_dim": 2, "df_dim": 6, "channels": 1}
    training = {"g_lr": 0.01, "d_lr": 0.01, "beta1": 0.0, "beta2": 0.9, "gen_batch_size": 4, "n_critic": 2}
    return SharedGan(
        num_cells=num_cells,
        init_type="xavier_uniform",
        detector=CollapseDetector(window=window, threshold=threshold),
        seed=seed,
        **sizes,  # type: ignore[arg-type]
        **training,  # type: ignore[arg-type]
        **options,
    )


def weights(gan: SharedGan) -> list[np.ndarray]:
    return [variable.numpy() for variable in [*gan.generator.variables, *gan.discriminator.variables]]


def architectures(steps: int, num_cells: int) -> tf.Tensor:
    rng = np.random.default_rng(3)
    return tf.constant(np.stack([rng.integers(0, n, steps) for n in autogan.SPACE.counts(num_cells)], axis=1), tf.int32)


def test_weights_follow_from_seed_and_generation():
    gan = made()
    first = weights(gan)
    for mine, theirs in zip(first, weights(made()), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    gan.draw_weights(generation=1)
    second = weights(gan)
    kernels = [i for i, value in enumerate(first) if value.ndim > 1]
    assert all(np.any(first[i] != second[i]) for i in kernels)
    gan.draw_weights(generation=0)
    for mine, theirs in zip(first, weights(gan), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert np.any(weights(made(seed=2))[0] != first[0])


def test_a_new_draw_forgets_optimizers_and_losses():
    gan = made()
    for optimizer in (gan.g_optimizer, gan.d_optimizer):
        optimizer.steps.assign(tf.ones_like(optimizer.steps))
        optimizer.second_moments[0].assign(tf.ones_like(optimizer.second_moments[0]))
    gan.detector.push_generator(tf.constant(1.0))
    gan.draw_weights(generation=1)
    for optimizer in (gan.g_optimizer, gan.d_optimizer):
        assert not np.any(optimizer.steps) and not np.any(optimizer.second_moments[0])
    assert not np.any(gan.detector.counts)


def test_as_published_spectral_convolutions_keep_pytorchs_default():
    gan = made(semantics=Semantics.published())
    bounds = {layer.name: np.abs(layer.kernel).max() for layer in (gan.discriminator.blocks[0].c1,)}
    # 9 inputs: default 1/3; Xavier would be sqrt(6 / (9 · 7)) = 0.309
    assert 0.31 < bounds["c1"] <= 1 / 3
    assert np.abs(made().discriminator.blocks[0].c1.kernel).max() <= math.sqrt(6 / 63)


class Quarters:
    """Four logits: the mean brightness of the images' quarters."""

    def __call__(self, images):
        side = images.shape[1] // 2
        logits = tf.reshape(tf.nn.avg_pool2d(images, side, side, "VALID"), [-1, 4])
        return logits, 3.0 * logits


class Notes:
    """Keeps the searcher's numbers, without the time."""

    def __init__(self) -> None:
        self.rows: list[tuple] = []
        self.events: list[str] = []

    def phase(self, description, total, unit):
        pass

    def done(self, done):
        pass

    def event(self, text):
        self.events.append(text)

    def numbers(self, *, step, phase, numbers):
        self.rows.append((step, phase, {name: value for name, value in numbers.items() if name != "seconds"}))


def search(gan: SharedGan, **changes) -> tuple[list, Notes, Searcher]:
    values = {
        "max_search_iter": 2,
        "grow_steps": (),
        "shared_steps": 6,
        "dis_batch_size": 4,
        "ctrl_step": 2,
        "ctrl_sample_batch": 2,
        "ctrl_lr": 0.01,
        "ctrl_beta1": 0.9,
        "ctrl_beta2": 0.999,
        "hid_size": 4,
        "baseline_decay": 0.9,
        "entropy_coeff": 1e-3,
        "rl_num_eval_img": 20,
        "num_eval_imgs": 40,
        "num_candidate": 5,
        "topk": 2,
        "score_repeats": 1,
        "seed": 1,
    } | changes
    scorer = Scorer(generator=gan.generator, network=Quarters(), batch_size=8, calibration_batches=2, seed=1)
    notes = Notes()
    names = {field.name for field in dataclasses.fields(ReinforceSettings)}
    settings = ReinforceSettings(**{name: value for name, value in values.items() if name in names})
    plan = Plan(**{name: value for name, value in values.items() if name not in names})
    strategy = Reinforce(settings, Task(space=autogan.SPACE, seed=plan.seed))
    estimator = SharedWeights(gan=gan, scorer=scorer, images=IMAGES, plan=plan)
    searcher = Searcher(strategy=strategy, estimator=estimator, plan=plan, observer=notes)
    return searcher.run(), notes, searcher


@pytest.fixture(scope="module")
def collapsing():
    """One cell; every stretch of training counts as collapsed once two generator losses are there."""
    gan = made(threshold=1e9)
    return *search(gan), gan


def test_a_forced_collapse_stops_training_and_draws_the_weights_anew(collapsing):
    ranked, notes, searcher, gan = collapsing
    rows = [numbers for _, phase, numbers in notes.rows if phase == "search"]
    # the generator steps at 0 and 2: the window of two is full after three discriminator steps
    assert [numbers["shared_steps"] for numbers in rows] == [3, 3]
    assert [numbers["resets"] for numbers in rows] == [1, 2]
    assert searcher.estimator.phases == 3  # the last reset was followed by training
    fresh = made(threshold=1e9)
    fresh.draw_weights(generation=2)
    moved = [np.any(a != b) for a, b in zip(weights(gan), weights(fresh), strict=True)]
    assert 0.3 * len(moved) < sum(moved)
    # what three steps of at most 0.01 · sqrt(1 / (1 - 0.9)) cannot have moved far
    kernel, start = gan.generator.l1.kernel.numpy(), fresh.generator.l1.kernel.numpy()
    assert 0 < np.abs(kernel - start).max() < 0.1
    assert len(ranked) == 2


def without_machine(rows: list) -> list:
    """Without what clocks and memory say."""
    names = ("seconds", "images_per_second", "memory_mb")
    return [(*head, {name: value for name, value in numbers.items() if name not in names}) for *head, numbers in rows]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_rewards_ranking_and_weights(collapsing):
    ranked, notes, _, gan = collapsing
    other = made(threshold=1e9)
    again, others, _ = search(other)
    assert without_machine(others.rows) == without_machine(notes.rows)
    assert again == ranked
    for mine, theirs in zip(weights(gan), weights(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_traces_of_a_search_do_not_depend_on_the_architectures(collapsing):
    _, notes, searcher, _ = collapsing
    tried = {name for _, phase, numbers in notes.rows if phase == "strategy" for name in numbers["rewards"]}
    assert len(tried) > 3
    assert searcher.estimator.loop.trace_count == 1
    assert searcher.estimator.scorer.trace_counts == {4: 1}
    assert searcher.strategy.policy._sample.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_one_trace_for_each_stage_of_a_growing_search():
    gan = made(num_cells=2)
    loops = []
    made_before = gan.stage_loop

    def stage_loop(*, stage: int, stream: ImageStream):
        loops.append(made_before(stage=stage, stream=stream))
        return loops[-1]

    gan.stage_loop = stage_loop  # type: ignore[method-assign]
    ranked, notes, searcher = search(gan, max_search_iter=4, grow_steps=(2,))
    assert [loop.trace_count for loop in loops] == [1, 1]
    assert searcher.estimator.scorer.trace_counts == {4: 1, 9: 1}
    assert [numbers["stage"] for _, phase, numbers in notes.rows if phase == "search"] == [0, 0, 1, 1]
    assert all(len(entry.genotype.cells) == 2 for entry in ranked)
    loops[1].run(begin=0, end=8, first_step=500, tokens=architectures(8, 2))
    assert loops[1].trace_count == 1
    finite = [np.isfinite(value).all() for value in weights(gan)]
    assert all(finite)
