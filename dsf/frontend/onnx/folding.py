"""Constant folding: operators of which everything is known, before the graph is walked by the handlers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from dsf.frontend.functions import ONNX_FUNCTIONS, OnnxFunction
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.operands import constant_of
from dsf.frontend.onnx.values import MAX_ELEMENTS, Array, Constant, QuantisedConstant, State, UnsupportedError
from dsf.numerics import apply_function

Fold = Callable[[Node, list[Array]], Array]


def _cast(node: Node, x: list[Array]) -> Array:
    kind = helper.tensor_dtype_to_np_dtype(int(node.get("to", TensorProto.FLOAT)))
    if kind.name.startswith(("float8", "float4")):
        # What does not fit has rules of its own there.
        raise UnsupportedError(f"a cast to {kind}", "integers, or real numbers of 16 bits or more", "use such a type")
    return x[0].astype(kind)


def _filled(node: Node, x: list[Array]) -> Array:
    value: Any = node.get("value")
    sizes = tuple(int(size) for size in x[0].reshape(-1).tolist())
    if np.prod(sizes, dtype=object) > MAX_ELEMENTS:
        raise UnsupportedError(f"a constant of {sizes}", f"at most {MAX_ELEMENTS} elements", "use a smaller one")
    return np.full(sizes, np.float32(0) if value is None else value.reshape(-1)[0])


def _slice(node: Node, x: list[Array]) -> Array:
    data, starts, ends = x[:3]
    axes = range(starts.size) if len(x) < 4 else x[3].tolist()
    steps = [1] * starts.size if len(x) < 5 else x[4].tolist()
    index = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        # Beyond the beginning with a negative step: all of it.
        index[int(axis)] = slice(int(start), None if step < 0 and end < -data.shape[int(axis)] else int(end), int(step))
    return data[tuple(index)]


def _divide(node: Node, x: list[Array]) -> Array:
    # Of integers it truncates.
    return np.trunc(x[0] / x[1]).astype(x[0].dtype) if x[0].dtype.kind in "iu" else x[0] / x[1]


def _of_each(function: OnnxFunction) -> Fold:
    """A function of each element, of real numbers."""

    def fold_each(node: Node, x: list[Array]) -> Array:
        if x[0].dtype.kind != "f":
            raise UnsupportedError(f"a constant of type {x[0].dtype}", "floating point", "export the model again")
        return apply_function(function.kind, x[0], function.parameters(node.get)).astype(x[0].dtype)

    return fold_each


FOLDS: dict[str, Fold] = {
    **{name: _of_each(function) for name, function in ONNX_FUNCTIONS.items()},
    "Pow": lambda node, x: np.power(x[0], x[1]).astype(x[0].dtype),
    "Min": lambda node, x: reduce(np.minimum, x),
    "Max": lambda node, x: reduce(np.maximum, x),
    "Abs": lambda node, x: np.abs(x[0]),
    "Add": lambda node, x: x[0] + x[1],
    "Sub": lambda node, x: x[0] - x[1],
    "Mul": lambda node, x: x[0] * x[1],
    "Div": _divide,
    "Neg": lambda node, x: -x[0],
    "Sqrt": lambda node, x: np.sqrt(x[0]),
    "Exp": lambda node, x: np.exp(x[0]),
    "GreaterOrEqual": lambda node, x: x[0] >= x[1],
    "Where": lambda node, x: np.where(x[0], x[1], x[2]),
    "Floor": lambda node, x: np.floor(x[0]),
    "Cast": _cast,
    "Concat": lambda node, x: np.concatenate(x, axis=int(node.get("axis", 0))),
    "Gather": lambda node, x: np.take(x[0], x[1], axis=int(node.get("axis", 0))),
    "ConstantOfShape": _filled,
    "Slice": _slice,
}


def fold(node: Node, inputs: Sequence[State | None]) -> Sequence[State] | None:
    """The result of a node of which all inputs are known; `None` if it has to be walked by its handler."""
    operation = FOLDS.get(node.op_type)
    if operation is None or not inputs or not all(isinstance(one, Constant | QuantisedConstant) for one in inputs):
        return None
    try:
        with np.errstate(all="ignore"):
            return [Constant(np.asarray(operation(node, [constant_of(one, "an operand") for one in inputs])))]
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, MemoryError) as error:
        raise UnsupportedError(f"constants that do not fit ({error})", "some that do", "export the model again") from error
