"""Scores of architectures: what they depend on and what they do not."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.config.semantics import Semantics
from autogan_tf.data import seeds
from autogan_tf.metrics.frechet import FrechetStatistics, frechet_distance
from autogan_tf.metrics.inception_score import inception_score
from autogan_tf.metrics.kernel import kernel_distance
from autogan_tf.models import initializers
from autogan_tf.models.cost import Cost
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.nas.estimation import objectives
from autogan_tf.nas.estimation.objectives import Real
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.search_space import autogan

POST_BATCH, PRE_PLAIN = [0, 1, 0, 1], [1, 0, 2, 0]


class FakeNetwork:
    """Four logits: the mean brightness of the images' quarters; counts the batches it sees."""

    def __init__(self) -> None:
        self.batches = tf.Variable(0)
        self.seen_shape: tuple = ()

    def __call__(self, images):
        self.seen_shape = tuple(images.shape[1:])
        self.batches.assign_add(1)
        side = images.shape[1] // 2
        logits = tf.reshape(tf.nn.avg_pool2d(images[..., :1], side, side, "VALID"), [-1, 4])
        return logits, 3.0 * logits


class Setup:
    def __init__(self, num_cells: int, batch_size: int = 8, **options) -> None:
        self.generator = SupernetGenerator(num_cells=num_cells, gf_dim=3, latent_dim=4, channels=1)
        initializers.initialize(self.generator.named_layers(), seed=seeds.stateless_seed(0, "weights"))
        self.network = FakeNetwork()
        arguments = {"batch_size": batch_size, "calibration_batches": 3, "seed": 1} | options
        self.scorer = Scorer(generator=self.generator, network=self.network, **arguments)

    def score(self, tokens, *, phase=("controller", 0), num_images=20) -> float:
        self.scorer.start_phase(*phase)
        return self.scorer.score(tokens, num_images=num_images)

    def rewards(self, architectures) -> list[float]:
        return [trial.reward for trial in self.scorer.trials(architectures, num_images=20)]

    def spoil_statistics(self) -> None:
        """Leaves running statistics as some other architecture might."""
        rng = np.random.default_rng(9)
        for variable in self.generator.non_trainable_variables:
            variable.assign(rng.uniform(1, 5, variable.shape))


@pytest.fixture(scope="module")
def small() -> Setup:
    return Setup(1)


@pytest.fixture(scope="module")
def published() -> Setup:
    return Setup(1, semantics=Semantics.published())


def test_an_architecture_that_comes_twice_in_a_phase_is_scored_once(small):
    small.scorer.start_phase("controller", 0)
    before = int(small.network.batches)
    first = small.scorer.score(POST_BATCH, num_images=20)
    assert int(small.network.batches) - before == 3  # 20 images in batches of 8
    assert small.scorer.score(POST_BATCH, num_images=20) == first
    assert small.scorer.score(tuple(np.array(POST_BATCH)), num_images=20) == first
    assert int(small.network.batches) - before == 3 and small.scorer.scored == 1
    small.scorer.score(PRE_PLAIN, num_images=20)
    assert int(small.network.batches) - before == 6 and small.scorer.scored == 2
    small.scorer.start_phase("controller", 1)  # the weights may have changed
    assert small.scorer.scored == 0
    small.scorer.score(POST_BATCH, num_images=20)
    assert int(small.network.batches) - before == 9


def test_a_phase_that_goes_on_keeps_its_scores_and_another_one_does_not(small):
    small.scorer.start_phase("controller", 0)
    first = small.scorer.score(POST_BATCH, num_images=20)
    small.scorer.start_phase("controller", 0, again=True)
    before = int(small.network.batches)
    assert small.scorer.score(POST_BATCH, num_images=20) == first
    assert int(small.network.batches) == before and small.scorer.scored == 1
    small.scorer.start_phase("final", 0, again=True)
    assert small.scorer.scored == 0
    assert small.scorer.score(POST_BATCH, num_images=20) != first


def test_a_batch_of_architectures_gets_the_scores_that_each_gets_alone(small):
    alone = [small.score(tokens) for tokens in (POST_BATCH, PRE_PLAIN)]
    small.scorer.start_phase("controller", 0)
    before = int(small.network.batches)
    together = small.rewards([POST_BATCH, PRE_PLAIN, POST_BATCH])
    assert together == [*alone, alone[0]] and small.scorer.scored == 2
    assert int(small.network.batches) - before == 6  # two architectures, 20 images each in batches of 8
    assert small.rewards([PRE_PLAIN]) == alone[1:]


