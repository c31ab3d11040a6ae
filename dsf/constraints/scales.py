"""Constraints on what rescales: the shifts and multipliers from one grid to another."""

from __future__ import annotations

from xdsl.ir import Operation

from dsf import numerics
from dsf.constraints.layers import Problems, is_sum, name_of, source_of
from dsf.dialects import bundle
from dsf.dialects.bundle_scales import bits_of_gains, gains, has_free_scale
from dsf.dialects.integers import MAX_POOL_SHIFT
from dsf.dialects.shapes import element
from dsf.hardware import Hardware


def rescaling(op: Operation, hardware: Hardware) -> Problems:
    """
    From sums to activations: a right shift of at most `numerics.MAX_SHIFT`, or a gain of at most 2**15. In poolings, at most
    15 either way.
    """
    if not isinstance(op, bundle.ActivationOp | bundle.PoolOp) or has_free_scale(op):
        return
    core = source_of(op.input).owner
    before = core.product_frac if isinstance(core, bundle.CoreOp) else bundle.frac_of(op.input)
    after = bundle.frac_of(op.output)
    pools = isinstance(op, bundle.PoolOp) or not is_sum(op.input)
    most_right = MAX_POOL_SHIFT if pools else numerics.MAX_SHIFT
    if not -15 <= before - after <= most_right:
        yield (
            f"{name_of(op)}: from {before} to {after} fraction bits, needs to lose at most {most_right} or gain at most 15; "
            f"change frac_bits"
        )


def alignment(op: Operation, hardware: Hardware) -> Problems:
    """An add aligns operands and result by multipliers of at most 2**15, then shifts right by at most `numerics.MAX_SHIFT`."""
    if not isinstance(op, bundle.AddOp) or has_free_scale(op):
        return
    a, b, y = (bundle.frac_of(value) for value in (op.a, op.b, op.output))
    if max(a, b, y) - min(a, b) > 15 or max(a, b) - y > numerics.MAX_SHIFT:
        yield (
            f"{name_of(op)}: an add of operands with {a} and {b} fraction bits to {y}, needs at most 15 between them; "
            f"change frac_bits"
        )


def free_scale(op: Operation, hardware: Hardware) -> Problems:
    """
    Free scales: a sum or a product becomes at most 2**15 times as large a number, a sum more with more `bits_multiplier`. In an
    add neither operand does.
    """
    if not isinstance(op, bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp) or not has_free_scale(op):
        return
    scales = gains(op)
    largest = float(scales.max())
    bits = bits_of_gains(op)
    if largest >= 1 << bits - 1:
        yield (
            f"{name_of(op)}: a result whose scale is {largest:.3g} times finer than that of what it is made of, needs at most "
            f"2**{bits - 1}; quantise the result more coarsely"
        )


def one_grid(op: Operation, hardware: Hardware) -> Problems:
    """Where no core or add computes, as in poolings, a free scale and zero point stay as they are."""
    if not isinstance(op, bundle.ActivationOp | bundle.PoolOp) or not has_free_scale(op) or is_sum(op.input):
        return
    before, after = element(op.input), element(op.output)
    if before != after:
        yield f"{name_of(op)}: a change from {before} to {after}, needs the same type; quantise both alike"


def slope_of_free_scale(op: Operation, hardware: Hardware) -> Problems:
    """A leaky ReLU with a free scale follows a core: in an add, a product or a pooling the zero point hides the sign."""
    if not isinstance(op, bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp) or not has_free_scale(op):
        return
    hidden = not (isinstance(op, bundle.ActivationOp) and is_sum(op.input))
    slope = op.negative_slope.value.data
    if hidden and slope not in (0, 1):
        change = "put the leaky ReLU right after a convolution"
        yield f"{name_of(op)}: a negative slope of {slope} with a zero point, needs 0 or 1; {change}"


def product(op: Operation, hardware: Hardware) -> Problems:
    """A product is shifted right by at most `numerics.MAX_SHIFT`, or gains at most 2**15."""
    if not isinstance(op, bundle.MultiplyOp) or has_free_scale(op):
        return
    a, b, y = (bundle.frac_of(value) for value in (op.a, op.b, op.output))
    if not -15 <= a + b - y <= numerics.MAX_SHIFT:
        yield (
            f"{name_of(op)}: a product of {a} and {b} fraction bits to {y}, needs to lose at most {numerics.MAX_SHIFT} or "
            f"gain at most 15; change frac_bits"
        )
