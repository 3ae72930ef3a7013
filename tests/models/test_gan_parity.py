"""Generator, discriminator, losses and optimizer step against numbers recorded from the published implementation.

Three architectures: with deconvolutions and batch norm, with deconvolutions and instance norm, and one in the middle of
growing (16 pixels). The step runs twice: with an optimizer that shows every gradient, and as it is used; at the last
stage that is a graph, at the middle one eager execution.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.models.discriminator import Discriminator
from autogan_tf.models.generator import SupernetGenerator
from autogan_tf.training.adam import Adam
from autogan_tf.training.gan_step import GanStep

FIXTURES = ["gan_arch1_stage2", "gan_arch2_stage2", "gan_arch4_stage1"]
TOKENS = {0: 4, 1: 9, 2: 14}  # of all cells up to a stage
OUTPUT, STATE = 2e-5, 2e-5


class Recorder:
    """Stands for an optimizer: keeps the gradients, then lets a real one step."""

    def __init__(self, optimizer: Adam) -> None:
        self.optimizer = optimizer
        self.gradients: dict[int, tf.Tensor] = {}

    def apply_gradients(self, grads_and_vars):
        pairs = list(grads_and_vars)
        self.gradients = {id(variable): gradient for gradient, variable in pairs}
        self.optimizer.apply_gradients(pairs)


class Networks:
    """Networks of the recorded sizes with their steps, shared by all fixtures of a stage."""

    def __init__(self, parity) -> None:
        self.parity = parity
        self.generator = SupernetGenerator(num_cells=3, gf_dim=4, latent_dim=8)
        self.discriminator = Discriminator(num_cells=3, df_dim=4)
        adam = {"learning_rate": 2e-4, "beta_1": 0.0, "beta_2": 0.9}
        self.g_adam = Adam(self.generator.trainable_variables, **adam)
        self.d_adam = Adam(self.discriminator.trainable_variables, **adam)
        self.steps: dict[int, tuple] = {}

    def entries(self, which):
        network = self.generator if which == "gen" else self.discriminator
        return list(self.parity.entries(network.named_layers()))

    def load(self, arrays):
        """Everything as it was before the recorded step."""
        for which in ("gen", "dis"):
            for variable, name, convert in self.entries(which):
                variable.assign(convert(arrays[f"{which}/{name}"]))
        self.g_adam.reset()
        self.d_adam.reset()

    def steps_of(self, stage):
        if stage not in self.steps:
            step = GanStep(
                generator=self.generator,
                discriminator=self.discriminator,
                g_optimizer=self.g_adam,
                d_optimizer=self.d_adam,
                stage=stage,
            )
            steps = (step.discriminator_step, step.generator_step)
            self.steps[stage] = tuple(map(tf.function, steps)) if stage == 2 else steps
        return self.steps[stage]


@pytest.fixture(scope="module")
def networks(parity):
    return Networks(parity)


@pytest.fixture(scope="module", params=FIXTURES)
def recorded(request, parity):
    arrays = parity.load(request.param)
    stage = int(arrays["stage"])
    return arrays, stage, tf.constant(arrays["arch"][: TOKENS[stage]], tf.int32)


def test_all_recorded_parameters_have_a_counterpart(networks, recorded):
    arrays = recorded[0]
    ours = {f"{which}/{entry.name}" for which in ("gen", "dis") for entry in networks.entries(which)}
    theirs = {key for key in arrays if key.startswith(("gen/", "dis/"))}
    theirs = {key for key in theirs if not key.endswith("num_batches_tracked")}
    assert ours <= theirs
    # what the published supernet holds and no architecture ever uses: deconvolutions of second blocks and of skips
    # from cells that do not exist
    assert all("conv2.deconv" in key or "skip_deconv" in key for key in theirs - ours)


def test_outputs_for_inference(networks, recorded, parity):
    arrays, stage, tokens = recorded
    networks.load(arrays)
    parity.assert_close(networks.generator(arrays["z"], tokens), parity.nhwc(arrays["gen_eval_out"]), OUTPUT)
    logits = networks.discriminator(parity.nhwc(arrays["real"]), stage=stage)
    parity.assert_close(logits, arrays["dis_eval_out"], OUTPUT)


def test_outputs_in_training(networks, recorded, parity):
    arrays, stage, tokens = recorded
    generator, discriminator = networks.generator, networks.discriminator
    networks.load(arrays)
    real = discriminator(parity.nhwc(arrays["real"]), training=True, stage=stage)
    fake = generator(arrays["z_dis"], tokens, training=True)
    parity.assert_close(real, arrays["real_validity"], OUTPUT, "real_validity")
    parity.assert_close(fake, parity.nhwc(arrays["fake"]), OUTPUT, "fake")
    validity = discriminator(fake, training=True, stage=stage)
    parity.assert_close(validity, arrays["fake_validity"], OUTPUT, "fake_validity")
    images = generator(arrays["z"], tokens, training=True)  # only the discriminator has stepped in between
    parity.assert_close(images, parity.nhwc(arrays["gen_train_out"]), OUTPUT, "gen_train_out")


def test_losses_and_gradients(networks, recorded, parity):
    arrays, stage, tokens = recorded
    networks.load(arrays)
    g_recorder, d_recorder = Recorder(networks.g_adam), Recorder(networks.d_adam)
    step = GanStep(
        generator=networks.generator,
        discriminator=networks.discriminator,
        g_optimizer=g_recorder,
        d_optimizer=d_recorder,
        stage=stage,
    )
    numbers = step.discriminator_step(parity.nhwc(arrays["real"]), arrays["z_dis"], tokens)
    parity.assert_close(numbers["loss"], arrays["d_loss"], OUTPUT)
    parity.assert_close(numbers["real_logit"], arrays["real_validity"].mean(), OUTPUT)
    parity.assert_close(numbers["fake_logit"], arrays["fake_validity"].mean(), OUTPUT)
    parity.assert_close(step.generator_step(arrays["z"], tokens)["loss"], arrays["g_loss"], OUTPUT)
    for which, recorder in (("gen", g_recorder), ("dis", d_recorder)):
        prefix = f"{which}_grad/"
        largest = max(float(np.abs(array).max()) for key, array in arrays.items() if key.startswith(prefix))
        found = {entry.name for entry in networks.entries(which) if id(entry.variable) in recorder.gradients}
        assert found == {key.removeprefix(prefix) for key in arrays if key.startswith(prefix)}
        for variable, name, convert in networks.entries(which):
            if name in found:
                expected = convert(arrays[prefix + name])
                gradient = recorder.gradients[id(variable)]
                parity.assert_gradient_close(gradient, expected, largest=largest, what=prefix + name)


def test_state_after_both_steps(networks, recorded, parity):
    arrays, stage, tokens = recorded
    networks.load(arrays)
    discriminator_step, generator_step = networks.steps_of(stage)
    numbers = discriminator_step(parity.nhwc(arrays["real"]), arrays["z_dis"], tokens)
    parity.assert_close(numbers["loss"], arrays["d_loss"], OUTPUT)
    parity.assert_close(generator_step(arrays["z"], tokens)["loss"], arrays["g_loss"], OUTPUT)
    for which in ("gen", "dis"):
        for variable, name, convert in networks.entries(which):
            actual, expected = variable.numpy(), convert(arrays[f"{which}_after/{name}"])
            gradient = arrays.get(f"{which}_grad/{name}")
            if gradient is not None:
                # Adam's first step is the gradient's sign: only where that is more than rounding
                size = np.abs(convert(gradient))
                clear = (size > 1e-5) & (size > 1e-4 * size.max())
                actual, expected = actual[clear], expected[clear]
            if actual.size:
                parity.assert_close(actual, expected, STATE, f"{which} {name}")


def test_one_graph_serves_the_architectures_of_a_stage(networks, parity):
    steps = networks.steps_of(2)
    for fixture in ("gan_arch1_stage2", "gan_arch2_stage2"):
        arrays = parity.load(fixture)
        tokens = tf.constant(arrays["arch"], tf.int32)
        steps[0](parity.nhwc(arrays["real"]), arrays["z_dis"], tokens)
        steps[1](arrays["z"], tokens)
    assert [step.experimental_get_tracing_count() for step in steps] == [1, 1]
