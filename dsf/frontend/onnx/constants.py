"""Handlers of operators whose results are constants, or change nothing but a type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.host import of_input, on_host
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.operands import real_of
from dsf.frontend.onnx.values import Constant, Host, Input, QuantisedConstant, State, UnsupportedError, Wire


@handles("Constant")
def constant(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Numbers."""
    importer.note(node, "constant")
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        value: Any = node.get(name)
        if value is not None:
            kind = None if name == "value" else np.float32 if "float" in name else np.int64
            return [Constant(np.asarray(value, dtype=kind))]
    raise UnsupportedError("a constant of texts, or a sparse one", "numbers", "export the model without it")


@handles("Shape")
def shape_of(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """A constant, as all shapes are known."""
    importer.note(node, "constant")
    state = inputs[0]
    sizes = state.array.shape if isinstance(state, Constant | QuantisedConstant) else getattr(state, "shape", None)
    if sizes is None:
        raise UnsupportedError("the shape of what is not known", "a known one", "export the model with fixed shapes")
    return [Constant(np.array(sizes[node.get("start", 0) : node.get("end")], dtype=np.int64))]


@handles("Cast")
def cast(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Between types of real numbers; of the input and the output to any, by the processor."""
    importer.note(node, "processor" if isinstance(inputs[0], Host) else "nothing to do")
    kind = helper.tensor_dtype_to_np_dtype(int(node.get("to", TensorProto.FLOAT)))
    state = inputs[0]
    if isinstance(state, Host):
        return [on_host(state, "cast", lambda y: y.astype(kind))]
    if isinstance(state, Input) and (kind.name == "float32" or (kind.name == "float64" and state.kind != "double")):
        importer.note(node, "input, by the processor")
        return [state if state.steps or state.kind == "float" else of_input(state, "Cast", np.zeros(()))]
    if isinstance(state, Wire | Input) and (isinstance(state, Input) or state.codes):
        raise UnsupportedError("a cast of quantised integers", "a DequantizeLinear", "use one, with the tensor's scale")
    if not np.issubdtype(kind, np.floating):
        raise UnsupportedError(f"a cast to {kind}", "floating point", "quantise instead")
    return [real_of(state)]
