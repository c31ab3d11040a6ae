"""
Biases that are no whole number of units of their sum: Brevitas keeps them in floating point, and a folded batch normalisation
makes such.

The engine adds integers. Where the weights of a channel do not use all bits of the hardware's, they are multiplied by a small
integer, which divides the unit of its sum; of the factors that fit, by the one that brings the bias nearest to a whole number
of units.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dsf.frontend.onnx.values import Sum
from dsf.hardware import Hardware
from dsf.numerics import Floats, Ints

#: What was meant to be a whole number differs from it by so much, of it, where scales were rounded to float32.
WHOLE = 2.0**-20


def with_fine_bias(pending: Sum, hardware: Hardware) -> Sum:
    """The same sum in units in which its bias is nearer to a whole number, as far as the hardware's widths allow."""
    factors = bias_factors(pending, hardware)
    if bool(np.all(factors == 1)):
        return pending
    return replace(pending, weights=pending.weights * factors, bits=hardware.bits_weights, scales=pending.scales / factors)


def whole_bias(pending: Sum, *, down: bool = False) -> Floats:
    """
    The bias of each channel as a whole number of units of its sum: the nearest, or the next one below, with which the sum is 0
    or more exactly where it is with the bias itself.
    """
    exact: Floats = pending.bias / pending.scales
    nearest = np.rint(exact)
    return np.where(_is_whole(exact), nearest, np.floor(exact)) if down else nearest


def _is_whole(exact: Floats) -> NDArray[np.bool_]:
    return np.abs(exact - np.rint(exact)) <= WHOLE * np.maximum(np.abs(exact), 1)


def bias_factors(pending: Sum, hardware: Hardware) -> Ints:
    """By what to multiply the weights of each channel."""
    weights = pending.weights.reshape(-1, pending.bias.size)
    room = ((1 << (hardware.bits_weights - 1)) - 1) // np.maximum(np.abs(weights).max(axis=0), 1)
    factors = np.arange(1, max(int(room.max()), 1) + 1).reshape(-1, 1)
    exact: Floats = pending.bias / pending.scales * factors
    whole = np.rint(exact)
    apart = np.where(_is_whole(exact), 0, np.abs(exact - whole))
    bias = whole - pending.x_grid.zero * weights.sum(axis=0) * factors
    largest = (1 << (hardware.bits_input - 1)) * np.abs(weights).sum(axis=0) * factors + np.abs(bias)
    fits = (factors <= room) & (np.abs(bias) < 2.0 ** (hardware.bits_bias - 1)) & (largest < 2.0 ** (hardware.bits_sum - 1))
    return 1 + np.where(fits, apart / factors, np.inf).argmin(axis=0)
