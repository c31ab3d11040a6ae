"""
Factors and offsets by constants: in the core before them, or where there is none, a depthwise convolution of one tap.

A constant broadcasts against ONNX's tensor, in whatever order the axes are; what counts is along which of the engine's axes its
numbers differ. Along channels they are those of a convolution, rows or columns are exchanged with channels before, and numbers
that differ along several axes are those of a product of rows with a diagonal matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.host import checked
from dsf.frontend.onnx.importer import UNIT_BITS, Importer
from dsf.frontend.onnx.rounding import flattened, with_last
from dsf.frontend.onnx.values import MAX_ELEMENTS, Array, Real, Sum, UnsupportedError, Wire, sizes_of
from dsf.frontend.onnx.wide_weights import negated
from dsf.geometry import Window
from dsf.numerics import Floats, Ints


def scaled_and_shifted(importer: Importer, node: Node, x: Real, factor: Array | None, offset: Array | None) -> Sum:
    """`x * factor + offset`, with constants that broadcast against `x`, the same for each image of a batch."""
    factors = np.broadcast_to(1.0 if factor is None else checked(factor, x.shape), x.shape)
    offsets = np.broadcast_to(0.0 if offset is None else checked(offset, x.shape), x.shape)
    if isinstance(x, Sum) and x.function.is_identity and not x.moves:
        numbers = _by_index(x.places % sizes_of(x)[-1], sizes_of(x)[-1], factors, offsets)
        if numbers is not None:
            importer.note(node, f"in the weights of '{x.name}'")
            return _within(importer, x, *numbers)
    if not isinstance(x, Wire):
        has = "a factor or an offset of what is not quantised, behind a function or of moved axes"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the model there")
    importer.note(node, "depthwise convolution of one tap")
    return _alone(importer, node, x, factors, offsets)


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


def _alone(importer: Importer, node: Node, x: Wire, factors: Array, offsets: Array) -> Sum:
    """A convolution of one tap, or a product with a diagonal matrix."""
    sizes = shape(x.value)
    coordinates = np.unravel_index(x.places, sizes)
    # Channels first: they cost least.
    for axis in reversed(range(1, len(sizes))):
        numbers = _by_index(coordinates[axis], sizes[axis], factors, offsets)
        if numbers is not None:
            return _channelwise(node, with_last(importer, x, axis, node.name), *numbers)
    count = prod(sizes[1:])
    numbers = _by_index(x.places % count, count, factors, offsets)
    if numbers is None or count * count > MAX_ELEMENTS:
        has = f"numbers that differ from image to image, or along several axes, of a tensor of {x.shape}"
        raise UnsupportedError(has, "one for each channel, row or column", "use a constant that broadcasts over the others")
    rows = replace(x, value=flattened(importer, x.value, node.name))
    return _channelwise(node, rows, *numbers)


def _channelwise(node: Node, x: Wire, factors: Floats, offsets: Floats) -> Sum:
    """All of the engine's tensor, with a factor and an offset for each index of its last axis."""
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
