"""
What a float graph needs before it is quantised: constants folded, batch normalisations in the weights before them, matrix
products as Gemm, Gelu as one operator, and no nodes left that do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from dsf import numerics
from dsf.errors import ModelError
from dsf.frontend.quantize.fused import fuse_functions
from dsf.frontend.quantize.graph import Array, Graph, attribute, label
from dsf.frontend.quantize.ready import inferred

#: Constants larger than this stay nodes: what makes them is smaller than they are.
MAX_CONSTANT_ELEMENTS = 1 << 27
_RANDOM = frozenset({"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"})
#: Where the weights of what a batch normalisation is folded into have their output channels.
_CHANNEL_AXIS = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1}


def prepare(graph: Graph) -> None:
    """Folds all of it, in place. Raises `ModelError` for batch normalisations that are still in training."""
    simplify(graph)
    problems = [problem for node in graph.nodes for _, problem in norm_problems(graph, node)]
    if problems:
        raise ModelError(problems)
    fold_batch_norms(graph)
    remove_dead(graph)


def simplify(graph: Graph) -> None:
    """All that comes before batch normalisations. Raises `ModelError` for operators on constants that fail."""
    graph.sort()
    _fold_with_shapes(graph)
    for node in [one for one in graph.nodes if one.op_type in ("Identity", "Dropout")]:
        if any(graph.is_output(name) or graph.consumers(name) for name in node.output[1:]):
            continue  # It is more than nothing: somebody wants its mask.
        source = graph.producer(node.input[0])
        graph.absorb(node, "nothing to do", [] if source is None else [source])
        graph.bypass(node)
    fuse_functions(graph)
    for node in [one for one in graph.nodes if one.op_type == "MatMul"]:
        _vector_to_matrix(graph, node)
        _matmul_to_gemm(graph, node)
    for node in [one for one in graph.nodes if one.op_type == "Gemm" and attribute(one, "transA", 0)]:
        _transpose_before(graph, node)
    for node in [one for one in graph.nodes if one.op_type == "Gemm"]:
        _fold_factors(graph, node)


def _fold_with_shapes(graph: Graph) -> None:
    """
    Folds constants, and infers shapes by them, as long as that finds more: exporters compute sizes in nodes, of shapes of
    tensors whose own sizes are so computed.
    """
    fold_constants(graph)
    unknown = _without_shape(graph)
    while unknown:
        graph.infos |= Graph(inferred(graph.to_model())).infos
        fold_constants(graph)
        still = _without_shape(graph)
        if len(still) == len(unknown):
            return
        unknown = still


def _without_shape(graph: Graph) -> list[str]:
    return [name for node in graph.nodes for name in node.output if name and graph.shape(name) is None]


def _fold_factors(graph: Graph, node: NodeProto) -> None:
    """Alpha and beta of a Gemm in its weights and its bias, where these are constants."""
    for name, index, what in (("alpha", 1, "weight"), ("beta", 2, "bias")):
        factor, values = attribute(node, name, 1.0), graph.constant(node, index)
        if factor == 1.0 or (values is None and len(node.input) > index and node.input[index]):
            continue
        if values is not None:
            node.input[index] = graph.add_constant(f"{label(node)}.{what}", (values * factor).astype(values.dtype))
        kept = [one for one in node.attribute if one.name != name]
        del node.attribute[:]
        node.attribute.extend(kept)


def remove_dead(graph: Graph) -> None:
    """Takes out what no result depends on."""
    live = {one.name for one in graph.outputs}
    kept: list[NodeProto] = []
    for node in reversed(graph.nodes):
        if any(name in live for name in node.output):
            live.update(node.input)
            kept.append(node)
        else:
            graph.absorb(node, "read by nobody")
    graph.nodes = kept[::-1]


def fold_constants(graph: Graph, *, keep: frozenset[str] = frozenset({"DequantizeLinear"})) -> None:
    """Computes what does not depend on the input of the network, except the operators to `keep`: integers stay such."""
    for node in list(graph.nodes):
        values = None if node.op_type in keep else _constant_results(graph, node)
        if values is None:
            continue
        graph.constants.update(values)
        if not any(graph.is_output(name) for name in node.output):
            graph.absorb(node, "constant", [reader for name in node.output for reader in graph.consumers(name)])
            graph.remove([node])


def _constant_results(graph: Graph, node: NodeProto) -> dict[str, Array] | None:
    """What a node gives, if that does not depend on the input of the network."""
    if node.op_type == "Shape":
        shape = graph.shape(node.input[0])
        if shape is not None:
            sizes = shape[attribute(node, "start", 0) : attribute(node, "end", len(shape))]
            return {node.output[0]: np.array(sizes, dtype=np.int64)}
    if node.op_type == "CastLike":
        value, kind = graph.constant(node, 0), graph.numpy_type(node.input[1])
        return None if value is None or kind is None else {node.output[0]: value.astype(kind)}
    if node.op_type in _RANDOM or node.domain or not all(name in graph.constants or not name for name in node.input):
        return None
    shapes = [graph.shape(name) for name in node.output if name]
    if any(shape is None or np.prod(shape, dtype=np.float64) > MAX_CONSTANT_ELEMENTS for shape in shapes):
        return None
    constants = [numpy_helper.from_array(graph.constants[name], name) for name in dict.fromkeys(node.input) if name]
    results = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    body = helper.make_graph([node], "constant", [], results, constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", graph.opset)])
    try:
        values = cast(Any, ReferenceEvaluator(model)).run(None, {})
    except Exception as failure:  # Whatever the operator's implementation raises.
        raise ModelError(
            f"'{label(node)}': a {node.op_type} of constants that fails ({failure}), needs valid ones; export again"
        ) from failure
    return {one.name: np.asarray(value) for one, value in zip(results, values, strict=True)}


def _vector_to_matrix(graph: Graph, node: NodeProto) -> None:
    """A product with a vector is one with a matrix of one column, which is taken away afterwards."""
    weights, shape = graph.constant(node, 1), graph.shape(node.output[0])
    if weights is None or weights.ndim != 1 or shape is None:
        return
    node.input[1] = graph.add_constant(f"{label(node)}.weight", weights[:, None])
    result = node.output[0]
    node.output[0] = graph.fresh(f"{result}.column")
    graph.declare(node.output[0], (*shape, 1))
    axis = graph.add_constant(f"{label(node)}.axis", np.array([-1], dtype=np.int64))
    squeeze = helper.make_node("Squeeze", [node.output[0], axis], [result], name=f"{label(node)}.squeeze")
    graph.replace(node, [node, squeeze])


def _transpose_before(graph: Graph, node: NodeProto) -> None:
    """A Gemm of a transposed tensor is a Transpose and a Gemm."""
    shape = graph.shape(node.input[0])
    kept = [one for one in node.attribute if one.name != "transA"]
    del node.attribute[:]
    node.attribute.extend(kept)
    result = graph.fresh(f"{node.input[0]}.T")
    transpose = helper.make_node("Transpose", [node.input[0]], [result], name=f"{label(node)}.T", perm=[1, 0])
    if shape is not None:
        graph.declare(transpose.output[0], shape[::-1])
    node.input[0] = transpose.output[0]
    graph.replace(node, [transpose, node])


def _matmul_to_gemm(graph: Graph, node: NodeProto) -> None:
    """A product of a matrix and constants is a Gemm, and what is added to it, one constant for each column, its bias."""
    weights, shape = graph.constant(node, 1), graph.shape(node.input[0])
    if weights is None or weights.ndim != 2 or shape is None or len(shape) != 2:
        return
    add = graph.only_consumer(node.output[0])
    bias = None
    if add is not None and add.op_type == "Add":
        other = next((name for name in add.input if name != node.output[0]), "")
        values = graph.constants.get(other)
        if values is not None and values.size == weights.shape[1] == values.shape[-1]:
            bias = graph.add_constant(f"{label(node)}.bias", values.reshape(-1))
    node.op_type = "Gemm"
    if bias is not None and add is not None:
        node.input.append(bias)
        node.output[0] = add.output[0]
        graph.absorb(add, f"folded into '{label(node)}'", [node])
        graph.remove([add])


def fold_batch_norms(graph: Graph) -> None:
    """Puts batch normalisations without `norm_problems` into the weights before them."""
    for norm in [node for node in graph.nodes if node.op_type == "BatchNormalization"]:
        core = graph.producer(norm.input[0])
        if core is None or not _folds(graph, core):
            core = _unit_core(graph, norm)
        _fold(graph, core, norm)


def norm_problems(graph: Graph, node: NodeProto) -> Iterator[tuple[NodeProto, str]]:
    """Why a node that is a batch normalisation can't be folded, and the node."""
    if node.op_type != "BatchNormalization":
        return
    if attribute(node, "training_mode", 0):
        yield node, f"'{label(node)}': is in training, needs its final statistics; call model.eval() before the export"
    elif any(graph.constant(node, index) is None for index in range(1, 5)):
        yield node, f"'{label(node)}': its statistics are computed, needs constants; call model.eval() before the export"
    elif graph.shape(node.input[0]) is None:
        yield node, f"'{label(node)}': the shape of its input is unknown, needs fixed sizes; export without dynamic shapes"


