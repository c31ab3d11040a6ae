"""
Bias and gain of a rounded sum, chosen together so that the engine's result is that of the model for as many sums as possible.

The model means `round((sum + b) * g)` with real numbers b and g, the engine computes `round((f * sum + B) * m / 2**s)` with
integers, m of 16 bits or more (`Hardware.bits_multiplier`), f the factor of the weights (`units.py`), times `2**bits_fraction`.
Both are steps: from step k on, the result is k or more,

    sum >= n_k = ceil((k - 1/2) / g - b)        the model
    f * sum + B >= (k - 1/2) * 2**s / m         the engine

which is the same for all sums if `L_k <= B < L_k + f`, L_k being the least integer not below `(k - 1/2) * 2**s / m - f * n_k`.
Where a number is exactly half-way the even step is taken. So of some factors and multipliers, for each channel those and the B
are taken for which most steps that its sums can reach begin where they should. Of those that don't, one sum in `1 / g` has the
neighbouring result. Steps near 0 count more, since most results are there. Where all do, the layer is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dsf import numerics
from dsf.dialects.bundle import Grid
from dsf.frontend.onnx.values import Pointwise, Sum
from dsf.hardware import Hardware
from dsf.numerics import Floats, Ints

#: Multipliers beside the nearest one, of 16 bits and of more, and integers beside the nearest bias, that are looked at.
NEAR_MULTIPLIERS, NEAR_WIDE_MULTIPLIERS, NEAR_BIASES = 2, 24, 4
#: Results have a normal distribution of about this part of their grid, times the square root of 2; and what those count that
#: are far from it.
COMMON, RARE = 3 / 8, 0.2
#: A number counts as whole if it differs from one by less than a multiplier's last bit of it, with so many bits more.
BITS_BEYOND = 8
#: By so much of itself a whole number may differ from one after a few operations in float64.
LEFT = 2.0**-46


@dataclass(frozen=True)
class Rescaling:
    """
    For each channel the factor of the weights, the gain, which is a multiplier and a shift, the bias, in units of the last bit
    behind the point of the sum of those weights, and how much is wrong with them.
    """

    factors: Ints
    gains: Floats
    bias: Ints
    wrong: Floats


@dataclass(frozen=True)
class _Steps:
    """
    Those steps k whose results the function lets through, (K,): where each begins, in units of the gain's inverse, and for each
    channel, (K, C), the least sum that reaches it, and how much it counts: nothing if all sums do, or none. Numbers that differ
    by `apart` of themselves from a whole one count as that.
    """

    odd: Ints
    begins: Floats
    least: Floats
    counts: Floats
    apart: float


def rescaling(pending: Sum, hardware: Hardware, grid: Grid, factors: Ints, fraction: int) -> Rescaling:
    """The best of these factors, (candidates, channels), with a multiplier and a bias of `fraction` bits behind the point."""
    gains: Floats = pending.scales / grid.unit
    bias: Floats = pending.bias / pending.scales
    apart = 2.0 ** -(hardware.bits_multiplier + BITS_BEYOND)
    steps = _steps(pending, grid, gains, bias, apart)
    chosen: Rescaling | None = None
    for factor in factors:
        room = _room(pending, hardware, factor, fraction)
        fine = factor << fraction
        for gain in _near(gains / factor, hardware.bits_multiplier):
            offset, wrong = _best_bias(steps, fine, np.ldexp(gain, -fraction), bias * fine, room)
            one = Rescaling(factor, gain, np.rint(bias * fine).astype(np.int64) + offset, wrong)
            chosen = one if chosen is None else _better(chosen, one)
            if not chosen.wrong.any():
                return chosen
    assert chosen is not None
    return chosen


def other_results(meant: Sum, taken: Sum, hardware: Hardware, grid: Grid) -> tuple[int, int]:
    """
    Of the sums that no clip decides, of all channels and whatever their input: how many get another result from the engine,
    which has `taken`, than the model means, and how many there are.
    """
    steps = _steps(meant, grid, meant.scales / grid.unit, meant.bias / meant.scales, LEFT)
    before, after = (np.abs(one.weights.reshape(-1, one.bias.size)).max(axis=0) for one in (meant, taken))
    fine = (after // np.maximum(before, 1)).clip(1) << taken.fraction
    multiplier, shift = numerics.scale_to_multiplier(taken.scales / grid.unit, hardware.bits_multiplier)
    gain = np.ldexp(multiplier.astype(np.float64), -shift - taken.fraction)
    above = np.rint(np.ldexp(taken.bias / taken.scales, taken.fraction)) - _lowest_bias(steps, fine, gain)
    # By so many sums a step begins too early, or too late.
    moved = np.abs(np.floor(above / fine))
    smallest, largest = _range_of_sums(meant)
    sums = np.minimum(largest, steps.least[-1]) - np.maximum(smallest, steps.least[0] - 1) + 1
    return int(moved[steps.counts > 0].sum()), int(sums.clip(0).sum())


def _better(a: Rescaling, b: Rescaling) -> Rescaling:
    """For each channel the one with which less is wrong; of equal ones `a`."""
    pairs = ((a.factors, b.factors), (a.gains, b.gains), (a.bias, b.bias), (a.wrong, b.wrong))
    return Rescaling(*(np.where(b.wrong < a.wrong, theirs, ours) for ours, theirs in pairs))


def _near(gains: Floats, bits: int) -> Iterator[Floats]:
    """Gains that the engine has: the nearest one and its neighbours, those near it first. Powers of two stay such."""
    multiplier, shift = numerics.scale_to_multiplier(gains, bits)
    exact = np.ldexp(multiplier.astype(np.float64), -shift) == gains
    near = NEAR_MULTIPLIERS if bits == numerics.MULTIPLIER_BITS else NEAR_WIDE_MULTIPLIERS
    for apart in sorted(range(-near, near + 1), key=abs):
        # The next power of two is the largest one of so many bits, at the shift before.
        yield np.ldexp(np.clip(multiplier + np.where(exact, 0, apart), 1, 1 << bits).astype(np.float64), -shift)


def _steps(pending: Sum, grid: Grid, gains: Floats, bias: Floats, apart: float) -> _Steps:
    low, high = _limits(grid, pending.function)
    k = np.arange(low + 1, high + 1)
    begins = k - 0.5
    # A leaky ReLU multiplies what is below 0.
    begins = np.where(begins < 0, begins / (pending.function.slope or 1.0), begins)
    where: Floats = begins[:, None] / gains - bias
    whole = np.rint(where)
    is_whole = np.abs(where - whole) <= apart * np.maximum(np.abs(where), 1)
    odd = (k % 2)[:, None]
    least = np.where(is_whole, whole + odd, np.ceil(where))
    smallest, largest = _range_of_sums(pending)
    common = RARE + np.exp(-np.square(begins / (COMMON * (1 << (grid.bits.data - 1)))))
    reached = (least > smallest) & (least <= largest)
    return _Steps(k % 2, begins, least, np.where(reached, common[:, None], 0.0), apart)


def _limits(grid: Grid, function: Pointwise) -> tuple[int, int]:
    """The least and the largest result, zero point subtracted."""
    low, high = (one - grid.zero for one in numerics.int_range(grid.bits.data))
    least = max(function.minimum if function.minimum is not None else -np.inf, 0.0 if function.slope == 0 else -np.inf)
    most = function.maximum if function.maximum is not None else np.inf
    clipped = np.clip(np.rint(np.array([least, most]) / grid.unit), low, high)
    return int(clipped[0]), int(clipped[1])


def _range_of_sums(pending: Sum) -> tuple[Ints, Ints]:
    """The smallest and the largest sum of each channel, whatever its input."""
    weights = pending.weights.reshape(-1, pending.bias.size)
    low, high = (one - pending.x_grid.zero for one in numerics.int_range(pending.x_grid.bits.data))
    products = weights * low, weights * high
    return np.minimum(*products).sum(axis=0), np.maximum(*products).sum(axis=0)


def _room(pending: Sum, hardware: Hardware, factor: Ints, fraction: int) -> tuple[Floats, Floats]:
    """From where to where the bias of each channel may lie, in units of its last bit, for the hardware's bits."""
    weights = pending.weights.reshape(-1, pending.bias.size)
    shifted = pending.x_grid.zero * weights.sum(axis=0) * factor
    sums = (1 << (hardware.bits_input - 1)) * np.abs(weights).sum(axis=0) * factor
    most = np.minimum(2.0 ** (hardware.bits_bias - 1 - fraction), 2.0 ** (hardware.bits_sum - 1) - sums) - 1
    return np.ldexp(shifted - most, fraction), np.ldexp(shifted + most, fraction)


