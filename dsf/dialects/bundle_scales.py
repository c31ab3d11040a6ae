"""
Free scales: by what the integers of a layer's operands are multiplied to become those of its result, where that is no power of
two.

The multiplier has 16 bits, which is part of what the operations mean: so all levels compute the same integers. It is off by
2**-17 at the mean, and a result of 8 bits rounds to the neighbour of the exact one's about once in two thousand times.
"""

from __future__ import annotations

import numpy as np

from dsf import numerics
from dsf.dialects.bundle import ActivationOp, AddOp, AffineType, MultiplyOp, PoolOp, SumType, core_of, grid_of
from dsf.dialects.shapes import element
from dsf.numerics import Floats, Ints

#: The largest shift of an addition for which its offset, zero points of 8 bits at that shift, has at most 32 bits.
MAX_ADD_SHIFT = 22
#: The same for a product, whose offset is the zero point of the result alone.
MAX_PRODUCT_SHIFT = 24


def has_free_scale(op: ActivationOp | AddOp | MultiplyOp | PoolOp) -> bool:
    """Whether what a layer takes or makes has a scale that is no power of two, or a zero point."""
    kinds = (element(value) for value in (*op.operands, *op.results))
    return any(isinstance(kind, AffineType | SumType) for kind in kinds)


def gains(op: ActivationOp | AddOp | MultiplyOp) -> Floats:
    """
    By what the integers of a sum's channels, those of the two operands of an add, or the product of integers are multiplied,
    exactly.
    """
    unit = grid_of(op.output).unit
    if isinstance(op, AddOp):
        return np.array([grid_of(op.a).unit, grid_of(op.b).unit]) / unit
    if isinstance(op, MultiplyOp):
        return np.array([grid_of(op.a).unit * grid_of(op.b).unit / unit])
    core = core_of(op.input)
    return np.array([grid_of(op.input).unit / unit]) if core is None else core.units / unit


def multipliers(op: ActivationOp | AddOp | MultiplyOp) -> tuple[Ints, Ints]:
    """
    (multiplier, right shift) of each of `gains`, to 16 bits (`dsf.numerics.scale_to_multiplier`); in an add both have the shift
    of the larger one.
    """
    exact = gains(op)
    if isinstance(op, ActivationOp):
        return numerics.scale_to_multiplier(exact)
    _, shift = numerics.scale_to_multiplier(exact.max())
    right = np.minimum(shift, MAX_ADD_SHIFT if isinstance(op, AddOp) else MAX_PRODUCT_SHIFT)
    return np.rint(np.ldexp(exact, right)).astype(np.int64), right


def rounded_gains(op: ActivationOp | AddOp | MultiplyOp) -> Floats:
    """`gains` to 16 bits."""
    multiplier, shift = multipliers(op)
    return np.ldexp(multiplier.astype(np.float64), -shift)
