"""Constraints on widths: of activations, weights, biases and their sums."""

from __future__ import annotations

from math import inf

import numpy as np
from xdsl.ir import BlockArgument, Operation

from dsf import numerics
from dsf.constraints.layers import ROUNDED, Problems, is_last, is_sum, name_of, source_of
from dsf.constraints.sums import engine_sums, largest_sums, overflow
from dsf.dialects import bundle
from dsf.dialects.bundle_group import LETTERS
from dsf.dialects.integers import MAX_BIAS_SHIFT
from dsf.hardware import Hardware


def widths(op: Operation, hardware: Hardware) -> Problems:
    """
    Activations, weights and biases are at most as wide as the hardware has them; sums have its width, and those bits behind
    their point that a finer bias has.
    """
    for value in (*op.operands, *op.results) if op.name in LETTERS else ():
        q = getattr(value.type, "element_type", None)
        if isinstance(q, bundle.QType | bundle.AffineType) and not is_sum(value):
            yield from _width(op, "an activation", q.bits.data, "bits_input", hardware.bits_input)
    if not isinstance(op, bundle.CoreOp):
        return
    yield from _width(op, "weights", op.weights_type.bits.data, "bits_weights", hardware.bits_weights)
    # With scales, what counts is the bias with the zero point in it: `folded_bias`.
    if op.bias_type is not None and op.scales is None and op.bias_type.bits.data > hardware.bits_bias:
        yield _too_wide(op, f"a bias of {op.bias_type.bits.data} bits", "bits_bias", hardware.bits_bias)
    bits_sum = bundle.bits_of(op.output) - op.fraction
    if bits_sum != hardware.bits_sum:
        needs = f"{hardware.bits_sum} (bits_sum)"
        yield f"{name_of(op)}: a sum of {bits_sum} bits, needs {needs}; correct the type or Hardware(bits_sum={bits_sum})"


def _width(op: Operation, what: str, bits: int, parameter: str, most: int) -> Problems:
    """One bit is binary, and no narrower integer: it needs hardware for it."""
    if bits > most:
        yield _too_wide(op, f"{what} of {bits} bits", parameter, most)
    if bits == 1 and most > 1:
        change = "use more bits or Hardware(bits_input=1, bits_weights=1)"
        yield f"{name_of(op)}: {what} of 1 bit, needs 2 to {most} ({parameter}); {change}"


def sign(op: Operation, hardware: Hardware) -> Problems:
    """
    A result of one bit is the sign of what it is computed from, so that a ReLU before it, or limits on one side of 0, would
    leave one sign.
    """
    if not isinstance(op, ROUNDED) or isinstance(op, bundle.FunctionOp) or bundle.bits_of(op.output) > 1:
        return
    low, high = (-inf, inf) if isinstance(op, bundle.PoolOp) else bundle.limits_of(op)
    if low >= 0 or high < 0:
        yield (
            f"{name_of(op)}: limits {low:g} to {high:g} and a result of 1 bit, which is always {1 if low >= 0 else -1:+d}, "
            f"needs limits on both sides of 0; drop the clip"
        )
    if op.negative_slope.value.data == 0:
        yield (
            f"{name_of(op)}: a ReLU with a result of 1 bit, which is always +1, needs a negative_slope above 0; "
            f"use QIdentity, which is the sign"
        )


def _too_wide(op: Operation, has: str, parameter: str, most: int) -> str:
    return f"{name_of(op)}: {has}, needs at most {most} ({parameter}); use fewer bits or hardware with more"


def accumulator(op: Operation, hardware: Hardware) -> Problems:
    """
    The sum can't overflow, whatever the input: `max|x| * sum|w| + |bias|` of every channel, with the actual weights, fits
    `bits_sum` bits. What comes from DRAM, nothing clips: `x` then has all bits of the hardware.
    """
    if not isinstance(op, bundle.CoreOp):
        return
    bits = bundle.bits_of(op.input)
    if isinstance(source_of(op.input), BlockArgument):
        bits = max(bits, hardware.bits_input)
    bounds = [largest_sums(*sums, bits) for sums in engine_sums(op)]
    yield from overflow(name_of(op), np.max(bounds, axis=0), hardware.bits_sum)


def folded_bias(op: Operation, hardware: Hardware) -> Problems:
    """A bias with `-zero_point * sum(w)` of the input's zero point in it has at most `bits_bias` bits."""
    if not isinstance(op, bundle.CoreOp) or op.scales is None:
        return
    bits = max(numerics.bits_of(bias) for _, bias, _ in engine_sums(op))
    if bits > hardware.bits_bias:
        most = next((width for width in (8, 16, 32) if width >= bits), None)
        change = "use smaller weights" if most is None else f"use Hardware(bits_bias={most})"
        yield f"{name_of(op)}: a bias of {bits} bits with the input's zero point, needs at most {hardware.bits_bias}; {change}"


def bias_shift(op: Operation, hardware: Hardware) -> Problems:
    """
    A bias is aligned with the sum by a left shift of at most 31 less `bits_fraction`. At most `bits_fraction` of its bits are
    behind the point of the sum, and none where raw sums leave.
    """
    if not isinstance(op, bundle.CoreOp):
        return
    most = MAX_BIAS_SHIFT - hardware.bits_fraction
    if op.bias_shift > most:
        yield (
            f"{name_of(op)}: a bias {op.bias_shift} fraction bits coarser than the sum, needs at most {most}; "
            f"use more bias_frac_bits"
        )
    finest = 0 if is_last(op) else hardware.bits_fraction
    if op.fraction > finest:
        change = f"use bias_frac_bits={op.product_frac + finest}"
        if not is_last(op):
            change = f"use at most {op.product_frac + finest} bias_frac_bits, or Hardware(bits_fraction={op.fraction})"
        frac = op.product_frac + op.fraction
        needs = f"at most {op.product_frac + finest}, those of the {'raw sums' if is_last(op) else 'sum and bits_fraction'}"
        yield f"{name_of(op)}: a bias of {frac} fraction bits, needs {needs}; {change}"
