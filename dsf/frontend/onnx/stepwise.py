"""
Functions of sums that nothing has rounded yet, such as a sigmoid right behind a convolution: a table would take them in 8 bits,
which is not what the model computes.

Between two of its turns a function rises or falls, and so has thresholds on the grid of its result: y = lowest + (how many of
those at which it rises the sum has reached) - (how many of those at which it falls). The convolution is computed once for each
threshold, as so many channels, each rounded to 1 or 0, and a convolution of one tap counts them. That is exact, and as many
times as large as there are thresholds: for few bits, or few channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import AffineType, Grid
from dsf.frontend.onnx.values import UNIT_BITS, Function, Named, Pointwise, Step, Sum, UnsupportedError
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.numerics import Floats, Ints, int_range

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

#: Parts in which thresholds are counted.
MOST_PARTS = 16
#: What stands for numbers without end: functions that multiply one by 0 have no result.
FAR = 1e30


def turns_of(steps: Sequence[Step]) -> tuple[float, ...] | None:
    """
    Where functions one after the other begin to rise or to fall, beside numbers without end; `None` if that is not known, as of
    other ones than a slope and limits, then one of a name.
    """
    if not 1 <= len(steps) <= 2 or not isinstance(last := steps[-1], Named) or last.turns is None:
        return None
    if len(steps) == 1:
        return (-FAR, *sorted(last.turns), FAR)
    before = steps[0]
    if not isinstance(before, Pointwise) or before.slope < 0:
        return None
    reached = [one if one >= 0 else one / before.slope for one in last.turns if one >= 0 or before.slope > 0]
    return (-FAR, *sorted({0.0, *reached}), FAR)


@dataclass(frozen=True)
class Counting:
    """
    Some thresholds: `reached` are sums that, rounded to `reached_of`, say which of them each channel has reached, all of a
    channel one after the other; `result` makes of those codes the sum that counts them, which goes to `grid`.
    """

    reached: Sum
    result: Callable[[SSAValue], Sum]
    grid: Grid


def countings(importer: Importer, state: Function, pending: Sum, grid: Grid) -> list[Counting]:
    """
    The thresholds of a function on `grid`, in parts for which the engine has channels: the first one has the code of the least
    sum too, and the sum of all is the result. Raises `UnsupportedError` if these are too many.
    """
    channels = pending.bias.size
    lowest, taps, reached = _thresholds(state, pending, grid)
    most = min(importer.hardware.max_channels_in, importer.hardware.max_channels_out) // channels
    if not len(taps) or len(taps) > MOST_PARTS * most:
        has = f"a {state.kind} of {channels} sums that are not quantised ('{pending.name}'), of {len(taps)} steps"
        needs = f"1 to {MOST_PARTS * most}, or a QuantizeLinear and DequantizeLinear before it"
        raise UnsupportedError(has, needs, "quantise the sums, or the result to fewer bits")
    found: list[Counting] = []
    for first in range(0, len(taps), most):
        part = slice(first, first + most)
        counts = np.cumsum(taps[part])
        # Counts begin at the lowest integer.
        low = int_range(grid.bits.data)[0] - min(int(counts.min()), 0)
        to = AffineType.of(grid.bits.data, grid.unit, low) if first else grid
        found.append(
            _counting(importer.hardware, state, pending, taps[part], reached[:, part], to, 0 if first else lowest - grid.zero)
        )
    return found


def _counting(hardware: Hardware, state: Function, pending: Sum, taps: Ints, first: Ints, grid: Grid, least: int) -> Counting:
    """How many thresholds are reached, the integers `first` (channels, thresholds), more than `least` steps of the grid."""
    count, channels, images = len(taps), pending.bias.size, pending.window is not None
    reached = replace(
        pending,
        shape_of_engine=(*pending.shape_of_engine[:-1], channels * count),
        name=state.name,
        weights=np.repeat(pending.weights, count, axis=-1),
        scales=np.ones(channels * count),
        bias=1.0 - first.reshape(-1),
        function=Pointwise(minimum=0.0, maximum=1.0),
        digits=(),
    )
    each = np.tile(taps, channels)
    weights = each.reshape(channels, count).T[None, None] if images else np.repeat(np.eye(channels, dtype=np.int64), count, 0)

    def result(value: SSAValue) -> Sum:
        return Sum(
            state.places,
            pending.shape_of_engine,
            state.name,
            x=value,
            x_grid=reached_of(hardware),
            weights=weights if images else weights * each[:, None],
            bits=UNIT_BITS,
            scales=grid.unit * np.ones(channels),
            bias=grid.unit * least * np.ones(channels),
            window=Window((1, 1)) if images else None,
            groups=channels if images else 1,
        )

    return Counting(reached, result, grid)


def reached_of(hardware: Hardware) -> AffineType:
    """The grid of what says whether a threshold is reached, 1 or 0: as large as the engine's tensors are."""
    return AffineType.of(hardware.bits_input, 1.0, 0)


def _thresholds(state: Function, pending: Sum, grid: Grid) -> tuple[int, Ints, Ints]:
    """
    The code of the least sum, by how much each threshold changes it, 1 or -1, and the integer sum of each channel from which on
    it does, (channels, thresholds).
    """
    turns = turns_of(state.steps)
    assert turns is not None

    def codes(x: Floats) -> Ints:
        return grid.to_integers(state.apply(x))

    def codes_of(sums: Ints) -> Ints:
        return codes(pending.scales[:, None] * sums + pending.bias[:, None])

    first, most = _integers(pending, turns[0]), _largest(pending)
    taps: list[Ints] = []
    reached: list[Ints] = []
    ends = [int(one) for one in codes(np.array(turns))]
    for index, (before, after) in enumerate(pairwise(ends)):
        stop = np.minimum(_integers(pending, turns[index + 1]), most + 1)
        sign = 1 if after > before else -1
        # Each code that there is in this stretch, or of a falling one, none that is larger.
        levels: Ints = np.arange(before, after, sign)
        low, high = (np.broadcast_to(one[:, None], (one.size, levels.size)).copy() for one in (first, stop))
        while bool((low < high).any()):
            middle = (low + high) // 2
            there = (codes_of(middle) - levels) * sign > 0
            low, high = np.where(there, low, np.minimum(middle + 1, high)), np.where(there, middle, high)
        taps.append(np.full(levels.size, sign, dtype=np.int64))
        reached.append(low)
        first = stop
    changes, sums = np.concatenate(taps), np.concatenate(reached, axis=1)
    always, never = (sums == -most[:, None]).all(axis=0), (sums > most[:, None]).all(axis=0)
    left = ~(always | never)
    return ends[0] + int(changes[always].sum()), changes[left], sums[:, left]


def _integers(pending: Sum, x: float) -> Ints:
    """The first integer sum of each channel that is x or more, among those that there are and the one behind."""
    most = _largest(pending)
    exact: Floats = np.ceil((x - pending.bias) / pending.scales)
    return np.clip(exact, -most, most + 1).astype(np.int64)


def _largest(pending: Sum) -> Ints:
    """What no sum of each channel passes, in either direction."""
    low, high = int_range(pending.x_grid.bits.data)
    apart = max(abs(low - pending.x_grid.zero), abs(high - pending.x_grid.zero))
    return apart * np.abs(pending.weights).reshape(-1, pending.bias.size).sum(axis=0)
