"""
What memory each instruction of the `sched` level reads and writes, from its buffers and its geometry.

A piece of several images takes all rows of each, and a piece of few rows is of one image, so what it touches of a tensor is
one stretch (of all channels that are there, even if it computes some of them).

In the arena a whole tensor is what a transfer reads or writes, so that a LOAD waits for all STOREs of its tensor before it in
the program. Those are complete soon, and so not every strip takes a token of its own.
"""

from __future__ import annotations

from dataclasses import replace

from dsf.dialects import sched, sched_transfers
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import Space
from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import weight_depth
from dsf.scheduling.hazards import Access, Memory, Step
from dsf.scheduling.network import weight_words
from dsf.scheduling.pieces import Piece, Span, input_rows

#: Height, width, channels.
Image = tuple[int, int, int]

MEMORIES = {
    Space.FEATURE: Memory.FEATURE,
    Space.WEIGHT: Memory.WEIGHT,
    Space.PARAMETER: Memory.PARAMETER,
    Space.TABLE: Memory.TABLE,
    Space.ARENA: Memory.ARENA,
}


def piece_range(piece: Piece, rows: Span, image: Image) -> Span:
    """Elements from the first row of the piece's first image to the last row of its last one."""
    height, width, channels = image
    row = width * channels
    first = (piece.images.first * height + rows.first) * row
    return Span(first, ((piece.images.stop - 1) * height + rows.stop) * row - first)


def _access(buffer: sched.BufferOp, part: Span, *, writes: bool) -> Access:
    start = buffer.origin + part.first
    return Access(MEMORIES[buffer.space.data], start, start + part.count, writes)


def _of_tensor(buffer: sched.BufferOp, piece: Piece, rows: Span, image: Image, per_element: int, *, writes: bool) -> Access:
    """Rows of a piece's images, as far as the buffer has their channels."""
    height, width, channels = image
    part = piece_range(piece, rows, (height, width, buffer.pitch(channels) * per_element))
    return _access(buffer, part if rows.count > 0 else Span(buffer.holds.value.data, 0), writes=writes)


def _of_window(op: sched.MatrixOp | sched.PoolOp, per_element: int) -> tuple[Access, Access]:
    """The input that the piece needs, and its result."""
    piece, image = op.piece.piece, op.piece.input_image
    rows = input_rows(op.window.window, piece.rows, image[0])
    return (
        _of_tensor(buffer_of(op.x), piece, rows, image, 1, writes=False),
        _of_tensor(buffer_of(op.y), piece, _rows_of_y(op), op.piece.output_image, per_element, writes=True),
    )


def _rows_of_y(op: sched.MatrixOp | sched.PoolOp) -> Span:
    """Rows of the result from the first to the last that is written."""
    return op.rows_of_y if isinstance(op, sched.MatrixOp) else op.piece.piece.rows


def _of_matrix(op: sched.MatrixOp, hw: Hardware) -> list[Access]:
    piece = op.piece.piece
    words = weight_words(op.window.window, piece.block, depthwise=op.mode.data.is_depthwise)
    depth = weight_depth(hw, words, piece.groups.count)
    if op.bank_words:
        depth = max(op.bank_words, -(-words // hw.column_groups))
    of_banks = Span(0, depth) if piece.run is None else piece.run
    read, written = _of_window(op, 1 if op.raw is None else hw.raw_elements)
    accesses = [
        read,
        written if not piece.partial else replace(written, stop=written.start),
        _access(buffer_of(op.weights), of_banks, writes=False),
        _access(buffer_of(op.parameters), Span(0, 0 if piece.partial else piece.groups.count), writes=False),
    ]
    if op.residual is not None:
        accesses.append(_of_tensor(buffer_of(op.residual), piece, op.rows_of_y, op.piece.output_image, 1, writes=False))
    return accesses


def _of_elements(op: sched.ElementwiseOp | sched.LookupOp | sched.CopyOp) -> list[Access]:
    piece, image = op.piece.piece, op.piece.output_image
    accesses = [
        _of_tensor(buffer_of(op.x), piece, piece.rows, image, 1, writes=False),
        _of_tensor(buffer_of(op.y), piece, piece.rows, image, 1, writes=True),
    ]
    if isinstance(op, sched.CopyOp):
        return accesses
    if isinstance(op, sched.LookupOp):
        return [*accesses, _access(buffer_of(op.table), Span(0, 1), writes=False)]
    return [*accesses, _of_tensor(buffer_of(op.b), piece, op.rows_of_b, op.image_of_b, 1, writes=False)]


def _of_image_move(op: sched.MoveOp) -> tuple[Access, Access]:
    piece = op.piece.piece
    return (
        _of_tensor(buffer_of(op.x), piece, op.rows_of_x, op.piece.input_image, 1, writes=False),
        _of_tensor(buffer_of(op.y), piece, op.rows_of_y, op.piece.output_image, 1, writes=True),
    )


def _of_weights(op: sched.LoadWeightsOp, hw: Hardware) -> Access:
    buffer, groups = buffer_of(op.target), op.groups.value.data
    is_weight = buffer.space.data is Space.WEIGHT
    size = weight_depth(hw, op.words.value.data, groups) if is_weight else groups
    return _access(buffer, Span(op.at.value.data, size), writes=True)


def _of_transfer(chip: sched.BufferOp, dram: sched.BufferOp, op: sched_transfers.TransferOp) -> tuple[Access, ...]:
    """What a transfer touches on chip, and in the arena if it goes there: the whole tensor."""
    loads = isinstance(op, sched.LoadOp)
    start = chip.start + op.at.value.data
    on_chip = Access(Memory.FEATURE, start, start + op.total, loads)
    if dram.space.data is not Space.ARENA:
        return (on_chip,)
    return on_chip, Access(Memory.ARENA, dram.start, dram.stop, not loads)


def accesses_of(op: sched.InstructionOp, hw: Hardware) -> tuple[Access, ...]:
    """The stretches of memory, on chip and in the arena, that an instruction reads and writes."""
    match op:
        case sched.LoadOp():
            return _of_transfer(buffer_of(op.target), buffer_of(op.source), op)
        case sched.StoreOp():
            return _of_transfer(buffer_of(op.source), buffer_of(op.target), op)
        case sched.LoadWeightsOp():
            return (_of_weights(op, hw),)
        case sched.MatrixOp():
            return tuple(_of_matrix(op, hw))
        case sched.PoolOp():
            return _of_window(op, 1)
        case sched.ElementwiseOp() | sched.LookupOp() | sched.CopyOp():
            return tuple(_of_elements(op))
        case sched.MoveOp():
            return _of_image_move(op)
        case _:
            raise ValueError(f"accesses_of: {op.name} is not known")


def step_of(op: sched.InstructionOp, hw: Hardware) -> Step:
    """An instruction as the hazard analysis sees it."""
    return Step(op.QUEUE, accesses_of(op, hw))
