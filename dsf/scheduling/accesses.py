"""
What memory each instruction of the `sched` level reads and writes, from its buffers and its geometry.

A piece of several images takes all rows of each, and a piece of few rows is of one image, so what it touches of a tensor is
one stretch (of all channels, even if it computes some of them).
"""

from __future__ import annotations

from dsf.dialects import sched
from dsf.dialects.sched import Space, buffer_of
from dsf.hardware import Hardware
from dsf.scheduling.cuts import weight_depth
from dsf.scheduling.hazards import Access, Memory, Step
from dsf.scheduling.network import weight_words
from dsf.scheduling.pieces import Piece, Span, input_rows

MEMORIES = {
    Space.FEATURE: Memory.FEATURE,
    Space.WEIGHT: Memory.WEIGHT,
    Space.PARAMETER: Memory.PARAMETER,
    Space.TABLE: Memory.TABLE,
}


def piece_range(piece: Piece, rows: Span, image: tuple[int, int, int]) -> Span:
    """Elements from the first row of the piece's first image to the last row of its last one."""
    height, width, channels = image
    row = width * channels
    first = (piece.images.first * height + rows.first) * row
    return Span(first, ((piece.images.stop - 1) * height + rows.stop) * row - first)


def _access(buffer: sched.BufferOp, part: Span, *, writes: bool) -> Access:
    start = buffer.start + part.first
    return Access(MEMORIES[buffer.space.data], start, start + part.count, writes)


def _of_window(op: sched.MatrixOp | sched.PoolOp, per_element: int) -> tuple[Access, Access]:
    """The input that the piece needs, and its result."""
    piece = op.piece.piece
    rows = input_rows(op.window.window, piece.rows, op.piece.input_image[0])
    needed = piece_range(piece, rows, op.piece.input_image) if rows.count > 0 else Span(0, 0)
    made = piece_range(piece, piece.rows, op.piece.output_image)
    result = Span(made.first * per_element, made.count * per_element)
    return _access(buffer_of(op.x), needed, writes=False), _access(buffer_of(op.y), result, writes=True)


def _of_matrix(op: sched.MatrixOp, hw: Hardware) -> list[Access]:
    piece = op.piece.piece
    words = weight_words(op.window.window, piece.block, depthwise=op.mode.data.is_depthwise)
    depth = weight_depth(hw, words, piece.groups.count)
    accesses = [
        *_of_window(op, 1 if op.raw is None else hw.raw_elements),
        _access(buffer_of(op.weights), Span(0, depth), writes=False),
        _access(buffer_of(op.parameters), Span(0, piece.groups.count), writes=False),
    ]
    if op.residual is not None:
        added = piece_range(piece, piece.rows, op.piece.output_image)
        accesses.append(_access(buffer_of(op.residual), added, writes=False))
    return accesses


def _of_elements(op: sched.ElementwiseOp | sched.LookupOp) -> list[Access]:
    piece, image = op.piece.piece, op.piece.output_image
    part = piece_range(piece, piece.rows, image)
    accesses = [_access(buffer_of(op.x), part, writes=False), _access(buffer_of(op.y), part, writes=True)]
    if isinstance(op, sched.LookupOp):
        return [*accesses, _access(buffer_of(op.table), Span(0, 1), writes=False)]
    second = piece_range(piece, op.rows_of_b, op.image_of_b)
    return [*accesses, _access(buffer_of(op.b), second, writes=False)]


def _of_weights(op: sched.LoadWeightsOp, hw: Hardware) -> Access:
    buffer, groups = buffer_of(op.target), op.groups.value.data
    is_weight = buffer.space.data is Space.WEIGHT
    size = weight_depth(hw, op.words.value.data, groups) if is_weight else groups
    return _access(buffer, Span(0, size), writes=True)


def accesses_of(op: sched.InstructionOp, hw: Hardware) -> tuple[Access, ...]:
    """The stretches of on-chip memory that an instruction reads and writes."""
    match op:
        case sched.LoadOp():
            part = Span(op.at.value.data, op.elements.value.data)
            return (_access(buffer_of(op.target), part, writes=True),)
        case sched.StoreOp():
            part = Span(op.at.value.data, op.elements.value.data)
            return (_access(buffer_of(op.source), part, writes=False),)
        case sched.LoadWeightsOp():
            return (_of_weights(op, hw),)
        case sched.MatrixOp():
            return tuple(_of_matrix(op, hw))
        case sched.PoolOp():
            return _of_window(op, 1)
        case sched.ElementwiseOp() | sched.LookupOp():
            return tuple(_of_elements(op))
        case _:
            raise ValueError(f"accesses_of: {op.name} is not known")


def step_of(op: sched.InstructionOp, hw: Hardware) -> Step:
    """An instruction as the hazard analysis sees it."""
    return Step(op.QUEUE, accesses_of(op, hw))
