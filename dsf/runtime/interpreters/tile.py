"""
The meaning of the `tile` dialect, on int64 arrays, piece by piece.

Each piece is computed from its own rows of the input (a strip with its halo), its own weights and its own channels, and
written into the result, as the engine does it: a wrong halo or a piece left out gives wrong numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from dsf import numerics
from dsf.dialects import sched, tile
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.constants import ints_of
from dsf.dialects.engine import hardware_of
from dsf.dialects.integers import width
from dsf.dialects.shapes import shape, where
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.numerics import Ints
from dsf.runtime.interpreters.convolution import check_sums, convolve, window_maxima, window_sums
from dsf.scheduling.network import IMAGES, blocks_of
from dsf.scheduling.pieces import Cut, Piece, Span, strip_window
from dsf.scheduling.weights import block_weights

#: What elements hold that no piece has written.
UNWRITTEN = np.iinfo(np.int64).min


def pieces_of(op: tile.MatrixOp | tile.VectorOp, lanes: int) -> Iterator[Piece]:
    """All pieces of the batch, chunk after chunk; a channel group has `lanes` channels."""
    images, rows, columns, _ = shape(op.y)
    if isinstance(op, tile.CopyOp | tile.MatrixOp):
        rows, columns, _ = op.image
    function = op.parent_op()
    chunk = function.attributes.get(IMAGES) if isinstance(function, FuncOp) else None
    size = chunk.value.data if isinstance(chunk, IntegerAttr) else images
    for some in Span(0, images).blocks(size):
        yield from (piece for piece, *_ in Cut.of(op.cut).pieces(some, rows, blocks_of(op), lanes, columns))


def _strip(op: tile.MatrixOp | tile.PoolOp, x: Ints, piece: Piece) -> tuple[Ints, Window]:
    """The input of a piece, and the window over it."""
    rows, window = strip_window(op.window.window, piece.rows, x.shape[1])
    return x[piece.images.first : piece.images.stop, rows.first : rows.stop], window


def _hardware(op: Operation) -> Hardware:
    module = op.get_toplevel_object()
    assert isinstance(module, ModuleOp)
    return hardware_of(module)


def _complete(op: Operation, y: Ints) -> PythonValues:
    if y.size and y.min() == UNWRITTEN:
        raise InterpretationError(f"{where(op)}: {int((y == UNWRITTEN).sum())} elements in no piece, needs every one in one")
    return (y,)


def epilogue(
    op: tile.MatrixOp | sched.MatrixOp, sums: Ints, parameters: tuple[Ints, Ints, Ints], residual: Ints | None, hw: Hardware
) -> Ints:
    """
    From sums to results, raw or elements; `parameters` are bias, multiplier and shift of the channels. Raises `EngineError`
    for sums that do not fit the hardware's.
    """
    how, add = op.epilogue, op.add
    bias, multiplier, shift = parameters
    check_sums(sums, bias, bias_shift=how.bias_shift.data, bits=hw.bits_sum, where=f"{where(op)}: ")
    if isinstance(how, tile.RawAttr):
        return numerics.raw(sums, bias, bias_shift=how.bias_shift.data)
    y = numerics.requantize(
        sums,
        bias,
        bias_shift=how.bias_shift.data,
        multiplier=multiplier,
        shift=shift,
        leak=how.leak.data,
        zero_point=how.zero_point.data,
        low=how.low.data,
        high=how.high.data,
    )
    y = numerics.to_element(y, hw.bits_input)
    if add is None or residual is None:
        return y
    return elementwise(add, y, residual, hw.bits_input)


def columns_of(piece: Piece) -> slice:
    """The columns of a piece."""
    return slice(None) if piece.columns is None else slice(piece.columns.first, piece.columns.stop)


def _sums(op: tile.MatrixOp, strip: Ints, weights: Ints, window: Window, piece: Piece, made: Span) -> Ints:
    """The sums of a piece, of the channels `made`: depthwise, or those of a block as of a convolution of its own."""
    block, pad_value = piece.block, op.window.pad_value.data
    if op.cut.mode.data[0].data.is_depthwise:
        channels = slice(made.first, made.stop)
        return convolve(strip[..., channels], weights[..., channels], window, groups=made.count, pad_value=pad_value)
    first = made.first - block.outputs.first
    kernel = block_weights(weights, block)[..., first : first + made.count]
    if piece.run is not None:
        kernel = of_run(kernel, piece.run)
    return convolve(strip[..., block.inputs.first : block.inputs.stop], kernel, window, pad_value=pad_value)


def of_run(kernel: Ints, run: Span) -> Ints:
    """A kernel (KH, KW, CI, CO) with zeros in place of all but some elements of each kernel row."""
    some = np.zeros_like(kernel)
    rows, elements = kernel.shape[0], kernel.shape[1] * kernel.shape[2]
    shape_of_rows = rows, elements, kernel.shape[3]
    some.reshape(shape_of_rows)[:, run.first : run.stop] = kernel.reshape(shape_of_rows)[:, run.first : run.stop]
    return some


def pooled(kind: PoolKind, x: Ints, window: Window, pad_value: int, scale: tile.ScaleAttr, bits: int) -> Ints:
    """A pooling of a strip, to elements of `bits` bits."""
    if kind is PoolKind.MAX:
        acc, count = window_maxima(x, window), np.ones(1, dtype=np.int64)
    else:
        acc, count = window_sums(x, window, count_padding=scale.count_padding.data == 1, pad_value=pad_value)
    y = numerics.pool_scale(
        acc,
        count,
        left=scale.left.data,
        right=scale.right.data,
        leak=scale.leak.data,
        low=scale.low.data,
        high=scale.high.data,
    )
    return numerics.to_element(y, bits)


def elementwise(function: tile.AddAttr | tile.MultiplyAttr, a: Ints, b: Ints, bits: int) -> Ints:
    """The sum or the product of two tensors, to elements of `bits` bits."""
    scale = {
        "offset": function.offset.data,
        "shift": function.shift.data,
        "leak": function.leak.data,
        "low": function.low.data,
        "high": function.high.data,
    }
    if isinstance(function, tile.AddAttr):
        multipliers = {"multiplier_a": function.multiplier_a.data, "multiplier_b": function.multiplier_b.data}
        return numerics.to_element(numerics.residual_add(a, b, **multipliers, **scale), bits)
    zeros = {"zero_a": function.zero_a.data, "zero_b": function.zero_b.data}
    return numerics.to_element(numerics.multiply(a, b, **zeros, multiplier=function.multiplier.data, **scale), bits)


def moved(x: Ints, part: tile.PartAttr) -> Ints:
    """A part of each image, (N, height, width, channels)."""
    (row, column, channel), (height, width_of_part, channels) = part.starts, part.image
    rows, columns = row + np.arange(height), column + np.arange(width_of_part)
    inside = ((rows >= 0) & (rows < x.shape[1]))[:, None] & ((columns >= 0) & (columns < x.shape[2]))
    values = x[:, rows.clip(0, x.shape[1] - 1)[:, None], columns.clip(0, x.shape[2] - 1), channel : channel + channels]
    return np.where(inside[:, :, None], values, part.pad_value.data)


def target_places(y: Ints, image: tuple[int, int, int], target: tile.TargetAttr) -> Ints:
    """A view of where in the images `y` those of (height, width, channels) `image` go."""
    if target.is_transposed:
        return y.transpose(0, *(1 + axis for axis in target.order))
    (row, column, channel), (height, width_of_image, channels) = target.starts, image
    vertical, horizontal = target.steps
    return y[:, row::vertical, column::horizontal, channel : channel + channels][:, :height, :width_of_image]


def looked_up(x: Ints, table: Ints, bits_of_table: int, bits: int) -> Ints:
    """A function of each element by its table, to elements of `bits` bits."""
    return numerics.to_element(numerics.lookup(x, table, bits_of_table), bits)


@register_impls
class TileFunctions(InterpreterFunctions):
    """Every operation of the dialect, on int64 arrays."""

    @impl(tile.MatrixOp)
    def run_matrix(self, interpreter: Interpreter, op: tile.MatrixOp, args: PythonValues) -> PythonValues:
        x, residual = args[0], None if op.residual is None else target_places(args[1], op.image, op.target)
        weights, bias = ints_of(op.weights), ints_of(op.bias)
        multiplier = bias if op.multiplier is None else ints_of(op.multiplier)
        shift = bias if op.shift is None else ints_of(op.shift)
        hw = _hardware(op)
        lanes = hw.group_columns
        y = np.full(shape(op.y), UNWRITTEN, dtype=np.int64) if op.into is None else args[-1].copy()
        made_here = target_places(y, op.image, op.target)
        held: Ints | None = None
        for piece in pieces_of(op, lanes):
            strip, window = _strip(op, x, piece)
            made = piece.channels(lanes)
            channels = slice(made.first, made.stop)
            part = (
                slice(piece.images.first, piece.images.stop),
                slice(piece.rows.first, piece.rows.stop),
                columns_of(piece),
                channels,
            )
            sums = _sums(op, strip, weights, window, piece, made)[:, :, columns_of(piece)]
            if piece.accumulate and held is not None:
                sums = sums + held
            held = sums if piece.partial else None
            if piece.partial:
                continue
            parameters = bias[channels], multiplier[channels], shift[channels]
            made_here[part] = epilogue(op, sums, parameters, None if residual is None else residual[part], hw)
        return (y,) if op.is_partial else _complete(op, y)

    @impl(tile.PoolOp)
    def run_pool(self, interpreter: Interpreter, op: tile.PoolOp, args: PythonValues) -> PythonValues:
        (x,) = args
        y = np.full(shape(op.y), UNWRITTEN, dtype=np.int64)
        for piece in pieces_of(op, lanes=y.shape[3]):
            strip, window = _strip(op, x, piece)
            part = slice(piece.images.first, piece.images.stop), slice(piece.rows.first, piece.rows.stop)
            y[part] = pooled(op.kind.data, strip, window, op.window.pad_value.data, op.scale, _hardware(op).bits_input)
        return _complete(op, y)

    @impl(tile.ElementwiseOp)
    def run_elementwise(self, interpreter: Interpreter, op: tile.ElementwiseOp, args: PythonValues) -> PythonValues:
        x, b = args
        y = np.full(shape(op.y), UNWRITTEN, dtype=np.int64)
        for piece in pieces_of(op, lanes=y.shape[3]):
            images, rows = slice(piece.images.first, piece.images.stop), slice(piece.rows.first, piece.rows.stop)
            second = b[images] if b.shape != x.shape else b[images, rows]
            y[images, rows] = elementwise(op.function, x[images, rows], second, _hardware(op).bits_input)
        return _complete(op, y)

    @impl(tile.LookupOp)
    def run_lookup(self, interpreter: Interpreter, op: tile.LookupOp, args: PythonValues) -> PythonValues:
        (x,) = args
        y = np.full(shape(op.y), UNWRITTEN, dtype=np.int64)
        for piece in pieces_of(op, lanes=y.shape[3]):
            part = slice(piece.images.first, piece.images.stop), slice(piece.rows.first, piece.rows.stop)
            y[part] = looked_up(x[part], ints_of(op.table), numerics.table_bits(width(op.x)), _hardware(op).bits_input)
        return _complete(op, y)

    @impl(tile.CopyOp)
    def run_copy(self, interpreter: Interpreter, op: tile.CopyOp, args: PythonValues) -> PythonValues:
        x = args[0]
        y = args[1].copy() if op.into is not None else np.full(shape(op.y), UNWRITTEN, dtype=np.int64)
        part, seen = moved(x, op.part), np.zeros(op.part.image[0], dtype=bool)
        for piece in pieces_of(op, lanes=op.part.image[2]):
            images, rows = slice(piece.images.first, piece.images.stop), slice(piece.rows.first, piece.rows.stop)
            target_places(y[images], op.image, op.target)[:, rows] = part[images, rows]
            seen[rows] = True
        if not seen.all():
            raise InterpretationError(f"{where(op)}: rows in no piece, needs every one in one")
        return (y,) if op.is_partial else _complete(op, y)

    @impl(tile.ReshapeOp)
    def run_reshape(self, interpreter: Interpreter, op: tile.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(shape(op.y)),)
