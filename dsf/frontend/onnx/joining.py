"""
Handlers of concatenations. The channels of images and the numbers of rows are copied behind each other by the engine; rows and
columns of images are added, in borders of zeros, which changes no number.

Tensors of several scales, or that wait for one, are quantised to the scale of the result, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles, real_of
from dsf.frontend.onnx.linear import array_of, operand, rounded
from dsf.frontend.onnx.moves import as_images
from dsf.frontend.onnx.rounding import CHANNELS, COLUMNS, NUMBERS, ROWS, join
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    Constant,
    Joined,
    Places,
    QuantisedConstant,
    Real,
    State,
    UnsupportedError,
    Wire,
    is_images,
    places_of_images,
    sizes_of,
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
        return _layout(parts, axis, node.name)
    return concatenated(importer, wires, axis, node.name)


def _follows(x: Real, axis: int) -> bool:
    """Whether the elements along an axis of ONNX's follow each other in the engine's tensor."""
    return bool((np.diff(x.places, axis=axis) == 1).all())


def concatenated(importer: Importer, wires: Sequence[Wire], axis: int, name: str) -> Wire:
    """Tensors of one grid along an axis of ONNX's."""
    joined = _layout(wires, axis, name)
    first = next((one for one in wires if not one.stand_in), wires[0])
    if any(one.stand_in for one in wires):
        return Wire.standing_in(joined.shape, first.grid, codes=first.codes, offset=first.offset)
    return replace(first, value=join(importer, [one.value for one in wires], joined.axis, name), places=joined.places)


def _layout(parts: Sequence[Real], axis: int, name: str) -> Joined:
    """Where the elements of tensors joined along an axis of ONNX's lie in the engine's."""
    rank = len(parts[0].shape)
    if rank > 2 and axis > 1 and all(is_images(one) for one in parts):
        along = ROWS if axis == 2 and rank == 4 else COLUMNS
        sizes = list(sizes_of(parts[0]))
        sizes[along] = sum(sizes_of(one)[along] for one in parts)
        return Joined(places_of_images(tuple(sizes), rank), tuple(sizes), name, parts=tuple(parts), axis=along)
    engine = [sizes_of(one) for one in parts]
    if len({one[:3] for one in engine}) > 1 or len(engine[0]) != 4:
        engine = [(one[0], prod(one[1:])) for one in engine]
    if len({one[:-1] for one in engine}) > 1:
        raise UnsupportedError("operands of several batches of the engine's", "one batch", "reshape to the batch first")
    sizes = (*engine[0][:-1], sum(one[-1] for one in engine))
    if prod(sizes) > MAX_ELEMENTS:
        raise UnsupportedError(f"a result of {sizes}", f"at most {MAX_ELEMENTS} elements", "join smaller tensors")
    first = 0
    found: list[Places] = []
    for one, part in zip(engine, parts, strict=True):
        pixel, channel = np.divmod(part.places, one[-1])
        found.append(pixel * sizes[-1] + first + channel)
        first += one[-1]
    return Joined(np.concatenate(found, axis), sizes, name, parts=tuple(parts), axis=CHANNELS if len(sizes) == 4 else NUMBERS)


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
