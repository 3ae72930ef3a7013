"""A search in half precision: how far losses and rewards are off, and that all state stays float32."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data.pipeline import ImageStream
from autogan_tf.nas.estimation.reward import Scorer
from autogan_tf.nas.estimation.shared_gan import SharedGan
from autogan_tf.training.precision import COMPUTE_DTYPES
from tests.nas.estimation.test_shared_gan import IMAGES, Quarters, architectures, made

TOKENS = [0, 1, 1, 1, 1, 0, 0, 0, 1]
HALF = [name for name in COMPUTE_DTYPES if name != "float32"]


def losses(gan: SharedGan, steps: int = 6) -> np.ndarray:
    """Of both networks, [steps, 2], for one cell and another architecture in each step."""
    for scale in gan.loss_scales or ():
        scale.scale.assign(64.0)  # the first steps at the initial scale overflow and are left out
    loop = gan.stage_loop(stage=0, stream=ImageStream(images=IMAGES[:, ::2, ::2], batch_size=4, seed=0))
    tokens = architectures(steps, 1)
    ends = [loop.run(begin=step, end=step + 1, first_step=0, tokens=tokens) for step in range(steps)]
    return np.array([[progress.d_loss, progress.g_loss] for progress in ends])


def rewards(gan: SharedGan) -> np.ndarray:
    """Of eight architectures of one cell."""
    scorer = Scorer(generator=gan.generator, network=Quarters(), batch_size=10, calibration_batches=2, seed=0)
    trials = scorer.trials(architectures(8, 1).numpy().tolist(), num_images=40)
    return np.array([trial.reward for trial in trials])


@pytest.fixture(scope="module")
def of_float32() -> tuple[np.ndarray, np.ndarray]:
    """Rewards and losses."""
    gan = made()
    return rewards(gan), losses(gan)


@pytest.mark.parametrize("name", HALF)
def test_rewards_and_losses_are_near_those_of_float32_and_all_state_stays_float32(name, of_float32):
    half = made(precision=name)
    ours = rewards(half)
    np.testing.assert_allclose(ours, of_float32[0], rtol=0.01)
    assert np.any(ours != of_float32[0])
    ours, expected = losses(half), of_float32[1]
    np.testing.assert_allclose(ours[0], expected[0], rtol=0.02, atol=0.02)
    np.testing.assert_allclose(ours, expected, rtol=0.2, atol=0.2)  # the high learning rate makes more of differences
    assert np.any(ours != expected)
    for variable in [*half.generator.variables, *half.discriminator.variables, *half.g_optimizer.first_moments]:
        assert variable.dtype == tf.float32
        assert np.all(np.isfinite(variable))


def test_every_convolution_of_the_shared_gan_is_in_half_precision(monkeypatch):
    seen = []
    inner = tf.nn.conv2d

    def spy(x, *arguments, **options):
        seen.append(x.dtype)
        return inner(x, *arguments, **options)

    gan = made(num_cells=2, precision="mixed_bfloat16")
    monkeypatch.setattr(tf.nn, "conv2d", spy)
    images = gan.generator(tf.zeros([2, 3]), tokens=tf.constant(TOKENS), training=True)
    gan.discriminator(images, stage=1, training=True)
    assert set(seen) == {tf.bfloat16} and images.dtype == tf.float32


def test_new_weights_begin_with_new_loss_scales():
    gan = made(precision="mixed_float16")
    for scale in gan.loss_scales:
        scale.scale.assign(2.0)
    gan.draw_weights(generation=1)
    assert [float(scale.scale) for scale in gan.loss_scales] == [2.0**15, 2.0**15]
    assert made().loss_scales is None and made(precision="mixed_bfloat16").loss_scales is None


def test_a_checkpoint_holds_the_loss_scales(tmp_path):
    first, second = made(precision="mixed_float16"), made(precision="mixed_float16")
    for scale, value in zip(first.loss_scales, (8.0, 32.0), strict=True):
        scale.scale.assign(value)
    path = tf.train.Checkpoint(gan=first).write(str(tmp_path / "saved"))
    tf.train.Checkpoint(gan=second).read(path).assert_existing_objects_matched()
    assert [float(scale.scale) for scale in second.loss_scales] == [8.0, 32.0]
