"""
What the processor computes instead of the engine, in floating point: functions of single elements of the input before it is
quantised, and whatever follows the last tensor that the engine makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from dsf.frontend.functions import ONNX_FUNCTIONS
from dsf.frontend.onnx.graph import Graph
from dsf.frontend.onnx.sums import linear_of
from dsf.frontend.onnx.values import (
    Addition,
    Array,
    Function,
    Host,
    Input,
    Pointwise,
    Real,
    Rounded,
    Sum,
    UnsupportedError,
    Wire,
)
from dsf.input_steps import REAL_KINDS, InputStep
from dsf.numerics import Floats

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

#: Operators that the processor may compute behind the engine's last tensor, with constants besides their first operand.
OF_HOST = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "BatchNormalization", "Relu", "LeakyRelu", "PRelu", "Clip", "Min", "Max", "Neg", "Pow"),
        *ONNX_FUNCTIONS,
        *("Gelu", "Softmax", "LogSoftmax", "ArgMax", "ArgMin", "Identity", "Dropout", "Cast"),
        *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth"),
    }
)

#: Sums, products and such, of a tensor and a constant, in this order.
ARITHMETIC: Mapping[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}


def behind_all(graph: Graph) -> frozenset[str]:
    """The tensors from which nothing but operators of the processor leads to the output."""
    computed = {one.name for one in graph.inputs}
    for node in graph.nodes:
        if not computed.isdisjoint(node.inputs):
            computed.update(node.outputs)
    readers: dict[str, int] = {}
    for node in graph.nodes:
        for name in set(node.inputs):
            readers[name] = readers.get(name, 0) + 1
    found = set(graph.outputs)
    for node in reversed(graph.nodes):
        operands = [name for name in node.inputs if name in computed]
        last = node.op_type in OF_HOST and len(operands) == 1 and all(name in found for name in node.outputs if name)
        if last and readers[operands[0]] == 1:
            found.add(operands[0])
        else:
            # What something else reads is no result of the engine's alone.
            found.difference_update(operands)
    return frozenset(found)


def on_host(state: Host, name: str, step: Callable[[Array], Array]) -> Host:
    """One more step of the processor."""
    return replace(state, steps=(*state.steps, (name, step)), shape=step(np.zeros(state.shape)).shape)


def hosted(importer: Importer, state: Real | Host) -> Host | None:
    """A tensor of real numbers from which on the processor computes, if it can do the function that it waits for."""
    if isinstance(state, Host):
        return state
    steps: tuple[tuple[str, Callable[[Array], Array]], ...] = ()
    if isinstance(state, Addition | Function | Rounded | Sum) and not state.moves and not state.function.is_identity:
        steps = (("pointwise", state.function.apply),)
        state = replace(state, function=Pointwise())
    if isinstance(state, Function) and not state.moves:
        steps = ((state.kind, state.apply), *steps)
        state = replace(state.wire, places=state.places)
    if isinstance(state, Rounded) and not state.moves:
        state = replace(state.wire, places=state.places)
    if isinstance(state, Addition) and not state.moves:
        state = linear_of(importer, state, state.name)
    if isinstance(state, Wire) or (isinstance(state, Sum) and state.function.is_identity and not state.moves):
        return Host(state, steps, state.shape)
    return None


def of_input(state: Input, operator: str, constant: Array) -> Input:
    """
    The input, of which the processor computes one thing more before it is quantised, with a constant that broadcasts against
    it. What it was clipped to comes before.
    """
    if operator != "Cast" and not state.steps and state.kind in REAL_KINDS - {"float"}:
        has = f"an input of type {state.kind} that is scaled before it is quantised"
        raise UnsupportedError(has, "float32", "export the model with a float32 input")
    limits = (("Max", state.function.minimum), ("Min", state.function.maximum))
    clips = [_step(state, name, np.array(limit)) for name, limit in limits if limit is not None]
    return replace(state, steps=(*state.steps, *clips, _step(state, operator, constant)), function=Pointwise())


def _step(state: Input, operator: str, constant: Array) -> InputStep:
    """The operator on those elements of the input that `state` has; others stay as they are."""
    values = np.full(prod(state.sizes), _NEUTRAL[operator], dtype=np.float32)
    values[state.places.reshape(-1)] = np.broadcast_to(checked(constant, state.shape), state.shape).reshape(-1)
    return InputStep.of(operator, values.reshape(state.sizes))


#: Constants with which operators change nothing.
_NEUTRAL = {
    "Cast": 0.0,
    "Add": 0.0,
    "Sub": 0.0,
    "Mul": 1.0,
    "Div": 1.0,
    "Max": np.finfo(np.float32).min,
    "Min": np.finfo(np.float32).max,
}


def checked(values: Array, sizes: tuple[int, ...]) -> Floats:
    """A constant that is combined with a tensor of this shape. Raises `UnsupportedError` for one that does not fit it."""
    reals = values.astype(np.float64)
    if not bool(np.isfinite(reals).all()):
        raise UnsupportedError("a constant that is NaN or infinite", "finite numbers", "correct it")
    try:
        fits = np.broadcast_shapes(values.shape, sizes) == sizes
    except ValueError:
        fits = False
    if not fits:
        has = f"a constant of shape {values.shape} for a tensor of {sizes}"
        raise UnsupportedError(has, "one that broadcasts against it", "use such a constant")
    return reals
