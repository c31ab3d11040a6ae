"""
Exact convolution and pooling windows in numpy, shared by the interpreters of the `bundle`, `fxp` and `tile` levels.

A product of integer matrices in float64 is exact while every partial sum stays below 2**53 (the significand of IEEE 754), and
BLAS is a hundred times faster than numpy's integer product; the magnitude is checked, and int64 used where it may not hold.
"""

from __future__ import annotations

from itertools import product
from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from dsf.errors import EngineError
from dsf.geometry import Window, span
from dsf.numerics import Floats, Ints, as_ints, biased, int_range
from dsf.transposed import TransposedWindow

#: Every integer of at most this magnitude is a float64.
EXACT = 1 << 53

#: Elements of the largest intermediate matrix; images are taken a few at a time so as not to exceed it.
CHUNK_ELEMENTS = 1 << 24

Number = TypeVar("Number", np.int64, np.float64)


def matmul(x: ArrayLike, w: ArrayLike) -> Ints:
    """`x @ w` of integer matrices, exactly."""
    a, b = as_ints(x), as_ints(w)
    if int(np.abs(a).max(initial=0)) * _column_sum(b) < EXACT:
        return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    return a @ b


def convolve(x: ArrayLike, w: ArrayLike, window: Window, *, groups: int = 1, pad_value: int = 0) -> Ints:
    """
    Exact convolution of integers: `x` (N, H, W, CI), `w` (KH, KW, CI / groups, CO), result (N, OH, OW, CO). Positions outside
    the image are `pad_value`.
    """
    a, b = as_ints(x), as_ints(w)
    largest = max(int(np.abs(a).max(initial=0)), abs(pad_value))
    if largest * _column_sum(b) >= EXACT:
        return _convolve(a, b, window, groups, pad_value)
    return _convolve(a.astype(np.float64), b.astype(np.float64), window, groups, pad_value).astype(np.int64)


def convolve_reals(x: Floats, w: Floats, window: Window, *, groups: int = 1) -> Floats:
    """
    Convolution in float64, zeros outside the image. Exact where all values are multiples of one power of two and all sums
    take at most 53 bits, as on fixed-point grids.
    """
    return _convolve(x, w, window, groups, 0)


def convolve_transposed(x: ArrayLike, w: ArrayLike, window: TransposedWindow, *, groups: int = 1) -> Ints:
    """
    Exact transposed convolution of integers: `x` (N, H, W, CI), `w` (KH, KW, CI / groups, CO), result (N, OH, OW, CO). Tap by
    tap, each input element goes to its place in the output.
    """
    a, b = as_ints(x), as_ints(w)
    if int(np.abs(a).max(initial=0)) * _column_sum(b) >= EXACT:
        return _convolve_transposed(a, b, window, groups)
    return _convolve_transposed(a.astype(np.float64), b.astype(np.float64), window, groups).astype(np.int64)


def convolve_transposed_reals(x: Floats, w: Floats, window: TransposedWindow, *, groups: int = 1) -> Floats:
    """The same in float64, exact as `convolve_reals` is."""
    return _convolve_transposed(x, w, window, groups)


def _convolve_transposed(x: NDArray[Number], w: NDArray[Number], window: TransposedWindow, groups: int) -> NDArray[Number]:
    batch, height, width, _ = x.shape
    kernel_height, kernel_width, inputs, outputs = w.shape
    per_group, (down, right), (apart_down, apart_right) = outputs // groups, window.window.strides, window.window.dilation
    top, bottom, left, right_side = window.window.padding
    more_below, more_right = window.output_padding
    # What all taps reach, from which padding cuts off some, and what is added to it.
    covered = (
        max((height - 1) * down + span(kernel_height, apart_down) + more_below, 0),
        max((width - 1) * right + span(kernel_width, apart_right) + more_right, 0),
    )
    whole = np.zeros((batch, *covered, outputs), dtype=x.dtype)
    for group, row, column in product(range(groups), range(kernel_height), range(kernel_width)):
        ins, outs = slice(group * inputs, (group + 1) * inputs), slice(group * per_group, (group + 1) * per_group)
        y, z = row * apart_down, column * apart_right
        places = whole[:, y : y + (height - 1) * down + 1 : down, z : z + (width - 1) * right + 1 : right, outs]
        places += (x[..., ins].reshape(-1, inputs) @ w[row, column, :, outs]).reshape(places.shape)
    return whole[:, top : covered[0] - bottom, left : covered[1] - right_side]


