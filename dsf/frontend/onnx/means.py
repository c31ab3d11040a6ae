"""
Means over windows. As many elements everywhere are a depthwise convolution with weights of 1, whose scale is 1 / count: so the
mean has a grid of its own, and is rounded once. Where windows at the edge of the image have fewer elements, each part of the
result with equal counts is such a convolution, of the rows and columns that it reads. A mean of sums that nothing has rounded,
of a convolution, a factor for each channel or another mean, is one convolution with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.importer import Importer
from dsf.frontend.onnx.linear import rows_of
from dsf.frontend.onnx.moving import as_images
from dsf.frontend.onnx.operands import engine_shape
from dsf.frontend.onnx.rounding import COLUMNS, ROWS, move
from dsf.frontend.onnx.sums import linear_of
from dsf.frontend.onnx.values import (
    UNIT_BITS,
    Joined,
    Part,
    Places,
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
from dsf.frontend.onnx.wide_weights import ungrouped, with_weights
from dsf.geometry import Window, span
from dsf.numerics import Ints


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


def mean(importer: Importer, x: Sum, window: Window, name: str) -> Sum:
    """
    The mean over windows that lie inside images, or reach into padding that is 0 (`is_zero_around`): linear functions of a
    tensor after each other are one.
    """
    if not is_images(x):
        raise UnsupportedError("a mean of moved axes", "images (N, C, H, W), as convolutions leave them", "quantise before it")
    assert is_zero_around(x, window.padding)
    weights, over = _after(_window_of(x), x.weights, window)
    batch, height, width, channels = sizes_of(x)
    sizes = engine_shape(window, batch, height, width, channels)
    found = replace(
        x,
        places=places_of_images(sizes, len(x.shape)),
        shape_of_engine=sizes,
        name=name,
        window=over,
        scales=x.scales / prod(window.kernel),
    )
    return with_weights(importer, found, weights)


def is_zero_around(x: Sum, padding: tuple[int, int, int, int]) -> bool:
    """
    Whether what a sum computes outside its images, as far as `padding` reaches, is 0: its windows read nothing of the image
    there, and no bias is added.
    """
    if not any(padding):
        return True
    window, (_, *image, _) = _window_of(x), sizes_of(x)
    for axis, results in enumerate(image):
        before, after = padding[2 * axis : 2 * axis + 2]
        stride, first = window.strides[axis], -window.padding[2 * axis]
        stop = first - stride + span(window.kernel[axis], window.dilation[axis])
        if (before and stop > 0) or (after and first + results * stride < shape(x.x)[1 + axis]):
            return False
    return not bool(x.bias.any())


def _window_of(x: Sum) -> Window:
    if not isinstance(x.window, Window):
        has = f"a mean of what is not quantised, behind a transposed convolution or a dense layer ('{x.name}')"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the model there")
    return x.window


def _after(first: Window, weights: Ints, second: Window) -> tuple[Ints, Window]:
    """The weights (KH, KW, CI, CO), and their window, of what sums the results of a convolution over windows."""
    steps: list[int] = []
    for axis in range(2):
        # One result further is so many elements of the convolution's input.
        apart, taps = second.dilation[axis] * first.strides[axis], first.kernel[axis]
        step = gcd(first.dilation[axis] if taps > 1 else 0, apart if second.kernel[axis] > 1 else 0) or 1
        each = (taps - 1) * (first.dilation[axis] // step if taps > 1 else 1) + 1
        spread = np.zeros((each, *np.moveaxis(weights, axis, 0).shape[1:]), dtype=np.int64)
        spread[:: first.dilation[axis] // step if taps > 1 else 1] = np.moveaxis(weights, axis, 0)
        further = apart // step if second.kernel[axis] > 1 else 1
        total = np.zeros(((second.kernel[axis] - 1) * further + each, *spread.shape[1:]), dtype=np.int64)
        for tap in range(second.kernel[axis]):
            total[tap * further : tap * further + each] += spread
        weights = np.moveaxis(total, 0, axis)
        steps.append(step)
    top, bottom, left, right = first.padding
    above, below, before, behind = second.padding
    down, across = first.strides
    return weights, Window(
        (weights.shape[0], weights.shape[1]),
        (down * second.strides[0], across * second.strides[1]),
        (top + above * down, bottom + below * down, left + before * across, right + behind * across),
        (steps[0], steps[1]),
    )


def mean_over(importer: Importer, state: State | None, axes: set[int], name: str) -> Sum:
    """
    The mean over axes of ONNX's tensor, which keep a size of 1, whatever axes of the engine's they are. Raises
    `UnsupportedError` where these are not whole ones, or the batch.
    """
    if isinstance(state, Wire) and len(state.shape) == 2 and axes == {1}:
        return _mean_of_rows(importer, state, name)
    if isinstance(state, Wire):
        # What comes after it may want images.
        state = as_images(importer, state, name)
    x = linear_of(importer, state, name)
    if not _are_whole(x, axes):
        has = f"a mean over axes {tuple(sorted(axes))} of a tensor of {x.shape}"
        raise UnsupportedError(has, "axes of rows or images", "average the batch outside, or quantise before it")
    sizes, over = sizes_of(x), _axes_of_engine(x, axes)
    if len(sizes) - 1 in over and bool((x.scales != x.scales[0]).any()):
        has = f"a mean over channels of what is not quantised, each of another scale ('{x.name}')"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the model there")
    if len(sizes) == 2:
        found = _over_channels(x)
    else:
        images = replace(x, places=places_of_images(sizes, 4))
        found = mean(importer, images, Window((sizes[1] if 1 in over else 1, sizes[2] if 2 in over else 1)), name)
        found = _over_channels(found) if 3 in over else found
    first = x.places[tuple(slice(1) if axis in axes else slice(None) for axis in range(len(x.shape)))]
    where = [np.zeros_like(one) if axis in over else one for axis, one in enumerate(np.unravel_index(first, sizes))]
    places = np.ravel_multi_index(where, sizes_of(found))
    return with_weights(importer, replace(found, places=places, name=name), found.weights)


def _together(x: Real, axes: set[int]) -> Places:
    """The places of a tensor's elements, with these axes of it as one, the last."""
    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    return x.places.transpose(*others, *sorted(axes)).reshape(*(x.shape[axis] for axis in others), -1)


