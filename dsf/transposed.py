"""
The ordinary convolutions that a transposed one is.

A transposed convolution adds its kernel, times each input element, to the output, `stride` elements further for each. Output
position o gets from input i by tap k where o = i * stride - before + k * dilation, so that only every stride-th position gets
something by the same taps: those positions are a convolution of stride 1, with a part of the taps, and there are as many of
them as the strides have phases. No element is multiplied by a zero between the inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import gcd

import numpy as np

from dsf.errors import ModelError
from dsf.geometry import Window, resolve_padding, same_padding, span
from dsf.layout import Stored


@dataclass(frozen=True)
class Phase:
    """
    One of the ordinary convolutions that a transposed one is: it makes the `image` (rows, columns) of output positions from
    `first` on, `strides` apart, with the window `window`, all (vertical, horizontal). `taps` are those of the kernel that it
    has, in the order of its own. Where there are none, `window` is one tap that lies in padding everywhere.
    """

    first: tuple[int, int]
    image: tuple[int, int]
    window: Window
    taps: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def is_empty(self) -> bool:
        """Whether no tap of the kernel reaches these positions."""
        return not (self.taps[0] and self.taps[1])


@dataclass(frozen=True)
class _PhaseOfAxis:
    """The same along one axis."""

    first: int
    outputs: int
    inputs: int
    taps: tuple[int, ...]
    dilation: int
    start: int

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Taps, their dilation, and the padding on both sides."""
        last = self.start + self.outputs - 1 + (len(self.taps) - 1) * self.dilation
        return len(self.taps), self.dilation, -self.start, last + 1 - self.inputs

    @property
    def outside(self) -> tuple[int, int, int, int]:
        """The same of one tap that lies before the image everywhere."""
        return 1, 1, self.outputs, -self.inputs


@dataclass(frozen=True)
class TransposedWindow:
    """
    The window of a transposed convolution: what an ordinary one of this `window` would have had for its input. Padding takes
    rows and columns away from the output, `output_padding` (below, on the right) adds some.

        for iy, ix, ky, kx: output = (iy*strides[0] - top + ky*dilation[0], ix*strides[1] - left + kx*dilation[1])
    """

    window: Window
    output_padding: tuple[int, int] = (0, 0)

    def output_shape(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the output; raises `ModelError` where padding leaves nothing of it."""
        sizes = self._output_size(0, height), self._output_size(1, width)
        if min(sizes) < 1:
            raise ModelError(
                f"'window': an output of {sizes[0]}x{sizes[1]}, needs at least 1x1; use less padding, which crops the output"
            )
        return sizes

    def _output_size(self, axis: int, size: int) -> int:
        window = self.window
        padding = window.padding[2 * axis] + window.padding[2 * axis + 1]
        covered = (size - 1) * window.strides[axis] + span(window.kernel[axis], window.dilation[axis])
        return covered - padding + self.output_padding[axis]

    def phases(self, height: int, width: int) -> list[Phase]:
        """
        The convolutions of stride 1 whose outputs interleave, for images of this size: output position o and its tap k read
        input (o + before - k * dilation) / stride, which is whole for every stride-th position only, and for some taps.
        """
        return [self._phase(down, right) for down, right in product(self._of_axis(0, height), self._of_axis(1, width))]

    def _of_axis(self, axis: int, size: int) -> list[_PhaseOfAxis]:
        kernel, stride, dilation = self.window.kernel[axis], self.window.strides[axis], self.window.dilation[axis]
        before, outputs = self.window.padding[2 * axis], self._output_size(axis, size)
        found: list[_PhaseOfAxis] = []
        for first in range(min(stride, outputs)):
            taps = tuple(tap for tap in reversed(range(kernel)) if (first + before - tap * dilation) % stride == 0)
            start = (first + before - taps[0] * dilation) // stride if taps else 0
            apart = dilation // gcd(dilation, stride) if len(taps) > 1 else 1
            found.append(_PhaseOfAxis(first, -(-(outputs - first) // stride), size, taps, apart, start))
        return found

    def _phase(self, down: _PhaseOfAxis, right: _PhaseOfAxis) -> Phase:
        empty = not (down.taps and right.taps)
        rows, columns = (down.outside, right.outside) if empty else (down.numbers, right.numbers)
        kernel, dilation = (rows[0], columns[0]), (rows[1], columns[1])
        window = Window(kernel, (1, 1), (*rows[2:], *columns[2:]), dilation)
        return Phase((down.first, right.first), (down.outputs, right.outputs), window, (down.taps, right.taps))


def resolve_transposed(
    padding: str | tuple[tuple[int, int], tuple[int, int]],
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    output_padding: tuple[int, int] = (0, 0),
) -> TransposedWindow:
    """
    The window of a transposed convolution whose padding is 'same' (an output `strides` times as large as the input, as in
    TensorFlow), 'valid' (no padding) or ((top, bottom), (left, right)).
    """
    more = output_padding
    if padding == "same":
        # What the ordinary convolution from an image of that size would pad.
        padding = (
            same_padding(strides[0], kernel[0], strides[0], dilation[0]),
            same_padding(strides[1], kernel[1], strides[1], dilation[1]),
        )
        gaps = tuple(max(0, stride - span(one, apart)) for stride, one, apart in zip(strides, kernel, dilation, strict=True))
        more = (more[0] + gaps[0], more[1] + gaps[1])
    sides = resolve_padding(padding, (1, 1), kernel, strides, dilation)
    return TransposedWindow(Window(kernel, strides, sides, dilation), more)


def phase_weights(weights: Stored, phase: Phase, filling: int = 0) -> Stored:
    """
    The kernel (KH', KW', CI / groups, CO) of a phase, from that of the whole layer (KH, KW, CI / groups, CO); of a phase
    without taps one of `filling`.
    """
    if phase.is_empty:
        return np.full((1, 1, *weights.shape[2:]), filling, dtype=weights.dtype)
    rows, columns = phase.taps
    return weights[list(rows)][:, list(columns)]
