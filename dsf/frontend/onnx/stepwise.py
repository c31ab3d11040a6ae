"""
Functions of sums that nothing has rounded yet, such as a sigmoid right behind a convolution: a table would take them in 8 bits,
which is not what the model computes.

A function that rises has, on the grid of its result, a threshold for each code: y = lowest + (how many thresholds the sum has
reached). The convolution is computed once for each threshold, as so many channels, each rounded to 1 or 0, and a convolution of
one tap counts them. That is exact, and as many times as large as the result has codes: for few bits, or few channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import AffineType, Grid
from dsf.frontend.onnx.values import UNIT_BITS, Function, Pointwise, Sum, UnsupportedError
from dsf.geometry import Window
from dsf.numerics import Floats, int_range

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

#: An x, and whether the code begins only behind it.
Threshold = tuple[float, bool]
#: Parts in which thresholds are counted.
MOST_PARTS = 16
#: Of functions that rise, the x for a y; y is between the least and the most.
_INVERSES: Mapping[str, Callable[[float, Sequence[float]], float]] = {
    "sigmoid": lambda y, _: math.log(y / (1 - y)),
    "tanh": lambda y, _: math.atanh(y),
    "hard_sigmoid": lambda y, numbers: (y - numbers[1]) / numbers[0],
}


def rises(kind: str, parameters: Sequence[float]) -> bool:
    """Whether a function can be computed by thresholds."""
    return kind in _INVERSES and (kind != "hard_sigmoid" or parameters[0] > 0)


@dataclass(frozen=True)
class Counting:
    """
    Some thresholds: `reached` are sums that, rounded to `REACHED`, say which of them each channel has reached, all of a channel
    one after the other; `result` makes of those codes the sum that counts them, which goes to `grid`.
    """

    reached: Sum
    result: Callable[[SSAValue], Sum]
    grid: Grid


def countings(importer: Importer, state: Function, pending: Sum, grid: Grid) -> list[Counting]:
    """
    The thresholds of a function on `grid`, in parts for which the engine has channels: the first one has the least code too,
    and the sum of all is the result. Raises `UnsupportedError` if these are too many.
    """
    lowest, thresholds = _thresholds(state, grid)
    channels = pending.bias.size
    most = min(importer.hardware.max_channels_in, importer.hardware.max_channels_out) // channels
    if not thresholds or len(thresholds) > MOST_PARTS * most:
        has = f"a {state.kind} of {channels} sums that are not quantised ('{pending.name}'), to {len(thresholds) + 1} numbers"
        needs = f"2 to {MOST_PARTS * most + 1}, or a QuantizeLinear and DequantizeLinear before it"
        raise UnsupportedError(has, needs, "quantise the sums, or the result to fewer bits")
    # Counts begin at the lowest integer.
    others = AffineType.of(grid.bits.data, grid.unit, int_range(grid.bits.data)[0])
    parts = [thresholds[first : first + most] for first in range(0, len(thresholds), most)]
    return [
        _counting(state, pending, part, others if index else grid, 0 if index else lowest - grid.zero)
        for index, part in enumerate(parts)
    ]


def _counting(state: Function, pending: Sum, thresholds: Sequence[Threshold], grid: Grid, least: int) -> Counting:
    """How many thresholds are reached, more than `least` steps of the grid."""
    count, channels, images = len(thresholds), pending.bias.size, pending.window is not None
    # v = scale * acc + bias reaches a threshold from an integer on.
    exact: Floats = (np.array([one for one, _ in thresholds]) - pending.bias[:, None]) / pending.scales[:, None]
    strict = np.array([odd for _, odd in thresholds])
    first: Floats = np.where(strict, np.floor(exact) + 1, np.ceil(exact)).reshape(-1)
    reached = replace(
        pending,
        shape_of_engine=(*pending.shape_of_engine[:-1], channels * count),
        name=state.name,
        weights=np.repeat(pending.weights, count, axis=-1),
        scales=np.ones(channels * count),
        bias=1 - first,
        function=Pointwise(minimum=0.0, maximum=1.0),
    )
    taps = np.ones((1, 1, count, channels), dtype=np.int64) if images else np.repeat(np.eye(channels, dtype=np.int64), count, 0)

    def result(value: SSAValue) -> Sum:
        return Sum(
            state.places,
            pending.shape_of_engine,
            state.name,
            x=value,
            x_grid=REACHED,
            weights=taps,
            bits=UNIT_BITS,
            scales=grid.unit * np.ones(channels),
            bias=grid.unit * least * np.ones(channels),
            window=Window((1, 1)) if images else None,
            groups=channels if images else 1,
        )

    return Counting(reached, result, grid)


#: What says whether a threshold is reached.
REACHED = AffineType.of(8, 1.0, 0)


def _thresholds(state: Function, grid: Grid) -> tuple[int, list[Threshold]]:
    """The least code that there is, and the x from which on each of the next ones is; whether x itself is not yet of it."""
    low, high = int_range(grid.bits.data)
    limits = state.apply(np.array([-np.inf, np.inf]))
    lowest, highest = (int(one) for one in np.clip(np.rint(limits / grid.unit) + grid.zero, low, high))
    found: list[Threshold] = []
    for code in range(lowest + 1, highest + 1):
        steps = code - grid.zero
        y = (steps - 0.5) * grid.unit
        if not limits[0] < y < limits[1]:
            continue  # It rounds to the one before, at the limit.
        # Half-way between two codes lies the even one.
        found.append((_INVERSES[state.kind](y, state.parameters), steps % 2 == 1))
    return lowest, found
