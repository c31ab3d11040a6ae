"""
Functions of one element that exports write as several operators become one: a table, where operator by operator it would be as
many roundings.

    Gelu, before opset 20:   x * (1 + erf(x / sqrt(2))) * 0.5, its factors in any order
    Softplus, of torch:      x if x > threshold else softplus(x)
    Softsign:                x / (1 + |x|)
"""

from __future__ import annotations

import math

import numpy as np
from onnx import NodeProto, helper

from dsf.frontend.quantize.graph import Graph, label

#: How far constants may be from those of the formula: exports write them in float32, or with a few digits.
_TOLERANCE = 1e-4


#: From such a number on a Softplus is what it is of, but for less than 8 bits of it show.
_LEAST_THRESHOLD = 10.0


def fuse_functions(graph: Graph) -> None:
    """Replaces each such group of nodes, of which nothing else reads, by one."""
    fuse_gelus(graph)
    for node in list(graph.nodes):
        group = _softplus(graph, node) or _softsign(graph, node)
        if group is None:
            continue
        name, others = label(node), [one for one in group if one is not node]
        made = helper.make_node(
            "Softplus" if node.op_type == "Where" else "Softsign", [_of(node)], list(node.output), name=name
        )
        for one in others:
            graph.absorb(one, f"folded into '{name}'", [node])
        graph.replace(node, [made])
        graph.remove(others)


def _of(node: NodeProto) -> str:
    """What a Where of a Softplus, or a Div of a Softsign, is a function of."""
    return node.input[1] if node.op_type == "Where" else node.input[0]


def _softplus(graph: Graph, where: NodeProto) -> list[NodeProto] | None:
    """The nodes of a Softplus that ends with this node, if it is one."""
    if where.op_type != "Where":
        return None
    source = _of(where)
    compared, soft = (graph.producer(where.input[place]) for place in (0, 2))
    if compared is None or soft is None or (compared.op_type, soft.op_type) != ("Greater", "Softplus"):
        return None
    threshold = graph.constants.get(compared.input[1])
    known = threshold is not None and threshold.size == 1 and float(threshold.reshape(-1)[0]) >= _LEAST_THRESHOLD
    alone = all(graph.only_consumer(one.output[0]) is where for one in (compared, soft))
    return [where, compared, soft] if known and alone and compared.input[0] == soft.input[0] == source else None


def _softsign(graph: Graph, divided: NodeProto) -> list[NodeProto] | None:
    """The nodes of a Softsign that ends with this node, if it is one."""
    one_more = graph.producer(divided.input[1]) if divided.op_type == "Div" else None
    if one_more is None or one_more.op_type != "Add" or graph.only_consumer(one_more.output[0]) is not divided:
        return None
    for tensor in one_more.input:
        size = graph.producer(tensor)
        if size is None or size.op_type != "Abs" or not _is_by(graph, one_more, "Add", tensor, 1.0):
            continue
        if size.input[0] == _of(divided) and graph.only_consumer(tensor) is one_more:
            return [divided, one_more, size]
    return None


def fuse_gelus(graph: Graph) -> None:
    """Replaces each such group of nodes, of which nothing else reads, by a Gelu named as its Erf."""
    for erf in [node for node in graph.nodes if node.op_type == "Erf"]:
        source = _scaled(graph, erf.input[0])
        one_more = graph.only_consumer(erf.output[0])
        if source is None or one_more is None or not _is_by(graph, one_more, "Add", erf.output[0], 1.0):
            continue
        last = _last(graph, source, one_more.output[0])
        if last is None or graph.shape(last.output[0]) != graph.shape(source):
            continue
        for node in _between(graph, source, last):
            graph.absorb(node, f"folded into '{label(erf)}'", [erf])
        # What led here is read by nobody any more.
        graph.replace(last, [helper.make_node("Gelu", [source], [last.output[0]], name=label(erf))])


def _between(graph: Graph, source: str, last: NodeProto) -> list[NodeProto]:
    """The nodes from `source` to `last`."""
    found = [last]
    for node in found:  # It grows.
        makers = [graph.producer(name) for name in node.input if name != source]
        found.extend(one for one in makers if one is not None and one not in found)
    return found


def _scaled(graph: Graph, tensor: str) -> str | None:
    """`x` where a tensor that only one node reads is `x / sqrt(2)`."""
    node = graph.producer(tensor)
    if node is None or graph.only_consumer(tensor) is None:
        return None
    if node.op_type == "Div" and _is_number(graph, node.input[1], math.sqrt(2)):
        return node.input[0]
    return _times(graph, node, math.sqrt(0.5))


def _last(graph: Graph, source: str, one_more: str) -> NodeProto | None:
    """The last of the products of `source`, `one_more` and 0.5."""
    product = graph.only_consumer(one_more)
    if product is None or product.op_type != "Mul":
        return None
    other, result = _other(product, one_more), product.output[0]
    after = graph.only_consumer(result)
    if other == source:
        return after if after is not None and _is_by(graph, after, "Mul", result, 0.5) else None
    if _is_number(graph, other, 0.5):
        is_last = after is not None and after.op_type == "Mul" and _other(after, result) == source
        return after if is_last else None
    half = graph.producer(other)
    is_half = half is not None and graph.only_consumer(other) is not None and _times(graph, half, 0.5) == source
    return product if is_half else None


def _times(graph: Graph, node: NodeProto, number: float) -> str | None:
    """What a node multiplies by a number."""
    if node.op_type != "Mul":
        return None
    first, second = node.input
    if _is_number(graph, second, number):
        return first
    return second if _is_number(graph, first, number) else None


def _is_by(graph: Graph, node: NodeProto, operator: str, tensor: str, number: float) -> bool:
    """Whether a node adds a number to a tensor, or multiplies it by one."""
    return node.op_type == operator and _is_number(graph, _other(node, tensor), number)


def _other(node: NodeProto, tensor: str) -> str:
    """The other one of two operands."""
    return node.input[1] if node.input[0] == tensor else node.input[0]


def _is_number(graph: Graph, tensor: str, number: float) -> bool:
    value = graph.constants.get(tensor)
    return value is not None and value.size == 1 and bool(np.abs(value - number).max() <= _TOLERANCE)
