"""
Handlers of operators that take parts of images or put borders around them: the engine copies elements. What is taken of
anything else (of rows, of a batch, every second channel) only says which elements are meant, and costs nothing, unless what
reads it needs images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.layout import moved_places
from dsf.frontend.onnx.moving import every, is_on, moved, selection
from dsf.frontend.onnx.operands import constant_of, images_of, lifted, real_of, shape_of_state
from dsf.frontend.onnx.rounding import pending_of, quantise
from dsf.frontend.onnx.values import (
    Border,
    Constant,
    Host,
    Input,
    Move,
    Padded,
    QuantisedConstant,
    Real,
    State,
    Unknown,
    UnsupportedError,
    Wire,
    is_images,
    sizes_of,
)
from dsf.numerics import as_ints

#: A border, before and after.
Sides = tuple[int, int]
NOTHING: Sides = (0, 0)


def tensor_of(state: State | None) -> Real:
    """An operand that is moved as it is: real numbers, or the integers of a quantised tensor."""
    return state if isinstance(state, Wire) else real_of(state)


# Parts.


def _numbers(node: Node, inputs: Sequence[State | None], place: int, name: str) -> tuple[int, ...] | None:
    """A list of integers that is an operand, or was an attribute in older versions."""
    if len(inputs) > place and inputs[place] is not None:
        return tuple(int(one) for one in constant_of(inputs[place], name).reshape(-1).tolist())
    return node.ints(name) if node.get(name) is not None else None


@handles("Slice")
def slice_(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Constant limits and steps: of images, copied by the engine; of anything else, and at the end, nothing to do."""
    sizes = shape_of_state(inputs[0])
    starts, ends = _numbers(node, inputs, 1, "starts"), _numbers(node, inputs, 2, "ends")
    if starts is None or ends is None or len(starts) != len(ends):
        raise UnsupportedError("no starts or ends, or not as many", "one of each for every axis", "export the model again")
    axes = _numbers(node, inputs, 3, "axes") or tuple(range(len(starts)))
    steps = _numbers(node, inputs, 4, "steps") or (1,) * len(starts)
    spans = [range(size) for size in sizes]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step == 0:
            raise UnsupportedError("a step of 0", "another one", "export the model again")
        spans[axis] = range(sizes[axis])[slice(start, None if step < 0 and end < -sizes[axis] else end, step)]
    return [_part(importer, node, inputs[0], spans)]


