"""
Factors and offsets by constants: in the core before them, or where there is none, a depthwise convolution of one tap.

A constant broadcasts against ONNX's tensor, in whatever order the axes are; what counts is along which of the engine's axes its
numbers differ. Along channels they are those of a convolution, rows or columns are exchanged with channels before, and axes
along which numbers differ together are taken as one: tensors have no gaps, so that another shape costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.host import checked
from dsf.frontend.onnx.importer import Importer
from dsf.frontend.onnx.moving import moved_wire, turned_wire, whole_images
from dsf.frontend.onnx.rounding import CHANNELS, reshaped, with_last
from dsf.frontend.onnx.sums import linear_of
from dsf.frontend.onnx.values import (
    UNIT_BITS,
    Addition,
    Affine,
    Array,
    Function,
    Joined,
    Part,
    Real,
    Rounded,
    Step,
    Sum,
    UnsupportedError,
    Wire,
    sizes_of,
)
from dsf.frontend.onnx.wide_weights import negated
from dsf.geometry import Window
from dsf.numerics import Floats, Ints

#: Functions of elements, one after the other.
Steps = tuple[Step, ...]


def scaled_and_shifted(importer: Importer, node: Node, x: Real, factor: Array | None, offset: Array | None) -> Real:
    """`x * factor + offset`, with constants that broadcast against `x`, the same for each image of a batch."""
    factors = np.broadcast_to(1.0 if factor is None else checked(factor, x.shape), x.shape)
    offsets = np.broadcast_to(0.0 if offset is None else checked(offset, x.shape), x.shape)
    if isinstance(x, Addition) and x.function.is_identity and not x.moves:
        x = linear_of(importer, x, x.name)
    if isinstance(x, Sum) and x.function.is_identity and not x.moves:
        numbers = _by_index(x.places % sizes_of(x)[-1], sizes_of(x)[-1], factors, offsets)
        if numbers is not None:
            importer.note(node, f"in the weights of '{x.name}'")
            return _within(importer, x, *numbers)
    if isinstance(x, Wire):
        importer.note(node, "depthwise convolution of one tap")
        return _alone(importer, node, x, factors, offsets, None)
    if not isinstance(x, Function | Rounded) or not isinstance(x.wire, Wire) or x.moves:
        has = "a factor or an offset of what is not quantised, behind a function or of moved axes"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the model there")
    steps = (*(x.steps if isinstance(x, Function) else ()), x.function)
    if _is_one(factors) and _is_one(offsets):
        importer.note(node, "table")
        steps = (*steps, Affine(float(factors.flat[0]), float(offsets.flat[0])))
        return Function(x.places, x.shape_of_engine, node.name, wire=x.wire, steps=steps)
    importer.note(node, "depthwise convolution of tables")
    return _alone(importer, node, x.wire, factors, offsets, steps)


def _is_one(values: Array) -> bool:
    return bool((values == values.flat[0]).all())


def _by_index(index: Array, count: int, *values: Array) -> tuple[Floats, ...] | None:
    """Of each array, one number for each of `count` indices, if the elements that have an index have one number."""
    found: list[Floats] = []
    for one in values:
        # What no element has is multiplied by 1, or 0 is added to it; either way nobody reads it.
        numbers = np.ones(count)
        numbers[index.reshape(-1)] = one.reshape(-1)
        if not bool((numbers[index] == one).all()):
            return None
        found.append(numbers)
    return tuple(found)


def _within(importer: Importer, x: Sum, factors: Floats, offsets: Floats) -> Sum:
    """A sum with a factor and an offset for each of its channels."""
    # A factor of 0 leaves the bias: weights of 0 with any scale.
    sign, magnitude = _signs(factors)
    return replace(negated(importer, x, sign), scales=x.scales * magnitude, bias=x.bias * factors + offsets)


def _signs(factors: Floats) -> tuple[Ints, Floats]:
    """Factors as 1, -1 or 0, and what is left of them, which is positive."""
    return np.sign(factors).astype(np.int64), np.where(factors == 0, 1.0, np.abs(factors))


def _alone(importer: Importer, node: Node, x: Wire, factors: Array, offsets: Array, steps: Steps | None) -> Real:
    """A convolution of one tap, along whose channels the numbers differ, perhaps behind functions of its elements."""
    sizes = shape(x.value)
    coordinates = np.unravel_index(x.places, sizes)
    # Channels first: they cost least.
    for axis in reversed(range(1, len(sizes))):
        numbers = _by_index(coordinates[axis], sizes[axis], factors, offsets)
        if numbers is not None:
            return _channelwise(importer, node, with_last(importer, x, axis, node.name), steps, *numbers)
    for order in _ORDERS if len(sizes) == 4 else ():
        batch, first, second, third = sizes[0], *(sizes[axis] for axis in order)
        index = coordinates[order[1]] * third + coordinates[order[2]]
        if max(first, second) > min(importer.hardware.max_image_size):
            continue
        numbers = _by_index(index, second * third, factors, offsets)
        if numbers is not None:
            turned = turned_wire(importer, x, order, node.name)
            merged = reshaped(importer, turned.value, (batch, first, 1, second * third), node.name)
            return _in_parts(importer, node, replace(turned, value=merged), steps, *numbers)
    count = prod(sizes[1:])
    numbers = _by_index(x.places % count, count, factors, offsets)
    if numbers is None:
        has = f"numbers that differ from image to image, of a tensor of {x.shape}"
        raise UnsupportedError(has, "the same for each image", "use a batch of 1, or such a constant")
    flat = reshaped(importer, x.value, (sizes[0], 1, 1, count), node.name)
    return _in_parts(importer, node, replace(x, value=flat), steps, *numbers)


def turned_to_channels(importer: Importer, x: Wire, numbers: Array, name: str) -> Wire:
    """A tensor whose channels are the axis along which numbers differ; as it is, if there is no such."""
    values, sizes = np.broadcast_to(checked(numbers, x.shape), x.shape), shape(x.value)
    coordinates = np.unravel_index(x.places, sizes)
    for axis in reversed(range(1, len(sizes))):
        if _by_index(coordinates[axis], sizes[axis], values) is not None:
            return with_last(importer, x, axis, name)
    return x


#: Orders of the engine's axes (1 rows, 2 columns, 3 channels), of which the last two become one.
_ORDERS = ((1, 2, 3), (3, 1, 2), (2, 1, 3))
#: Convolutions that one constant may become.
_MOST_PARTS = 64


def _in_parts(importer: Importer, node: Node, x: Wire, steps: Steps | None, factors: Floats, offsets: Floats) -> Real:
    """Images with a factor and an offset for each channel, of which there may be more than the engine has."""
    *_, rows, columns, channels = shape(x.value)
    most = min(importer.hardware.max_channels_in, importer.hardware.max_channels_out)
    count = -(-channels // most)
    if count == 1:
        return _channelwise(importer, node, x, steps, factors, offsets)
    if count > _MOST_PARTS:
        has = f"a constant of {channels} numbers that differ along several axes"
        raise UnsupportedError(has, f"at most {_MOST_PARTS * most}", "use one that differs along one axis, or smaller images")
    parts: list[Real] = []
    for numbers in np.array_split(np.arange(channels), count):
        first, size = int(numbers[0]), numbers.size
        part = moved_wire(importer, whole_images(x), [Part((0, 0, first), (rows, columns, size))], node.name)
        parts.append(_channelwise(importer, node, part, steps, factors[numbers], offsets[numbers]))
    return Joined(x.places, shape(x.value), node.name, parts=tuple(parts), axis=CHANNELS)


def _channelwise(importer: Importer, node: Node, x: Wire, steps: Steps | None, factors: Floats, offsets: Floats) -> Sum:
    """All of the engine's tensor, with a factor and an offset for each index of its last axis."""
    if steps is not None:
        function = Function(x.places, shape(x.value), node.name, wire=x, steps=steps)
        return _within(importer, linear_of(importer, function, node.name), factors, offsets)
    # The smallest weights, so that there is room to make the unit of the bias finer.
    taps, magnitude = _signs(factors)
    sizes: Sequence[int] = shape(x.value)
    images = len(sizes) == 4
    return Sum(
        x.places,
        tuple(sizes),
        node.name,
        x=x.value,
        x_grid=x.grid,
        weights=taps.reshape(1, 1, 1, -1) if images else np.diag(taps),
        bits=UNIT_BITS,
        scales=x.grid.unit * magnitude,
        bias=offsets,
        window=Window((1, 1)) if images else None,
        groups=len(taps) if images else 1,
    )
