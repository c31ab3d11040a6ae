"""
DSF as a backend of ONNX (`onnx.backend.base`): a model is compiled for an engine and run by the interpreter of its integers.

What the models of ONNX's own tests need besides:

- inputs other than the first are constants, and a float model is quantised on the very inputs that it is run on;
- an operator of several tensors of one shape, or a Concat, has parts of one input as operands, which the engine takes apart;
- an operator that only moves or compares integers has them as real numbers of scale 1;
- each result is that of a network of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

from dsf.errors import ModelError
from dsf.frontend.onnx.from_onnx import import_onnx, importer_of
from dsf.frontend.onnx.graph import graph_of
from dsf.frontend.onnx.model import OnnxModel
from dsf.frontend.onnx.read import read_model
from dsf.frontend.onnx.values import Array, Constant, QuantisedConstant
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.hardware import Hardware

#: An engine with room for ONNX's tests.
HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32, max_image_size=(64, 64), max_channels_in=1024)
#: Operators of tensors that a network computes.
OF_TENSORS = {"Add", "Sub", "Mul", "Concat"}
#: Operators whose results are elements of their first operand.
OF_ELEMENTS = {"MaxPool", "Clip"}
#: Types of integers that the engine has as real numbers of scale 1.
INTEGERS = {TensorProto.INT8, TensorProto.UINT8}


@dataclass(frozen=True)
class DsfRep(BackendRep):
    """A model that is compiled when its inputs are known, for they may be constants, and say how a float model is quantised."""

    model: onnx.ModelProto
    hardware: Hardware

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """
        The outputs for these inputs, in order or by name. `constants=True` takes all inputs as such, and gives what the
        compiler makes of them. Raises `ModelError` for what the engine, or the compiler, can't do.
        """
        names = [one.name for one in self.model.graph.input]
        by_name = cast("Mapping[str, Array]", inputs) if isinstance(inputs, dict) else zip(names, inputs, strict=False)
        named: dict[str, Array] = dict(by_name)
        compute = self._folded if kwargs.get("constants", False) else self._computed
        return tuple(compute(_with_result(self.model, one), named) for one in self.model.graph.output)

    def _computed(self, model: onnx.ModelProto, named: Mapping[str, Array]) -> Array:
        """The only result of a model, by the engine."""
        if not model.graph.input:
            raise ModelError(f"'{model.graph.name}': no input, needs one; there is nothing to compute")
        model, named = _joined(_of_reals(model), named)
        first, *others = [one.name for one in model.graph.input]
        model = frozen(model, {name: named[name] for name in others if name in named})
        model, name = read_model(model)
        if not graph_of(model, name).is_quantised:
            options = QuantizeOptions.of_hardware(self.hardware, ranges="minmax", outputs="float")
            model = quantize_model(model, {first: named[first]}, options).model
        return OnnxModel(import_onnx(model, self.hardware), self.hardware).predict(named[first])

    def _folded(self, model: onnx.ModelProto, named: Mapping[str, Array]) -> Array:
        """The only result of a model of constants, by the compiler."""
        lists = [one.name for one in model.graph.input if not one.type.HasField("tensor_type")]
        if lists:
            raise ModelError(f"'{lists[0]}': an input that is no tensor, needs one; take it apart")
        model = frozen(model, named)
        # A network has an input, of which this one makes nothing.
        model.graph.input.append(helper.make_tensor_value_info("nothing", TensorProto.FLOAT, [1, 1]))
        importer = importer_of(graph_of(*read_model(model)), self.hardware, 1)
        importer.walk()
        state = importer.states.get(model.graph.output[0].name)
        if not isinstance(state, Constant | QuantisedConstant):
            raise ModelError([*importer.problems, f"'{model.graph.name}': no constant, needs one; compile it"])
        return state.array


def _with_result(model: onnx.ModelProto, result: onnx.ValueInfoProto) -> onnx.ModelProto:
    """A copy of a model with one result."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.append(result)
    return changed


def frozen(model: onnx.ModelProto, constants: Mapping[str, Array]) -> onnx.ModelProto:
    """A model of which inputs are constants."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept = [one for one in changed.graph.input if one.name not in constants]
    del changed.graph.input[:]
    changed.graph.input.extend(kept)
    changed.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items())
    return changed


def _joined(model: onnx.ModelProto, named: Mapping[str, Array]) -> tuple[onnx.ModelProto, Mapping[str, Array]]:
    """A model and its inputs, in which the operands of an operator of several tensors are parts of one input."""
    names = list(dict.fromkeys(name for node in model.graph.node if node.op_type in OF_TENSORS for name in node.input))
    operands = [one for one in model.graph.input if one.name in names and one.type.tensor_type.elem_type == TensorProto.FLOAT]
    arrays = [np.asarray(named[one.name]) for one in operands]
    joins = any(node.op_type == "Concat" for node in model.graph.node)
    if len(operands) < 2 or len(operands) < len(names) or (len({one.shape for one in arrays}) > 1 and not joins):
        return model, named
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    whole = np.concatenate([one.reshape(-1) for one in arrays]).reshape(1, -1, 1, 1)
    changed.graph.input.insert(0, helper.make_tensor_value_info("whole", TensorProto.FLOAT, whole.shape))
    for one in operands:
        changed.graph.input.remove(one)
    nodes = list(changed.graph.node)
    del changed.graph.node[:]
    parts = [f"{one.name}_part" for one in operands]
    changed.graph.node.append(helper.make_node("Split", ["whole", "sizes"], parts, axis=1))
    shapes = {"sizes": [one.size for one in arrays]}
    for one, part, array in zip(operands, parts, arrays, strict=True):
        shapes[f"{one.name}_shape"] = list(array.shape)
        changed.graph.node.append(helper.make_node("Reshape", [part, f"{one.name}_shape"], [one.name]))
    changed.graph.node.extend(nodes)
    changed.graph.initializer.extend(numpy_helper.from_array(np.array(one, np.int64), name) for name, one in shapes.items())
    return changed, {**named, "whole": whole}


def _of_reals(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of an operator that only moves or compares integers, which are real numbers of scale 1."""
    integers = [one for one in model.graph.input if one.type.tensor_type.elem_type in INTEGERS]
    if len(model.graph.node) > 1 or model.graph.node[0].op_type not in OF_ELEMENTS or not integers:
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    (node,), (result,) = changed.graph.node, changed.graph.output
    kind = integers[0].type.tensor_type.elem_type
    changed.graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), "one"))
    changed.graph.initializer.append(helper.make_tensor("zero", kind, [], [0]))
    del changed.graph.node[:]
    for one in integers:
        changed.graph.node.append(helper.make_node("DequantizeLinear", [one.name, "one", "zero"], [f"{one.name}_real"]))
    _rename(node.input, {one.name: f"{one.name}_real" for one in integers})
    _rename(node.output, {result.name: f"{result.name}_real"})
    back = helper.make_node("QuantizeLinear", [f"{result.name}_real", "one", "zero"], [result.name])
    changed.graph.node.extend([node, back])
    return changed


def _rename(names: Any, renamed: Mapping[str, str]) -> None:
    """Other names in a list of protobuf's."""
    given: Sequence[str] = list(names)
    del names[:]
    names.extend(renamed.get(one, one) for one in given)


class DsfBackend(Backend):
    """`prepare(model).run(inputs)`, and all that ONNX makes of it."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> DsfRep:
        return DsfRep(model, kwargs.get("hardware", HARDWARE))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"
