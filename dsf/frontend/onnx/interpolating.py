"""
Enlargements that interpolate between elements (Resize with mode linear): the sum of each element's triangle, which is a
depthwise transposed convolution whose stride is the factor. Weights are small integers, so that there is one rounding. At the
edge the outermost element counts for those beyond it; the engine copies it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.moving import concatenated, every, moved_wire
from dsf.frontend.onnx.operands import wire_of
from dsf.frontend.onnx.transposed import transposed_sum
from dsf.frontend.onnx.values import UNIT_BITS, Array, QuantisedConstant, Real, Sum, UnsupportedError, Wire, sizes_of
from dsf.geometry import Window
from dsf.numerics import Ints
from dsf.transposed import TransposedWindow

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer


@dataclass(frozen=True)
class _Axis:
    """
    Along one axis: how often elements are repeated, how many copies of the outermost ones are before and after them, the
    triangle, in units of 1 / `unit`, and how much of what it makes is left out before and after.
    """

    factor: int
    copies: tuple[int, int]
    triangle: Ints
    unit: int
    crop: tuple[int, int]


_SAME = _Axis(1, (0, 0), np.ones(1, dtype=np.int64), 1, (0, 0))


def interpolated(importer: Importer, node: Node, x: Real, coordinates: Sequence[Array]) -> Sum:
    """
    Images (N, C, H, W) or (N, C, L), interpolated at these positions along each of the spatial axes, counted in elements.
    Raises `UnsupportedError` for positions that are not equally far apart, a whole fraction of an element.
    """
    wire = wire_of(x)
    found = [_axis(size, positions) for size, positions in zip(x.shape[2:], coordinates, strict=True)]
    for along, one in enumerate(found, 2 - len(found)):
        wire = _continued(importer, wire, along, one.copies, node.name)
    rows, columns = found if len(found) == 2 else (_SAME, *found)
    kernel = np.outer(rows.triangle, columns.triangle)
    codes = np.tile(kernel if len(found) == 2 else kernel[0], (x.shape[1], 1, *[1] * len(found)))
    weights = QuantisedConstant(codes, np.array([1 / (rows.unit * columns.unit)]), None, UNIT_BITS)
    window = Window((kernel.shape[0], kernel.shape[1]), (rows.factor, columns.factor), (*rows.crop, *columns.crop))
    importer.note(node, "depthwise transposed convolution")
    bias = np.zeros(x.shape[1])
    return transposed_sum(importer, node, wire, weights, bias, TransposedWindow(window), x.shape[1])


def _axis(size: int, positions: Array) -> _Axis:
    count = positions.size
    factor, rest = divmod(count, size)
    # In halves of the distance of two positions: of even factors an element lies in the middle between two.
    first = 2 * factor * float(positions[0])
    half = round(first) % 2
    regular = rest == 0 and np.allclose(positions, positions[0] + np.arange(count) / max(factor, 1), atol=1e-4)
    if not regular or abs(first - round(first)) > 1e-3 or abs(positions[0]) > 1:
        has = f"an interpolation of {size} elements at {count} positions from {positions[0]:.3g} to {positions[-1]:.3g}"
        change = "enlarge by a whole factor, with coordinate_transformation_mode='half_pixel' (in torch align_corners=False)"
        raise UnsupportedError(has, "positions a whole fraction of an element apart", change)
    copies = int(positions[0] < 0), int(positions[-1] > size - 1)
    taps = np.arange(2 * factor - 1 + half)
    unit = factor * (1 + half)
    triangle = (2 * factor - np.abs(2 * taps - taps[-1])) * unit // (2 * factor)
    # Position o is o - i * factor + before taps from the first one of element i, copies counted.
    before = (round(first) + int(taps[-1])) // 2 + copies[0] * factor
    covered = (size + sum(copies) - 1) * factor + taps.size
    return _Axis(factor, copies, triangle, unit, (before, covered - before - count))


def _continued(importer: Importer, x: Wire, along: int, copies: tuple[int, int], name: str) -> Wire:
    """Images with copies of their outermost rows (`along` is 0) or columns (1)."""
    if copies == (0, 0) or x.stand_in:
        return x
    sizes = sizes_of(x)

    def only(index: int) -> Wire:
        rows, columns, channels = (
            range(size) if axis != along else range(index, index + 1) for axis, size in enumerate(sizes[1:])
        )
        return moved_wire(importer, x, every(rows, columns, channels, sizes), name)

    before = [only(0)] if copies[0] else []
    after = [only(sizes[1 + along] - 1)] if copies[1] else []
    return concatenated(importer, [*before, x, *after], along + len(x.shape) - 2, name)
