"""
Means over windows. As many elements everywhere are a depthwise convolution with weights of 1, whose scale is 1 / count: so the
mean has a grid of its own, and is rounded once. Where windows at the edge of the image have fewer elements, each part of the
result with equal counts is such a convolution, of the rows and columns that it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.importer import Importer
from dsf.frontend.onnx.linear import rows_of
from dsf.frontend.onnx.moving import moved_wire
from dsf.frontend.onnx.operands import engine_shape, images_of, lifted
from dsf.frontend.onnx.rounding import COLUMNS, ROWS
from dsf.frontend.onnx.values import (
    Joined,
    Mean,
    Part,
    Places,
    Sum,
    UnsupportedError,
    Wire,
    places_of_images,
    row_major,
    sizes_of,
)
from dsf.geometry import Window


@dataclass(frozen=True)
class Stretch:
    """
    Windows along one axis with equally many taps inside the image, `step` apart and `stride` from window to window: the first
    one of them begins at element `first`, and there are `windows`. `count` is what their sums are divided by.
    """

    first: int
    taps: int
    count: int
    windows: int
    stride: int
    step: int

    @property
    def elements(self) -> int:
        """From the first to the last that is read."""
        return (self.windows - 1) * self.stride + (self.taps - 1) * self.step + 1


def stretches(size: int, window: tuple[int, int, int], before: int, windows: int, counted: int | None) -> list[Stretch]:
    """
    All windows along an axis of `size` elements: of (taps, stride, dilation), with padding before; of that behind `counted`
    elements count, and all before, or with `None` no padding does.
    """
    kernel, stride, step = window
    found: list[Stretch] = []
    for index in range(windows):
        start = index * stride - before
        inside = [tap for tap in range(kernel) if 0 <= start + tap * step < size]
        if not inside:
            raise UnsupportedError("windows outside the image", "at least one element in each", "pad less")
        count = len(inside)
        if counted is not None:
            count = sum(start + tap * step < size + counted for tap in range(kernel))
        one = Stretch(start + inside[0] * step, len(inside), count, 1, stride, step)
        last = found[-1] if found else None
        if last is not None and one == replace(last, first=last.first + last.windows * stride, windows=1):
            found[-1] = replace(last, windows=last.windows + 1)
        else:
            found.append(one)
    return found


def mean(importer: Importer, x: Wire, window: Window, name: str) -> Sum:
    """The mean over windows that lie inside images."""
    lines = lifted(x)
    value = images_of(lines)
    batch, height, width, channels = sizes_of(lines)
    sizes = engine_shape(window, batch, height, width, channels)
    return Sum(
        places_of_images(sizes, len(x.shape)),
        sizes,
        name,
        x=value,
        x_grid=x.grid,
        weights=np.ones((*window.kernel, 1, channels), dtype=np.int64),
        bits=2,
        scales=np.full(channels, x.grid.unit / prod(window.kernel)),
        bias=np.zeros(channels),
        window=window,
        groups=channels,
    )


def mean_over(importer: Importer, x: Wire, axes: set[int], name: str) -> Sum:
    """The mean over axes of images (N, C, H, W) or (N, C, L), or of rows (N, K); the axes keep a size of 1."""
    if len(x.shape) == 2:
        return _mean_of_rows(importer, x, name)
    whole = lifted(x).shape[2:] if len(x.shape) == 4 else (1, x.shape[2])
    window = Window((whole[0] if len(x.shape) == 4 and 2 in axes else 1, whole[1] if len(x.shape) - 1 in axes else 1))
    found = mean(importer, x, window, name)
    if 1 not in axes:
        return found
    channels = x.shape[1]
    sizes = (*found.shape_of_engine[:3], 1)
    return replace(
        found,
        places=places_of_images(sizes, len(x.shape)),
        shape_of_engine=sizes,
        weights=np.ones((*window.kernel, channels, 1), dtype=np.int64),
        scales=found.scales[:1] / channels,
        bias=np.zeros(1),
        groups=1,
    )


def _mean_of_rows(importer: Importer, x: Wire, name: str) -> Sum:
    """The mean of each row (N, K)."""
    value, order = rows_of(importer, x, name)
    weights = np.zeros((shape(value)[1], 1), dtype=np.int64)
    weights[order] = 1
    sizes = (x.shape[0], 1)
    scales = np.full(1, x.grid.unit / len(order))
    return Sum(
        row_major(sizes),
        sizes,
        name,
        x=value,
        x_grid=x.grid,
        weights=weights,
        bits=2,
        scales=scales,
        bias=np.zeros(1),
        window=None,
    )


def mean_of_parts(
    importer: Importer, x: Wire, rows: Sequence[Stretch], columns: Sequence[Stretch], pooled: Window | None, name: str
) -> Mean:
    """The mean over all windows of these rows and columns; `pooled` is the window by which the engine pools the same."""
    rank = len(x.shape)
    batch, *_, channels = sizes_of(lifted(x))
    sizes = (batch, sum(one.windows for one in rows), sum(one.windows for one in columns), channels)

    def sums() -> Sum | Joined:
        bands = [_joined([_part(importer, x, row, one, name) for one in columns], COLUMNS, rank, name) for row in rows]
        return _joined(bands, ROWS, rank, name)

    images_of(lifted(x))
    return Mean(places_of_images(sizes, rank), sizes, name, wire=x, window=pooled, sums=sums)


def _part(importer: Importer, x: Wire, row: Stretch, column: Stretch, name: str) -> Sum:
    """The mean over the windows of some rows and columns."""
    _, height, width, channels = sizes_of(x)
    part = Part((row.first, column.first, 0), (row.elements, column.elements, channels))
    whole = part.size[:2] == (height, width)
    taken = x if whole else moved_wire(importer, x, [part], name)
    window = Window((row.taps, column.taps), (row.stride, column.stride), dilation=(row.step, column.step))
    found = mean(importer, taken, window, name)
    return replace(found, scales=np.full(channels, x.grid.unit / (row.count * column.count)))


def _joined(parts: Sequence[Sum | Joined], axis: int, rank: int, name: str) -> Sum | Joined:
    """Images beside or under each other."""
    if len(parts) == 1:
        return parts[0]
    sizes = list(parts[0].shape_of_engine)
    sizes[axis] = sum(one.shape_of_engine[axis] for one in parts)
    places: Places = places_of_images(tuple(sizes), rank)
    return Joined(places, tuple(sizes), name, parts=tuple(parts), axis=axis)