@handles("Split")
def split(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Slice, for each result that is read."""
    sizes = shape_of_state(inputs[0])
    axis = int(node.get("axis", 0))
    size = sizes[axis]
    count = len(node.outputs)
    counts = _numbers(node, inputs, 1, "split")
    if counts is None:
        each = -(-size // count)
        counts = tuple(min(each, size - each * index) for index in range(count))
    if sum(counts) != size or min(counts) < 1 or len(counts) != count:
        raise UnsupportedError(f"parts of {counts} of {size}", f"{count} whose sum is that", "export the model again")
    results: list[State] = []
    for output, (first, stop) in zip(node.outputs, _bounds(counts), strict=True):
        spans = [range(one) for one in sizes]
        spans[axis] = range(first, stop)
        read = output in importer.read
        results.append(_part(importer, node, inputs[0], spans) if read else Unknown())
    return results


def _bounds(counts: Sequence[int]) -> Iterator[Sides]:
    stop = 0
    for count in counts:
        yield stop, stop + count
        stop += count


def _part(importer: Importer, node: Node, state: State | None, spans: Sequence[range]) -> State:
    """Of each axis the elements of a range."""
    if not all(spans):
        raise UnsupportedError("a part without elements", "at least one along each axis", "export the model again")
    if not isinstance(state, Constant | QuantisedConstant | Host | Input):
        x = tensor_of(state)
        if is_images(x) and spans[0] == range(x.shape[0]) and spans[1].step == 1 and min(one.step for one in spans) > 0:
            importer.note(node, "copy of a part")
            return moved(importer, x, _taking(x, spans), node.name)
    indices = np.ix_(*(np.array(one) for one in spans))
    return moved_places(importer, node, state, lambda x: x[indices])[0]


def _taking(x: Real, spans: Sequence[range]) -> list[Move]:
    """A part, and of its rows and columns only some."""
    _, channels, *image = spans
    rows, columns = image if len(image) == 2 else (range(1), *image)
    return every(rows, columns, channels, sizes_of(x))


# Borders.


@handles("Pad")
def pad(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Of images, with a constant: zeros as the padding of the Conv that reads them, other borders copied by the engine, channels
    by the array; or less than nothing, which crops.
    """
    if node.get("mode", "constant") != "constant":
        raise UnsupportedError(f"mode {node.get('mode')}", "a constant", "pad outside the network, or with zeros")
    x = tensor_of(inputs[0])
    rank = len(x.shape)
    if not is_images(x):
        raise UnsupportedError(f"padding of a tensor of rank {rank}, or of moved axes", "images", "pad before or behind that")
    pads = _numbers(node, inputs, 1, "pads") or ()
    axes = _numbers(node, inputs, 3, "axes") or tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise UnsupportedError(f"pads {pads} of axes {axes}", "two for each axis", "export the model again")
    sides = [NOTHING] * rank
    for axis, *both in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        sides[axis] = (both[0], both[1])
    if sides[0] != NOTHING:
        raise UnsupportedError("padding of the batch", "that of images", "pad outside the network")
    return [_padded(importer, node, x, sides, _padding_value(node, inputs, x))]


def _padding_value(node: Node, inputs: Sequence[State | None], x: Real) -> float:
    """The number that stands around images: of integers what they stand for."""
    value = float(node.get("value", 0.0))
    if len(inputs) > 2 and inputs[2] is not None:
        value = float(constant_of(inputs[2], "a padding value").astype(np.float64).item())
    if not np.isfinite(value):
        raise UnsupportedError(f"padding with {value}", "a finite number", "use another one")
    if isinstance(x, Wire) and x.codes:
        return float(x.grid.to_reals(as_ints([int(value) - x.offset]))[0])
    return value


def _padded(importer: Importer, node: Node, x: Real, sides: Sequence[Sides], value: float) -> State:
    (top, bottom), (left, right) = sides[2:] if len(sides) == 4 else (NOTHING, sides[2])
    border = (max(top, 0), max(bottom, 0), max(left, 0), max(right, 0))
    spans = [range(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape, sides, strict=True)]
    if not all(spans):
        raise UnsupportedError("pads that leave nothing", "at least one element along each axis", "crop less")
    importer.note(node, "copy with a border")
    x = moved(importer, x, _taking(x, spans), node.name)
    before, after = (max(one, 0) for one in sides[1])
    if before or after:
        x = _more_channels(importer, node, x, before, after, value)
    if not any(border):
        return x
    if value == 0 and isinstance(x, Wire):
        importer.note(node, "padding of the convolution after it, or a border")
        return Padded(x, border)
    if isinstance(x, Wire) and not is_on(x.grid, value):
        # Perhaps it is on the grid of the result.
        x = pending_of(x, node.name)
    return moved(importer, x, [Border(border, value)], node.name)


def _more_channels(importer: Importer, node: Node, x: Real, before: int, after: int, value: float) -> Real:
    """
    Images with channels of one number before and behind their own: a convolution of one tap, whose weights select. Unless their
    grid has the number the result waits for its own.
    """
    if not isinstance(x, Wire):
        has = "more channels of what is not quantised"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the model there")
    images_of(lifted(x))
    own = np.arange(sizes_of(x)[3])
    bias = np.full(before + own.size + after, value)
    weights = np.zeros((own.size, bias.size), dtype=np.int64)
    weights[own, before + own] = 1
    bias[before + own] = 0
    pending = selection(x, weights, bias, node.name)
    if not is_on(x.grid, value):
        return pending
    return replace(quantise(importer, pending, x.grid, x.offset, node.name), codes=x.codes)
