"""
An ONNX graph that passes can change: nodes in order, constants as arrays, shapes by name.

Only what the quantiser needs: one graph, no subgraphs, every tensor of a known static shape.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, ValueInfoProto, helper, numpy_helper

from dsf.errors import ModelError
from dsf.frontend.absorbed import Absorbed, absorbed_of, keep_absorbed

Array = NDArray[Any]


class Graph:
    """The graph of `model`, whose shapes have been inferred. Changing it does not change `model`."""

    def __init__(self, model: onnx.ModelProto):
        graph = model.graph
        self.name = graph.name
        self.opset = opset_of(model)
        self.ir_version = model.ir_version
        self.constants: dict[str, Array] = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self.inputs = [copy.deepcopy(one) for one in graph.input if one.name not in self.constants]
        self.outputs = [copy.deepcopy(one) for one in graph.output]
        self.nodes: list[NodeProto] = [copy.deepcopy(node) for node in graph.node]
        for node in self.nodes:
            node.domain = "" if node.domain == "ai.onnx" else node.domain
        self.infos = {one.name: copy.deepcopy(one) for one in (*graph.input, *graph.value_info, *graph.output)}
        #: Nodes that have been taken out, and what does their work.
        self.absorbed = absorbed_of(model)
        self._names = {*self.constants, *self.infos, *(name for node in self.nodes for name in (*node.input, *node.output))}

    def copy(self) -> Graph:
        """A graph that can be changed without this one; the arrays of constants are shared."""
        other = object.__new__(Graph)
        other.__dict__.update(self.__dict__)
        other.constants, other.infos, other._names = dict(self.constants), dict(self.infos), set(self._names)
        other.inputs, other.outputs = list(self.inputs), list(self.outputs)
        other.absorbed = list(self.absorbed)
        other.nodes = [copy.deepcopy(node) for node in self.nodes]
        return other

    # What is there.

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """The shape of a tensor, or `None` if it is not known."""
        if tensor in self.constants:
            return self.constants[tensor].shape
        info = self.infos.get(tensor)
        return None if info is None else static_shape(info)

    def is_float(self, tensor: str) -> bool:
        """Whether a tensor holds real numbers of 32 bits."""
        if tensor in self.constants:
            return self.constants[tensor].dtype == np.float32
        info = self.infos.get(tensor)
        return info is not None and info.type.tensor_type.elem_type == onnx.TensorProto.FLOAT

    def numpy_type(self, tensor: str) -> np.dtype[Any] | None:
        """The type of a tensor's elements, or `None` if it is not known."""
        if tensor in self.constants:
            return self.constants[tensor].dtype
        kind = self.infos[tensor].type.tensor_type.elem_type if tensor in self.infos else 0
        return helper.tensor_dtype_to_np_dtype(kind) if kind else None

    def producer(self, tensor: str) -> NodeProto | None:
        """The node whose output a tensor is."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[NodeProto]:
        """The nodes that read a tensor, each once."""
        return [node for node in self.nodes if tensor in node.input]

    def is_output(self, tensor: str) -> bool:
        return any(one.name == tensor for one in self.outputs)

    def only_consumer(self, tensor: str) -> NodeProto | None:
        """The node that alone reads a tensor that is no result of the graph, or `None`."""
        users = self.consumers(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def constant(self, node: NodeProto, index: int) -> Array | None:
        """Operand `index` of a node if it is there and constant."""
        return self.constants.get(node.input[index]) if len(node.input) > index else None

    def has_2_bits(self) -> bool:
        """Whether there are constants of ONNX's types of 2 bits."""
        kinds = (onnx.TensorProto.INT2, onnx.TensorProto.UINT2)
        return any(helper.np_dtype_to_tensor_dtype(value.dtype) in kinds for value in self.constants.values())

    # Changes.

    def fresh(self, name: str) -> str:
        """A name for a tensor that no other has, `name` if that is free."""
        free, number = name, 0
        while free in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free)
        return free

    def declare(self, name: str, shape: Sequence[int]) -> None:
        """Says that a new tensor holds real numbers, and how many."""
        self.infos[name] = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    def add_constant(self, name: str, value: Array) -> str:
        """A new constant; returns its name."""
        free = self.fresh(name)
        self.constants[free] = value
        return free

    def absorb(self, node: NodeProto, becomes: str, into: Iterable[NodeProto] = ()) -> None:
        """Notes that a node goes, and which ones do its work; one without a name nobody asks for."""
        names = tuple(dict.fromkeys(label(one) for one in into))
        if node.name and node.name not in names:
            self.absorbed.append(Absorbed(node.name, node.op_type, becomes, names))

    def remove(self, nodes: Iterable[NodeProto]) -> None:
        """Takes nodes out, by identity; what used them has to be changed before."""
        gone = {id(node) for node in nodes}
        self.nodes = [node for node in self.nodes if id(node) not in gone]

    def replace(self, node: NodeProto, new: Sequence[NodeProto]) -> None:
        """Puts nodes in the place of one."""
        place = next(index for index, one in enumerate(self.nodes) if one is node)
        self.nodes[place : place + 1] = new

    def redirect(self, old: str, new: str) -> None:
        """Lets everything that reads tensor `old` read `new`."""
        for node in self.nodes:
            for index, name in enumerate(node.input):
                if name == old:
                    node.input[index] = new

    def bypass(self, node: NodeProto) -> None:
        """Takes out a node whose output is its first input."""
        source, result = node.input[0], node.output[0]
        if not self.is_output(result):
            self.redirect(result, source)
            self.remove([node])
            return
        producer = self.producer(source)
        if producer is None or self.is_output(source):
            return  # A result that is an input, or one result twice: that keeps its node.
        self.rename_result(producer, source, result)
        self.redirect(source, result)
        self.remove([node])

    def rename_result(self, producer: NodeProto, old: str, new: str) -> None:
        """Gives an output of `producer` another name, without its readers."""
        producer.output[list(producer.output).index(old)] = new

    def sort(self) -> None:
        """Orders the nodes so that each stands behind those it reads from; otherwise as they were."""
        known = {*self.constants, *(one.name for one in self.inputs), ""}
        waiting, ordered = self.nodes, list[NodeProto]()
        while waiting:
            later: list[NodeProto] = []
            for node in waiting:
                if all(name in known for name in node.input):
                    ordered.append(node)
                    known.update(node.output)
                else:
                    later.append(node)
            if len(later) == len(waiting):
                names = ", ".join(f"'{node.name}'" for node in later)
                raise ModelError(
                    f"'{self.name}': nodes {names} read what none gives, needs a graph without cycles; export it again"
                )
            waiting = later
        self.nodes = ordered

    def to_model(self, *, opset: int | None = None) -> onnx.ModelProto:
        """A model of the nodes as they are, with those constants that they use, calling itself one of `opset`."""
        used = {name for node in self.nodes for name in node.input} | {one.name for one in self.outputs}
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in used]
        graph = helper.make_graph(self.nodes, self.name or "main", self.inputs, self.outputs, constants)
        opset = self.opset if opset is None else opset
        ir_version = max(self.ir_version, helper.find_min_ir_version_for([helper.make_opsetid("", opset)]))
        model = helper.make_model(
            graph, producer_name="dsf", opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
        )
        keep_absorbed(model, self.absorbed)
        return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators that a model uses, or 0 if it names none."""
    return next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)


def static_shape(info: ValueInfoProto) -> tuple[int, ...] | None:
    """The shape that a tensor is declared with, or `None` unless every size of it is a number."""
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    sizes = [one.dim_value if one.HasField("dim_value") else -1 for one in kind.shape.dim]
    return tuple(sizes) if min(sizes, default=0) >= 0 else None


def attribute(node: NodeProto, name: str, default: Any) -> Any:
    """The value of an attribute: texts as str."""
    for one in node.attribute:
        if one.name == name:
            value = helper.get_attribute_value(one)
            return value.decode() if isinstance(value, bytes) else value
    return default


def a(operator: str) -> str:
    """An operator with its article: a Conv, an Exp, an LSTM."""
    spelled = operator[:2].isupper()
    vowel = operator[:1] in ("AEFHILMNORSX" if spelled else "AEIOU") and not operator.startswith("Uni")
    return f"{'an' if vowel else 'a'} {operator}"


def label(node: NodeProto) -> str:
    """How messages name a node: by its name, or else by its first output."""
    return node.name or (node.output[0] if node.output else node.op_type)