def test_as_published_every_scoring_has_latents_of_its_own(published):
    published.scorer.start_phase("controller", 0)
    together = published.rewards([POST_BATCH, POST_BATCH])
    assert together[0] != together[1]
    published.scorer.start_phase("controller", 0)
    alone = [published.scorer.score(POST_BATCH, num_images=20)]
    state = json.loads(json.dumps(published.scorer.state()))
    published.scorer.start_phase("controller", 1)
    published.scorer.restore(state)  # in the middle of a phase
    alone.append(published.scorer.score(POST_BATCH, num_images=20))
    assert alone == together


def test_scores_lie_between_one_and_the_number_of_classes_and_differ(small):
    rng = random.Random(0)
    scores = {small.score([rng.randrange(n) for n in autogan.SPACE.counts(1)]) for _ in range(6)}
    assert len(scores) > 3
    assert all(1 <= score <= 4 for score in scores)


def test_equal_networks_get_equal_scores(small):
    """All architectures of a phase see the same latents: one with a shortcut of weight 0 is no other network."""
    shortcut = small.generator.named_layers()["cell1.sc_conv"]
    weights = [variable.numpy() for variable in shortcut.variables]
    for variable in shortcut.variables:
        variable.assign(tf.zeros_like(variable))
    small.scorer.start_phase("controller", 3)
    scores = [small.scorer.score([0, 1, 1, flag], num_images=20) for flag in (0, 1)]
    assert scores[0] == scores[1]
    for variable, value in zip(shortcut.variables, weights, strict=True):
        variable.assign(value)
    small.scorer.start_phase("controller", 3)
    assert small.scorer.score([0, 1, 1, 1], num_images=20) != scores[0]


def test_a_phase_has_its_own_latents_and_repeats_them(small):
    first = small.score(POST_BATCH)
    assert small.score(POST_BATCH) == first
    assert small.score(POST_BATCH, phase=("controller", 1)) != first
    assert small.score(POST_BATCH, phase=("ranking/0", 0)) != first
    assert small.score(POST_BATCH) == first


@pytest.mark.parametrize("tokens", [POST_BATCH, PRE_PLAIN])
def test_running_statistics_of_other_architectures_do_not_matter(small, tokens):
    first = small.score(tokens)
    small.spoil_statistics()
    assert small.score(tokens) == first
    small.score([0, 1, 2, 0])
    assert small.score(tokens) == first


def test_the_statistics_are_the_architectures_own(small):
    """After scoring, running mean and variance are the plain averages over the calibration batches."""
    small.spoil_statistics()
    small.score(POST_BATCH)
    norm = small.generator.to_rgb_bn
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    z = np.random.default_rng(0).standard_normal((4000, 4)).astype(np.float32)
    small.generator(z, tokens=tf.constant(POST_BATCH), training=True, momentum=1.0)
    np.testing.assert_allclose(mean, norm.moving_mean, atol=4 * np.sqrt(variance.max() / 24))
    ratio = variance / norm.moving_variance.numpy()
    assert ratio.max() < 3 and ratio.min() > 1 / 3


