"""
What the engine adds up for a core: integers of weights and bias, with the zero point of the input in the bias, and how many
bits their sums take.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dsf import numerics
from dsf.constraints.layers import Problems
from dsf.dialects import bundle
from dsf.dialects.constants import CHUNK, converted
from dsf.dialects.shapes import shape
from dsf.layout import Stored
from dsf.transposed import phase_weights


def integer_weights(op: bundle.CoreOp) -> Stored:
    """The integers of a core's weights."""
    bits, frac = op.weights_type.bits.data, op.weights_type.frac.data
    return converted(op.weights_array, bits, lambda some: numerics.quantize(some, bits, frac))


def _by_channels(weights: Stored) -> Iterator[slice]:
    """All output channels, the last axis, some at once, so that few weights are computed with in 64 bits."""
    *_, channels = weights.shape
    step = max(1, CHUNK * channels // max(1, weights.size))
    yield from (slice(first, first + step) for first in range(0, channels, step))


def largest_sums(weights: Stored, bias: numerics.Ints, bias_shift: int, input_bits: int) -> numerics.Ints:
    """The `numerics.accumulator_bound` of each channel."""
    bounds = (
        numerics.accumulator_bound(weights[..., some], bias[some], bias_shift, input_bits) for some in _by_channels(weights)
    )
    return np.concatenate(list(bounds))


def _with_zero_point(bias: numerics.Ints, shift: int, weights: Stored, zero: int) -> tuple[numerics.Ints, int]:
    """A bias with the input's zero point in it: `numerics.fold_zero_point`."""
    folded = [numerics.fold_zero_point(bias[some], shift, weights[..., some], zero) for some in _by_channels(weights)]
    return np.concatenate([one for one, _ in folded]), folded[0][1]


def integer_bias(op: bundle.CoreOp) -> tuple[numerics.Ints, int]:
    """(one integer for each channel, left shift) that is added to a core's sum; zeros if there is nothing to add."""
    if op.bias_array is None or op.bias_type is None:
        return np.zeros(op.channels_out, dtype=np.int64), 0
    return numerics.quantize(op.bias_array, op.bias_type.bits.data, op.bias_type.frac.data), op.bias_shift


def engine_bias(op: bundle.CoreOp) -> tuple[numerics.Ints, int]:
    """
    The same for the sums of the `fxp` level. An ordinary convolution multiplies elements as they are there, so that a zero
    point of the input is in its bias.
    """
    zero = bundle.grid_of(op.input).zero
    if isinstance(op, bundle.ConvTransposeOp) or zero == 0:
        return integer_bias(op)
    return _with_zero_point(*integer_bias(op), integer_weights(op), zero)


def engine_sums(op: bundle.CoreOp) -> list[tuple[Stored, numerics.Ints, int]]:
    """
    (weights, one bias for each channel, its left shift) of the convolutions that the engine computes for a core, each for some
    of the positions of the result; all but transposed ones are a single one. The engine multiplies elements as they are, so a
    zero point of the input is in the bias: `-zero_point * sum(w)`.
    """
    weights = integer_weights(op)
    kernels = [weights]
    if isinstance(op, bundle.ConvTransposeOp):
        _, height, width, _ = shape(op.input)
        kernels = [phase_weights(weights, phase) for phase in op.window.phases(height, width)]
    zero = bundle.grid_of(op.input).zero
    return [(kernel, *_with_zero_point(*integer_bias(op), kernel, zero)) for kernel in kernels]


def overflow(name: str, bound: numerics.Ints, bits_sum: int) -> Problems:
    """What to say of the layer `name` if sums up to `bound`, one for each channel, need more than `bits_sum` bits."""
    channel = int(bound.argmax())
    needed = numerics.bits_for(int(bound[channel]))
    if needed > bits_sum:
        change = f"Hardware(bits_sum={needed}) or smaller weights" if needed <= 32 else "fewer or smaller weights"
        has = f"sums of up to {bound[channel]} (channel {channel}) in {bits_sum} bits"
        yield f"{name}: {has}, needs {needed} bits; use {change}"