def _channels(graph: Graph, tensor: str) -> int:
    _, channels, *_ = graph.shape(tensor) or (0, 0)
    return channels


def _folds(graph: Graph, core: NodeProto) -> bool:
    """Whether only a batch normalisation reads the sums of `core`, whose weights are constants used by it alone."""
    if core.op_type not in _CHANNEL_AXIS or graph.only_consumer(core.output[0]) is None:
        return False
    bias = graph.constant(core, 2)
    sizes = (1, _channels(graph, core.output[0]))
    bias_ok = len(core.input) < 3 or not core.input[2] or (bias is not None and bias.size in sizes)
    plain = attribute(core, "alpha", 1.0) == 1.0 and attribute(core, "beta", 1.0) == 1.0
    grouped = core.op_type == "ConvTranspose" and attribute(core, "group", 1) != 1
    return graph.constant(core, 1) is not None and bias_ok and plain and not grouped


def _unit_core(graph: Graph, norm: NodeProto) -> NodeProto:
    """A core that does nothing before a batch normalisation that has none: depthwise 1x1, or a Gemm with 1 on its diagonal."""
    shape = graph.shape(norm.input[0])
    assert shape is not None
    channels = shape[1]
    spatial = len(shape) - 2
    if spatial:
        weights = np.ones((channels, 1, *[1] * spatial), dtype=np.float32)
        core = helper.make_node("Conv", [norm.input[0], ""], [""], name=label(norm), group=channels, kernel_shape=[1] * spatial)
    else:
        core = helper.make_node("Gemm", [norm.input[0], ""], [""], name=label(norm))
        weights = np.eye(channels, dtype=np.float32)
    core.input[1] = graph.add_constant(f"{label(norm)}.weight", weights)
    core.output[0] = graph.fresh(f"{norm.input[0]}.unit")
    graph.replace(norm, [core, norm])
    return core