def test_weights_are_left_alone(small):
    before = [variable.numpy() for variable in small.generator.trainable_variables]
    small.score(POST_BATCH)
    for variable, value in zip(small.generator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_as_many_logits_as_images(small):
    seed = seeds.stateless_seed(0, "test")
    logits = small.scorer.outputs([POST_BATCH], drawn=[seed], num=20).logits[0]
    assert logits.shape == (20, 4)
    fewer = small.scorer.outputs([POST_BATCH], drawn=[seed], num=11).logits[0]
    np.testing.assert_allclose(fewer, logits[:11], atol=1e-6)
    assert small.network.seen_shape == (8, 8, 1)
    assert len({tuple(row) for row in logits.tolist()}) == 20  # no latents twice


def test_the_score_is_that_of_the_logits(small):
    """Against the definition: exp of the mean divergence from the mean prediction."""
    small.scorer.start_phase("final", 0)
    score = small.scorer.score(POST_BATCH, num_images=16)
    drawn = [seeds.stateless_seed(1, "reward/final", 0, 0)]
    logits = small.scorer.outputs([POST_BATCH], drawn=drawn, num=16).logits[0]
    p = np.exp(logits.astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    assert score == pytest.approx(np.exp(np.mean(np.sum(p * np.log(p / p.mean(axis=0)), axis=1))), rel=1e-6)


class Pixels:
    """Gives the pixels themselves as logits."""

    def __call__(self, images):
        return images, tf.reshape(images, [-1, 64])


@pytest.mark.parametrize("truncated", [False, True])
def test_the_network_sees_eight_bit_images(truncated):
    setup = Setup(1)
    scorer = Scorer(
        generator=setup.generator,
        network=Pixels(),
        batch_size=8,
        calibration_batches=1,
        seed=0,
        semantics=Semantics(truncated_pixels=truncated),
    )
    seed = seeds.stateless_seed(0, "test")
    levels = (scorer.outputs([[1, 0, 1, 1]], drawn=[seed], num=8).logits[0].astype(np.float64) + 1) * 127.5
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    assert levels.min() >= 0 and levels.max() <= 255 and len(np.unique(np.round(levels))) > 5
    # against the images themselves, with the statistics that the scoring left: rounded, or truncated as published
    z = seeds.latents(tf.random.experimental.stateless_fold_in(seed, 0), [8, 4])
    exact = (setup.generator(z, tokens=tf.constant([1, 0, 1, 1])).numpy().reshape(8, 64).astype(np.float64) + 1) * 127.5
    difference = exact - np.round(levels)
    low, high = (0.0, 1.0) if truncated else (-0.5, 0.5)
    assert difference.min() >= low - 1e-3 and difference.max() <= high + 1e-3
    assert difference.max() - difference.min() > 0.8


def test_as_published_there_are_fresh_latents_and_the_running_statistics(published):
    published.scorer.start_phase("controller", 0)
    scores = [published.scorer.score(POST_BATCH, num_images=20) for _ in range(3)]
    assert len(set(scores)) == 3 and published.scorer.scored == 3
    first = published.score(POST_BATCH)
    assert first == scores[0]
    before = [variable.numpy() for variable in published.generator.non_trainable_variables]
    published.spoil_statistics()
    spoilt = [variable.numpy() for variable in published.generator.non_trainable_variables]
    assert published.score(POST_BATCH) != first
    for variable, value in zip(published.generator.non_trainable_variables, spoilt, strict=True):
        np.testing.assert_array_equal(variable, value)
    for variable, value in zip(published.generator.non_trainable_variables, before, strict=True):
        variable.assign(value)


def test_as_published_there_are_ten_splits(published):
    """With one image a split, every split's score is 1."""
    assert published.score(POST_BATCH, num_images=10) == pytest.approx(1.0)
    assert published.score(POST_BATCH, num_images=20) > 1.0


def test_one_trace_for_each_stage_whatever_is_scored():
    setup = Setup(2)
    rng = random.Random(0)
    for number in range(5):
        for cells in (1, 2):
            tokens = [rng.randrange(count) for count in autogan.SPACE.counts(cells)]
            setup.score(tokens, phase=("controller", number), num_images=8 + 8 * number)
    assert setup.scorer.trace_counts == {4: 1, 9: 1}


def test_pictures_are_always_on_the_same_latents_and_change_no_score(small):
    small.scorer.start_phase("controller", 5)
    score = small.scorer.score(POST_BATCH, num_images=20)
    first = small.scorer.pictures(POST_BATCH)
    assert first.dtype == np.uint8 and first.shape == (8, 8, 8, 1)
    small.spoil_statistics()
    small.scorer.start_phase("controller", 6)
    np.testing.assert_array_equal(small.scorer.pictures(POST_BATCH), first)
    assert not np.array_equal(small.scorer.pictures(PRE_PLAIN), first)
    small.scorer.start_phase("controller", 5)
    assert small.scorer.score(POST_BATCH, num_images=20) == score
    assert small.scorer.trace_counts == {4: 1}  # no graph of their own


def test_the_pictures_are_what_the_generator_makes():
    setup = Setup(1, calibration_batches=1)
    found = setup.scorer.pictures(PRE_PLAIN)
    drawn = seeds.stateless_seed(1, "reward/pictures")
    z = seeds.latents(tf.random.experimental.stateless_fold_in(drawn, 0), [8, 4])
    images = setup.generator(z, tokens=tf.constant(PRE_PLAIN), training=False).numpy()
    expected = np.clip(np.round((images + 1) * 127.5), 0, 255)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_nan_from_the_network_is_told_at_the_first_scoring():
    """In one number of one of three batches; of the features, too, which the search itself does not use."""

    class Breaks(FakeNetwork):
        def __init__(self) -> None:
            super().__init__()
            self.at, self.in_features, self.in_logits = (tf.Variable(value) for value in (3, 0.0, 0.0))

        def __call__(self, images):
            features, logits = super().__call__(images)
            now = tf.cast(tf.equal(self.batches, self.at), tf.float32) * tf.one_hot(5, 8)[:, None]
            return tf.where(now > 0, self.in_features, features), tf.where(now > 0, self.in_logits, logits)

    setup = Setup(1)
    setup.scorer._network = network = Breaks()
    for at, broken in ((3, network.in_features), (5, network.in_logits)):
        network.at.assign(at)
        broken.assign(float("nan"))
        with pytest.raises(UserError, match=r"NaN or infinity .* the architecture 0 1 0 1, .*choose other --features"):
            setup.score(POST_BATCH, num_images=24)
        broken.assign(0.0)
    assert np.isfinite(setup.score(POST_BATCH, num_images=24))


REAL = np.random.default_rng(3).uniform(-1, 1, (30, 4)).astype(np.float32)


def test_scores_by_objective_are_those_of_features_logits_and_cost():
    """FakeNetwork's logits are three times its features, so that each score has an outside check."""
    real = {8: Real(FrechetStatistics.from_features(REAL), REAL)}
    reward = objectives.reward("is - 0.1*fid + kid - log(parameters)")
    setup = Setup(1, reward=reward, real=real, cost_of=lambda tokens: Cost(10 + sum(tokens), 1000))
    setup.scorer.start_phase("final", 0)
    trials = setup.scorer.trials([POST_BATCH, PRE_PLAIN, POST_BATCH], num_images=20)
    assert trials[0] == trials[2] and [trial.tokens for trial in trials[:2]] == [tuple(POST_BATCH), tuple(PRE_PLAIN)]
    for trial, tokens in zip(trials, (POST_BATCH, PRE_PLAIN), strict=False):
        drawn = [seeds.stateless_seed(1, "reward/final", 0, 0)]
        logits, features = setup.scorer.outputs([tokens], drawn=drawn, num=20)
        assert features is not None and features.shape == (1, 20, 4)
        np.testing.assert_allclose(logits, 3 * features, rtol=1e-6)
        expected = {
            "is": inception_score(logits[0], splits=1)[0],
            "fid": frechet_distance(FrechetStatistics.from_features(features[0]), real[8].statistics),
            "kid": kernel_distance(features[0], REAL)[0],
            "parameters": 10.0 + sum(tokens),
        }
        assert trial.scores == pytest.approx(expected, rel=1e-5)
        weighed = [1.0, -0.1, 1.0, 0.0] @ np.array(list(expected.values())) - np.log(10 + sum(tokens))
        assert trial.reward == pytest.approx(weighed, rel=1e-5)
        assert trial.scores_beyond_reward == trial.scores


def test_other_objectives_leave_the_inception_score_as_it_is(small):
    """Bit for bit, though features are kept, too."""
    real = {8: Real(FrechetStatistics.from_features(REAL))}
    both = Setup(1, reward=objectives.reward("is - fid"), real=real).scorer
    scores = []
    for scorer in (small.scorer, both):
        scorer.start_phase("controller", 2)
        scores.append(scorer.trials([POST_BATCH], num_images=20)[0])
    assert scores[0].scores == {"is": scores[0].reward} and scores[0].scores_beyond_reward == {}
    assert scores[1].scores["is"] == scores[0].reward
    assert len(small.scorer.pictures(POST_BATCH)) == len(both.pictures(POST_BATCH)) == 8


def test_a_reward_of_costs_alone_makes_no_images():
    setup = Setup(1, reward=objectives.reward("-multiply_adds"), cost_of=lambda tokens: Cost(1, 7 + tokens[0]))
    assert [setup.score(tokens) for tokens in (POST_BATCH, PRE_PLAIN)] == [-7.0, -8.0]
    assert int(setup.network.batches) == 0


def test_what_is_remembered_goes_through_json_and_older_states_are_read(small):
    small.scorer.start_phase("controller", 0)
    found = small.scorer.trials([POST_BATCH, PRE_PLAIN], num_images=20)
    state = json.loads(json.dumps(small.scorer.state()))
    older = state | {"scores": [[tokens, scores["is"]] for tokens, scores in state["scores"]]}  # one number each
    before = int(small.network.batches)
    for remembered in (state, older):
        small.scorer.start_phase("controller", 1)
        small.scorer.restore(remembered)
        assert small.scorer.trials([POST_BATCH, PRE_PLAIN], num_images=20) == found
    assert int(small.network.batches) == before
