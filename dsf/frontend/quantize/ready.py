"""
A float model made ready: static shapes, a current opset, its problems found before any work is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper, version_converter
from onnx.defs import onnx_opset_version

from dsf.errors import ModelError
from dsf.frontend.quantize.graph import a, label, opset_of, static_shape
from dsf.frontend.reading import ONNX_DOMAINS, first_line, inlined

#: The opset that models are brought to. It has the 4-bit types; 25 has those of 2 bits.
OPSET = 21
OPSET_OF_2_BITS = 25
#: Since which a Resize has attributes that say where its positions lie.
RESIZE_WITH_COORDINATES = 11
#: What says that a model has been quantised already, whatever the domain.
QUANTIZED = frozenset(
    {
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "QLinearConv",
        "QLinearMatMul",
        "ConvInteger",
        "MatMulInteger",
        "Quant",
        "BipolarQuant",
        "Trunc",
    }
)


def with_static_shapes(model: ModelProto, *, batch: int | None = None) -> ModelProto:
    """
    A copy of a float model at opset `OPSET` or later, in which every shape is known. `batch` is what the first size of inputs
    is if it is dynamic.

    Raises `ModelError` with everything that is wrong with the model: its opset, foreign operators, types, dynamic shapes,
    external data that was not loaded, and what is quantised already.
    """
    model = inlined(model)
    constants = {one.name for one in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in constants]
    if batch is not None:
        for one in inputs:
            _set_batch(one, batch)
    problems = [*_problems(model), *(problem for one in inputs for problem in input_problems(one))]
    if problems:
        raise ModelError(problems)
    return inferred(converted(model))


def _set_batch(info: ValueInfoProto, batch: int) -> None:
    sizes = info.type.tensor_type.shape.dim
    if sizes and not sizes[0].HasField("dim_value"):
        sizes[0].dim_value = batch


def opset_problems(model: ModelProto) -> Iterator[str]:
    """An opset that is too old to be converted, or newer than what onnx knows."""
    name, opset = model.graph.name or "model", opset_of(model)
    if opset < 7 or opset > onnx_opset_version():
        yield f"'{name}': uses opset {opset}, needs 7 to {onnx_opset_version()}; export it with opset_version={OPSET}"


def _problems(model: ModelProto) -> Iterator[str]:
    name = model.graph.name or "model"
    yield from opset_problems(model)
    if not model.graph.output:
        yield f"'{name}': has no output, needs at least one; export it again"
    yield from (problem for _, problem in foreign_problems(model.graph.node))
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            yield f"'{tensor.name}': is in a file of its own that was not loaded, needs its data; pass the path of the model"


def foreign_problems(nodes: Iterable[NodeProto]) -> Iterator[tuple[NodeProto, str]]:
    """Nodes that are no operators of a float network, and what they are."""
    for node in nodes:
        has = f"'{label(node)}': is {a(node.op_type)}"
        if node.op_type in QUANTIZED:
            change = "compile it as it is, without calibration data"
            yield node, f"{has}, so the model is quantised already, needs a float model; {change}"
        elif node.domain not in ONNX_DOMAINS:
            yield node, f"{has} of domain '{node.domain}', needs a standard operator; replace it"
        elif any(one.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for one in node.attribute):
            yield node, f"{has}, which branches, needs a fixed graph; export without control flow"


def input_problems(info: ValueInfoProto) -> Iterator[str]:
    """What is wrong with the type and the shape of an input."""
    kind = info.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT:
        has = TensorProto.DataType.Name(kind.elem_type).lower() if kind.elem_type else "no tensor"
        yield f"'{info.name}': is an input of type {has}, needs float; export the model in float32"
    shape = static_shape(info)
    if shape is not None and min(shape, default=1) >= 1:
        return
    sizes = [one.dim_param or "?" if not one.HasField("dim_value") else one.dim_value for one in kind.shape.dim]
    dynamic = [index for index, size in enumerate(sizes) if isinstance(size, str)]
    text = "x".join(str(size) for size in sizes) if sizes else "unknown"
    fix = "pass batch=1, or another number" if dynamic == [0] else "export the model with fixed sizes, without dynamic_shapes"
    yield f"'{info.name}': is an input of shape {text}, needs every size to be a number; {fix}"


def converted(model: ModelProto) -> ModelProto:
    """
    `model`, whose nodes get names where they have none, at opset `OPSET` or later. Raises `ModelError` for what onnx's
    converter does not know.
    """
    for node in model.graph.node:
        node.name = label(node)
    if opset_of(model) >= OPSET:
        return model
    try:
        newer = version_converter.convert_version(model, OPSET)
    except Exception as failure:  # It throws what it likes.
        raise ModelError(
            f"'{model.graph.name or 'model'}': uses opset {opset_of(model)}, which can't be converted "
            f"({first_line(failure)}), needs {OPSET}; export it with opset_version={OPSET}"
        ) from failure
    if opset_of(model) < RESIZE_WITH_COORDINATES:
        for node in newer.graph.node:
            _keep_coordinates(newer, node)
    # An operator that is another one since has lost its name; so have the constants that were attributes.
    others = [node for node in newer.graph.node if node.name or node.op_type != "Constant"]
    if len(others) == len(model.graph.node):
        for old, new in zip(model.graph.node, others, strict=True):
            new.name = new.name or old.name
    return newer


def _keep_coordinates(model: ModelProto, node: NodeProto) -> None:
    """What an Upsample or an older Resize did without attributes, which the converter leaves to the defaults of newer ones."""
    if node.op_type != "Resize":
        return
    scales = _numbers(model, node.input[2])
    smaller, larger = any(one < 1 for one in scales), any(one > 1 for one in scales)
    if smaller and larger:
        raise ModelError(
            f"'{label(node)}': a Resize of opset 10 or less by scales above and below 1, needs either; export the model with "
            f"opset_version={OPSET}"
        )
    node.attribute.extend(helper.make_attribute(name, value) for name, value in older_resize(smaller=smaller).items())


def older_resize(*, smaller: bool) -> dict[str, str]:
    """
    The attributes with which a Resize does what it did without them until opset 10. onnxruntime rounds positions up where there
    are fewer of them than elements.
    """
    return {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "ceil" if smaller else "floor"}


def _numbers(model: ModelProto, name: str) -> list[float]:
    """A constant; nothing if it is none."""
    found = [one for one in model.graph.initializer if one.name == name]
    found += [one.attribute[0].t for one in model.graph.node if one.op_type == "Constant" and one.output[0] == name]
    return [] if not found else numpy_helper.to_array(found[0]).astype(float).reshape(-1).tolist()


def inferred(model: ModelProto) -> ModelProto:
    """A model with the shapes of all its tensors. Raises `ContradictionError` where they contradict each other."""
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as failure:
        raise ContradictionError(model, failure) from failure


class ContradictionError(ModelError):
    """Shapes that contradict each other: the nodes where they do, with what is said of each, if that is known."""

    def __init__(self, model: ModelProto, failure: Exception):
        reasons = {name: reason for name, reason in _REASON.findall(str(failure)) if _NO_TYPE not in reason}
        self.nodes = [
            (
                node,
                f"'{label(node)}': its operands don't belong together ({reason[:200]}), needs some that do; correct it",
            )
            for node in model.graph.node
            if (reason := reasons.get(node.name)) is not None
        ]
        whole = (
            f"'{model.graph.name or 'model'}': its shapes contradict each other ({first_line(failure)}), needs a graph that "
            "onnx.checker accepts; export it again"
        )
        super().__init__([problem for _, problem in self.nodes] or [whole])


#: How onnx's inference says which node it fails at and why, a line for each; and of those behind one that this is why.
_REASON = re.compile(r"node name: (.*?)\): \[\w+\] (.*?)\.?$", re.MULTILINE)
_NO_TYPE = "expected to have type but instead is null"
