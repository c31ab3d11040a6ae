"""
Which tensors of a float graph are quantised, and which of them share a scale.

A layer is a node and the activation that the engine computes with it, before the one rounding: between the two nothing is
quantised. What only moves numbers (max pooling, reshapes) keeps the scale of what it reads. Softmax and what stands behind it
are the host's, and get numbers as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto

from dsf.frontend.functions import ONNX_FUNCTIONS
from dsf.frontend.quantize.fold import MAX_CONSTANT_ELEMENTS
from dsf.frontend.quantize.graph import Array, Graph, a, attribute, label
from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.reading import MAX_ELEMENTS
from dsf.numerics import MAX_LEAK

#: Sums of products with constants, which the array computes.
WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
#: What the engine also computes with an activation in one step, on a scale of its own.
_ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"})
#: The result is made of elements of the first operand, perhaps clipped.
MOVES = frozenset(
    {
        "MaxPool",
        "GlobalMaxPool",
        "ReduceMax",
        "Gather",
        "Reshape",
        "Flatten",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Slice",
        "Split",
        "Pad",
        "DepthToSpace",
        "SpaceToDepth",
        "Relu",
        "Clip",
        "Identity",
        "Dropout",
    }
)
#: Any function of an element, by table.
_TABLES = frozenset({*ONNX_FUNCTIONS, "LeakyRelu", "PRelu", "Gelu", "Neg"})
#: Operators of several tensors, constants among them; and those whose constants say which function they are.
_OPERANDS = frozenset({"Add", "Sub", "Mul", "Div", "Concat"})
_OWN = _ELEMENTWISE | _TABLES | _OPERANDS | {"Pow", "Min", "Max", "Resize"}
#: The end of a network, computed in floating point by the host.
HOST = frozenset({"Softmax", "LogSoftmax", "ArgMax", "ArgMin", "TopK", "Cast"})
#: Everything that can be quantised, or stands at the end.
SUPPORTED = WEIGHTED | MOVES | _OWN | HOST


@dataclass
class Group:
    """Tensors of one scale. `sources` are those whose values decide it; `constants` are further values they have to hold."""

    tensors: list[str] = field(default_factory=list[str])
    sources: list[str] = field(default_factory=list[str])
    constants: list[float] = field(default_factory=list[float])


@dataclass
class Plan:
    """
    `groups` are in the order in which the graph computes them; `layers` are the weighted nodes, `sums` those of their results
    that leave as they are, and `constants` the constant operands of other nodes.
    """

    groups: list[Group]
    layers: list[NodeProto]
    sums: list[str]
    constants: list[str]

    def group_of(self, tensor: str) -> Group | None:
        """The group of a tensor, or `None` if it is not quantised."""
        return next((group for group in self.groups if tensor in group.tensors), None)


def problems_of(graph: Graph) -> Iterator[str]:
    """Everything that keeps a graph from being quantised."""
    for one in graph.outputs:
        if one.name in graph.constants:
            yield f"'{one.name}': is a constant, needs a result that depends on the input; export the model again"
    yield from (problem for _, problem in node_problems(graph))
    yield from constants_problems(graph)


def node_problems(graph: Graph, *, any_operator: bool = False) -> Iterator[tuple[NodeProto, str]]:
    """
    Every node that can't be quantised, and why; `any_operator` takes those that are not `SUPPORTED` for functions of tensors,
    if they give real numbers.
    """
    for node in graph.nodes:
        what = _node_problem(graph, node, any_operator)
        if what is not None:
            yield node, f"'{label(node)}': is {a(node.op_type)}{what}"


def _node_problem(graph: Graph, node: NodeProto, any_operator: bool) -> str | None:
    is_function = any_operator and all(graph.is_float(name) for name in node.output[:1])
    if node.op_type not in SUPPORTED and not is_function:
        return ", needs an operator that can be quantised; replace it by one of those that docs/quantization.md lists"
    if any_operator and node.op_type in WEIGHTED and not graph.is_float(node.input[0]):
        return " of numbers of another type, needs those of float32; export the model in float32"
    if node.op_type in WEIGHTED and graph.constant(node, 1) is None:
        return " of two tensors that are computed, needs constant weights; replace it"
    if node.op_type in WEIGHTED and len(node.input) > 2 and node.input[2] and graph.constant(node, 2) is None:
        return " whose bias is computed, needs a constant one; add it by an Add"
    if node.op_type == "Gemm" and len(node.input) > 2 and node.input[2] and _is_matrix(graph.constant(node, 2)):
        return " with a matrix as bias, needs one number for each output, or one; add it by an Add"
    if node.op_type in HOST and not _host_reads(graph, node.output[0]):
        return " whose result other layers read, needs to end the network; remove it, or what stands behind it"
    shapes = [graph.shape(name) for name in node.output if name]
    if any(one is None for one in shapes):
        return " whose shape depends on values, needs fixed sizes; export without dynamic shapes"
    large = [one for one in shapes if _is_large(one)]
    # What only reads one is not the reason.
    if large and not any(_is_large(graph.shape(name)) for name in node.input):
        sizes = "x".join(map(str, large[0] or ()))
        return f" with a result of {sizes}, needs at most {MAX_ELEMENTS} elements; use smaller images or fewer channels"
    return None


def _is_large(sizes: tuple[int, ...] | None) -> bool:
    return sizes is not None and math.prod(sizes) > MAX_ELEMENTS


def constants_problems(graph: Graph) -> Iterator[str]:
    """Constants that are too large, or no numbers."""
    used = {name for node in graph.nodes for name in node.input}
    # Others than limits, which may be infinite.
    numbers = {name for node in graph.nodes for name in (node.input[:1] if node.op_type == "Clip" else node.input)}
    for name in sorted(used & graph.constants.keys()):
        value = graph.constants[name]
        if value.size > MAX_CONSTANT_ELEMENTS:
            yield f"'{name}': has {value.size} elements, needs at most {MAX_CONSTANT_ELEMENTS}; make the layer smaller"
        elif value.dtype.kind == "f" and not np.all(np.isfinite(value)) and name in numbers:
            needs = "needs finite ones; correct the model, or train it again"
            yield f"'{name}': has values that are infinite or no numbers, {needs}"


def make_plan(graph: Graph, options: QuantizeOptions) -> Plan:
    """The plan for a graph without `problems_of`."""
    quantized = [one.name for one in graph.inputs if graph.is_float(one.name)]
    quantized += [name for node in graph.nodes for name in node.output if _is_quantized(graph, name, options)]
    classes = {name: [name] for name in quantized}
    moved: set[str] = set()
    constants: dict[str, list[float]] = {}
    for node in graph.nodes:
        operands = node.input if node.op_type == "Concat" else node.input[:1]
        sources = [name for name in operands if name in classes]
        if not sources or not _shares(graph, node, options):
            continue
        for source in sources:
            for result in node.output:
                _join(classes, source, result)
        moved.update(node.output)
        if node.op_type == "Pad":
            constants.setdefault(node.input[0], []).append(_pad_value(graph, node))
    groups: list[Group] = []
    for name in quantized:
        tensors = classes[name]
        if tensors[0] == name:
            more = [value for one in tensors for value in constants.get(one, [])]
            groups.append(Group(tensors, [one for one in tensors if one not in moved], more))
    layers = [node for node in graph.nodes if node.op_type in WEIGHTED]
    sums = [node.output[0] for node in layers if node.output[0] not in classes and fused_activation(graph, node) is None]
    return Plan(groups, layers, sums, list(_operands(graph)))


def _join(classes: dict[str, list[str]], one: str, other: str) -> None:
    first, second = classes.get(one), classes.get(other)
    if first is None or second is None or first is second:
        return
    first += second
    for name in second:
        classes[name] = first


def _operands(graph: Graph) -> Iterator[str]:
    """Constants that are added to, multiplied with or put beside tensors."""
    seen: set[str] = set()
    for node in graph.nodes:
        if node.op_type not in _OPERANDS:
            continue
        for index in range(len(node.input)):
            name = node.input[index]
            if graph.constant(node, index) is not None and graph.is_float(name) and name not in seen:
                seen.add(name)
                yield name


def _is_quantized(graph: Graph, tensor: str, options: QuantizeOptions) -> bool:
    node = graph.producer(tensor)
    assert node is not None
    if not graph.is_float(tensor) or node.op_type in HOST:
        return False
    return fused_activation(graph, node) is None and not (options.outputs == "float" and _leaves_as_sum(graph, tensor))


def _leaves_as_sum(graph: Graph, tensor: str) -> bool:
    """Whether a tensor is a weighted node's sum, perhaps in another shape, and only the host reads it."""
    source = graph.producer(tensor)
    while source is not None and source.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
        source = graph.producer(source.input[0])
    return source is not None and source.op_type in WEIGHTED and _host_reads(graph, tensor)


