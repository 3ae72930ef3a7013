"""Feature networks that cannot rank architectures, found out on real images, and rewards that are all the same."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.errors import UserError
from autogan_tf.config.search import SearchConfig
from autogan_tf.nas import assembly
from autogan_tf.nas.reward_check import check_can_rank, tell_if_equal

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3)).astype(np.uint8)


class Network:
    """Features: mean brightness of the four quarters; logits: `logits` of these. Notes the images that it is shown."""

    name = "saved_model:mine"

    def __init__(self, *, features=lambda x: x, logits=lambda x: 3.0 * x) -> None:
        self.features, self.logits, self.shapes = features, logits, []

    def __call__(self, images):
        self.shapes.append(tuple(images.shape))
        side = images.shape[1] // 2
        quarters = tf.nn.avg_pool2d(tf.cast(images, tf.float32) / 255.0, side, side, "VALID")
        quarters = tf.reshape(tf.reduce_mean(quarters, axis=3), [-1, 4])
        return self.features(quarters), self.logits(quarters)


def refused(network, images=IMAGES, sides=(8, 16)) -> str:
    with pytest.raises(UserError) as caught:
        check_can_rank(network, images, sides=sides, seed=1)
    assert "saved_model:mine" in str(caught.value) and "choose other --features" in str(caught.value)
    return str(caught.value)


def with_one(value: float):
    """Puts `value` into the second row alone."""
    return lambda x: tf.tensor_scatter_nd_update(x, [[1, 2]], [value])


def only_of(side: int, broken):
    """A network that is broken for images of one size alone."""

    class Broken(Network):
        def __call__(self, images):
            features, logits = super().__call__(images)
            return (features, broken(logits)) if images.shape[1] == side else (features, logits)

    return Broken()


def test_a_network_that_tells_images_apart_passes_and_sees_64_at_every_size():
    network = Network()
    check_can_rank(network, IMAGES, sides=(8, 16), seed=1)
    assert {shape[1:] for shape in network.shapes} == {(8, 8, 3), (16, 16, 3)}
    assert [sum(shape[0] for shape in network.shapes if shape[1] == side) for side in (8, 16)] == [64, 64]


def test_logits_that_hardly_differ_still_pass():
    """A hundredth between classes: e to the mean divergence is above 1 by about the variance, some 1e-5."""
    check_can_rank(Network(logits=lambda x: 0.1 * x), IMAGES, sides=(16,), seed=1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_in_single_rows_are_refused(value):
    said = refused(Network(logits=with_one(value)))
    assert "logits with NaN or infinity for 4 of 64 real images of 8 x 8 pixels" in said  # in each batch of 16 one
    assert "features with NaN or infinity for 4 of 64" in refused(Network(features=with_one(value)))


def test_a_reward_of_features_needs_those_to_differ_and_no_classes():
    one_logit, same = Network(logits=lambda x: x[:, :1]), Network(features=lambda x: 0 * x + 2)
    assert "1 logit" in refused(one_logit)
    check_can_rank(one_logit, IMAGES, sides=(16,), seed=1, needs=("features", "real_statistics"))
    check_can_rank(same, IMAGES, sides=(16,), seed=1)
    with pytest.raises(UserError, match="the same features for all of 64 real images of 16 x 16 .* cannot rank"):
        check_can_rank(same, IMAGES, sides=(16,), seed=1, needs=("features",))
    check_can_rank(same, IMAGES, sides=(16,), seed=1, needs=("cost",))


def test_a_size_at_which_alone_it_breaks_is_named():
    assert "of 16 x 16 pixels" in refused(only_of(16, with_one(float("nan"))))
    assert "of 8 x 8 pixels" in refused(only_of(8, with_one(float("nan"))))


def test_one_logit_is_refused():
    assert "gives 1 logit for an image" in refused(Network(logits=lambda x: x[:, :1]))


@pytest.mark.parametrize(
    "logits",
    [
        lambda x: tf.zeros_like(x) + [1.0, 2.0, 3.0, 4.0],
        lambda x: tf.zeros_like(x) + x[:, :1],  # other logits for every image, the same probabilities
        lambda x: 1e-5 * x,
        lambda x: x + [100.0, 0.0, 0.0, 0.0],  # one class for everything
    ],
)
def test_the_same_classes_for_all_images_are_refused(logits):
    assert "the same classes for all of 64 real images" in refused(Network(logits=logits))


def test_real_images_that_are_all_the_same_say_nothing_about_a_network():
    check_can_rank(Network(), np.repeat(IMAGES[:1], 5, axis=0), sides=(16,), seed=1)


def test_a_network_that_fails_on_such_images_is_one_error():
    def broken(x):
        raise tf.errors.InvalidArgumentError(None, None, "Computed output size would be negative.\n[[node x]]")

    said = refused(Network(logits=broken))
    assert "fails on real images [8, 8, 3]: Computed output size would be negative. [[node x]]; choose" in said


def test_the_networks_own_error_stays_as_it_is():
    def broken(x):
        raise UserError("takes images of depth 1")

    with pytest.raises(UserError, match="^takes images of depth 1$"):
        check_can_rank(Network(logits=broken), IMAGES, sides=(16,), seed=1)


def test_a_search_looks_at_the_sizes_of_its_stages():
    network = Network()
    assembly.check_can_rank(SearchConfig(bottom_width=2, num_cells=3, grow_steps=(1, 2)), network, IMAGES)
    assert sorted({shape[1] for shape in network.shapes}) == [4, 8, 16]


@pytest.mark.parametrize(
    ("rewards", "told"),
    [([2.0, 2.0], True), ([1.0, 1.0 + 1e-9, 1.0], True), (np.full(3, 0.0), True), ([1e6, 1e6 + 0.5], True),
     ([1.0, 1.001], False),
     ([1.0, 1.0, 1.00001], False), ([5.0], False)],
)  # fmt: skip
def test_rewards_that_are_all_the_same_are_told(rewards, told):
    events: list[str] = []
    observer = types.SimpleNamespace(event=events.append)
    tell_if_equal(observer, rewards, "rewards of iteration 3", "the controller learns")
    assert len(events) == told
    if told:
        assert f"all {len(rewards)} rewards of iteration 3 are" in events[0]
        assert "the controller learns nothing" in events[0] and "--features" in events[0]
