"""
`merge-columns`: adjacent output columns of a convolution become channels of one column, where that is faster.

Columns n*k to n*k + n - 1 of a row lie one after the other in NHWC, so that a convolution to OW columns of CO channels is also
one to OW / n columns of n * CO channels, of a wider kernel that moves n times as far:

    kernel' = (n - 1) * stride + kernel        stride' = n * stride
    weights'[ky, p * stride + kx, ci, p * CO + co] = weights[ky, kx, ci, co]       p = 0 to n - 1; all others are 0

Layers of few channels gain by it: a kernel row of few elements is over before the pixels in flight are fetched, one a cycle,
and few output channels leave columns of the array idle. A merged pixel has more of both: 3x3 over 8 channels, depthwise, takes
72 cycles for 16 pixels on the tall array of 4 x 64, and 96 for 32 with two columns merged. Which number is best, if any, is a
matter of the estimated cycles.

What is multiplied by these zeros is no work that the network asks for: the function's attribute `dsf.zero_macs` says for each
bundle how much that is, so that reports leave it out. Groups become one, with zeros between them.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dsf.dialects import fxp, tile
from dsf.dialects.constants import dense_ints, ints_of
from dsf.dialects.engine import hardware_of
from dsf.dialects.integers import width
from dsf.dialects.shapes import element, shape
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.hardware import MAX_KERNEL, Hardware
from dsf.isa.table import MATRIX
from dsf.numerics import Ints
from dsf.scheduling.blocks import fewest_cycles
from dsf.scheduling.cut_rules import TilingOptions
from dsf.scheduling.network import Layer
from dsf.transforms.locations import location_name, set_location

#: A weight of a kernel, or the kernel's shape: row, column, input channel of a group, output channel.
Index = tuple[int, int, int, int]

#: Most columns that are merged.
MAX_COLUMNS = 8
#: Merged weights take at most this part of the weight memory: they must not drive those of other layers out.
WEIGHT_PART = 8


@dataclass(frozen=True)
class _Candidate:
    """A convolution with `columns` merged; 1: as it is."""

    columns: int
    window: Window
    groups: int
    channels: int
    cycles: int


def merged_window(window: Window, image_width: int, outputs: int, columns: int) -> Window:
    """The window of a convolution to `outputs` columns of which every `columns` are merged. Not for dilated ones."""
    (height, kernel), (down, stride), (top, bottom, left, _) = window.kernel, window.strides, window.padding
    right = max(0, (outputs - 1) * stride + kernel - image_width - left)
    wider = (columns - 1) * stride + kernel
    return Window((height, wider), (down, columns * stride), (top, bottom, left, right), (window.dilation[0], 1))


def merged_weights(weights: Ints, groups: int, stride: int, columns: int) -> Ints:
    """(KH, KW, CI / groups, CO) to (KH, KW', CI, columns * CO)."""
    height, kernel, taken, outputs = weights.shape
    of_group = outputs // groups
    merged = np.zeros((height, (columns - 1) * stride + kernel, taken * groups, columns, outputs), dtype=np.int64)
    for group in range(groups):
        inputs, channels = (slice(group * size, (group + 1) * size) for size in (taken, of_group))
        for place in range(columns):
            taps = slice(place * stride, place * stride + kernel)
            merged[:, taps, inputs, place, channels] = weights[..., channels]
    return merged.reshape(*merged.shape[:3], columns * outputs)


def unmerged_index(shape: Index, groups: int, stride: int, columns: int, index: Index) -> Index | None:
    """
    Which weight of a kernel of this shape, by (ky, kx, ci, co), is weight `index` of it with `columns` merged; `None` for a
    zero between them.
    """
    if columns == 1:
        return index
    _, kernel, taken, outputs = shape
    y, x, channel_in, channel = index
    place, channel = divmod(channel, outputs)
    x, inner = x - place * stride, channel_in - channel // (outputs // groups) * taken
    return (y, x, inner, channel) if 0 <= x < kernel and 0 <= inner < taken else None


@dataclass(frozen=True)
class MergeColumnsPass(ModulePass):
    """
    Merge output columns where that is faster; the numbers stay the same.

    `columns` is how many are merged, in layers whose width it divides, 0 what the compiler finds best, 1 none.
    """

    name = "merge-columns"

    columns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.columns <= MAX_COLUMNS:
            raise ModelError(
                f"'columns': {self.columns}, needs an integer from 0 (the compiler chooses) to {MAX_COLUMNS}; change the option"
            )

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        hw = hardware_of(op)
        # A binary weight is never 0.
        if self.columns == 1 or hw.bits_weights == 1:
            return
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                self._apply(function, hw)

    def _apply(self, function: func.FuncOp, hw: Hardware) -> None:
        zeros: Counter[str] = Counter()
        known: dict[object, _Candidate | None] = {}
        for conv in [one for one in function.walk() if isinstance(one, fxp.ConvOp)]:
            requantize = _only_user(conv.output)
            if not isinstance(requantize, fxp.RequantizeOp):
                continue
            likeness = _likeness(conv, requantize)
            if likeness not in known:
                known[likeness] = self._best(conv, requantize, hw)
            best = known[likeness]
            if best is not None:
                name = location_name(conv)
                if name is not None:
                    zeros[name] += _zero_macs(conv, best)
                _merge(conv, requantize, best, hw)
        fxp.add_zero_macs(function, zeros)

    def _best(self, conv: fxp.ConvOp, requantize: fxp.RequantizeOp, hw: Hardware) -> _Candidate | None:
        """The fastest way to merge columns, of equal ones that with the fewest; `None` if none is faster than without."""
        outputs = shape(conv.output)[2]
        wanted = (self.columns,) if self.columns else range(2, MAX_COLUMNS + 1) if _may_gain(conv, hw) else ()
        fitting = [one for one in wanted if outputs % one == 0 and _fits(conv, one, hw)]
        merged = [_candidate(conv, requantize, one, hw) for one in fitting]
        if self.columns or not merged:
            return merged[0] if merged else None
        plain, best = _candidate(conv, requantize, 1, hw), min(merged, key=lambda one: one.cycles)
        return best if best.cycles < plain.cycles else None


def _only_user(value: SSAValue) -> Operation | None:
    users = [use.operation for use in value.uses]
    return users[0] if len(users) == 1 else None


def _likeness(conv: fxp.ConvOp, requantize: fxp.RequantizeOp) -> object:
    """What merging depends on: another convolution that has all this in common is merged alike."""
    shapes = conv.input.type, conv.weights.type, conv.output.type, requantize.output.type
    return *shapes, conv.window, conv.groups, conv.pad_value, _is_added(requantize)


def _is_added(requantize: fxp.RequantizeOp) -> bool:
    """Whether an addition rides along, as nothing else uses the result; see `fxp-to-tile`."""
    user = _only_user(requantize.output)
    return isinstance(user, fxp.AddOp) and shape(user.a) == shape(user.b)


def _may_gain(conv: fxp.ConvOp, hw: Hardware) -> bool:
    """Whether a kernel row is shorter than what the tall array has in flight, or channels leave columns of it idle."""
    (_, kernel), inputs, outputs = conv.window.kernel, shape(conv.input)[3], shape(conv.output)[3]
    return kernel * inputs < hw.pixels_tall or outputs < hw.group_columns


def _fits(conv: fxp.ConvOp, columns: int, hw: Hardware) -> bool:
    """Whether a convolution can be merged so, and its weights stay small."""
    window, inputs, channels = conv.window, shape(conv.input)[3], columns * shape(conv.output)[3]
    kernel = (columns - 1) * window.strides[1] + window.kernel[1]
    words = window.kernel[0] * kernel * inputs
    small = words <= hw.weight_words and words * channels * hw.bits_weights // 8 * WEIGHT_PART <= hw.weight_memory
    steps = columns * window.strides[1] * inputs <= MATRIX.field("x_step").high
    return window.dilation[1] == 1 and kernel <= MAX_KERNEL and channels <= hw.max_channels_out and small and steps


def _candidate(conv: fxp.ConvOp, requantize: fxp.RequantizeOp, columns: int, hw: Hardware) -> _Candidate:
    (_, _, image_width, _), (batch, height, outputs, channels) = shape(conv.input), shape(conv.output)
    window, groups = conv.window, conv.groups.value.data
    if columns > 1:
        window, groups = merged_window(window, image_width, outputs, columns), 1
    added = _is_added(requantize)
    # For its cost an operation needs no weights; it stands in no block.
    x, residual = Block(arg_types=[conv.input.type, requantize.output.type]).args
    matrix = tile.MatrixOp(
        x,
        window=tile.WindowAttr.from_window(window, conv.pad_value.value.data),
        epilogue=tile.RequantizeAttr.of(low=requantize.low.value.data, high=requantize.high.value.data),
        cut=tile.CutAttr.of(images=batch, rows=height, groups=1, block=1),
        weights=conv.weights,
        bias=requantize.bias,
        multiplier=requantize.multiplier,
        shift=requantize.shift,
        groups=groups,
        residual=residual if added else None,
        result_type=TensorType(element(requantize.output), (batch, height, outputs // columns, columns * channels)),
    )
    layer = Layer(matrix, location_name(conv) or "", 0, 1 if added else None, 2)
    return _Candidate(columns, window, groups, columns * channels, fewest_cycles(layer, hw, batch, TilingOptions()))


def _zero_macs(conv: fxp.ConvOp, merged: _Candidate) -> int:
    """Multiplications by the zeros that merging puts in."""
    results, taken = math.prod(shape(conv.output)), conv.weights.get_shape()[2]
    before, after = (math.prod(window.kernel) for window in (conv.window, merged.window))
    return results * (after * shape(conv.input)[3] - before * taken)


def _merge(conv: fxp.ConvOp, requantize: fxp.RequantizeOp, best: _Candidate, hw: Hardware) -> None:
    weights = merged_weights(ints_of(conv.weights), conv.groups.value.data, conv.window.strides[1], best.columns)
    merged = fxp.ConvOp(
        conv.input,
        dense_ints(weights, hw.bits_weights),
        best.window,
        bits_sum=width(conv.output),
        pad_value=conv.pad_value.value.data,
    )
    rounded = fxp.RequantizeOp(
        merged.output,
        bits=width(requantize.output),
        bias=np.tile(requantize.bias_array, best.columns),
        multiplier=np.tile(requantize.multiplier_array, best.columns),
        shift=np.tile(requantize.shift_array, best.columns),
        bias_shift=requantize.bias_shift.value.data,
        leak=requantize.leak.value.data,
        zero_point=requantize.zero_point.value.data,
        low=requantize.low.value.data,
        high=requantize.high.value.data,
    )
    back = fxp.ReshapeOp(rounded.output, shape(requantize.output))
    for new, old in ((merged, conv), (rounded, requantize), (back, requantize)):
        set_location(new, old)
    Rewriter.insert_op([merged, rounded, back], InsertPoint.before(requantize))
    back.output.name_hint = requantize.output.name_hint
    requantize.output.replace_all_uses_with(back.output)
    Rewriter.erase_op(requantize)
    Rewriter.erase_op(conv)
