"""
Where real numbers get their grid: what a tensor waits for becomes operations of the `bundle` dialect, with one rounding.

A slope of negative numbers that the engine does not have, y = max(v, 0) + slope * min(v, 0), is the sum of two tensors of which
one is 0 wherever the other is not: each is rounded as y is, and their sum needs no rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import (
    ActivationOp,
    AddOp,
    AffineType,
    ConcatOp,
    ConvOp,
    ConvTransposeOp,
    CoreOp,
    DenseOp,
    FlattenOp,
    FunctionOp,
    Grid,
    MultiplyOp,
    PadOp,
    PoolKind,
    PoolOp,
    QType,
    ReshapeOp,
    ResizeOp,
    SliceOp,
    TransposeOp,
    grid_of,
)
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.digits import check_digits
from dsf.frontend.onnx.stepwise import countings, reached_of
from dsf.frontend.onnx.units import in_fine_units, whole_bias
from dsf.frontend.onnx.values import (
    Addition,
    Apart,
    Border,
    Enlargement,
    Function,
    Joined,
    Mean,
    Move,
    Named,
    Part,
    Pointwise,
    Product,
    Real,
    Rounded,
    Step,
    Sum,
    UnsupportedError,
    Wire,
    composed,
)
from dsf.geometry import Window
from dsf.numerics import MAX_LEAK, Floats, int_range, table_bits

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

Waiting = Sum | Addition | Product | Function | Rounded | Joined | Apart | Mean

#: Axes of the engine's tensor along which tensors are joined: of rows the numbers, of images what the name says.
NUMBERS, ROWS, COLUMNS, CHANNELS = 0, 1, 2, 3
#: What stands for numbers without end in a table: no scale of a model makes it less than the largest integer.
LARGEST = float(np.finfo(np.float32).max)
#: Slopes that the rounding of a sum has: those of a ReLU, of no function, and 2**-k.
SLOPES = frozenset({0.0, *(2.0**-k for k in range(MAX_LEAK + 1))})


def pending_of(state: Real, name: str) -> Waiting:
    """A real tensor as one that waits for its rounding, and may be put through a function."""
    if isinstance(state, Wire):
        return Rounded(state.places, shape(state.value), name, wire=state)
    return state


def then(state: Real, after: Pointwise, name: str) -> Waiting:
    """
    A real tensor put through a function, and with it the numbers around its images; of joined ones each. Raises
    `UnsupportedError` for one that falls behind a max pooling, which does not commute with it.
    """
    pending = pending_of(state, name)
    if after.slope < 0 and any(isinstance(one, Window) and one.kernel != (1, 1) for one in pending.moves):
        has = f"a slope of {after.slope:g} behind a max pooling of what is not quantised"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the maxima")
    moves = tuple(
        replace(one, value=float(after.apply(np.array(one.value)))) if isinstance(one, Border) else one for one in pending.moves
    )
    if isinstance(pending, Joined):
        return replace(pending, parts=tuple(then(one, after, name) for one in pending.parts), moves=moves)
    return replace(pending, function=pending.function.then(after), moves=moves)


def quantise(importer: Importer, state: Real, grid: Grid, offset: int, name: str) -> Wire:
    """A tensor of the engine with the codes of a real one on `grid`."""
    if isinstance(state, Wire):
        if state.stand_in:
            return state.on_grid(grid, codes=True, offset=offset)
        if state.grid == grid:
            return replace(state, codes=True, offset=offset)
    pending = pending_of(state, name)
    value = move(importer, _rounded(importer, pending, grid), pending.moves, pending.name)
    return Wire(value, grid, pending.places, codes=True, offset=offset)


def _rounded(importer: Importer, state: Waiting, grid: Grid) -> SSAValue:
    """The tensor on `grid`, before it is moved."""
    match state:
        case Joined():
            return _joined(importer, state, grid)
        case Apart():
            return _put_together(importer, state, grid)
        case Mean():
            return _mean(importer, state, grid)
        case Function():
            return _looked_up(importer, state, grid)
        case Rounded():
            return _rescaled(importer, state, grid)
        case Sum():
            if state.function.slope not in SLOPES:
                return _rectified_apart(importer, state, grid)
            made = core(importer, state, grid)
            op = ActivationOp(made.output, grid, state.function.slope, **_limits(state.function))
        case Addition() | Product():
            if state.function.slope not in (0, 1):
                return _rectified_apart(importer, state, grid)
            function, limits = state.function, _limits(state.function)
            make = AddOp if isinstance(state, Addition) else MultiplyOp
            op = make(state.a.value, state.b.value, grid, function.slope, **limits)
    importer.insert(op, state.name)
    return op.output


class _Limits(TypedDict):
    minimum: float | None
    maximum: float | None


def _limits(function: Pointwise) -> _Limits:
    return {"minimum": function.minimum, "maximum": function.maximum}


def core(importer: Importer, pending: Sum, grid: Grid | None = None) -> CoreOp:
    """Writes the core of a sum, which goes to a grid (of one bit: only its sign counts), or is not rounded."""
    check_digits(pending, importer.hardware, grid)
    meant, pending = pending, in_fine_units(pending, importer.hardware, grid)
    if grid is not None and grid.bits.data > 1:
        importer.rounded.append((meant, pending, grid))
    # In the units of the sum, of which a bias of onnxruntime is a whole number.
    bias = whole_bias(pending, down=grid is not None and grid.bits.data == 1)
    low, high = int_range(32 - pending.fraction)
    if bias.min() < low or bias.max() > high:
        has = f"a bias of {bias.min():.0f} to {bias.max():.0f} in units of its sum"
        raise UnsupportedError(has, "32 bits", "use larger scales of input or weights")
    binary = importer.hardware.bits_weights == 1 and bool(np.all(np.abs(pending.weights) == 1))
    q = QType.of(1 if binary else pending.bits, 0)
    least, most = int(pending.weights.min()), int(pending.weights.max())
    low, high = int_range(pending.bits)
    if not binary and (least < low or most > high):
        has = f"weights of {least} to {most} as integers of {pending.bits} bits"
        raise UnsupportedError(has, f"{low} to {high}", "quantise them to such")
    arguments: dict[str, Any] = {
        "bits_sum": importer.hardware.bits_sum,
        "scales": pending.scales / pending.x_grid.unit,
        "bias": bias if bool(bias.any()) else None,
        "bias_type": QType.of(32, pending.fraction) if bool(bias.any()) else None,
    }
    window = pending.window
    if window is None:
        made: CoreOp = DenseOp(pending.x, pending.weights, q, **arguments)
    else:
        plain = window if isinstance(window, Window) else window.window
        arguments |= {"strides": plain.strides, "padding": plain.padding, "dilation": plain.dilation, "groups": pending.groups}
        if isinstance(window, Window):
            made = ConvOp(pending.x, pending.weights, q, **arguments)
        else:
            made = ConvTransposeOp(pending.x, pending.weights, q, output_padding=window.output_padding, **arguments)
    importer.insert(made, pending.name)
    return made


def _rectified_apart(importer: Importer, state: Sum | Addition | Product, grid: Grid) -> SSAValue:
    """What is 0 or more, and what is less and multiplied by the slope, of which one is 0: their sum."""
    slope = state.function.slope
    positive = _rounded(importer, replace(state, function=Pointwise(0.0)), grid)
    below = Pointwise(maximum=0.0)
    if isinstance(state, Sum) and slope > 0:
        scaled = replace(state, scales=state.scales * slope, bias=state.bias * slope, function=below)
        negative = _rounded(importer, scaled, grid)
    else:
        # On the grid that the slope makes the wanted one of: a table then changes what the integers stand for. A negative one
        # turns it around, so that it has as many steps below 0 as the wanted one above.
        zero = grid.zero if slope > 0 else -1 - grid.zero
        before = AffineType.of(grid.bits.data, grid.unit / abs(slope), zero)
        table = FunctionOp(_rounded(importer, replace(state, function=below), before), "leaky_relu", grid, (slope,))
        importer.insert(table, state.name)
        negative = table.output
    op = AddOp(positive, negative, grid, **_limits(state.function))
    importer.insert(op, state.name)
    return op.output


def _put_together(importer: Importer, state: Apart, grid: Grid) -> SSAValue:
    """The sum of tensors of which one at most is not 0, rectified and clipped."""
    if state.function.slope not in (0, 1):
        has = "a leaky ReLU of slopes for each channel"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise it there")
    total, *others = (quantise(importer, one, grid, 0, state.name).value for one in state.parts)
    for value in others:
        op = AddOp(total, value, grid)
        importer.insert(op, state.name)
        total = op.output
    return _clipped(importer, total, state.function, state.name)


def _looked_up(importer: Importer, state: Function, grid: Grid) -> SSAValue:
    """A function by a table, with what comes after it; or of sums by thresholds, then rectified and clipped on its grid."""
    if isinstance(state.wire, Sum):
        return _clipped(importer, _counted(importer, state, state.wire, grid), state.function, state.name)
    table = table_of(state.wire, (*state.steps, state.function), grid)
    importer.insert(table, state.name)
    return table.output


def table_of(x: Wire, steps: Sequence[Step], grid: Grid) -> FunctionOp:
    """Functions one after the other of each element: one of a name, or any by its values."""
    left = [one for one in steps if not (isinstance(one, Pointwise) and one.is_identity)]
    if len(left) == 1 and isinstance(left[0], Named):
        return FunctionOp(x.value, left[0].kind, grid, left[0].parameters)
    return FunctionOp(x.value, "values", grid, np.clip(composed(left, values_of(x)), -LARGEST, LARGEST).tolist())


def values_of(x: Wire) -> Floats:
    """The real numbers that the integers of a tensor stand for, from the lowest one on."""
    low, high = int_range(table_bits(x.grid.bits.data))
    return x.grid.to_reals(np.arange(low, high + 1))


def _counted(importer: Importer, state: Function, pending: Sum, grid: Grid) -> SSAValue:
    """A function of sums, by how many thresholds they reach: in parts, which are added."""
    values: list[SSAValue] = []
    for one in countings(importer, state, pending, grid):
        reached = _rounded(importer, one.reached, reached_of(importer.hardware))
        values.append(_rounded(importer, one.result(reached), one.grid))
    total = values[0]
    for value in values[1:]:
        op = AddOp(total, value, grid)
        importer.insert(op, state.name)
        total = op.output
    return total


def _clipped(importer: Importer, value: SSAValue, function: Pointwise, name: str) -> SSAValue:
    """A quantised tensor, rectified and clipped on its grid."""
    if function.is_identity:
        return value
    if function.slope not in (0, 1):
        has = "a leaky ReLU of a function or mean that is rounded"
        raise UnsupportedError(has, "a QuantizeLinear and DequantizeLinear before it", "quantise the function's result")
    op = ActivationOp(value, grid_of(value), function.slope, **_limits(function))
    importer.insert(op, name)
    return op.output


def _rescaled(importer: Importer, state: Rounded, grid: Grid) -> SSAValue:
    """A quantised tensor put through a function, and perhaps on another grid: a table is a function of its integers."""
    function, value = state.function, state.wire.value
    if state.wire.grid != grid or function.slope not in (0, 1):
        table = FunctionOp(value, "leaky_relu", grid, (function.slope,))
        importer.insert(table, state.name)
        value, function = table.output, replace(function, slope=1.0)
    return _clipped(importer, value, function, state.name)


def _mean(importer: Importer, state: Mean, grid: Grid) -> SSAValue:
    """A mean on the grid of its operand by a pooling of the engine, on another one by sums of the array."""
    function, window = state.function, state.window
    # The engine rounds means of integers, zero point included: halves to the even one of those, which is the same if that is.
    if window is None or grid != state.wire.grid or grid.zero % 2:
        return _rounded(importer, then(state.sums(), function, state.name), grid)
    op = PoolOp(state.wire.value, PoolKind.AVG, window.kernel, grid, strides=window.strides, padding=window.padding)
    importer.insert(op, state.name)
    return _clipped(importer, op.output, function, state.name)


def _joined(importer: Importer, state: Joined, grid: Grid) -> SSAValue:
    values = [quantise(importer, one, grid, 0, state.name).value for one in state.parts]
    return join(importer, values, state.axis, state.name)


def join(importer: Importer, values: Sequence[SSAValue], axis: int, name: str) -> SSAValue:
    """Tensors of one grid behind each other along an axis: rows and columns are added, in borders of zeros."""
    if axis in (CHANNELS, NUMBERS):
        together = [one if axis == CHANNELS else flattened(importer, one, name) for one in values]
        op = ConcatOp(together)
        importer.insert(op, name)
        return op.output
    if grid_of(values[0]).bits.data == 1:
        has = "images of one bit under or beside each other"
        raise UnsupportedError(has, "a number 0, which one bit has not", "join them along their channels")
    sizes = [shape(one)[axis] for one in values]
    padded: list[SSAValue] = []
    for index, one in enumerate(values):
        before, after = sum(sizes[:index]), sum(sizes[index + 1 :])
        border = Border((before, after, 0, 0) if axis == ROWS else (0, 0, before, after), 0.0)
        padded.append(move(importer, one, [border], name))
    result = padded[0]
    for one in padded[1:]:
        add = AddOp(result, one, grid_of(one))
        importer.insert(add, name)
        result = add.output
    return result


def with_last(importer: Importer, x: Wire, axis: int, name: str) -> Wire:
    """A tensor whose elements along this axis of the engine's follow each other: images exchange it with their channels."""
    sizes = shape(x.value)
    if axis == len(sizes) - 1:
        return x
    order = (*(one for one in range(1, len(sizes)) if one != axis), axis)
    op = TransposeOp(x.value, tuple(one - 1 for one in order))
    importer.insert(op, name)
    before = np.unravel_index(x.places, sizes)
    places = np.ravel_multi_index([before[one] for one in (0, *order)], shape(op.output))
    return replace(x, value=op.output, places=places)


def flattened(importer: Importer, value: SSAValue, name: str) -> SSAValue:
    """Images as rows (N, H*W*C); rows as they are."""
    if len(shape(value)) == 2:
        return value
    flat = FlattenOp(value)
    importer.insert(flat, name)
    return flat.output


def reshaped(importer: Importer, value: SSAValue, sizes: tuple[int, ...], name: str) -> SSAValue:
    """The same elements in another shape of the engine's."""
    if shape(value) == sizes:
        return value
    op = ReshapeOp(value, sizes)
    importer.insert(op, name)
    return op.output


def move(importer: Importer, value: SSAValue, moves: Sequence[Move], name: str) -> SSAValue:
    """Writes what moves images."""
    for one in moves:
        match one:
            case Window():
                grid = grid_of(value)
                op = PoolOp(value, PoolKind.MAX, one.kernel, grid, strides=one.strides, padding=one.padding)
            case Part():
                op = SliceOp(value, one.first, one.size)
            case Border():
                op = PadOp(value, one.padding, one.value)
            case Enlargement():
                op = ResizeOp(value, one.factors)
        importer.insert(op, name)
        value = op.output
    return value
