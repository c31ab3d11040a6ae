"""
The meaning of the `sched` dialect, on the memories of a `Machine`.

Instructions take effect in program order: the verifier of `sched.program` has checked that tokens cover every hazard, so that
any other order that the queues may take gives the same result. Values are taken from buffers as tensors, NHWC, and not by the
addresses that the engine's instructions will have: the two levels check each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import SSAValue

from dsf.dialects import sched, sched_vector
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import BASES, Space
from dsf.geometry import Window
from dsf.layout import pack_elements, packed_bytes, unpack_elements, unpack_parameters, unpack_tables, unpack_weight_groups
from dsf.numerics import Ints
from dsf.runtime.interpreters.convolution import convolve
from dsf.runtime.interpreters.tile import columns_of, elementwise, epilogue, looked_up, moved, pooled, target_places
from dsf.runtime.machine import Machine
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.network import weight_words
from dsf.scheduling.pieces import Piece, Span, strip_window

#: The value of a token, which carries nothing.
TOKEN = (None,)


def _addresses(
    buffer: sched.BufferOp,
    piece: Piece,
    rows: Span,
    image: tuple[int, int, int],
    channels: Span | None = None,
    per_element: int = 1,
) -> Ints:
    """
    Addresses of the elements of rows of a piece's images: (images, rows, width, channels * per_element), of some channels or
    of all.
    """
    places = np.arange(rows.first, rows.stop), np.arange(image[1])
    return _addresses_at(buffer, piece, places, image, channels, per_element)


def _addresses_at(
    buffer: sched.BufferOp,
    piece: Piece,
    places: tuple[Ints, Ints],
    image: tuple[int, int, int],
    channels: Span | None = None,
    per_element: int = 1,
) -> Ints:
    """The same of the rows and columns `places`."""
    height, width, all_channels = image
    some = Span(0, all_channels) if channels is None else channels
    n = np.arange(piece.images.first, piece.images.stop).reshape(-1, 1, 1, 1)
    y, x = places[0].reshape(-1, 1, 1), places[1].reshape(-1, 1)
    c = buffer.at_channel(some.first) * per_element + np.arange(some.count * per_element)
    return buffer.origin + ((n * height + y) * width + x) * buffer.pitch(all_channels) * per_element + c


def places_of(op: sched.MatrixOp) -> tuple[Ints, Ints]:
    """The rows and columns of the result that a piece goes to."""
    (row, column, _), (down, right), rows = op.target.starts, op.target.steps, op.piece.piece.rows
    return row + down * np.arange(rows.first, rows.stop), column + right * np.arange(op.image[1])


def positions_of(op: sched.MatrixOp) -> tuple[slice, slice, slice]:
    """The (images, rows, columns) of a piece's rows that the instruction computes: depthwise, one residue along a line."""
    if not op.mode.data.is_depthwise:
        return slice(None), slice(None), columns_of(op.piece.piece)
    axis = axis_of(op.window.window, op.mode.data)
    some = slice(op.piece.residue.data, None, axis.step)
    return (slice(None), slice(None), some) if axis.index == 1 else (slice(None), some, slice(None))


