"""Small float ONNX graphs for the tests of the quantiser, and what runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from dsf.frontend.quantize import QuantizedModel, QuantizeOptions, quantize_model

SEED = 7


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[Any]],
    outputs: Sequence[str],
    constants: dict[str, np.ndarray] | None = None,
    *,
    opset: int = 21,
) -> onnx.ModelProto:
    """A float model; its outputs' shapes are inferred."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def random(*shape: int, seed: int = SEED) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node, its tensors' names divided by spaces; named after its first output."""
    return helper.make_node(kind, inputs.split(), outputs.split(), name=outputs.split()[0], **attributes)


def norm_constants(channels: int, name: str = "norm") -> dict[str, np.ndarray]:
    """Scale, offset, mean and variance of a batch normalisation."""
    values = {one: random(channels, seed=index) for index, one in enumerate(("scale", "offset", "mean", "variance"))}
    values["variance"] = np.abs(values["variance"]) + np.float32(0.5)
    return {f"{name}.{one}": value for one, value in values.items()}


def conv_net(batch: object = 2) -> onnx.ModelProto:
    """Convolution with batch normalisation and ReLU, a branch, addition, pooling, a dense layer and a softmax."""
    nodes = [
        node("Conv", "x w1", "c1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 norm.scale norm.offset norm.mean norm.variance", "n1"),
        node("Relu", "n1", "r1"),
        node("Conv", "r1 w2 b2", "c2", pads=[1, 1, 1, 1], group=4),
        node("Add", "c2 r1", "a"),
        node("Relu", "a", "ra"),
        node("MaxPool", "ra", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("Gemm", "f w3 b3", "logits", transB=1),
        node("Softmax", "logits", "y"),
    ]
    constants = {
        "w1": random(8, 3, 3, 3),
        "w2": random(8, 2, 3, 3) * np.float32(0.3),
        "b2": random(8),
        "w3": random(5, 8 * 16) * np.float32(0.05),
        "b3": random(5),
        **norm_constants(8),
    }
    return model(nodes, {"x": (batch, 3, 8, 8)}, ["y"], constants)


def samples(count: int = 16) -> np.ndarray:
    """Inputs of `conv_net`."""
    return random(count, 3, 8, 8, seed=SEED + 1)


def run(proto: onnx.ModelProto, feeds: dict[str, np.ndarray], *results: str) -> list[np.ndarray]:
    """What onnxruntime computes, node by node as they are written; the outputs, or any tensors by name."""
    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    if results:
        del proto.graph.output[:]
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in results)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


def constants_of(proto: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in proto.graph.initializer}


def decibels(expected: np.ndarray, result: np.ndarray) -> float:
    """Signal to noise, infinite without noise."""
    noise = np.square(expected - result).sum()
    return float(10 * np.log10(np.square(expected).sum() / noise)) if noise else np.inf


def quantized(proto: onnx.ModelProto, data: Any, **options: Any) -> QuantizedModel:
    """What quantisation makes of a model: a valid one."""
    result = quantize_model(proto, data, QuantizeOptions(**options))
    onnx.checker.check_model(result.model, full_check=True)
    return result
