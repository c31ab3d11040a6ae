"""
An ONNX graph without protobuf: nodes with their attributes as Python values, and constants as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper, shape_inference

from dsf.errors import ModelError
from dsf.frontend.quantize.ready import QUANTIZED
from dsf.frontend.reading import ONNX_DOMAINS

Array = NDArray[Any]


#: onnxruntime's copies of ONNX's operators, for types that older versions of these have not.
COPIES = {("com.microsoft", "QuantizeLinear"), ("com.microsoft", "DequantizeLinear")}


@dataclass(frozen=True)
class Node:
    """An operator: its type, with the domain before it unless that is ONNX's own; `inputs` that are left out are ''."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(repr=False)

    def get(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def ints(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        return tuple(int(value) for value in cast(list[int], self.attributes.get(name, default)))


@dataclass(frozen=True)
class GraphInput:
    """An input of the model; sizes that are not fixed are `None`."""

    name: str
    shape: tuple[int | None, ...]
    kind: str


@dataclass(frozen=True)
class Graph:
    """A whole model: nodes in an order in which they can run."""

    name: str
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array] = field(repr=False)
    opset: int
    model: onnx.ModelProto = field(repr=False)

    @property
    def is_quantised(self) -> bool:
        """Whether there are operators on integers, or between grids."""
        return any(node.op_type.rpartition(".")[2] in QUANTIZED for node in self.nodes)

    @property
    def is_of_integers(self) -> bool:
        """Whether there are operators on integers that have floating point ones of the same name."""
        return any(node.op_type.rpartition(".")[2].startswith("QLinear") for node in self.nodes)

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """
        The shapes of the tensors of which ONNX's shape inference knows them, sizes that are left open being `batch`. They are
        needed only to go on behind an operator with a problem.
        """
        try:
            inferred = shape_inference.infer_shapes(self.model).graph
        except (shape_inference.InferenceError, ValueError, RuntimeError):
            return {}
        shapes: dict[str, tuple[int, ...]] = {}
        for value in (*inferred.value_info, *inferred.output):
            sizes = tuple(
                int(one.dim_value) if one.HasField("dim_value") else batch for one in value.type.tensor_type.shape.dim
            )
            if sizes and min(sizes) >= 1:
                shapes[value.name] = sizes
        return shapes


def graph_of(model: onnx.ModelProto, name: str) -> Graph:
    """The graph of a checked model. Raises `ModelError` for constants and types that can't be read."""
    graph = model.graph
    if graph.sparse_initializer:
        raise ModelError(f"'{name}': sparse constants, needs dense ones; export the model without them")
    constants = {one.name: _array(one, name) for one in graph.initializer}
    inputs = tuple(_input(one, name) for one in graph.input if one.name not in constants)
    opset = max((one.version for one in model.opset_import if one.domain in ONNX_DOMAINS), default=0)
    taken: set[str] = set()
    nodes = tuple(_node(one, place, taken, name) for place, one in enumerate(graph.node))
    return Graph(name, inputs, tuple(one.name for one in graph.output), nodes, constants, opset, model)


def _array(tensor: onnx.TensorProto, model: str) -> Array:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OSError, NotImplementedError) as error:
        raise ModelError(
            f"'{model}': the constant '{tensor.name}' can't be read ({error}), needs its data; export again"
        ) from error


def _input(value: onnx.ValueInfoProto, model: str) -> GraphInput:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise ModelError(f"'{model}': input '{value.name}' without a shape, needs a tensor with one; export with a fixed shape")
    shape = tuple(int(one.dim_value) if one.HasField("dim_value") else None for one in kind.shape.dim)
    return GraphInput(value.name, shape, onnx.TensorProto.DataType.Name(kind.elem_type).lower())


def _node(proto: onnx.NodeProto, place: int, taken: set[str], model: str) -> Node:
    own = proto.domain in ONNX_DOMAINS or (proto.domain, proto.op_type) in COPIES
    wanted = proto.name or f"{proto.op_type}_{place}"
    name, copy = wanted, 1
    while name in taken:
        name, copy = f"{wanted}_{copy}", copy + 1
    taken.add(name)
    attributes = {one.name: _attribute(one, name, model) for one in proto.attribute}
    op_type = proto.op_type if own else f"{proto.domain}.{proto.op_type}"
    return Node(name, op_type, tuple(proto.input), tuple(proto.output), attributes)


def _attribute(attribute: onnx.AttributeProto, node: str, model: str) -> Any:
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _array(attribute.t, model)
    if attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
        return None
    try:
        value = helper.get_attribute_value(attribute)
    except ValueError as error:
        raise ModelError(
            f"'{node}': attribute '{attribute.name}' of no known type, needs one; export the model again"
        ) from error
    return value.decode(errors="replace") if isinstance(value, bytes) else value


#: Bits, and whether there is a sign, of the integers that quantised tensors are stored in.
CODE_TYPES: dict[str, tuple[int, bool]] = {
    "int2": (2, True),
    "uint2": (2, False),
    "int4": (4, True),
    "uint4": (4, False),
    "int8": (8, True),
    "uint8": (8, False),
    "int16": (16, True),
    "uint16": (16, False),
    "int32": (32, True),
}


def is_float(array: Array) -> bool:
    return np.issubdtype(array.dtype, np.floating) or array.dtype.name == "bfloat16"
