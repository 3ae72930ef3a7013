"""Half precision: what stays float32, how far the losses are off, and devices that lack it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from autogan_tf.config.distribution_settings import PRECISIONS
from autogan_tf.config.errors import UserError
from autogan_tf.training import precision
from tests.training.test_trainer import made


def losses(trainer, steps: int = 6) -> np.ndarray:
    return np.array([trainer.loop.run(begin=i, end=i + 1)[1] for i in range(steps)])


@pytest.mark.parametrize(("name", "options"), [("mixed_bfloat16", {}), ("mixed_float16", {"penalty": "r1"})])
def test_losses_are_near_those_of_float32_and_all_state_stays_float32(name, options):
    half, full = made(precision=name, **options), made(**options)
    for scale in half.loss_scales or ():
        scale.scale.assign(64.0)  # the first steps at the initial scale overflow and are left out
    computed = []
    inner = type(half.discriminator.blocks[0].c1).call

    def spy(layer, x, **arguments):
        computed.append(x.dtype)
        return inner(layer, x, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(half.discriminator.blocks[0].c1), "call", spy)
        ours = losses(half)
    assert set(computed) == {tf.as_dtype(precision.COMPUTE_DTYPES[name])}
    expected = losses(full)
    np.testing.assert_allclose(ours, expected, rtol=0.03, atol=0.03)
    assert np.any(ours != expected)
    for variable in [*half.generator.variables, *half.discriminator.variables, *half.g_optimizer.first_moments]:
        assert variable.dtype == tf.float32
        assert np.all(np.isfinite(variable))


def test_a_step_that_overflows_is_left_out_and_training_goes_on():
    trainer = made(precision="mixed_float16", lr_decay=False)
    trainer.loss_scales[1].scale.assign(2.0**127)
    before = [variable.numpy() for variable in trainer.discriminator.trainable_variables]
    trainer.loop.run(begin=0, end=1)
    assert float(trainer.loss_scales[1].scale) == 2.0**126
    assert trainer.d_optimizer.steps.numpy().max() == 0 and trainer.g_optimizer.steps.numpy().max() == 1
    for variable, value in zip(trainer.discriminator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_the_flag_names_what_the_trainer_knows():
    assert tuple(precision.COMPUTE_DTYPES) == PRECISIONS


def test_a_device_without_it_is_refused(monkeypatch):
    precision.check("float32")
    precision.check("mixed_bfloat16")  # CPUs compute in both, though slowly

    def lacks(*arguments, **options):
        raise tf.errors.InvalidArgumentError(None, None, "No OpKernel was registered\nmore")

    monkeypatch.setattr(tf.nn, "conv2d", lacks)
    with pytest.raises(UserError, match=r"--precision=mixed_float16 .* does not: No OpKernel .*; give --precision=fl"):
        precision.check("mixed_float16")
    precision.check("float32")


@pytest.mark.parametrize(
    ("kind", "capability", "name", "allowed"),
    [("GPU", (7, 5), "mixed_float16", True), ("GPU", (7, 5), "mixed_bfloat16", False),
     ("GPU", (8, 0), "mixed_bfloat16", True), ("GPU", (6, 1), "mixed_float16", False),
     ("TPU", None, "mixed_float16", False), ("TPU", None, "mixed_bfloat16", True)],
)  # fmt: skip
def test_what_accelerators_can(monkeypatch, kind, capability, name, allowed):
    """No such device is here: what TensorFlow says of them is played."""
    device = tf.config.LogicalDevice(f"/device:{kind}:0", kind)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: [tf.config.LogicalDevice("/CPU:0", "CPU"), device])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["it"])
    details = {"compute_capability": capability}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
    monkeypatch.setattr(precision, "_try", lambda dtype: None)
    monkeypatch.setattr(tf, "device", lambda name: tf.name_scope("device"))
    if allowed:
        precision.check(name)
    else:
        with pytest.raises(UserError, match=f"--precision={name} needs"):
            precision.check(name)
