"""
QCDQ, the other form that Brevitas exports, to QDQ.

Between QuantizeLinear and DequantizeLinear stands a Clip of the integers, for widths that the integers' type does not have: 4
bits are an INT8 that is clipped to -8 to 7. Here the type becomes the narrowest of ONNX's that holds the limits. Where it holds
more (3 bits, or a narrow range), a Clip of the real numbers goes before the QuantizeLinear; its limits are on the grid, so the
integers are the same. Constants are computed: weights are integers behind a DequantizeLinear.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import NodeProto, helper

from dsf.errors import ModelError
from dsf.frontend.integer_types import Limits, real_clip
from dsf.frontend.quantize.fold import fold_constants
from dsf.frontend.quantize.graph import Array, Graph, attribute, label
from dsf.frontend.quantize.ready import OPSET, OPSET_OF_2_BITS, converted, inferred, opset_problems
from dsf.frontend.reading import Source, inlined, model_of


def is_qcdq(model: onnx.ModelProto) -> bool:
    """Whether integers are clipped behind a QuantizeLinear."""
    quantized = {node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    return any(node.op_type == "Clip" and node.input[0] in quantized for node in model.graph.node)


def qcdq_to_qdq(model: Source) -> onnx.ModelProto:
    """A model without clips of integers that computes the same. Raises `ModelError` for clips that can't be moved."""
    model = inlined(model_of(model))
    problems = list(opset_problems(model))
    if problems:
        raise ModelError(problems)
    graph = Graph(inferred(converted(model)))
    graph.sort()
    fold_constants(graph, keep=frozenset({"QuantizeLinear", "DequantizeLinear"}))
    clips = [node for node in graph.nodes if node.op_type == "Clip" and _is_quantize(graph.producer(node.input[0]))]
    problems = [problem for node in clips for problem in _problems(graph, node)]
    if problems:
        raise ModelError(problems)
    for node in clips:
        _move(graph, node)
    opset = max(graph.opset, OPSET_OF_2_BITS if graph.has_2_bits() else OPSET)
    # With the shapes of what is new, for it is folded if it is constant.
    graph = Graph(inferred(graph.to_model(opset=opset)))
    fold_constants(graph)
    return graph.to_model()


def _is_quantize(node: NodeProto | None) -> bool:
    return node is not None and node.op_type == "QuantizeLinear"


def _problems(graph: Graph, clip: NodeProto) -> Iterator[str]:
    quantize = graph.producer(clip.input[0])
    assert quantize is not None
    users = graph.consumers(clip.output[0])
    if any(graph.constant(clip, index) is None for index in range(1, len(clip.input)) if clip.input[index]):
        yield f"'{label(clip)}': clips integers to limits that are computed, needs constants; export the model in eval mode"
    if any(graph.constant(quantize, index) is None for index in range(1, len(quantize.input))):
        yield f"'{label(quantize)}': has a scale or zero point that is computed, needs constants; export the model in eval mode"
    if len(graph.consumers(clip.input[0])) > 1 or any(one.op_type != "DequantizeLinear" for one in users):
        yield f"'{label(clip)}': clips integers that others read, needs a DequantizeLinear only; export the model again"


def _move(graph: Graph, clip: NodeProto) -> None:
    """From behind a QuantizeLinear to before it, if the type does not do what it did."""
    quantize = graph.producer(clip.input[0])
    assert quantize is not None
    zero_point = graph.constant(quantize, 2)
    stored = np.dtype(np.uint8) if zero_point is None else zero_point.dtype
    least, most = np.iinfo(stored).min, np.iinfo(stored).max
    limits = Limits(_limit(graph, clip, 1, least), _limit(graph, clip, 2, most))
    zeros = np.zeros((), dtype=np.int64) if zero_point is None else zero_point.astype(np.int64)
    scale = graph.constants[quantize.input[1]]
    if not limits.are_whole_type:
        axis = attribute(quantize, "axis", 1) if scale.ndim else None
        rank = len(graph.shape(quantize.input[0]) or ()) if axis is not None else 0
        before = real_clip(graph, quantize.input[0], limits, scale, zeros, label(clip), axis, rank)
        quantize.input[0] = before[-1].output[0]
        graph.replace(quantize, [*before, quantize])
    for node in (quantize, *graph.consumers(clip.output[0])):
        _retype(graph, node, limits, scale)
    graph.absorb(clip, f"folded into '{label(quantize)}'", [quantize])
    graph.bypass(clip)


def _limit(graph: Graph, clip: NodeProto, index: int, default: int) -> int:
    value = graph.constant(clip, index)
    return default if value is None else int(value.astype(np.int64).item())


def _retype(graph: Graph, node: NodeProto, limits: Limits, scale: Array) -> None:
    """Gives a node a zero point of the limits' type."""
    old = graph.constant(node, 2)
    values = np.zeros(scale.shape, dtype=np.int64) if old is None else old.astype(np.int64)
    name = graph.add_constant(f"{label(node)}_zero_point", values.astype(helper.tensor_dtype_to_np_dtype(limits.type)))
    while len(node.input) < 3:
        node.input.append("")
    node.input[2] = name
