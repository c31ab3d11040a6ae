"""
Handlers of concatenations. The channels of images are copied behind each other by the engine; rows and columns are added, in
borders of zeros, and rows of numbers, put in their places by weights of 1. Nothing of that changes a number.

Tensors of several scales, or that wait for one, are quantised to the scale of the result, each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import AddOp, ConcatOp, FlattenOp
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import MAX_DIAGONAL, Importer, handles, real_of
from dsf.frontend.onnx.linear import array_of, operand, rounded
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    Border,
    Constant,
    Joined,
    Places,
    QuantisedConstant,
    Real,
    State,
    Sum,
    UnsupportedError,
    Wire,
    is_images,
    places_of_images,
    row_major,
    sizes_of,
)

#: Axes of the engine's tensor: of rows the numbers, of images what the name says.
NUMBERS, ROWS, COLUMNS, CHANNELS = 0, 1, 2, 3


@handles("Concat")
def concat(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Quantised tensors, each with a scale of its own if a QuantizeLinear follows: images along any axis but the batch, copied by
    the engine where their channels follow each other; and rows.
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
    if len(others) != 1 or not 0 < axis < len(shapes[0]):
        raise UnsupportedError(f"operands of shapes {shapes} along axis {axis}", "such that fit", "not to join batches")
    joined = _layout(parts, axis, node.name)
    importer.note(node, "concatenation")
    grids = {one.grid for one in wires if not one.stand_in}
    if len(wires) < len(parts) or len(grids) > 1:
        if codes:
            raise UnsupportedError("integers of several scales", "one scale", "dequantise them before")
        return joined
    first = next((one for one in wires if not one.stand_in), wires[0])
    if any(one.stand_in for one in wires):
        return Wire.standing_in(joined.shape, first.grid, codes=codes, offset=first.offset)
    return replace(first, value=join(importer, wires, joined.axis, node.name), places=joined.places)


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
        engine = [(one[0], int(np.prod(one[1:]))) for one in engine]
    if len({one[:-1] for one in engine}) > 1:
        raise UnsupportedError("operands of several batches of the engine's", "one batch", "reshape to the batch first")
    sizes = (*engine[0][:-1], sum(one[-1] for one in engine))
    if np.prod(sizes, dtype=object) > MAX_ELEMENTS or (len(sizes) == 2 and sizes[1] > MAX_DIAGONAL):
        most = MAX_DIAGONAL if len(sizes) == 2 else MAX_ELEMENTS
        raise UnsupportedError(f"a result of {sizes}", f"at most {most}", "join images, or fewer numbers")
    first = 0
    found: list[Places] = []
    for one, part in zip(engine, parts, strict=True):
        pixel, channel = np.divmod(part.places, one[-1])
        found.append(pixel * sizes[-1] + first + channel)
        first += one[-1]
    return Joined(np.concatenate(found, axis), sizes, name, parts=tuple(parts), axis=CHANNELS if len(sizes) == 4 else NUMBERS)


def join(importer: Importer, wires: Sequence[Wire], axis: int, name: str) -> SSAValue:
    """The engine's tensor of several of one grid, as `Joined` says."""
    if axis == CHANNELS:
        op = ConcatOp([one.value for one in wires])
        importer.insert(op, name)
        return op.output
    first, *others = _selected(importer, wires, name) if axis == NUMBERS else _bordered(importer, wires, axis, name)
    for other in others:
        add = AddOp(first, other, wires[0].grid)
        importer.insert(add, name)
        first = add.output
    return first


def _bordered(importer: Importer, wires: Sequence[Wire], axis: int, name: str) -> list[SSAValue]:
    """Images with zeros where those of the others are."""
    sizes = [shape(one.value)[axis] for one in wires]
    found: list[SSAValue] = []
    for index, wire in enumerate(wires):
        before, after = sum(sizes[:index]), sum(sizes[index + 1 :])
        padding = (before, after, 0, 0) if axis == ROWS else (0, 0, before, after)
        found.append(importer.move(wire.value, [Border(padding, 0.0)], name))
    return found


def _selected(importer: Importer, wires: Sequence[Wire], name: str) -> list[SSAValue]:
    """Rows with zeros where those of the others are: products with weights of 1, which their rounding leaves as they are."""
    counts = [int(np.prod(shape(one.value)[1:])) for one in wires]
    found: list[SSAValue] = []
    for index, (wire, count) in enumerate(zip(wires, counts, strict=True)):
        value = wire.value
        if len(shape(value)) == 4:
            flat = FlattenOp(value)
            importer.insert(flat, name)
            value = flat.output
        weights = np.zeros((count, sum(counts)), dtype=np.int64)
        weights[np.arange(count), sum(counts[:index]) + np.arange(count)] = 1
        sizes = (shape(value)[0], sum(counts))
        scales, bias = np.full(sizes[1], wire.grid.unit), np.zeros(sizes[1])
        pending = Sum(
            row_major(sizes),
            sizes,
            name,
            x=value,
            x_grid=wire.grid,
            weights=weights,
            bits=2,
            scales=scales,
            bias=bias,
            window=None,
        )
        found.append(importer.quantise(pending, wire.grid, wire.offset, name).value)
    return found


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