def _lowest_bias(steps: _Steps, factor: Ints, gain: Floats) -> Floats:
    """The L_k of each channel, (K, C)."""
    exact = steps.begins[:, None] / gain - factor * steps.least
    whole = np.rint(exact)
    is_whole = np.abs(exact - whole) <= steps.apart * np.maximum(np.abs(steps.begins[:, None] / gain), 1)
    return np.where(is_whole, whole + steps.odd[:, None], np.ceil(exact))


def _best_bias(steps: _Steps, factor: Ints, gain: Floats, bias: Floats, room: tuple[Floats, Floats]) -> tuple[Ints, Floats]:
    """How far from the nearest integer the best bias of each channel is, and how much is wrong with it."""
    nearest = np.rint(bias)
    lowest = _lowest_bias(steps, factor, gain) - nearest
    offsets = np.array(sorted(range(-NEAR_BIASES, NEAR_BIASES + 1), key=abs))
    wrong = np.stack([(steps.counts * ((offset < lowest) | (offset >= lowest + factor))).sum(axis=0) for offset in offsets])
    inside = (nearest + offsets[:, None] >= room[0]) & (nearest + offsets[:, None] <= room[1])
    inside[0] = True
    best = np.where(inside, wrong, np.inf).argmin(axis=0)
    return offsets[best], wrong[best, np.arange(len(nearest))]