def _column_sum(w: Ints) -> int:
    """Largest sum of magnitudes that one output channel can see."""
    return int(np.abs(w).reshape(-1, w.shape[-1]).sum(axis=0).max(initial=0))


def _convolve(x: NDArray[Number], w: NDArray[Number], window: Window, groups: int, pad_value: int) -> NDArray[Number]:
    batch, height, width, channels = x.shape
    out_height, out_width = window.output_shape(height, width)
    row_elements = out_height * out_width * w.shape[1] * channels
    step = max(1, CHUNK_ELEMENTS // row_elements)
    pieces = [_convolve_few(x[n : n + step], w, window, groups, pad_value) for n in range(0, batch, step)]
    return np.concatenate(pieces)


def _convolve_few(x: NDArray[Number], w: NDArray[Number], window: Window, groups: int, pad_value: int) -> NDArray[Number]:
    """One matrix product for each kernel row, over (kernel column, channel)."""
    kernel_height, kernel_width, inputs, outputs = w.shape
    patches = windows(x, window, pad_value)
    batch, out_height, out_width = patches.shape[:3]
    result = np.zeros((batch, out_height, out_width, outputs), dtype=x.dtype)
    per_group = outputs // groups
    for group in range(groups):
        ins, outs = slice(group * inputs, (group + 1) * inputs), slice(group * per_group, (group + 1) * per_group)
        for row in range(kernel_height):
            columns = patches[:, :, :, row, :, ins].reshape(-1, kernel_width * inputs)
            rows = w[row, :, :, outs].reshape(-1, per_group)
            result[..., outs] += (columns @ rows).reshape(batch, out_height, out_width, per_group)
    return result


def check_sums(sums: Ints, bias: Ints, *, bias_shift: int, bits: int, where: str = "") -> None:
    """
    Sums, without and with their bias, fit `bits` bits: an accumulator does not wrap, the compiler has proved that it need not.
    Raises `EngineError`, which begins with `where`.
    """
    low, high = int_range(bits)
    for values, fraction in ((sums, 0), biased(sums, bias, bias_shift)):
        if values.size and (values.min() < low << fraction or values.max() > high << fraction):
            worst = (values.min() if -values.min() > values.max() else values.max()) >> fraction
            raise EngineError(f"{where}sums up to {worst}, needs {low} to {high}; use more bits_sum")


def windows(x: NDArray[Number], window: Window, pad_value: int) -> NDArray[Number]:
    """A view of every window of `x` (N, H, W, C), padded with `pad_value`: (N, OH, OW, KH, KW, C)."""
    top, bottom, left, right = (max(0, side) for side in window.padding)
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)
    # Padding below 0 leaves out what is there.
    above, below, before, behind = (max(0, -side) for side in window.padding)
    padded = padded[:, above : padded.shape[1] - below, before : padded.shape[2] - behind]
    spans = tuple(span(kernel, dilation) for kernel, dilation in zip(window.kernel, window.dilation, strict=True))
    view = sliding_window_view(padded, spans, axis=(1, 2))
    view = view[:, :: window.strides[0], :: window.strides[1], :, :: window.dilation[0], :: window.dilation[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


def window_sums(x: Ints, window: Window, *, count_padding: bool = False, pad_value: int = 0) -> tuple[Ints, Ints]:
    """
    Sum and number of the elements of each window: (N, OH, OW, C) and (1, OH, OW, 1). Counts those inside the image or, with
    `count_padding`, all, those outside being `pad_value`.
    """
    sums = windows(x, window, pad_value if count_padding else 0).sum(axis=(3, 4))
    ones = np.ones((1, *x.shape[1:3], 1), dtype=np.int64)
    counts = windows(ones, window, 1 if count_padding else 0).sum(axis=(3, 4))
    return as_ints(sums), as_ints(counts)


def window_maxima(x: Ints, window: Window) -> Ints:
    """Largest element inside the image of each window: (N, OH, OW, C)."""
    lowest = int(np.iinfo(np.int64).min)
    return as_ints(windows(x, window, lowest).max(axis=(3, 4)))
