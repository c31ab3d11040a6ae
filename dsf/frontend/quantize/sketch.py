"""
A float model as if it were quantised, without samples of its input: what an engine computes of it does not depend on scales.

It is for who looks for everything that is wrong with a model. What can't be quantised is a problem, and is cut out: its results
become inputs, which stand in for them, so that what reads them is looked at too. Where the size of a result is not known, what
reads it goes as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from dsf.errors import ModelError
from dsf.frontend.quantize.fold import fold_batch_norms, norm_problems, remove_dead, simplify
from dsf.frontend.quantize.graph import Graph, label, static_shape
from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.quantize.plan import constants_problems, make_plan, node_problems
from dsf.frontend.quantize.qdq import make_layer, write
from dsf.frontend.quantize.ranges import Quantizer, Values
from dsf.frontend.quantize.ready import (
    ContradictionError,
    converted,
    foreign_problems,
    inferred,
    input_problems,
    opset_problems,
)
from dsf.frontend.reading import MAX_ELEMENTS, inlined

#: The limits of every tensor.
_RANGE = np.array([-4.0, 4.0])


@dataclass
class Sketch:
    """
    The QDQ model, or `None` if nothing can be made of it; everything that is wrong; inputs of it that stand in for results; and
    the nodes that are not in it, by name: operator and why.
    """

    model: onnx.ModelProto | None = None
    problems: list[str] = field(default_factory=list[str])
    stand_ins: set[str] = field(default_factory=set[str])
    gone: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    def cut(self, graph: Graph, problems: Iterable[tuple[NodeProto, str]]) -> None:
        """Takes nodes with problems out of a graph."""
        for node, problem in list(problems):
            if any(node is one for one in graph.nodes):  # It may have gone with one before it.
                self.problems.append(problem)
                self._take_out(graph, node, "a problem")

    def _take_out(self, graph: Graph, node: NodeProto, why: str) -> None:
        self.gone[label(node)] = (node.op_type, why)
        graph.remove([node])
        for name in node.output:
            sizes = graph.shape(name)
            if name and sizes is not None and len(sizes) >= 2 and graph.is_float(name) and 0 < math.prod(sizes) <= MAX_ELEMENTS:
                graph.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))
                self.stand_ins.add(name)
            else:
                self._drop(graph, name)

    def _drop(self, graph: Graph, tensor: str) -> None:
        """Takes out what reads a tensor that is not there any more."""
        graph.outputs = [one for one in graph.outputs if one.name != tensor]
        while tensor and (readers := graph.consumers(tensor)):
            self._take_out(graph, readers[0], "behind a problem")


def sketch(model: onnx.ModelProto, options: QuantizeOptions, *, batch: int, image: tuple[int, int]) -> Sketch:
    """
    What is wrong with a float model, and the rest of it, quantised. Sizes that are left open are taken to be `batch`, and of
    images `image`; that they are is a problem, unless it is only the batch. Of a version of the operators that is not known
    nothing is said; who reads a model says that.
    """
    result = Sketch()
    if any(opset_problems(model)):
        return result
    try:
        graph = Graph(inlined(model))
        graph.nodes = [_named(node) for node in graph.nodes]
        result.cut(graph, foreign_problems(graph.nodes))
        for one in graph.inputs:
            _fix_input(one, result, batch, image)
        # Shapes that the file says are of other sizes than those that were filled in now.
        for info in graph.infos.values():
            if static_shape(info) is None:
                info.type.tensor_type.ClearField("shape")
        graph = _with_shapes(graph, result)
        simplify(graph)
        result.cut(graph, [found for node in graph.nodes for found in norm_problems(graph, node)])
        fold_batch_norms(graph)
        remove_dead(graph)
        result.cut(graph, node_problems(graph, any_operator=True))
        result.problems += constants_problems(graph)
        result.model = _quantised(graph, options)
    except ModelError as error:
        result.problems += error.problems
    return result


def _with_shapes(graph: Graph, result: Sketch) -> Graph:
    """The graph with all shapes, at a current opset, without nodes whose operands contradict each other."""
    while True:
        try:
            return Graph(inferred(converted(graph.to_model(opset=graph.opset))))
        except ContradictionError as error:
            if not error.nodes:
                raise
            names = {label(node): problem for node, problem in error.nodes}
            result.cut(graph, [(node, names[label(node)]) for node in graph.nodes if label(node) in names])


def _named(node: NodeProto) -> NodeProto:
    node.name = label(node)
    return node


def _fix_input(info: onnx.ValueInfoProto, result: Sketch, batch: int, image: tuple[int, int]) -> None:
    """Notes what is wrong with an input, and makes it a tensor of float32 of a fixed shape."""
    sizes = info.type.tensor_type.shape.dim
    if sizes and not sizes[0].HasField("dim_value"):
        sizes[0].dim_value = batch
    result.problems += input_problems(info)
    info.type.tensor_type.elem_type = TensorProto.FLOAT
    for axis, size in enumerate(sizes):
        if not size.HasField("dim_value") or size.dim_value < 1:
            size.dim_value = image[axis - 2] if axis in (2, 3) else image[0]


def _quantised(graph: Graph, options: QuantizeOptions) -> onnx.ModelProto:
    """The QDQ form of a graph, every tensor with the same range."""
    for name, value in graph.constants.items():
        if value.dtype.kind == "f" and not np.all(np.isfinite(value)):
            graph.constants[name] = np.nan_to_num(value, nan=0.0, posinf=1.0, neginf=-1.0)
    plan = make_plan(graph, options)
    activations = {tensor: _quantizer(group.constants, options) for group in plan.groups for tensor in group.tensors}
    constants = {name: _quantizer(graph.constants[name].reshape(-1)[:1].tolist(), options) for name in plan.constants}
    layers = [make_layer(graph, node, float(activations[node.input[0]].scale), options) for node in plan.layers]
    return write(graph, activations, constants, layers).model()


def _quantizer(constants: Iterable[float], options: QuantizeOptions) -> Quantizer:
    values = Values(constants)
    values.limit(_RANGE)
    return values.quantizer(options.activation_bits, options)
