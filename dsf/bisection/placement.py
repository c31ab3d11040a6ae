"""
A scheduled program against the tensors of the level above: what each instruction reads, and what it makes of that.

Instructions are executed in program order. Before one of the matrix or the vector unit, its rows of the input and of the
residual, its weights and parameters must lie where it reads them: if not, another instruction is to blame, the last that wrote
there. After it, its piece must be that of the tensor. Loads of the input and stores of the output are held to the tensors too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from dsf.bisection.difference import Difference, Elements, first_difference
from dsf.bisection.functions import Key, Point, Trace, described, piece_text, sources_of
from dsf.dialects import sched, sched_vector, tile
from dsf.dialects.constants import DenseAttr, ints_of
from dsf.dialects.engine import hardware_of
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import Space
from dsf.errors import DsfError
from dsf.hardware import Hardware
from dsf.layout import pack_elements, packed_bytes, unpack_elements
from dsf.numerics import Ints, to_element
from dsf.provenance import is_first, same_layer
from dsf.runtime.interpreters.sched import SchedFunctions, positions_of
from dsf.runtime.interpreters.tile import target_places
from dsf.runtime.machine import Machine
from dsf.scheduling.pieces import Load, Span, input_rows
from dsf.scheduling.weights import arranged_weights, whole_table, words_of_run
from dsf.transforms.locations import location_name

#: Nothing has been written there.
NOBODY = -1

Numbers = NDArray[np.int64]

#: What computes a piece of a tensor, and which of that reads more rows than it makes. What a copy or a move writes is checked
#: where it is read.
Computing = sched.MatrixOp | sched_vector.VectorOp
WINDOWED = (sched.MatrixOp, sched.PoolOp)


class _Machine(Machine):
    """A machine that knows which instruction last wrote each element of feature memory."""

    def __init__(self, hardware: Hardware):
        super().__init__(hardware)
        self.writers: Numbers = np.full(self.feature.size, NOBODY, dtype=np.int64)
        self.current = NOBODY

    def scatter(self, addresses: Ints, values: Ints) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().scatter(addresses, values)
        self.writers[self._checked(addresses, "writes")] = self.current


@dataclass
class Placement:
    """A scheduled program at work, beside the tensors of the level above."""

    program: sched.ProgramOp
    machine: _Machine
    trace: Trace
    x: Ints
    result: Ints
    step: str
    #: Of each label and role an instruction for each result.
    _keys: dict[tuple[str, str], list[Computing]] = field(default_factory=dict[tuple[str, str], "list[Computing]"])
    _chunks: Counter[Key] = field(default_factory=lambda: Counter[Key]())

    @staticmethod
    def of(module: ModuleOp, trace: Trace, x: Ints, step: str) -> Placement:
        """For a module of the level `sched` and the trace of the module that it was made of."""
        (program,) = (op for op in module.ops if isinstance(op, sched.ProgramOp))
        hardware = hardware_of(module)
        machine = _Machine(hardware)
        fresh = Machine.for_program(hardware, program)
        machine.dram = fresh.dram
        machine.begin_run(program, [x])
        assert trace.result is not None
        return Placement(program, machine, trace, x, trace.result, step)

    @property
    def hardware(self) -> Hardware:
        return self.machine.hardware

    def compare(self) -> Difference | None:
        """Executes the load program and one run, up to the first difference."""
        functions = SchedFunctions(self.machine)
        interpreter = Interpreter(ModuleOp([]))
        interpreter.register_implementations(functions)
        load = self.program.load_program
        ops = [*([] if load is None else load.instructions), *self.program.instructions]
        for number, op in enumerate(ops):
            self.machine.current = number
            try:
                found = self._before(functions, op, ops)
                if found is None:
                    interpreter.run_op(op, (None,) * len(op.operands))
                    found = self._after(functions, op)
            except DsfError as error:
                found = self._difference(op, None, "; ".join(error.problems))
            if found is not None:
                return found
        return None

    def _difference(self, op: sched.InstructionOp, elements: Elements | None, text: str | None = None) -> Difference:
        label, part = location_name(op), None
        if isinstance(op, Computing):
            part = piece_text(op.piece.piece, self._lanes(op))
        return Difference(self.step, described(op, label), sources_of(op, label), part, elements, text)

    def _lanes(self, op: Computing) -> int:
        return self.hardware.group_columns if isinstance(op, sched.MatrixOp) else op.piece.output_image[2]

    # What an instruction is of.

    def _layer_of(self, op: Computing) -> tuple[Point, int] | None:
        """The operation above, and the first image of the chunk; `None` if there is none, or of it partial sums only."""
        if op.piece.piece.partial:
            return None
        label, role = _role(op)
        buffers = self._keys.setdefault((label, role), [])
        if self._instance(op, buffers) == len(buffers):
            buffers.append(op)
        key = label, role, self._instance(op, buffers)
        point = self.trace.points.get(key)
        if point is None:
            return None
        chunk = self._chunks[key] - (0 if is_first(op) else 1)
        return point, max(0, chunk) * self.trace.images

    def _instance(self, op: Computing, results: Sequence[Computing]) -> int:
        """Which of these results an instruction makes a piece of; their number if of none."""
        return next((number for number, one in enumerate(results) if same_layer(one, op)), len(results))

    def _count(self, op: sched.InstructionOp) -> None:
        """Notes that a piece has been made: the first one of a layer begins a chunk."""
        if isinstance(op, Computing) and is_first(op) and not op.piece.piece.partial:
            label, role = _role(op)
            self._chunks[label, role, self._instance(op, self._keys[label, role])] += 1

    # What an instruction reads.

    def _before(
        self, functions: SchedFunctions, op: sched.InstructionOp, ops: Sequence[sched.InstructionOp]
    ) -> Difference | None:
        if not isinstance(op, Computing):
            return None
        found = self._layer_of(op)
        if found is None:
            return None
        point, first = found
        if found := self._check_input(functions, op, ops, point, first):
            return found
        if isinstance(op, sched.LookupOp):
            return self._check_table(op, ops, point)
        return self._check_weights(functions, op, ops, point) if isinstance(op, sched.MatrixOp) else None

    def _check_input(
        self,
        functions: SchedFunctions,
        op: Computing,
        ops: Sequence[sched.InstructionOp],
        point: Point,
        first: int,
    ) -> Difference | None:
        piece, (height, width, channels) = op.piece.piece, op.piece.input_image
        rows = input_rows(op.window.window, piece.rows, height) if isinstance(op, WINDOWED) else piece.rows
        images = slice(first + piece.images.first, first + piece.images.stop)
        x = point.inputs[0]
        if x.shape[1:] != (height, width, channels):
            return self._difference(op, None, f"reads an input of {height}x{width}x{channels}, needs {x.shape[1:]} as before")
        got, _ = functions.input_of(op)
        inputs = Span(0, channels) if isinstance(op, sched.MatrixOp) else piece.block.inputs
        needed = x[images, rows.first : rows.stop, :, inputs.first : inputs.stop]
        elements = first_difference(got, needed, (images.start, rows.first, 0, inputs.first))
        if elements is not None:
            n, y, column, channel = elements.index
            buffer = buffer_of(op.x)
            pixel = ((n - first) * height + y) * width + column
            address = buffer.origin + pixel * buffer.pitch(channels) + buffer.at_channel(channel)
            return self._blame(op, ops, elements, "input", address)
        second = functions.second_of(op)
        if second is None or len(point.inputs) < 2:
            return None
        some = piece.channels(self._lanes(op))
        of_rows = op.rows_of_b if isinstance(op, sched.ElementwiseOp) else piece.rows
        needed = _places(op, point.inputs[1])[images, of_rows.first : of_rows.stop, :, some.first : some.stop]
        elements = first_difference(second, needed, (images.start, of_rows.first, 0, some.first))
        return None if elements is None else self._difference(op, elements, "this is of the second operand that it reads")

    def _blame(
        self, op: sched.InstructionOp, ops: Sequence[sched.InstructionOp], elements: Elements, what: str, address: int
    ) -> Difference:
        """An instruction that reads what it should not, and who wrote that."""
        writer = int(self.machine.writers[address]) if address < self.machine.writers.size else NOBODY
        if writer == NOBODY:
            by = "which nothing has written"
        else:
            by = f"last written by {described(ops[writer], location_name(ops[writer]))}"
        return self._difference(op, elements, f"this is of the {what} that it reads, element {address} of feature memory, {by}")

    def _check_weights(
        self, functions: SchedFunctions, op: sched.MatrixOp, ops: Sequence[sched.InstructionOp], point: Point
    ) -> Difference | None:
        above = point.op
        assert isinstance(above, tile.MatrixOp)
        piece, lanes = op.piece.piece, self.hardware.group_columns
        filling = int(to_element(0, self.hardware.bits_weights))
        load = Load(piece.block, piece.groups, op.mode.data)
        needed = arranged_weights(op.window.window, ints_of(above.weights), load, lanes, filling=filling)
        if piece.run is not None:
            needed = words_of_run(needed, op.window.window.kernel[0], piece.run)
        elements = first_difference(functions.words_of(op), needed)
        if elements is not None:
            return self._blame_load(op, elements, "weights (channel group, word, lane)", buffer_of(op.weights), ops)
        channels = piece.channels(lanes)
        for name, constant, values in zip(
            ("bias", "multiplier", "shift"),
            (above.bias, above.multiplier, above.shift),
            functions.parameters_of(op),
            strict=True,
        ):
            elements = first_difference(values, _of_channels(constant, channels), (channels.first,))
            if elements is not None:
                return self._blame_load(op, elements, f"{name} (channel)", buffer_of(op.parameters), ops)
        return None

    def _check_table(self, op: sched.LookupOp, ops: Sequence[sched.InstructionOp], point: Point) -> Difference | None:
        assert isinstance(point.op, tile.LookupOp)
        needed = whole_table(ints_of(point.op.table), self.hardware)
        elements = first_difference(self.machine.tables[buffer_of(op.table).start], needed)
        return None if elements is None else self._blame_load(op, elements, "table (entry)", buffer_of(op.table), ops)

    def _blame_load(
        self, op: Computing, elements: Elements, what: str, read: sched.BufferOp, ops: Sequence[sched.InstructionOp]
    ) -> Difference:
        """The load of the weights that an instruction reads, or what was loaded over them later."""
        loads = [
            one
            for one in ops[: self.machine.current]
            if isinstance(one, sched.LoadWeightsOp) and _overlap(buffer_of(one.target), read)
        ]
        user = f"these are of the {what} that {described(op, location_name(op))} reads"
        if not loads:
            return self._difference(op, elements, f"{user}, which nothing has loaded")
        return self._difference(loads[-1], elements, user)

    # What an instruction makes.

    def _after(self, functions: SchedFunctions, op: sched.InstructionOp) -> Difference | None:
        match op:
            case sched.MatrixOp() | sched.PoolOp() | sched.ElementwiseOp() | sched.LookupOp():
                found = self._check_result(functions, op)
                self._count(op)
                return found
            case sched.LoadOp() if buffer_of(op.source).space.data is Space.INPUT:
                return self._check_load(op)
            case sched.StoreOp() if buffer_of(op.target).space.data is Space.OUTPUT:
                return self._check_store(op)
            case _:
                return None

    def _check_result(self, functions: SchedFunctions, op: Computing) -> Difference | None:
        found = self._layer_of(op)
        if found is None:
            return None
        point, first = found
        piece, channels = op.piece.piece, op.piece.piece.channels(self._lanes(op))
        images = slice(first + piece.images.first, first + piece.images.stop)
        part = _places(op, point.values)[images, piece.rows.first : piece.rows.stop, :, channels.first : channels.stop]
        got = self.machine.gather(functions.targets_of(op))
        column = 0 if piece.columns is None else piece.columns.first
        origin = (images.start, piece.rows.first, column, channels.first)
        if isinstance(op, sched.MatrixOp):
            part = part[positions_of(op)]
            if op.raw is not None:
                # Sums, of which each lies in several elements.
                got = unpack_elements(pack_elements(got, self.hardware.bits_input), 32, part.size).reshape(part.shape)
            if op.mode.data.is_depthwise:
                origin = ()
        elements = first_difference(got, part, origin)
        return None if elements is None else self._difference(op, elements)

    def _check_load(self, op: sched.LoadOp) -> Difference | None:
        """The input's elements must be those that the place in the buffer stands for; of buffers with all channels."""
        bits, count, at = self.hardware.bits_input, op.total, op.at.value.data
        if buffer_of(op.target).channels.value.data:
            return None
        start = buffer_of(op.source).start * 8 // bits + op.offset.value.data * 8 // bits
        flat, per_chunk = self.x.reshape(-1), self.trace.images * self.x[0].size
        first = start // per_chunk * per_chunk + buffer_of(op.target).holds.value.data + at
        got = self.machine.gather(buffer_of(op.target).start + at + np.arange(count))
        if first + count > flat.size:
            return self._difference(op, None, f"loads elements up to {first + count - 1}, needs at most {flat.size - 1}")
        elements = first_difference(got, flat[first : first + count], (first,))
        return None if elements is None else self._difference(op, elements, "counted through the input")

    def _check_store(self, op: sched.StoreOp) -> Difference | None:
        tensor = self.program.outputs.data[0]
        needed = pack_elements(self.result, tensor.bits.data)
        first = buffer_of(op.target).start + op.offset.value.data - tensor.offset.data
        count = packed_bytes(op.elements.value.data, self.hardware.bits_input)
        there = self.machine.dram[tensor.register][tensor.offset.data :].astype(np.int64)
        wanted = np.frombuffer(needed, dtype=np.uint8).astype(np.int64)
        for row in range(op.rows.value.data):
            start = first + row * op.pitch.value.data
            elements = first_difference(there[start : start + count], wanted[start : start + count], (start,))
            if elements is not None:
                return self._difference(op, elements, "counted in bytes of the output")
        return None


def _places(op: Computing, y: Ints) -> Ints:
    """What of a tensor like the result an instruction makes with all the others of its layer."""
    return target_places(y, op.image, op.target) if isinstance(op, sched.MatrixOp) else y


def _role(op: Computing) -> tuple[str, str]:
    """Bundle, and role of the operation above."""
    label = location_name(op) or ""
    match op:
        case sched.MatrixOp() if op.target != tile.WHOLE:
            return label, "phase"
        case sched.MatrixOp():
            return label, "core" if op.add is None else "add"
        case sched.ElementwiseOp():
            return label, "add" if isinstance(op.function, tile.AddAttr) else "multiply"
        case sched.LookupOp():
            return label, "function"
        case sched.PoolOp():
            return label, "pool"


def _of_channels(constant: DenseAttr | None, channels: Span) -> Ints:
    """Parameters of some channels; those that a layer does not have are 0."""
    if constant is None:
        return np.zeros(channels.count, dtype=np.int64)
    return ints_of(constant)[channels.first : channels.stop]


def _overlap(a: sched.BufferOp, b: sched.BufferOp) -> bool:
    return a.space == b.space and a.start < b.stop and b.start < a.stop