def _host_reads(graph: Graph, tensor: str) -> bool:
    users = graph.consumers(tensor)
    shapes = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")
    return all(one.op_type in HOST or (one.op_type in shapes and _host_reads(graph, one.output[0])) for one in users)


def fused_activation(graph: Graph, node: NodeProto) -> NodeProto | None:
    """The activation that the engine computes with the sums of `node`, if there is one."""
    if node.op_type not in WEIGHTED | _ELEMENTWISE:
        return None
    after = graph.only_consumer(node.output[0])
    return after if after is not None and _is_fused(graph, after, node.op_type in WEIGHTED) else None


def _is_fused(graph: Graph, node: NodeProto, of_core: bool) -> bool:
    if node.op_type == "Clip":
        return all(not name or name in graph.constants for name in node.input[1:])
    if node.op_type == "LeakyRelu":
        if not of_core:  # A table is cheaper than two operations, once for each sign.
            return False
        mantissa, exponent = math.frexp(attribute(node, "alpha", 0.01))
        return mantissa == 0.5 and 1 <= 1 - exponent <= MAX_LEAK
    return node.op_type == "Relu"


def _shares(graph: Graph, node: NodeProto, options: QuantizeOptions) -> bool:
    if node.op_type == "Concat":
        return options.concat == "share"
    if node.op_type == "Resize":
        return attribute(node, "mode", "nearest") == "nearest"
    return node.op_type in MOVES


def _pad_value(graph: Graph, node: NodeProto) -> float:
    value = graph.constant(node, 2)
    return 0.0 if value is None or not value.size else float(value.reshape(-1)[0])


def _is_matrix(constant: Array | None) -> bool:
    """Whether a constant differs along another axis than its last one."""
    return constant is not None and constant.ndim > 0 and constant.size > constant.shape[-1]
