"""
Where instructions, weights and results of a compiled network come from.

A directory keeps the network (`dsf.codegen.kept`), and the compiler makes the same of it every time. So the answers are found
in the IR: the network is compiled again down to its program, and the operations of the `sched` level, one for each
instruction, say what part of which tensor an instruction computes, and their locations from which nodes of the source it comes.
That the directory's program and weights are really those of its network is checked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import SSAValue

from dsf.codegen.kept import MODEL_NAME, pipeline_of
from dsf.codegen.program import Program, Step, read_program
from dsf.compiler import context, parse_module, run_pass
from dsf.dialects import fxp, sched, sched_vector
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import ON_CHIP, Space
from dsf.dialects.shapes import shape
from dsf.dialects.tile_types import WHOLE
from dsf.errors import MismatchError
from dsf.facts import Facts, check_name, check_number, facts_of_step, node_facts
from dsf.hardware import Hardware
from dsf.layout import packed_bytes
from dsf.runtime.execute import input_of, level_of, main_of
from dsf.scheduling.accesses import accesses_of
from dsf.scheduling.hazards import Access, Memory
from dsf.scheduling.network import IMAGES
from dsf.scheduling.pieces import Load, Span
from dsf.transforms.locations import location_name, source_names
from dsf.weight_bytes import Kernel, Stretch, Weights, weight_byte

#: What makes a piece of a tensor.
Computing = sched.MatrixOp | sched_vector.VectorOp | sched.MoveOp

#: What a load of the weight stream brings, by the memory that it goes to.
KINDS = {Space.WEIGHT: "weights", Space.PARAMETER: "parameters", Space.TABLE: "table"}


@dataclass(frozen=True)
class Provenance:
    """A network at the levels `fxp` and `sched`, and the program that they became."""

    network: ModuleOp
    scheduled: sched.ProgramOp
    program: Program
    #: Images of a chunk of the batch.
    images: int

    @staticmethod
    def of(directory: Path, on_pass: Callable[[str], None] = lambda _: None) -> Provenance:
        """
        The provenance of what lies in a directory. `on_pass` is called with the name of each pass that is run.

        Raises `BinaryError` for files that are missing or damaged, and `MismatchError` if they do not belong together.
        """
        program = read_program(directory / "program.bin")
        network = parse_module(directory / MODEL_NAME)
        module, scheduled, ctx, images = network.clone(), None, context(), 1
        for one in pipeline_of(network).passes(level_of(network)):
            on_pass(one.name)
            run_pass(ctx, module, one)
            if level_of(module) == "tile":
                images = images_of_chunk(module)
            if level_of(module) == "sched":
                scheduled = module.clone()
        made = Program.from_module(module)
        if scheduled is None or (made.stream, made.load_stream, made.weights) != (
            program.stream,
            program.load_stream,
            program.weights,
        ):
            raise MismatchError(
                f"'{directory}': program.bin and weights.bin are not what this version makes of {MODEL_NAME}, needs files of "
                "one compile; export the network again"
            )
        (of_schedule,) = (op for op in scheduled.ops if isinstance(op, sched.ProgramOp))
        return Provenance(network, of_schedule, program, images)

    @property
    def hardware(self) -> Hardware:
        return self.program.hardware

    def facts(self) -> Facts:
        """All that is known of instructions, without a look at the weights: what `dsf.recorded` writes beside the program."""
        programs = (("load", self._load, True), ("run", self._run, False))
        return {
            name: [{"facts": self.instruction(index, load=load), **self._record(op)} for index, op in enumerate(ops)]
            + ([{"facts": self.instruction(len(ops), load=load)}] if self._steps(load) else [])
            for name, ops, load in programs
        }

    def _steps(self, load: bool) -> tuple[Step, ...]:
        return tuple(self.program.load_steps if load else self.program.steps)

    @cached_property
    def _run(self) -> list[sched.InstructionOp]:
        return self.scheduled.instructions

    @cached_property
    def _load(self) -> list[sched.InstructionOp]:
        load = self.scheduled.load_program
        return [] if load is None else load.instructions

    # Instructions.

    def instruction(self, index: int, *, load: bool = False) -> Facts:
        """
        What instruction `index` of a run, or of the load program, is for.

        Raises `ModelError` for a number that there is not.
        """
        ops, steps = (self._load, self.program.load_steps) if load else (self._run, self.program.steps)
        check_number(index, len(steps), load=load)
        step = steps[index]
        facts = {"instruction": index, "program": "load" if load else "run", **facts_of_step(step)}
        # The last instruction, which ends the program, has no operation at the level above.
        return facts if index == len(ops) else {**facts, **self._facts(ops[index])}

    def _facts(self, op: sched.InstructionOp) -> Facts:
        facts: Facts = {"bundle": location_name(op), "sources": list(source_names(op))}
        if isinstance(op, Computing):
            facts |= self._part(op)
        if isinstance(op, sched.LoadWeightsOp):
            facts["of"] = _kind(op)
            if _kind(op) != "table":
                load = self._weights(op)
                facts["channels"] = _list(load.block.channels(load.groups, self.hardware.group_columns))
        accesses = [*self._on_chip(op), *_in_dram(op, self.hardware)]
        facts["reads"] = [place for place, writes in accesses if not writes]
        facts["writes"] = [place for place, writes in accesses if writes]
        return facts

    def _part(self, op: Computing) -> Facts:
        """What part of its result an instruction computes, as (first, count), channels with those of merged columns."""
        piece, height = op.piece.piece, op.piece.output_image[0]
        lanes = self.hardware.group_columns if isinstance(op, sched.MatrixOp) else op.piece.output_image[2]
        images = Span(self._chunks[op] * self.images + piece.images.first, piece.images.count)
        rows = op.rows_of_y if isinstance(op, sched.MoveOp | sched.MatrixOp) else piece.rows
        channels = _channels_of_move(op) if isinstance(op, sched.MoveOp) else piece.channels(lanes)
        facts: Facts = {"images": _list(images), "rows": _list(rows), "height": height, "channels": _list(channels)}
        if piece.columns is not None:
            facts["columns"] = _list(piece.columns)
        if isinstance(op, sched.MatrixOp):
            facts["mode"] = str(op.mode.data)
            if op.target != WHOLE:
                # Of a transposed convolution: of these rows and columns, every so many.
                facts["places"] = {"first": list(op.target.starts[:2]), "every": list(op.target.steps)}
            conv = self._conv(op)
            merged = 1 if conv is None else op.piece.output_image[2] // conv.weights.get_shape()[3]
            if merged > 1:
                facts["merged_columns"] = merged
        return facts

    @cached_property
    def _chunks(self) -> dict[Computing, int]:
        """
        The chunk of the batch of each instruction: each begins with the first piece of the layer's result. A copy is for what
        comes after it.
        """
        chunks: dict[Computing, int] = {}
        firsts: dict[object, int] = {}
        layers: dict[object, object] = {}
        for op in self._run:
            if isinstance(op, Computing) and not _is_copy(op):
                whole, strip = layer_keys(op)
                layer = layers.get(whole) or (layers.get(strip) if strip is not None else None) or whole
                layers[whole] = layer
                if strip is not None:
                    layers[strip] = layer
                firsts[layer] = firsts.get(layer, 0) + (is_first(op) and not op.piece.piece.accumulate)
                chunks[op] = max(0, firsts[layer] - 1)
        after: dict[str | None, int] = {}
        for op in reversed(self._run):
            if not isinstance(op, Computing):
                continue
            if _is_copy(op):
                chunks[op] = after.get(location_name(op), 0)
            else:
                after[location_name(op)] = chunks[op]
        return chunks

    def _on_chip(self, op: sched.InstructionOp) -> Iterator[tuple[Facts, bool]]:
        buffers = [buffer_of(value) for value in op.operands if isinstance(value.owner, sched.BufferOp)]
        for access in accesses_of(op, self.hardware):
            if access.start < access.stop and access.memory is not Memory.ARENA:
                label = next((one.label.data for one in buffers if _holds(one, access)), None)
                place = {
                    "memory": access.memory.value,
                    "tensor": label,
                    "first": access.start,
                    "count": access.stop - access.start,
                }
                yield place, access.writes

    # Weights.

    def _user(self, op: sched.LoadWeightsOp) -> sched.MatrixOp:
        """An instruction that uses a load."""
        return next(use.operation for use in op.target.uses if isinstance(use.operation, sched.MatrixOp))

    def _weights(self, op: sched.LoadWeightsOp) -> Load:
        """What a load brings: it serves pieces of the same channels only."""
        user = self._user(op)
        return Load(user.piece.block, user.piece.piece.groups, user.mode.data)

    def weight_byte(self, byte: int) -> Facts:
        """What lies at a byte of `weights.bin`, as `dsf.weight_bytes.weight_byte` says it."""
        return weight_byte(byte, self.program.weights, self._loads, self.hardware)

    @cached_property
    def _loads(self) -> list[tuple[Stretch, Facts]]:
        return [
            (self._stretch(op), self.instruction(index, load=load))
            for load, ops in ((True, self._load), (False, self._run))
            for index, op in enumerate(ops)
            if isinstance(op, sched.LoadWeightsOp)
        ]

    def _stretch(self, op: sched.LoadWeightsOp) -> Stretch:
        kind, offset, count = _kind(op), op.offset.value.data, op.bytes.value.data
        if kind == "table":
            return Stretch(kind, offset, count)
        user, load = self._user(op), self._weights(op)
        window, outputs, of_block = user.window.window, user.piece.output_image[2], load.block.outputs.count
        # A load may have a part of the input channels of its group.
        inputs = user.piece.input_image[2] * (of_block // load.block.convolutions) // outputs
        engine = (*window.kernel, inputs, outputs)
        conv = self._conv(op)
        network = Kernel(engine, outputs * load.block.convolutions // of_block) if conv is None else _kernel(conv, user)
        return Stretch(kind, offset, count, Weights(load, window, engine, network, _range(op)))

    def _conv(self, op: sched.InstructionOp) -> fxp.ConvOp | fxp.ConvTransposeOp | None:
        """The convolution in the network itself; its columns may have been merged since."""
        return self._convs.get(location_name(op))

    @cached_property
    def _convs(self) -> dict[str | None, fxp.ConvOp | fxp.ConvTransposeOp]:
        """The convolutions of the network, by the names of their bundles: the first of each."""
        convs = [one for one in self.network.walk() if isinstance(one, fxp.ConvOp | fxp.ConvTransposeOp)]
        return {location_name(one): one for one in reversed(convs)}

    # Nodes.

    def _record(self, op: sched.InstructionOp) -> Facts:
        """What is known of an instruction beside its facts: its result on chip, or what it loads of the weights."""
        if isinstance(op, Computing):
            buffer = buffer_of(op.y)
            return {"result": [buffer.start, buffer.stop - buffer.start]}
        return {"load": self._stretch(op).to_json()} if isinstance(op, sched.LoadWeightsOp) else {}

    @cached_property
    def names(self) -> list[str]:
        """The names of all bundles and nodes, in the order of the program."""
        found = (name for op in self._run for name in (location_name(op), *source_names(op)))
        return list(dict.fromkeys(name for name in found if name is not None))

    def node(self, name: str) -> Facts:
        """
        The instructions, weights and results of a bundle or of a node of the source.

        Raises `ModelError` for a name that there is not, with those that are close to it.
        """
        check_name(name, self.names)
        load, run = (
            [{"facts": _name_facts(op, step)} | self._record(op) for op, step in zip(ops, steps, strict=False)]
            for ops, steps in ((self._load, self.program.load_steps), (self._run, self.program.steps))
        )
        return node_facts(name, load, run)


def _name_facts(op: sched.InstructionOp, step: Step) -> Facts:
    return {"bundle": location_name(op), "sources": list(source_names(op)), "name": step.instruction.name}


def _is_copy(op: sched.InstructionOp) -> bool:
    return isinstance(op, sched.CopyOp)


def _kernel(conv: fxp.ConvOp | fxp.ConvTransposeOp, user: sched.MatrixOp) -> Kernel:
    """The kernel of a layer of the network, of which an instruction computes a part."""
    height, width, taken, outputs = conv.weights.get_shape()
    whole, groups = (height, width, taken, outputs), conv.groups.value.data
    if isinstance(conv, fxp.ConvOp):
        return Kernel(whole, groups, conv.window.strides[1], user.piece.output_image[2] // outputs)
    row, column, _ = user.target.starts
    _, height, width, _ = shape(conv.input)
    phase = next(one for one in conv.window.phases(height, width) if one.first == (row, column))
    rows, columns = phase.taps
    return Kernel(whole, groups, taps=(tuple(rows), tuple(columns)))


def _channels_of_move(op: sched.MoveOp) -> Span:
    """The channels of the result from the first to the last that is written."""
    if op.target.is_transposed:
        return Span(0, op.piece.output_image[2])
    return Span(op.target.starts[2], op.part.image[2])


def _list(span: Span) -> list[int]:
    return [span.first, span.count]


def images_of_chunk(module: ModuleOp) -> int:
    """Of a module of the level `tile`."""
    function = main_of(module)
    images = function.attributes.get(IMAGES)
    return images.value.data if isinstance(images, IntegerAttr) else input_of(function)[0][0]


def is_first(op: Computing) -> bool:
    """Whether an instruction makes the first piece of a layer's result, with which each chunk of the batch begins."""
    piece = op.piece.piece
    first = piece.images.first == piece.rows.first == piece.groups.first == op.piece.residue.data == 0
    return first and piece.block.outputs.first == 0 and (piece.columns is None or piece.columns.first == 0)


