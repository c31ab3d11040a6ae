"""
Units of sums in which the engine is nearer to what a model means: a bias is a whole number of them, or of a part of them
(`Hardware.bits_fraction`), and by 16 bits of a multiplier, or more, they become steps of the result. Brevitas keeps biases in
floating point, and a folded batch normalisation makes such; a mean of many elements shows the error of its gain.

Where the weights of a channel do not use all bits of the hardware's, they are multiplied by a small integer, which divides the
unit of its sum: of the factors that fit, by the one with which bias and gain together are least wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dsf import numerics
from dsf.dialects.bundle import Grid
from dsf.frontend.onnx.thresholds import rescaling
from dsf.frontend.onnx.values import Sum
from dsf.hardware import Hardware
from dsf.numerics import Floats, Ints

#: What was meant to be a whole number differs from it by so much, of it, where scales were rounded to float32.
WHOLE = 2.0**-20
#: How many factors of weights are looked at closely.
PROMISING = 8
#: The smallest gain that the engine has.
LEAST_GAIN = 2.0**-31


def in_fine_units(pending: Sum, hardware: Hardware, grid: Grid | None = None) -> Sum:
    """
    The same sum in units in which bias and gain are nearer to what the engine has, as far as the hardware's widths allow. The
    result goes to `grid`, for which they are what the engine has, or is not rounded.
    """
    if pending.bias.size > hardware.max_channels_out:
        return pending  # It is refused.
    if grid is not None and grid.bits.data > 1 and not _is_exact(pending, hardware, grid):
        return _rescaled(pending, hardware, grid)
    factors = unit_factors(pending, hardware, grid)
    if bool(np.all(factors == 1)):
        return pending
    return replace(pending, weights=pending.weights * factors, bits=hardware.bits_weights, scales=pending.scales / factors)


def _is_exact(pending: Sum, hardware: Hardware, grid: Grid) -> bool:
    """Whether the engine has bias and gain as they are; or can't have the gain at all."""
    gains: Floats = pending.scales / grid.unit
    if gains.max() >= 1 << (hardware.bits_multiplier - 1) or gains.min() < LEAST_GAIN:
        return True
    errors = _error_of_gains(gains, hardware.bits_multiplier)
    return bool((errors == 0).all() and _is_whole(pending.bias / pending.scales).all())


def _rescaled(pending: Sum, hardware: Hardware, grid: Grid) -> Sum:
    """With the multiplier, the bias and the factor with which most sums get the result that they should."""
    fraction = _fraction(pending, hardware)
    found = rescaling(pending, hardware, grid, _promising_factors(pending, hardware, grid, fraction), fraction)
    scales = found.gains * grid.unit
    changed = bool(np.any(found.factors != 1))
    return replace(
        pending,
        weights=pending.weights * found.factors if changed else pending.weights,
        bits=hardware.bits_weights if changed else pending.bits,
        scales=scales,
        bias=np.ldexp(found.bias * scales, -fraction),
        fraction=fraction,
    )


def _fraction(pending: Sum, hardware: Hardware) -> int:
    """How many bits behind the point the biases have room for, at most those that the hardware has."""
    weights = pending.weights.reshape(-1, pending.bias.size)
    bias = np.abs(pending.bias / pending.scales - pending.x_grid.zero * weights.sum(axis=0)).max() + 2
    room = hardware.bits_bias - 1 - int(np.ceil(np.log2(bias)))
    return min(hardware.bits_fraction, max(room, 0))


def whole_bias(pending: Sum, *, down: bool = False) -> Floats:
    """
    The bias of each channel as a whole number of units of its sum, or of their parts: the nearest, or the next one below, with
    which the sum is 0 or more exactly where it is with the bias itself.
    """
    exact: Floats = np.ldexp(pending.bias / pending.scales, pending.fraction)
    nearest = np.rint(exact)
    return np.ldexp(np.where(_is_whole(exact), nearest, np.floor(exact)) if down else nearest, -pending.fraction)


def _is_whole(exact: Floats) -> NDArray[np.bool_]:
    return np.abs(exact - np.rint(exact)) <= WHOLE * np.maximum(np.abs(exact), 1)


def unit_factors(pending: Sum, hardware: Hardware, grid: Grid | None = None) -> Ints:
    """By what to multiply the weights of each channel."""
    return 1 + _errors(pending, hardware, grid).argmin(axis=0)


def _promising_factors(pending: Sum, hardware: Hardware, grid: Grid, fraction: int) -> Ints:
    """For each channel 1 and some others, those with the smallest errors first: (candidates, channels)."""
    errors = _errors(pending, hardware, grid, fraction)
    order = np.argsort(errors, axis=0, kind="stable")[:PROMISING]
    factors = np.where(np.isfinite(np.take_along_axis(errors, order, axis=0)), order + 1, 1)
    return np.stack([np.ones_like(factors[0]), *(one for one in factors if bool((one != 1).any()))])


def _errors(pending: Sum, hardware: Hardware, grid: Grid | None, fraction: int = 0) -> Floats:
    """
    How wrong bias, with `fraction` bits behind the point, and gain are with weights times 1, 2 and so on, (factors, channels);
    infinitely where there is no room.
    """
    weights = pending.weights.reshape(-1, pending.bias.size)
    room = ((1 << (hardware.bits_weights - 1)) - 1) // np.maximum(np.abs(weights).max(axis=0), 1)
    factors = np.arange(1, max(int(room.max()), 1) + 1).reshape(-1, 1)
    exact: Floats = pending.bias / pending.scales * factors
    whole = np.ldexp(np.rint(np.ldexp(exact, fraction)), -fraction)
    apart = np.where(_is_whole(exact), 0, np.abs(exact - whole))
    bias = whole - pending.x_grid.zero * weights.sum(axis=0) * factors
    largest = (1 << (hardware.bits_input - 1)) * np.abs(weights).sum(axis=0) * factors + np.abs(bias)
    most = 2.0 ** (hardware.bits_bias - 1 - fraction)
    fits = (factors <= room) & (np.abs(bias) < most) & (largest < 2.0 ** (hardware.bits_sum - 1))
    # In units of the first factor's sum, or in steps of the grid.
    error = apart / factors
    if grid is not None and grid.bits.data > 1:
        gains: Floats = pending.scales / factors / grid.unit
        error = apart * gains + _error_of_gains(gains, hardware.bits_multiplier) * (1 << (grid.bits.data - 1))
    return np.where(fits, error, np.inf)


def _error_of_gains(gains: Floats, bits: int) -> Floats:
    """By how much of itself the engine's multiplier of so many bits misses each gain; 0 for gains that it can't have anyway."""
    known = np.where(gains < 1 << (bits - 1), gains, 1.0)
    multiplier, shift = numerics.scale_to_multiplier(known, bits)
    return np.abs(np.ldexp(multiplier.astype(np.float64), -shift) / known - 1)