def _axes_of_engine(x: Real, axes: set[int]) -> set[int]:
    """The axes of the engine's tensor along which ONNX's axes lead."""
    coordinates = np.unravel_index(_together(x, axes), sizes_of(x))
    return {axis for axis, one in enumerate(coordinates) if bool(np.ptp(one, axis=-1).any())}


def _are_whole(x: Real, axes: set[int]) -> bool:
    """Whether axes of ONNX's tensor are whole axes of each of the engine's images, in any order."""
    together, over = np.sort(_together(x, axes), axis=-1), _axes_of_engine(x, axes)
    different = bool((np.diff(together, axis=-1) > 0).all())
    return 0 not in over and different and prod(sizes_of(x)[axis] for axis in over) == together.shape[-1]


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
        bits=UNIT_BITS,
        scales=scales,
        bias=np.zeros(1),
        window=None,
    )


def _over_channels(x: Sum) -> Sum:
    """The mean over all channels of sums of one unit."""
    channels = x.scales.size
    return replace(
        x,
        shape_of_engine=(*sizes_of(x)[:-1], 1),
        weights=ungrouped(x.weights, x.groups).sum(axis=-1, keepdims=True),
        scales=x.scales[:1] / channels,
        bias=x.bias.mean(keepdims=True),
        groups=1,
    )


def mean_of_parts(importer: Importer, x: Sum, rows: Sequence[Stretch], columns: Sequence[Stretch], name: str) -> Sum | Joined:
    """The mean over all windows of these rows and columns."""
    if not is_images(x):
        raise UnsupportedError("a mean of moved axes", "images (N, C, H, W), as convolutions leave them", "quantise before it")
    rank = len(x.shape)
    bands = [_joined([_part(importer, x, row, one, name) for one in columns], COLUMNS, rank, name) for row in rows]
    return _joined(bands, ROWS, rank, name)


def _part(importer: Importer, x: Sum, row: Stretch, column: Stretch, name: str) -> Sum:
    """The mean over the windows of some rows and columns."""
    taken = _lines(importer, x, row, column, name)
    window = Window((row.taps, column.taps), (row.stride, column.stride), dilation=(row.step, column.step))
    found = mean(importer, taken, window, name)
    # Of what is counted so much is elements; the rest is 0, without a bias.
    elements = prod(window.kernel) / (row.count * column.count)
    return replace(found, scales=found.scales * elements, bias=found.bias * elements)


def _lines(importer: Importer, x: Sum, row: Stretch, column: Stretch, name: str) -> Sum:
    """Those rows and columns of sums that windows read: of what these are sums of, what they read of it."""
    window = _window_of(x)
    batch, *_, channels = sizes_of(x)
    first: list[int] = []
    size: list[int] = []
    padding: list[int] = []
    for axis, one in enumerate((row, column)):
        start = one.first * window.strides[axis] - window.padding[2 * axis]
        stop = start + (one.elements - 1) * window.strides[axis] + span(window.kernel[axis], window.dilation[axis])
        inside = range(max(start, 0), min(stop, shape(x.x)[1 + axis]))
        if not inside:
            raise UnsupportedError("a mean of nothing but padding", "windows that reach into images", "pad less")
        first.append(inside.start)
        size.append(len(inside))
        padding += [inside.start - start, stop - inside.stop]
    *_, inputs = shape(x.x)
    part = Part((first[0], first[1], 0), (size[0], size[1], inputs))
    value = x.x if shape(x.x)[1:] == part.size else move(importer, x.x, [part], name)
    sizes = (batch, row.elements, column.elements, channels)
    over = replace(window, padding=(padding[0], padding[1], padding[2], padding[3]))
    return replace(x, x=value, window=over, places=places_of_images(sizes, len(x.shape)), shape_of_engine=sizes)


def _joined(parts: Sequence[Sum | Joined], axis: int, rank: int, name: str) -> Sum | Joined:
    """Images beside or under each other."""
    if len(parts) == 1:
        return parts[0]
    sizes = list(parts[0].shape_of_engine)
    sizes[axis] = sum(one.shape_of_engine[axis] for one in parts)
    places: Places = places_of_images(tuple(sizes), rank)
    return Joined(places, tuple(sizes), name, parts=tuple(parts), axis=axis)
