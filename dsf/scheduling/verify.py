"""
What must hold for a `sched.program` to be safe on the engine, whatever the relative speed of its queues.

- Every buffer lies inside its memory, and every access inside its buffer.
- Reading a buffer finds what was last written through that very buffer: buffers that live at once do not overlap, and
  nothing is read that was never written. That holds for strips, each of which is a buffer, and, byte by byte, for the arena.
- Partial sums stay in the array for the very next matrix instruction, which goes on with the same piece.
- What the load program writes stays, for all runs.
- Every hazard between two instructions is covered by tokens, directly or by what the awaited instructions waited for. The load
  program is complete before a run starts: between the two there is neither hazard nor token.
- Instructions wait for earlier ones only. So no program deadlocks, however few instructions a queue holds: of those that are
  not complete take the first in the program. The dispatcher is at most held up by a full queue, whose instructions are earlier
  than the one that finds no room, so the first of all has been dispatched. It is at the head of its queue, and all that it
  waits for is complete.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from xdsl.ir import Operation, SSAValue

from dsf.dialects import sched, sched_transfers
from dsf.dialects.engine import instruction_name
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import Space
from dsf.dialects.tile_cuts import Mode
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.layout import PARAMETER_BYTES, packed_bytes
from dsf.scheduling.accesses import MEMORIES, accesses_of
from dsf.scheduling.hazards import Access, Memory, Step, uncovered
from dsf.scheduling.pieces import Piece, Span
from dsf.scheduling.segments import Segments

#: Problems listed at most: one broken program has many.
MOST = 8


def _capacities(program: sched.ProgramOp, hw: Hardware) -> dict[Space, int]:
    """Size of each memory, in the unit of its addresses."""
    return {
        Space.FEATURE: hw.feature_elements,
        Space.WEIGHT: hw.weight_words,
        Space.PARAMETER: hw.parameter_groups,
        Space.TABLE: VECTOR_TABLES,
        Space.INPUT: max(tensor.offset.data + tensor.bytes for tensor in program.inputs),
        Space.OUTPUT: max(tensor.offset.data + tensor.bytes for tensor in program.outputs),
        Space.WEIGHTS: len(program.weight_bytes),
        Space.ARENA: program.arena_bytes.value.data,
    }


def _buffer_problems(program: sched.ProgramOp, hw: Hardware) -> list[str]:
    capacities = _capacities(program, hw)
    return [
        f"'{op.label.data}': a buffer up to {op.stop} of {op.space.data} memory, needs at most {capacities[op.space.data]}; "
        "make it smaller, or the memory larger"
        for op in program.body.block.ops
        if isinstance(op, sched.BufferOp) and op.stop > capacities[op.space.data]
    ]


def _buffers(op: sched.InstructionOp) -> list[sched.BufferOp]:
    """The buffers of an instruction's accesses, in the order of `accesses_of`."""
    operands: list[SSAValue]
    match op:
        case sched.LoadOp():
            operands = [op.target, op.source]
        case sched.StoreOp():
            operands = [op.source, op.target]
        case sched.LoadWeightsOp():
            operands = [op.target]
        case sched.PoolOp() | sched.CopyOp() | sched.MoveOp():
            operands = [op.x, op.y]
        case sched.ElementwiseOp():
            operands = [op.x, op.y, op.b]
        case sched.LookupOp():
            operands = [op.x, op.y, op.table]
        case sched.MatrixOp():
            operands = [op.x, op.y, op.weights, op.parameters, *(() if op.residual is None else (op.residual,))]
        case _:
            operands = []
    return [buffer for operand in operands if (buffer := buffer_of(operand)).space.data in MEMORIES]


def _bytes_of(op: sched_transfers.TransferOp, hw: Hardware) -> tuple[int, int, int]:
    """The bytes in DRAM that a transfer moves, from its offset on: rows, bytes of each, bytes from one to the next."""
    return op.rows.value.data, packed_bytes(op.elements.value.data, hw.bits_input), op.pitch.value.data


def _dram_problem(op: sched.InstructionOp, hw: Hardware, name: str) -> list[str]:
    """Whether a transfer stays inside its buffer in DRAM."""
    if isinstance(op, sched.LoadWeightsOp):
        buffer, size, needed = buffer_of(op.source), op.bytes.value.data, _stream_bytes(op, hw)
        if size != needed:
            return [f"{name}: {size} bytes of the weight stream, needs {needed} for what it fills; correct the bytes"]
    elif isinstance(op, (sched.LoadOp, sched.StoreOp)):
        rows, row, pitch = _bytes_of(op, hw)
        buffer, size = _dram_of(op), (rows - 1) * pitch + row
    else:
        return []
    stop, most = op.offset.value.data + size, buffer.size.value.data
    if stop <= most:
        return []
    return [f"{name}: bytes up to {stop} of buffer '{buffer.label.data}', needs at most {most}; correct the offset"]