@register_impls
class SchedFunctions(InterpreterFunctions):
    """Every instruction of the dialect, on one machine."""

    def __init__(self, machine: Machine):
        self.machine = machine

    @impl(sched.ProgramOp)
    def run_program(self, interpreter: Interpreter, op: sched.ProgramOp, args: PythonValues) -> PythonValues:
        return self._run_instructions(interpreter, op.instructions)

    @impl(sched.LoadProgramOp)
    def run_load_program(self, interpreter: Interpreter, op: sched.LoadProgramOp, args: PythonValues) -> PythonValues:
        return self._run_instructions(interpreter, op.instructions)

    def _run_instructions(self, interpreter: Interpreter, instructions: Sequence[sched.InstructionOp]) -> PythonValues:
        for instruction in instructions:
            # Buffers and tokens have no value: what an instruction uses is in its definition.
            interpreter.run_op(instruction, (None,) * len(instruction.operands))
        return ()

    @impl(sched.LoadOp)
    def run_load(self, interpreter: Interpreter, op: sched.LoadOp, args: PythonValues) -> PythonValues:
        source, count, bits = buffer_of(op.source), op.elements.value.data, self.machine.hardware.bits_input
        offset, rows = source.start + op.offset.value.data, op.rows.value.data
        data = self.machine.read_dram(BASES[source.space.data], offset, packed_bytes(count, bits), rows, op.pitch.value.data)
        elements = np.stack([unpack_elements(row.tobytes(), bits, count) for row in data])
        self.machine.scatter(_stretch(op.target, op.at.value.data, op.total), elements.reshape(-1))
        return TOKEN

    @impl(sched.StoreOp)
    def run_store(self, interpreter: Interpreter, op: sched.StoreOp, args: PythonValues) -> PythonValues:
        target, rows = buffer_of(op.target), op.rows.value.data
        elements = self.machine.gather(_stretch(op.source, op.at.value.data, op.total)).reshape(rows, -1)
        packed = [np.frombuffer(pack_elements(row, self.machine.hardware.bits_input), dtype=np.uint8) for row in elements]
        offset = target.start + op.offset.value.data
        self.machine.write_dram(BASES[target.space.data], offset, np.stack(packed), op.pitch.value.data)
        return TOKEN

    @impl(sched.LoadWeightsOp)
    def run_load_weights(self, interpreter: Interpreter, op: sched.LoadWeightsOp, args: PythonValues) -> PythonValues:
        machine, hw = self.machine, self.machine.hardware
        target, groups, words = buffer_of(op.target), op.groups.value.data, op.words.value.data
        source = buffer_of(op.source)
        offset = source.start + op.offset.value.data
        data = machine.read_dram(BASES[source.space.data], offset, op.bytes.value.data).tobytes()
        if target.space.data is Space.PARAMETER:
            place = slice(target.start, target.start + groups)
            values = unpack_parameters(data, groups * hw.group_columns, hw.bits_multiplier)
            machine.bias[place], machine.multiplier[place], machine.shift[place] = (
                value.reshape(groups, hw.group_columns) for value in values
            )
            return TOKEN
        if target.space.data is Space.TABLE:
            machine.tables[target.start : target.start + groups] = unpack_tables(data, hw.operand_bits, groups)
            return TOKEN
        weights = unpack_weight_groups(data, hw.bits_weights, hw.weight_slot_bits, groups, words, hw.group_columns)
        for group in range(groups):
            row = target.start + op.at.value.data + group // hw.column_groups * words
            machine.weights[group % hw.column_groups, row : row + words] = weights[group]
        return TOKEN

    @impl(sched.MatrixOp)
    def run_matrix(self, interpreter: Interpreter, op: sched.MatrixOp, args: PythonValues) -> PythonValues:
        machine, lanes, piece = self.machine, self.machine.hardware.group_columns, op.piece.piece
        x, window = self.input_of(op)
        channels, depthwise = piece.channels(lanes), op.mode.data.is_depthwise
        count = channels.count
        inputs = channels if depthwise else piece.block.inputs
        part = x[..., inputs.first : inputs.stop]
        weights, groups = self._weights(op)[..., :count], count if depthwise else 1
        sums = convolve(part, weights, window, groups=groups, pad_value=op.window.pad_value.data)
        complete = machine.add_sums(sums, accumulate=piece.accumulate, partial=piece.partial)
        if complete is None:
            return TOKEN
        y = epilogue(op, complete, self.parameters_of(op), self.second_of(op), machine.hardware)
        if op.raw is not None:
            y = self._raw_elements(y)
        machine.scatter(self.targets_of(op), y[positions_of(op)])
        return TOKEN

    def input_of(self, op: sched.MatrixOp | sched_vector.VectorOp) -> tuple[Ints, Window]:
        """The rows of the input that a piece needs, (images, rows, width, channels), and the window over them."""
        piece = op.piece.piece
        whole = op.window.window if isinstance(op, (sched.MatrixOp, sched.PoolOp)) else Window((1, 1))
        rows, window = strip_window(whole, piece.rows, op.piece.input_image[0])
        channels = None if isinstance(op, sched.MatrixOp) else piece.block.inputs
        return self.machine.gather(_addresses(buffer_of(op.x), piece, rows, op.piece.input_image, channels)), window

    def second_of(self, op: sched.MatrixOp | sched_vector.VectorOp) -> Ints | None:
        """The second operand of a piece, if it has one: what is added in an epilogue, or of a sum or a product of tensors."""
        if isinstance(op, sched.ElementwiseOp):
            piece = op.piece.piece
            return self.machine.gather(_addresses(buffer_of(op.b), piece, op.rows_of_b, op.image_of_b, piece.block.outputs))
        if not isinstance(op, sched.MatrixOp) or op.residual is None:
            return None
        piece = op.piece.piece
        channels = piece.channels(self.machine.hardware.group_columns)
        return self.machine.gather(_addresses_at(buffer_of(op.residual), piece, places_of(op), op.piece.output_image, channels))

    def targets_of(self, op: sched.MatrixOp | sched_vector.VectorOp | sched.CopyOp) -> Ints:
        """Addresses of what an instruction computes, (images, rows, width, elements); depthwise of one residue only."""
        piece, image = op.piece.piece, op.piece.output_image
        if not isinstance(op, sched.MatrixOp):
            return _addresses(buffer_of(op.y), piece, piece.rows, image, piece.block.outputs)
        per_element = 1 if op.raw is None else self.machine.hardware.raw_elements
        channels = piece.channels(self.machine.hardware.group_columns)
        return _addresses_at(buffer_of(op.y), piece, places_of(op), image, channels, per_element)[positions_of(op)]

    def words_of(self, op: sched.MatrixOp) -> Ints:
        """The weight words that an instruction reads, (channel groups, words, lanes)."""
        banks, start, run = self.machine.hardware.column_groups, buffer_of(op.weights).start, op.piece.piece.run
        if run is not None:
            rows = self.machine.weights[: op.window.window.kernel[0], start + run.first : start + run.stop]
            return rows.reshape(1, -1, self.machine.hardware.group_columns)
        words = weight_words(op.window.window, op.piece.block, depthwise=op.mode.data.is_depthwise)
        groups = range(op.piece.piece.groups.count)
        if op.bank_words:
            return self.machine.weights[:, start : start + op.bank_words].reshape(1, -1, self.machine.hardware.group_columns)[
                :, :words
            ]
        return np.stack([self.machine.weights[one % banks, start + one // banks * words :][:words] for one in groups])

    def parameters_of(self, op: sched.MatrixOp) -> tuple[Ints, Ints, Ints]:
        """Bias, multiplier and shift of the channels of a piece."""
        groups, start = op.piece.piece.groups.count, buffer_of(op.parameters).start
        count = op.piece.piece.channels(self.machine.hardware.group_columns).count
        machine = self.machine
        bias, multiplier, shift = (
            values[start : start + groups].reshape(-1)[:count] for values in (machine.bias, machine.multiplier, machine.shift)
        )
        return bias, multiplier, shift

    def _weights(self, op: sched.MatrixOp) -> Ints:
        """(KH, KW, input channels of the block, or 1 depthwise, groups * lanes)."""
        window, run = op.window.window, op.piece.piece.run
        weights = np.concatenate(list(self.words_of(op)), axis=1)
        if run is not None:
            # Elements outside the run are of other instructions.
            whole = np.zeros((window.kernel[0], window.kernel[1] * op.piece.block.inputs.count, weights.shape[1]), np.int64)
            whole[:, run.first : run.stop] = weights.reshape(window.kernel[0], run.count, -1)
            weights = whole
        if not op.mode.data.is_depthwise:
            return weights.reshape(*window.kernel, op.piece.block.inputs.count, -1)
        axis = axis_of(window, op.mode.data)
        ordered = weights.reshape(axis.taps.kernel_rows, axis.taps.taps, -1)
        kernel = np.empty_like(ordered)
        kernel[:, axis.taps.order] = ordered
        return (kernel if axis.index == 1 else kernel.transpose(1, 0, 2))[:, :, None]

    def _raw_elements(self, y: Ints) -> Ints:
        """Each 32-bit sum as elements of feature memory, lowest first."""
        hw = self.machine.hardware
        return unpack_elements(pack_elements(y, 32), hw.bits_input, y.size * hw.raw_elements).reshape(*y.shape[:3], -1)

    @impl(sched.PoolOp)
    def run_pool(self, interpreter: Interpreter, op: sched.PoolOp, args: PythonValues) -> PythonValues:
        x, window = self.input_of(op)
        y = pooled(op.kind.data, x, window, op.window.pad_value.data, op.scale, self.machine.hardware.bits_input)
        self.machine.scatter(self.targets_of(op), y)
        return TOKEN

    @impl(sched.ElementwiseOp)
    def run_elementwise(self, interpreter: Interpreter, op: sched.ElementwiseOp, args: PythonValues) -> PythonValues:
        (x, _), b = self.input_of(op), self.second_of(op)
        assert b is not None
        y = elementwise(op.function, x, b, self.machine.hardware.bits_input)
        self.machine.scatter(self.targets_of(op), y)
        return TOKEN

    @impl(sched.CopyOp)
    def run_copy(self, interpreter: Interpreter, op: sched.CopyOp, args: PythonValues) -> PythonValues:
        piece = op.piece.piece
        x = _addresses(buffer_of(op.x), piece, piece.rows, op.piece.input_image, piece.block.inputs)
        self.machine.scatter(self.targets_of(op), self.machine.gather(x))
        return TOKEN

    @impl(sched.LookupOp)
    def run_lookup(self, interpreter: Interpreter, op: sched.LookupOp, args: PythonValues) -> PythonValues:
        machine, (x, _) = self.machine, self.input_of(op)
        table = machine.tables[buffer_of(op.table).start]
        y = looked_up(x, table, machine.hardware.operand_bits, machine.hardware.bits_input)
        machine.scatter(self.targets_of(op), y)
        return TOKEN

    @impl(sched.MoveOp)
    def run_move(self, interpreter: Interpreter, op: sched.MoveOp, args: PythonValues) -> PythonValues:
        piece, part, (height, *_) = op.piece.piece, op.part, op.piece.input_image
        # Of the input there may be no other rows.
        rows = op.rows_of_x
        some = self.machine.gather(_addresses(buffer_of(op.x), piece, rows, op.piece.input_image))
        x = np.full((some.shape[0], height, *some.shape[2:]), part.pad_value.data, dtype=np.int64)
        x[:, rows.first : rows.stop] = some
        whole = _addresses(buffer_of(op.y), piece, Span(0, op.piece.output_image[0]), op.piece.output_image)
        made = slice(piece.rows.first, piece.rows.stop)
        self.machine.scatter(target_places(whole, part.image, op.target)[:, made], moved(x, part)[:, made])
        return TOKEN


def _stretch(value: SSAValue, at: int, count: int) -> Ints:
    """Addresses of `count` elements of a buffer."""
    return buffer_of(value).start + at + np.arange(count, dtype=np.int64)
