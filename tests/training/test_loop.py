"""The loop: which steps it takes with what, where it stops, and that stretches do not change the result."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.data import seeds
from autogan_tf.data.pipeline import ImageStream
from autogan_tf.models import initializers
from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.search_space import autogan
from autogan_tf.training.adam import Adam
from autogan_tf.training.gan_step import GanStep
from autogan_tf.training.loop import GanLoop, TrainingDiverged

MOST = 40


class FakeStep:
    """Notes what it was called with; its losses are read from tables by the count of calls."""

    def __init__(self, d_losses=None, g_losses=None) -> None:
        self.generator = types.SimpleNamespace(latent_dim=2, num_classes=0)
        self.draws = False
        self.d_losses = tf.constant(np.arange(MOST) if d_losses is None else d_losses, tf.float32)
        self.g_losses = tf.constant(np.arange(MOST) if g_losses is None else g_losses, tf.float32)
        self.counts = tf.Variable([0, 0])
        self.real = tf.Variable(tf.zeros([MOST]))
        self.d_latents, self.g_latents = tf.Variable(tf.zeros([MOST])), tf.Variable(tf.zeros([MOST]))
        self.d_tokens, self.g_tokens = (tf.Variable(tf.fill([MOST], -1)) for _ in range(2))

    def _note(self, row, variables):
        index = self.counts[row]
        for variable, value in variables:
            variable.scatter_nd_update([[index]], [value])
        with tf.control_dependencies([self.counts.scatter_nd_add([[row]], [1])]):
            return tf.identity(index)

    def discriminator_step(self, real_images, latents, tokens=None):
        number = -2 if tokens is None else tokens[0]
        notes = [(self.real, tf.reduce_sum(real_images)), (self.d_latents, latents[0, 0]), (self.d_tokens, number)]
        loss = self.d_losses[self._note(0, notes)]
        return {"loss": loss, "gradient_norm": loss + 0.5}

    def generator_step(self, latents, tokens=None):
        number = -2 if tokens is None else tokens[0]
        loss = self.g_losses[self._note(1, [(self.g_latents, latents[0, 0]), (self.g_tokens, number)])]
        return {"loss": loss, "gradient_norm": loss + 0.25}


def stream(batch_size: int = 3, side: int = 8, channels: int = 1) -> ImageStream:
    images = np.random.default_rng(0).integers(0, 256, (11, side, side, channels)).astype(np.uint8)
    return ImageStream(images=images, batch_size=batch_size, seed=1)


def loop_of(step, **options) -> GanLoop:
    options = {"stream": stream(), "gen_batch_size": 4, "n_critic": 3, "seed": 5} | options
    return GanLoop(step=step, **options)


def test_the_generator_steps_at_multiples_of_n_critic_on_the_architecture_drawn_there():
    step = FakeStep()
    loop = loop_of(step, num_tokens=1)
    progress = loop.run(begin=0, end=10, tokens=tf.range(100, 110)[:, None])
    assert step.counts.numpy().tolist() == [10, 4]
    assert step.d_tokens.numpy()[:11].tolist() == [*range(100, 110), -1]
    assert step.g_tokens.numpy()[:5].tolist() == [100, 103, 106, 109, -1]
    assert progress == (10, 9.0, 3.0, 9.5, 3.25, False)


def test_a_derived_network_has_no_tokens():
    step = FakeStep()
    loop_of(step).run(begin=0, end=2)
    assert step.d_tokens.numpy()[:3].tolist() == [-2, -2, -1]


def test_images_and_latents_follow_from_the_count_of_all_steps():
    one, other = FakeStep(), FakeStep()
    loop_of(one).run(begin=0, end=8)
    loop_of(other).run(begin=0, end=4, first_step=4)
    np.testing.assert_array_equal(other.real[:4], one.real[4:8])
    np.testing.assert_array_equal(other.d_latents[:4], one.d_latents[4:8])
    expected = [float(tf.reduce_sum(stream().batch(number))) for number in range(8)]
    np.testing.assert_allclose(one.real[:8], expected, rtol=1e-5)
    numbers = np.concatenate([one.d_latents[:8], one.g_latents[:3]])
    assert len(set(numbers.tolist())) == 11  # no draw is used twice


def test_latents_depend_on_the_seed():
    one, other = FakeStep(), FakeStep()
    loop_of(one).run(begin=0, end=2)
    loop_of(other, seed=6).run(begin=0, end=2)
    assert np.all(one.d_latents.numpy()[:2] != other.d_latents.numpy()[:2])


def test_without_a_generator_step_its_loss_is_unknown():
    progress = loop_of(FakeStep()).run(begin=1, end=3)
    assert progress.steps == 3 and (progress.d_loss, progress.d_gradient_norm) == (1.0, 1.5)
    assert np.isnan(progress.g_loss) and np.isnan(progress.g_gradient_norm)


def test_the_generators_numbers_are_those_of_its_last_step():
    progress = loop_of(FakeStep()).run(begin=3, end=8)  # it steps at 3 and 6
    assert (progress.g_loss, progress.g_gradient_norm) == (1.0, 1.25)


def test_callables_hear_of_every_step():
    step = FakeStep()
    heard = tf.Variable(tf.zeros([3, MOST]))

    def hear(row):
        return lambda number, loss: heard.scatter_nd_update([[row, number]], [loss + 1])

    loop_of(
        step,
        before_step=lambda number: heard.scatter_nd_update([[0, number]], [1.0]),
        after_discriminator=hear(1),
        after_generator=hear(2),
    ).run(begin=0, end=5, first_step=10)
    assert np.flatnonzero(heard[0]).tolist() == [10, 11, 12, 13, 14]
    assert heard.numpy()[1, 10:15].tolist() == [1, 2, 3, 4, 5]
    assert np.flatnonzero(heard[2]).tolist() == [10, 13]


def test_it_stops_at_the_step_that_meets_the_condition():
    step = FakeStep()
    loop = loop_of(step, stop=lambda: step.counts[0] >= 6)
    progress = loop.run(begin=0, end=20)
    assert (progress.steps, progress.stopped) == (6, True)
    assert step.counts.numpy().tolist() == [6, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("quantity", "index", "step"), [("d_loss", 4, 5), ("g_loss", 2, 7)])
def test_a_loss_that_is_not_finite_stops_the_run_with_its_name_and_step(bad, quantity, index, step):
    losses = np.zeros(MOST)
    losses[index] = bad
    fake = FakeStep(**{f"{quantity[0]}_losses": losses})
    with pytest.raises(TrainingDiverged) as caught:
        loop_of(fake).run(begin=0, end=30, first_step=100)
    assert (caught.value.quantity, caught.value.step) == (quantity, 100 + step)
    np.testing.assert_equal(caught.value.value, bad)
    assert quantity in str(caught.value) and str(100 + step) in str(caught.value)
    assert fake.counts[0] == step  # no step after the bad one


SPACE = autogan.SPACE.counts(1)


class Real:
    """A supernet of one cell on 8 pixels, its loop, and everything that changes in training."""

    def __init__(self) -> None:
        generator = SupernetGenerator(num_cells=1, gf_dim=2, latent_dim=2, channels=1)
        discriminator = Discriminator(num_cells=1, df_dim=6, channels=1)
        for number, network in enumerate((generator, discriminator)):
            initializers.initialize(network.named_layers(), seed=seeds.stateless_seed(number, "weights"))
        optimizers = [
            Adam(network.trainable_variables, learning_rate=1e-2, beta_1=0.0, beta_2=0.9)
            for network in (generator, discriminator)
        ]
        step = GanStep(
            generator=generator, discriminator=discriminator, g_optimizer=optimizers[0], d_optimizer=optimizers[1]
        )
        self.loop = loop_of(step, num_tokens=4)
        self.state = [*generator.variables, *discriminator.variables, *(v for o in optimizers for v in o.variables)]
        self.start = self.values()

    def values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.state]

    def restart(self) -> None:
        for variable, value in zip(self.state, self.start, strict=True):
            variable.assign(value)


@pytest.fixture(scope="module")
def real() -> Real:
    return Real()


def architectures(number: int) -> tf.Tensor:
    rng = np.random.default_rng(3)
    return tf.constant(np.stack([rng.integers(0, count, number) for count in SPACE], axis=1), tf.int32)


def test_stretches_give_the_same_weights_bit_for_bit_with_one_trace_for_all_architectures(real):
    tokens = architectures(13)
    assert len(np.unique(tokens.numpy(), axis=0)) > 8
    real.restart()
    whole = real.loop.run(begin=0, end=13, tokens=tokens)
    expected = real.values()
    assert sum(np.any(a != b) for a, b in zip(real.start, expected, strict=True)) > 0.7 * len(expected)
    real.restart()
    for begin, end in ((0, 1), (1, 6), (6, 7), (7, 13)):
        last = real.loop.run(begin=begin, end=end, tokens=tokens)
    assert last.steps == whole.steps and last.d_loss == whole.d_loss
    for value, other in zip(real.values(), expected, strict=True):
        np.testing.assert_array_equal(value, other)
    real.loop.run(begin=0, end=2, tokens=architectures(2))  # a phase of another length
    assert real.loop.trace_count == 1


@pytest.fixture(params=[False, True], ids=["rewritten", "as_written"])
def graphs_as_written(request):
    """With and without TensorFlow's rewriting of graphs, which fuses operations that then treat NaN otherwise."""
    before = tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": request.param})
    yield request.param
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": before})


@pytest.mark.parametrize("broken", ["generator", "discriminator"])
def test_nan_in_the_weights_is_noticed_at_once(graphs_as_written, broken):
    real = Real()
    network = getattr(real.loop._step, broken)
    network.trainable_variables[0].assign(tf.fill(network.trainable_variables[0].shape, np.nan))
    with pytest.raises(TrainingDiverged, match="became nan at discriminator step 1$"):
        real.loop.run(begin=0, end=5, tokens=architectures(5))