def _fold(graph: Graph, core: NodeProto, norm: NodeProto) -> None:
    gamma, beta, mean, variance = (graph.constants[norm.input[index]] for index in range(1, 5))
    axis = _CHANNEL_AXIS[core.op_type]
    if core.op_type == "Gemm" and attribute(core, "transB", 0):
        axis = 0
    weights = graph.constants[core.input[1]]
    bias = graph.constant(core, 2)
    folded, offset = numerics.fold_batch_norm(
        np.moveaxis(weights, axis, -1),
        None if bias is None else bias.reshape(-1),
        gamma=gamma,
        beta=beta,
        mean=mean,
        variance=variance,
        epsilon=attribute(norm, "epsilon", 1e-5),
    )
    stem = label(core)
    core.input[1] = graph.add_constant(f"{stem}.weight", np.moveaxis(folded, -1, axis).astype(np.float32))
    set_input(core, 2, graph.add_constant(f"{stem}.bias", offset.astype(np.float32)))
    core.output[0] = norm.output[0]
    graph.absorb(norm, f"folded into '{stem}'", [core])
    graph.remove([norm])


def set_input(node: NodeProto, index: int, name: str) -> None:
    """Operand `index` of a node, which may have had fewer."""
    while len(node.input) <= index:
        node.input.append("")
    node.input[index] = name
