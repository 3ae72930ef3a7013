"""Smaller forms of a generator for serving: weights in half precision, and TensorFlow Lite."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from autogan_tf.config.errors import UserError
from autogan_tf.data import seeds
from autogan_tf.data.literal_path import literal
from autogan_tf.models import finite
from autogan_tf.models.generator import Generator
from autogan_tf.serving.signatures import drawing

SIGNATURE = "serving_default"
_FEWEST = 1024  # elements of a kernel that is worth the conversion
_TRIAL_IMAGES = 16
LEVEL = 2 / 255  # of an image of 8 bits, as a difference of values in [-1, 1]


def with_half_weights(draw: tf.types.experimental.ConcreteFunction) -> tf.types.experimental.ConcreteFunction:
    """The same function with its kernels kept as float16 constants, half the bytes; it computes in float32.

    Args:
      draw: see `signatures.drawing`.

    Raises:
      UserError: a weight is NaN or beyond what float16 holds (65,504).
    """
    frozen = convert_variables_to_constants_v2(draw)
    graph = frozen.graph.as_graph_def()
    constants = {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in graph.node
        if node.op == "Const" and node.attr["dtype"].type == tf.float32.as_datatype_enum
    }
    # statistics may be beyond float16, and are vectors as biases are
    kernels = {name: value for name, value in constants.items() if value.size >= _FEWEST and value.ndim > 1}
    halves = _halves(kernels)
    for node in list(graph.node):
        if node.name in halves:
            _halve(graph, node, halves[node.name])
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    return wrapped.prune(
        [wrapped.graph.as_graph_element(tensor.name) for tensor in frozen.inputs],
        wrapped.graph.as_graph_element(frozen.outputs[0].name),
    )


def _halves(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights in float16; UserError where it does not hold them."""
    with np.errstate(over="ignore"):
        halves = {name: value.astype(np.float16) for name, value in weights.items()}
    sizes = [np.abs(value[np.isfinite(value)]).max(initial=0.0) for value in weights.values()]
    finite.check(
        {name.removesuffix("/ReadVariableOp/resource"): half for name, half in halves.items()},
        of=f"the generator in float16, which holds numbers up to 65,504 (largest here: {max(sizes, default=0.0):.3g}),",
        remedy="leave --float16 out",
    )
    return halves


def _halve(graph: tf.compat.v1.GraphDef, node: tf.compat.v1.NodeDef, half: np.ndarray) -> None:
    """Turns a constant into a cast of a new float16 constant."""
    constant = graph.node.add(name=f"{node.name}/half", op="Const")
    constant.attr["dtype"].type = tf.float16.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(half))
    node.op = "Cast"
    node.input.append(constant.name)
    node.attr.clear()
    node.attr["SrcT"].type = tf.float16.as_datatype_enum
    node.attr["DstT"].type = tf.float32.as_datatype_enum


def tensorflow_lite(generator: Generator, *, half: bool) -> tuple[bytes, float]:
    """A TensorFlow Lite file, and the largest difference of 16 of its images from the generator's, of [-1, 1].

    Its signature is serving_default, as in `signatures`: z and, of a conditional generator, label -> images. Before a
    batch of another size than 1, inputs must be resized.

    Args:
      generator: the network.
      half: whether the weights are kept as float16.

    Raises:
      UserError: images differ by more than a level of 8 bits, with `half` eight levels; it cannot be converted; or a
        weight is beyond float16.
    """
    if half:  # the converter halves biases, too
        _halves({name: variable.numpy() for name, variable in finite.named_weights(generator).items()})
    draw = drawing(generator)
    module = tf.Module()
    module.weights = list(generator.variables)
    names = [spec.name for spec in draw.structured_input_signature[0]]
    named = tf.function(lambda **given: {"images": draw(*(given[name] for name in names))}, autograph=False)
    signature = named.get_concrete_function(**{spec.name: spec for spec in draw.structured_input_signature[0]})
    with tempfile.TemporaryDirectory(prefix="autogan-tflite-") as made, literal(made) as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: signature})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            content = converter.convert()
        except Exception as error:  # the converter raises its own kinds
            raise UserError(f"--tflite: this generator cannot be converted ({str(error).splitlines()[0]})") from error
    values = {"z": seeds.latents(seeds.stateless_seed(0, "tflite"), [_TRIAL_IMAGES, generator.latent_dim])}
    if generator.num_classes:
        values["label"] = tf.range(_TRIAL_IMAGES) % generator.num_classes
    difference = float(np.abs(run_lite(content, **values) - draw(*values.values()).numpy()).max())
    allowed = (8 if half else 1) * LEVEL
    if not difference <= allowed:
        raise UserError(
            f"--tflite: images of the converted generator differ by up to {difference:.3g} (of values in [-1, 1]), "
            f"allowed are {allowed:.3g}; it is not written"
        )
    return content, difference


def run_lite(content: bytes, **values: tf.Tensor) -> np.ndarray:
    """The images of a file of `tensorflow_lite`, float32 [N, S, S, C]."""
    interpreter = tf.lite.Interpreter(model_content=content)
    runner = interpreter.get_signature_runner(SIGNATURE)
    return runner(**{name: value.numpy() for name, value in values.items()})["images"]