def is_strip(op: Computing) -> bool:
    """Whether the result of an instruction is not on chip as a whole."""
    buffer, (height, width, channels) = buffer_of(op.y), op.piece.output_image
    part = buffer.holds.value.data > 0 or buffer.channels.value.data > 0
    return part or buffer.size.value.data < height * width * channels


def layer_keys(op: Computing) -> tuple[object, object | None]:
    """
    What instructions that make pieces of one result have in common: the result itself; and of strips, which are buffers of the
    same name, what is computed of what. Moves into one tensor are told apart by where they go.
    """
    target = op.properties.get("target")
    strip = (buffer_of(op.y).label, op.name, op.properties.get("window"), op.piece.input, op.piece.output, target)
    return (op.y, target), strip if is_strip(op) else None


def same_layer(one: Computing, other: Computing) -> bool:
    """Whether two instructions make pieces of one result."""
    (whole, strip), (other_whole, other_strip) = layer_keys(one), layer_keys(other)
    return whole == other_whole or (strip is not None and strip == other_strip)


def _range(op: sched.LoadWeightsOp) -> Span | None:
    """The elements of each kernel row whose weights a load brings, if they come in ranges."""
    users = [use.operation for use in op.target.uses if isinstance(use.operation, sched.MatrixOp)]
    in_ranges = _kind(op) == "weights" and any(user.piece.piece.run is not None for user in users)
    return Span(op.at.value.data, op.words.value.data) if in_ranges else None


def _kind(op: sched.LoadWeightsOp) -> str:
    return KINDS[buffer_of(op.target).space.data]


def _holds(buffer: sched.BufferOp, access: Access) -> bool:
    same = buffer.space.data in ON_CHIP and buffer.space.data.value == access.memory.value
    return same and buffer.start <= access.start and access.stop <= buffer.stop


def _in_dram(op: sched.InstructionOp, hardware: Hardware) -> Iterator[tuple[Facts, bool]]:
    """What an instruction moves from DRAM or to it, in bytes behind a base register."""

    def place(value: SSAValue, offset: int, count: int) -> Facts:
        buffer = buffer_of(value)
        return {"memory": str(buffer.space.data), "tensor": buffer.label.data, "first": buffer.start + offset, "count": count}

    if isinstance(op, sched.LoadWeightsOp):
        yield place(op.source, op.offset.value.data, op.bytes.value.data), False
    elif isinstance(op, (sched.LoadOp, sched.StoreOp)):
        size = packed_bytes(op.elements.value.data, hardware.bits_input) + (op.rows.value.data - 1) * op.pitch.value.data
        stores = isinstance(op, sched.StoreOp)
        yield place(op.target if stores else op.source, op.offset.value.data, size), stores