def _stream_bytes(op: sched.LoadWeightsOp, hw: Hardware) -> int:
    """Bytes of what a LOAD_WEIGHTS fills: weight words, parameters, or tables."""
    groups = op.groups.value.data
    match buffer_of(op.target).space.data:
        case Space.PARAMETER:
            return groups * hw.group_columns * PARAMETER_BYTES
        case Space.TABLE:
            return groups * hw.table_bytes
        case _:
            return -(-groups * op.words.value.data * hw.weight_slot_bits // 8)


def _dram_of(op: sched.LoadOp | sched.StoreOp) -> sched.BufferOp:
    return buffer_of(op.source if isinstance(op, sched.LoadOp) else op.target)


def _overwritten(op: sched.InstructionOp, pairs: Sequence[tuple[Access, sched.BufferOp]], name: str) -> list[str]:
    """
    Whether an instruction writes over what it still reads: results leave while later windows are read. A residual may lie
    where its own sums go, for each is read just before.
    """
    residual = buffer_of(op.residual) if isinstance(op, sched.MatrixOp) and op.residual is not None else None
    return [
        f"{name}: writes '{target.label.data}' over '{source.label.data}', which it reads, needs places apart; "
        "move one of the buffers"
        for write, target in pairs
        for read, source in pairs
        if write.writes and not read.writes and write.memory is read.memory
        if write.start < read.stop and read.start < write.stop
        if source is not residual or (read.start, read.stop) != (write.start, write.stop)
    ]


class _Arena:
    """Which buffer each byte of the arena belongs to, by its last STORE."""

    def __init__(self, size: int):
        self._owners = np.full(size, -1, dtype=np.int32)
        self._buffers: list[sched.BufferOp] = []
        self._numbers: dict[sched.BufferOp, int] = {}

    def problems(self, op: sched_transfers.TransferOp, hw: Hardware, name: str) -> list[str]:
        """What a transfer from the arena or to it finds there; its bounds were checked."""
        assert isinstance(op, (sched.LoadOp, sched.StoreOp))
        buffer, (rows, size, pitch) = _dram_of(op), _bytes_of(op, hw)
        start = buffer.start + op.offset.value.data
        part = as_strided(self._owners[start:], (rows, size), (pitch * self._owners.itemsize, self._owners.itemsize))
        if isinstance(op, sched.StoreOp):
            part[:] = self._number(buffer)
            return []
        foreign = part[part != self._number(buffer)]
        if not foreign.size:
            return []
        owner = int(foreign[0])
        who = "nothing was written" if owner < 0 else f"'{self._buffers[owner].label.data}' was written last"
        return [f"{name}: loads '{buffer.label.data}' from the arena, where {who}; store it first, or move one of the buffers"]

    def _number(self, buffer: sched.BufferOp) -> int:
        if buffer not in self._numbers:
            self._numbers[buffer] = len(self._buffers)
            self._buffers.append(buffer)
        return self._numbers[buffer]


class _Contents:
    """Which buffer wrote each address last, and what must stay as the load program wrote it."""

    def __init__(self, arena: int) -> None:
        self.arena = _Arena(arena)
        self._owners: dict[Memory, Segments[sched.BufferOp]] = {memory: Segments() for memory in Memory}
        self._resident: dict[Memory, Segments[sched.BufferOp]] = {memory: Segments() for memory in Memory}

    def keep(self) -> None:
        """From now on, what was written may not be overwritten."""
        self._resident = {memory: owners.copy() for memory, owners in self._owners.items()}

    def problems(self, name: str, access: Access, buffer: sched.BufferOp) -> list[str]:
        if access.start < buffer.start or access.stop > buffer.stop:
            return [
                f"{name}: uses {access.start} to {access.stop - 1} as buffer '{buffer.label.data}', "
                f"needs {buffer.start} to {buffer.stop - 1}; correct the piece"
            ]
        if access.writes:
            for start, stop, resident in self._resident[access.memory].over(access.start, access.stop):
                if resident is not None:
                    where = f"{access.memory.value} memory {start} to {stop - 1}"
                    return [
                        f"{name}: overwrites {where}, where the load program keeps '{resident.label.data}' for all runs; "
                        "move one of the buffers"
                    ]
            self._owners[access.memory].assign(access.start, access.stop, buffer)
            return []
        for start, stop, owner in self._owners[access.memory].over(access.start, access.stop):
            if owner is not buffer:
                who = "nothing was written" if owner is None else f"'{owner.label.data}' was written last"
                where = f"{access.memory.value} memory {start} to {stop - 1}"
                return [f"{name}: reads '{buffer.label.data}' in {where}, where {who}; move one of the buffers"]
        return []


def _sums_problems(ops: Sequence[sched.MatrixOp], names: Sequence[str], hw: Hardware) -> list[str]:
    """
    What is wrong with sums that stay in the array, of the matrix instructions in order: it holds those of one tile of one pass,
    and the next instruction has to go on with them.
    """
    problems: list[str] = []
    held: sched.MatrixOp | None = None
    for op, name in zip(ops, names, strict=True):
        piece, tall = op.piece.piece, op.mode.data is Mode.TALL
        if piece.accumulate != (held is not None):
            what = "accumulates without partial sums before it" if held is None else "drops the partial sums before it"
            problems.append(f"{name}: {what}, needs parts of a reduction that follow each other; reorder them")
        elif held is not None and (op.mode != held.mode or _place(piece) != _place(held.piece.piece)):
            problems.append(f"{name}: goes on with the sums of another piece, needs the same one; reorder the parts")
        pixels = piece.images.count * piece.rows.count * piece.width(op.image[1])
        for has, most, what in (
            (pixels, hw.pixels_tall if tall else hw.rows, "positions"),
            (piece.groups.count, 1 if tall else hw.column_groups, "channel groups"),
        ):
            if piece.is_cut and has > most:
                problems.append(f"{name}: a part of a reduction for {has} {what}, needs at most {most}; make the piece smaller")
        rows, banks = op.window.window.kernel[0], hw.column_groups
        if piece.run is not None and rows > banks:
            needs = f"needs at most {banks}, each in a bank; load all weights at once"
            problems.append(f"{name}: a part of {rows} kernel rows, {needs}")
        held = op if piece.partial else None
    if held is not None:
        problems.append("'sched.program': ends with partial sums, needs the last part of their reduction; add it")
    return problems


def _place(piece: Piece) -> tuple[Span | None, ...]:
    return piece.images, piece.rows, piece.columns, piece.groups, piece.block.outputs


def problems_of_program(program: sched.ProgramOp, hw: Hardware) -> list[str]:
    """Everything that is wrong with a program, the first few problems of a kind."""
    problems = _buffer_problems(program, hw)
    contents = _Contents(program.arena_bytes.value.data)
    if program.load_program is not None:
        problems += _instruction_problems(program.load_program.instructions, contents, hw)
        contents.keep()
    return [*problems, *_instruction_problems(program.instructions, contents, hw)][:MOST]


def _instruction_problems(instructions: Sequence[sched.InstructionOp], contents: _Contents, hw: Hardware) -> list[str]:
    """Of instructions that the engine reads one after the other; `contents` is what is on chip before, and then after them."""
    problems: list[str] = []
    numbers: dict[Operation, int] = {op: index for index, op in enumerate(instructions)}
    steps: list[Step] = []
    for index, op in enumerate(instructions):
        name, accesses = instruction_name(op, index), accesses_of(op, hw)
        steps.append(Step(op.QUEUE, accesses))
        outside = _dram_problem(op, hw, name)
        problems += outside
        # Reads first, as the instruction does.
        pairs = sorted(zip(accesses, _buffers(op), strict=True), key=lambda pair: pair[0].writes)
        problems += _overwritten(op, pairs, name)
        for access, buffer in pairs:
            if access.memory is Memory.ARENA:
                assert isinstance(op, sched_transfers.TransferOp)
                problems += [] if outside else contents.arena.problems(op, hw, name)
            elif access.start < access.stop:
                problems += contents.problems(name, access, buffer)
    matrix = [(op, instruction_name(op, index)) for index, op in enumerate(instructions) if isinstance(op, sched.MatrixOp)]
    problems += _sums_problems([op for op, _ in matrix], [name for _, name in matrix], hw)
    if any(producer not in numbers for op in instructions for producer in op.producers):
        what = (
            "an instruction waits for one of another program, needs those of its own: a load program is complete before a run"
        )
        return [*problems, f"'sched.program': {what}; drop the wait"]
    waits = [[numbers[producer] for producer in op.producers] for op in instructions]
    if any(producer >= index for index, producers in enumerate(waits) for producer in producers):
        return [*problems, "'sched.program': an instruction waits for a later one, needs earlier ones; reorder them"]
    for producer, consumer in uncovered(steps, waits):
        first, second = instruction_name(instructions[producer], producer), instruction_name(instructions[consumer], consumer)
        problems.append(f"{second}: may run before {first} is complete, whose memory it uses, needs its token; wait for it")
    return problems
