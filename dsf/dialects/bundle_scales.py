"""
Free scales: by what the integers of a layer's operands are multiplied to become those of its result, where that is no power of
two.

The multiplier has as many bits as the module's hardware says (`Hardware.bits_multiplier`), or 16, which is part of what the
operations mean: so all levels compute the same integers. One of 16 bits is off by 2**-17 at the mean, and a result of 8 bits
rounds to the neighbour of the exact one's about once in two thousand times. In an addition that may be more often: of the few
sums that there are, many lie half-way between two steps if a multiplier happens to be a short fraction. There the neighbours of
the nearest multipliers are tried too. A result of one bit is a sign, which no scale changes: nothing is rescaled, and of two
signs that are added the one with the larger scale counts.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from dsf import numerics
from dsf.dialects.bundle import ActivationOp, AddOp, AffineType, Grid, MultiplyOp, PoolOp, SumType, core_of, grid_of
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import element
from dsf.numerics import Floats, Ints

#: The largest shift of an addition for which its offset, zero points of 8 bits at that shift, has at most 32 bits, with
#: multipliers of 16 bits; with more both have more.
MAX_ADD_SHIFT = 22
#: The same for a product, whose offset is the zero point of the result alone.
MAX_PRODUCT_SHIFT = 24
#: Elements of so many bits are few enough to try all sums of two.
MOST_BITS_TRIED = 8


def has_free_scale(op: ActivationOp | AddOp | MultiplyOp | PoolOp) -> bool:
    """Whether what a layer takes or makes has a scale that is no power of two, or a zero point."""
    kinds = (element(value) for value in (*op.operands, *op.results))
    return any(isinstance(kind, AffineType | SumType) for kind in kinds)


def gains(op: ActivationOp | AddOp | MultiplyOp) -> Floats:
    """
    By what the integers of a sum's channels (in units of its products), those of the two operands of an add, or the product of
    integers are multiplied, exactly.
    """
    unit = grid_of(op.output).unit
    if isinstance(op, AddOp):
        return np.array([grid_of(op.a).unit, grid_of(op.b).unit]) / unit
    if isinstance(op, MultiplyOp):
        return np.array([grid_of(op.a).unit * grid_of(op.b).unit / unit])
    core = core_of(op.input)
    return np.array([grid_of(op.input).unit / unit]) if core is None else core.product_units / unit


def bits_of_gains(op: ActivationOp | AddOp | MultiplyOp) -> int:
    """Bits of a layer's multipliers."""
    module = op.get_toplevel_object()
    if not isinstance(module, ModuleOp):
        return numerics.MULTIPLIER_BITS
    hardware = next((one for one in module.ops if isinstance(one, HardwareOp)), None)
    return numerics.MULTIPLIER_BITS if hardware is None else hardware.hardware.bits_multiplier


def multipliers(op: ActivationOp | AddOp | MultiplyOp) -> tuple[Ints, Ints]:
    """
    (multiplier, right shift) of each of `gains`, to `bits_of_gains` (`dsf.numerics.scale_to_multiplier`); in an add both have
    the shift of the larger one.
    """
    exact = gains(op)
    if grid_of(op.output).bits.data == 1:
        larger = isinstance(op, AddOp) & (exact > exact.min())
        return np.where(larger, 2, 1), np.zeros((), dtype=np.int64)
    bits = bits_of_gains(op)
    if isinstance(op, ActivationOp):
        return numerics.scale_to_multiplier(exact, bits)
    _, shift = numerics.scale_to_multiplier(exact.max(), bits)
    right = np.minimum(shift, (MAX_ADD_SHIFT if isinstance(op, AddOp) else MAX_PRODUCT_SHIFT) + bits - numerics.MULTIPLIER_BITS)
    grids = [grid_of(value) for value in (*op.operands, op.output)]
    if isinstance(op, MultiplyOp) or max(grid.bits.data for grid in grids) > MOST_BITS_TRIED:
        return np.rint(np.ldexp(exact, right)).astype(np.int64), right
    pair = _multipliers_of_sum((float(exact[0]), float(exact[1])), tuple(map(_elements, grids)), int(right), bits)
    return np.array(pair), right


def _elements(grid: Grid) -> tuple[int, int]:
    """Smallest and largest integer of a grid, above its zero."""
    low, high = numerics.int_range(grid.bits.data)
    return low - grid.zero, high - grid.zero


@lru_cache(maxsize=1024)
def _multipliers_of_sum(
    exact: tuple[float, float], elements: tuple[tuple[int, int], ...], right: int, bits: int
) -> tuple[int, int]:
    """
    Of the multipliers of so many bits nearest to two gains and their neighbours, those with which the most sums of two elements
    round as with the gains themselves. Sums with a 0 count as much as all others: behind a ReLU half of the elements are.
    """
    (a, b), limits = (np.arange(low, high + 1, dtype=np.float64) for low, high in elements[:2]), elements[2]
    sums = [(a[:, None], b), (a, np.zeros(1)), (np.zeros(1), b)]
    wanted = [np.rint(one * exact[0] + other * exact[1]).clip(*limits) for one, other in sums]

    def differing(pair: tuple[int, int]) -> float:
        scaled = [np.ldexp(one * pair[0] + other * pair[1], -right) for one, other in sums]
        rounded = [np.rint(one).clip(*limits) for one in scaled]
        return sum(np.count_nonzero(one != real) / real.size for one, real in zip(rounded, wanted, strict=True))

    nearest = [round(gain * 2**right) for gain in exact]
    most = (1 << bits) - 1
    apart = (0, -1, 1) if bits == numerics.MULTIPLIER_BITS else (0, -1, 1, -2, 2, -3, 3)
    near = [[one for one in (place + step for step in apart) if 0 <= one <= most] for place in nearest]
    counts = {pair: 0.0 for pair in product(*near)}
    for pair in counts:
        counts[pair] = differing(pair)
        if counts[pair] == 0:
            return pair
    return min(counts, key=counts.__getitem__)


def rounded_gains(op: ActivationOp | AddOp | MultiplyOp) -> Floats:
    """`gains` as the engine has them."""
    multiplier, shift = multipliers(op)
    return np.ldexp(multiplier.astype(np.float64), -shift)
