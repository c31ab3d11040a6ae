"""Rounded sums, every one that a channel can have: how many get another result than the model means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsf.dialects.bundle import AffineType
from dsf.frontend.onnx.values import Pointwise, Sum
from dsf.numerics import int_range, scale_to_multiplier


def limits(grid: AffineType, function: Pointwise) -> tuple[int, int]:
    """The least and the largest result, zero point subtracted."""
    low, high = (one - grid.zero for one in int_range(grid.bits.data))
    least = low if function.minimum is None else max(low, round(function.minimum / grid.unit))
    return least, high if function.maximum is None else min(high, round(function.maximum / grid.unit))


def rounded(value: NDArray[np.float64], grid: AffineType, function: Pointwise) -> NDArray[np.float64]:
    """Real numbers in steps of a grid, through a function."""
    return np.clip(np.rint(np.where(value < 0, value * function.slope, value)), *limits(grid, function))


def wrong_results(meant: Sum, taken: Sum, grid: AffineType) -> tuple[int, int]:
    """
    Of the sums that no clip decides, how many get another result from the engine, which has `taken`, and how many there are.
    Fails if one is 2 or more away.
    """
    wrong = total = 0
    multiplier, shift = scale_to_multiplier(taken.scales / grid.unit)
    before, after = (one.weights.reshape(-1, one.bias.size) for one in (meant, taken))
    lowest, highest = (one - meant.x_grid.zero for one in int_range(meant.x_grid.bits.data))
    for channel in range(meant.bias.size):
        weights, used = before[:, channel], np.flatnonzero(before[:, channel])
        factor = int(after[used[0], channel] // weights[used[0]]) if used.size else 1
        bias, gain = meant.bias[channel] / meant.scales[channel], meant.scales[channel] / grid.unit
        least, most = (one / gain - bias for one in limits(grid, meant.function))
        first = max(int(np.minimum(weights * lowest, weights * highest).sum()), int(least - 2 / gain))
        last = min(int(np.maximum(weights * lowest, weights * highest).sum()), int(most + 2 / gain))
        sums = np.arange(first, last + 1)
        wanted = rounded((sums + bias) * gain, grid, meant.function)
        whole = np.rint(taken.bias[channel] / taken.scales[channel])
        engine = (factor * sums + whole) * float(multiplier[channel]) / 2.0 ** int(shift[channel])
        got = rounded(engine, grid, meant.function)
        assert np.abs(got - wanted).max(initial=0) <= 1
        wrong, total = wrong + int(np.count_nonzero(got != wanted)), total + len(sums)
    return wrong, total
