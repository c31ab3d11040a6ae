"""
Handlers of concatenations. The channels of images and the numbers of rows are copied behind each other by the engine; rows and
columns of images are added, in borders of zeros, which changes no number.

Tensors of several scales, or that wait for one, are quantised to the scale of the result, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.linear import operand, rounded
from dsf.frontend.onnx.moving import as_images, concatenated, joined
from dsf.frontend.onnx.operands import array_of, real_of
from dsf.frontend.onnx.values import (
    Constant,
    QuantisedConstant,
    Real,
    State,
    UnsupportedError,
    Wire,
)


@handles("Concat")
def concat(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Quantised tensors, each with a scale of its own if a QuantizeLinear follows: images along any axis, copied by
    the engine where their channels follow each other; and rows. Signs, of one bit, along channels only.
    """
    rank = max((len(getattr(one, "shape", ())) for one in inputs), default=0)
    axis = int(node.get("axis", 0))
    return [_concatenated(importer, node, inputs, axis + rank if axis < 0 else axis)]


def _concatenated(importer: Importer, node: Node, inputs: Sequence[State | None], axis: int) -> State:
    if any(isinstance(one, Constant | QuantisedConstant) for one in inputs):
        raise UnsupportedError("a constant among its operands", "tensors that the network computes", "append it outside")
    wires = [one for one in inputs if isinstance(one, Wire)]
    codes = bool(wires) and all(one.codes for one in wires)
    parts: list[Real] = [*wires] if codes and len(wires) == len(inputs) else [real_of(one) for one in inputs]
    shapes = [one.shape for one in parts]
    others = {(*one[:axis], *one[axis + 1 :]) for one in shapes}
    if len(others) != 1 or not 0 <= axis < len(shapes[0]):
        raise UnsupportedError(f"operands of shapes {shapes} along axis {axis}", "such that fit", "export the model again")
    importer.note(node, "concatenation")
    if not all(_follows(one, axis) for one in parts):
        # Not the engine's channels: images are joined along any axis.
        parts = [as_images(importer, one, node.name) if isinstance(one, Wire) else one for one in parts]
        wires = [one for one in parts if isinstance(one, Wire)]
    grids = {one.grid for one in wires if not one.stand_in}
    if len(wires) < len(parts) or len(grids) > 1:
        if codes:
            raise UnsupportedError("integers of several scales", "one scale", "dequantise them before")
        return joined(parts, axis, node.name)
    return concatenated(importer, wires, axis, node.name)


def _follows(x: Real, axis: int) -> bool:
    """Whether the elements along an axis of ONNX's follow each other in the engine's tensor."""
    return bool((np.diff(x.places, axis=axis) == 1).all())


@handles("com.microsoft.QLinearConcat")
def qlinear_concat(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Concat, on integers."""
    scale, zero_point = array_of(inputs[0], "a scale"), array_of(inputs[1], "a zero point")
    parts = [
        operand(importer, inputs[place], array_of(inputs[place + 1], "a scale"), array_of(inputs[place + 2], "a zero point"))
        for place in range(2, len(inputs), 3)
    ]
    axis = int(node.get("axis", 0))
    state = _concatenated(importer, node, parts, axis + len(parts[0].shape) if axis < 0 else axis)
    return rounded(importer, node, real_of(state), scale, zero_point)
