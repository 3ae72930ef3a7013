"""How many multiply-adds the convolutions and matrix products of a graph take, counted from their shapes."""

from __future__ import annotations

import math

import tensorflow as tf

# What a convolution's cost follows from: the result of its forward direction, and its kernel [H, W, inputs, outputs].
_CONVOLUTIONS = {
    "Conv2D": lambda op: (op.outputs[0].shape, op.inputs[1].shape),
    "Conv2DBackpropInput": lambda op: (op.inputs[2].shape, op.inputs[1].shape),
    "Conv2DBackpropFilter": lambda op: (op.inputs[2].shape, op.outputs[0].shape),
}


def multiply_adds(function: tf.types.experimental.ConcreteFunction) -> int:
    """Of one call, functions that it calls included.

    Norms, activations, resizing and the optimizer are not counted. All shapes must be known, and there must be no
    conditional or loop, of which nobody knows beforehand what runs.
    """
    return _of_graph(function.graph)


def _of_graph(graph: tf.Graph) -> int:
    return sum(_of_operation(op, graph) for op in graph.get_operations())


def _of_operation(op: tf.Operation, graph: tf.Graph) -> int:
    if op.type in _CONVOLUTIONS:
        results, (height, width, inputs, _) = _CONVOLUTIONS[op.type](op)
        return math.prod(results) * height * width * inputs
    if op.type == "MatMul":
        shared = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return math.prod(op.outputs[0].shape) * shared
    if op.type in ("PartitionedCall", "StatefulPartitionedCall"):
        return _of_graph(graph._get_function(op.get_attr("f").name).graph)
    if op.type in ("If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"):
        raise ValueError(f"{op.name} ({op.type}) decides as it runs, and its multiply-adds cannot be counted")
    return 0
