"""
From the values of a tensor to the scale of its integers.

    q = clip(rhe(x / scale) + zero_point, -2^(bits-1), 2^(bits-1) - 1)

"mse" takes of many scales the one with the smallest mean squared error on the values seen, rounding and clipping together
(Nagel et al., A White Paper on Neural Network Quantization, arXiv 2106.08295, 3.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsf import numerics
from dsf.frontend.quantize.options import QuantizeOptions, power_of_two_at_least

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 2048
#: Powers of two below the scale that holds every value, which "mse" tries.
_EXPONENTS = range(8)
#: Parts of that scale that "mse" tries: 16 in each octave, for errors hardly change in between.
FRACTIONS = 2.0 ** (-np.arange(16 * 7 + 1) / 16)
#: Weights whose scales are looked for together: so many that a processor's cache holds what is computed of them.
_TOGETHER = 1 << 16
#: No scale is smaller: its products with others must not vanish in float32.
_LEAST_SCALE = 2.0**-60


@dataclass(frozen=True, eq=False)
class Quantizer:
    """
    Integers of `bits` bits, signed. `scale` and `zero_point` are numbers, or one of each for every slice along `axis`;
    scales are exact in float32.
    """

    bits: int
    scale: Floats
    zero_point: Ints
    axis: int | None = None

    def _broadcast(self, values: NDArray[np.generic], of: NDArray[np.generic]) -> NDArray[np.generic]:
        if self.axis is None:
            return values
        shape = [1] * of.ndim
        shape[self.axis] = -1
        return values.reshape(shape)

    def quantize(self, x: NDArray[np.generic]) -> Ints:
        """The integers of real numbers."""
        scale, zero_point = self._broadcast(self.scale, x), self._broadcast(self.zero_point, x)
        return numerics.quantize_linear(x, scale, zero_point, *numerics.int_range(self.bits))

    def round(self, x: NDArray[np.generic]) -> Floats:
        """Real numbers as their integers say them."""
        scale, zero_point = self._broadcast(self.scale, x), self._broadcast(self.zero_point, x)
        return numerics.dequantize_linear(self.quantize(x), scale, zero_point)


class Values:
    """
    What a tensor's values were: their limits, then how often each of `BINS` equal parts between these. Feed all of them to
    `limit` first, then all again to `count`.
    """

    def __init__(self, constants: Iterable[float] = ()):
        self.low, self.high = 0.0, 0.0  # 0 is always exact: it is what pads.
        for value in constants:
            self.limit(np.array([value]))
        self.counts = np.zeros(BINS, dtype=np.int64)

    def limit(self, x: NDArray[np.generic]) -> None:
        if x.size:
            self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))

    def count(self, x: NDArray[np.generic]) -> None:
        if self.high > self.low:
            self.counts += np.histogram(x, bins=BINS, range=(self.low, self.high))[0]

    @property
    def centres(self) -> Floats:
        width = (self.high - self.low) / BINS
        return self.low + (np.arange(BINS, dtype=np.float64) + 0.5) * width

    def quantizer(self, bits: int, options: QuantizeOptions) -> Quantizer:
        """The quantiser that `options` ask for."""
        low, high = self._percentiles(options.percentile) if options.ranges == "percentile" else (self.low, self.high)
        if options.ranges != "mse" or self.high == self.low:
            return _make(low, high, bits, options, 0)
        candidates = _candidates(low, high, bits, options)
        return min(candidates, key=self._squared_error)

    def _percentiles(self, percentile: float) -> tuple[float, float]:
        """The limits between which `percentile` per cent of the values lie, 0 included; each side loses half of the others."""
        total = self.counts.sum()
        below = np.cumsum(self.counts) / max(total, 1)
        outside = (100 - percentile) / 200
        edges = np.linspace(self.low, self.high, BINS + 1)
        first = int(np.searchsorted(below, outside, side="right"))
        last = int(np.searchsorted(below, 1 - outside, side="left"))
        return min(0.0, float(edges[min(first, BINS)])), max(0.0, float(edges[min(last + 1, BINS)]))

    def _squared_error(self, quantizer: Quantizer) -> float:
        centres = self.centres
        return float(np.dot(self.counts, np.square(centres - quantizer.round(centres))))


def _candidates(low: float, high: float, bits: int, options: QuantizeOptions) -> list[Quantizer]:
    if options.scales == "power-of-two":
        return [_make(low, high, bits, options, less) for less in _EXPONENTS]
    return [_make(low * part, high * part, bits, options, 0) for part in FRACTIONS]


def _make(low: float, high: float, bits: int, options: QuantizeOptions, less: int) -> Quantizer:
    """The quantiser that holds `low` to `high`, its scale 2**`less` times smaller."""
    least, most = numerics.int_range(bits)
    if options.zero_points:
        scale = _exact((high - low) / (most - least), options, less)
        return Quantizer(bits, scale, numerics.clip(np.rint(least - low / scale), least, most))
    return Quantizer(bits, _exact(max(-low, high) / most, options, less), np.zeros((), dtype=np.int64))


def _exact(scale: float, options: QuantizeOptions, less: int = 0) -> Floats:
    """A scale that is exact in float32, or a power of two; 1 for a tensor that is 0."""
    if scale == 0.0:
        return np.array(1.0)
    scale = max(scale, _LEAST_SCALE)
    if options.scales == "power-of-two":
        return np.array(np.ldexp(power_of_two_at_least(scale), -less))
    return np.array(np.float32(scale), dtype=np.float64)


def weight_quantizer(weights: NDArray[np.generic], axis: int | None, bits: int, options: QuantizeOptions) -> Quantizer:
    """Symmetric integers for weights, with a scale for each slice along `axis`, or one for all."""
    slices = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1) if axis is not None else weights.reshape(1, -1)
    rows = slices.astype(np.float64)
    largest = np.abs(rows).max(axis=1, initial=0.0)
    _, most = numerics.int_range(bits)
    whole = np.array([_exact(one / most, options) for one in largest])
    scales = whole if options.ranges != "mse" else _best_scales(rows, whole, bits, options)
    shape = scales if axis is not None else scales.reshape(())
    return Quantizer(bits, shape, np.zeros(shape.shape, dtype=np.int64), axis)


def _best_scales(rows: Floats, whole: Floats, bits: int, options: QuantizeOptions) -> Floats:
    """For each row the scale, at most that which holds all of it, with the smallest squared error."""
    parts = [2.0**-less for less in _EXPONENTS] if options.scales == "power-of-two" else FRACTIONS
    together = max(1, _TOGETHER // max(rows.shape[1], 1))
    best = [
        _best_of_few(rows[first : first + together], whole[first : first + together], bits, parts)
        for first in range(0, len(rows), together)
    ]
    return np.concatenate([whole[:0], *best])


def _best_of_few(rows: Floats, whole: Floats, bits: int, parts: Iterable[float]) -> Floats:
    low, high = numerics.int_range(bits)
    best, least = whole.copy(), np.full(len(rows), np.inf)
    left, values = np.arange(len(rows)), rows
    for part in parts:
        scales = (whole[left] * part).astype(np.float32).astype(np.float64)
        # What is beyond the last integer is at least so far from it, and from that of all smaller scales.
        beyond = np.maximum(np.abs(values) + low * scales[:, None], 0.0)
        possible = np.square(beyond, out=beyond).sum(axis=1) < least[left]
        if not possible.all():
            left, values, scales = left[possible], values[possible], scales[possible]
        if left.size == 0:
            break
        apart = values - numerics.on_grid(values, scales[:, None], low, high)
        error = np.square(apart, out=apart).sum(axis=1)
        better = error < least[left]
        best[left[better]], least[left[better]] = scales[better], error[better]
    return best
