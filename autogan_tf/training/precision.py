"""What --precision means, and whether the devices at hand can compute in it."""

from __future__ import annotations

import tensorflow as tf

from autogan_tf.config.errors import UserError

COMPUTE_DTYPES = {"float32": "float32", "mixed_bfloat16": "bfloat16", "mixed_float16": "float16"}


def check(precision: str) -> None:
    """Raises UserError where a device cannot compute convolutions and norms, forward and backward, in `precision`."""
    dtype = COMPUTE_DTYPES[precision]
    if dtype == "float32":
        return
    devices = tf.config.list_logical_devices()
    of_steps = [device for device in devices if device.device_type in ("GPU", "TPU")] or devices
    for device in of_steps:
        reason = _lacks(device, dtype)
        if reason:
            raise UserError(
                f"--precision={precision} needs a device that computes in {dtype}, and {device.name} does not: "
                f"{reason}; give --precision=float32"
            )


def _lacks(device: tf.config.LogicalDevice, dtype: str) -> str:
    """Why not; empty if it does."""
    if device.device_type == "TPU" and dtype == "float16":
        return "TPUs compute in bfloat16"
    if device.device_type == "GPU":
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        capability = details.get("compute_capability", (0, 0))
        needed = (8, 0) if dtype == "bfloat16" else (7, 0)
        if capability < needed:
            return f"its compute capability is {capability[0]}.{capability[1]}, needed is {needed[0]}.{needed[1]}"
    try:
        with tf.device(device.name):
            _try(dtype)
    except (tf.errors.OpError, TypeError) as error:
        return str(error).splitlines()[0].rstrip(". ")
    return ""


def _try(dtype: str) -> None:
    x, kernel = tf.ones([2, 4, 4, 2], dtype), tf.ones([2, 2, 2, 2], dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
        y = tf.nn.conv2d_transpose(y, kernel, [2, 8, 8, 2], 2, "SAME")
        y = tf.raw_ops.FusedBatchNormV3(
            x=y, scale=tf.ones([2]), offset=tf.zeros([2]), mean=tf.zeros([2]), variance=tf.ones([2]), is_training=False
        ).y
        y = tf.nn.avg_pool2d(tf.nn.relu(y), 2, 2, "VALID")
    tape.gradient(y, [x, kernel])
