"""
Where instructions, weights and results of a compiled network come from.

A directory keeps the network (`dsf.codegen.kept`), and the compiler makes the same of it every time. So the answers are found
in the IR: the network is compiled again down to its program, and the operations of the `sched` level, one for each
instruction, say what part of which tensor an instruction computes, and their locations from which nodes of the source it comes.
That the directory's program and weights are really those of its network is checked first.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import SSAValue

from dsf.codegen.kept import MODEL_NAME, pipeline_of
from dsf.codegen.program import Program, Step, read_program
from dsf.compiler import context, parse_module, run_pass
from dsf.dialects import fxp, sched, sched_vector
from dsf.dialects.constants import ints_of
from dsf.dialects.sched_base import buffer_of
from dsf.dialects.sched_types import ON_CHIP, Space
from dsf.dialects.shapes import shape
from dsf.dialects.tile_types import WHOLE
from dsf.errors import MismatchError, ModelError
from dsf.hardware import Hardware
from dsf.isa.encoding import default_fields
from dsf.isa.table import BY_NAME, Queue
from dsf.layout import PARAMETER_BYTES, packed_bytes
from dsf.numerics import Ints
from dsf.runtime.execute import input_of, level_of, main_of
from dsf.scheduling.accesses import accesses_of
from dsf.scheduling.hazards import Access, Memory
from dsf.scheduling.network import IMAGES
from dsf.scheduling.pieces import Load, Span
from dsf.scheduling.weights import arranged_weights
from dsf.transforms.locations import location_name, source_names
from dsf.transforms.merge_columns import unmerged_index

#: What is known of an instruction, a node or a byte, of JSON types.
Facts = dict[str, Any]
#: A weight of a kernel, or the kernel's shape: row, column, input channel, output channel.
Index = tuple[int, int, int, int]

#: What makes a piece of a tensor.
Computing = sched.MatrixOp | sched_vector.VectorOp | sched.MoveOp

#: What a load of the weight stream brings, by the memory that it goes to.
KINDS = {Space.WEIGHT: "weights", Space.PARAMETER: "parameters", Space.TABLE: "table"}

#: Bytes of a channel's parameters, by name: (first, one past the last).
PARAMETERS = {"bias": (0, 4), "multiplier": (4, 6), "shift": (6, PARAMETER_BYTES)}


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
            name: [{"facts": self.instruction(index, load=load), **_record(op)} for index, op in enumerate(ops)]
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
        facts = {"instruction": index, "program": "load" if load else "run", **_facts_of_step(step)}
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
                firsts[layer] = firsts.get(layer, 0) + is_first(op)
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
        """
        What lies at a byte of `weights.bin`. Several weights share a byte where they are narrow, so that `weights` is a list;
        `null` is a column that has no channel, or a weight of 0 between groups of a convolution or merged columns, or of
        positions that no tap of a transposed convolution reaches.

        Raises `ModelError` for a byte that there is not.
        """
        size = len(self.program.weights)
        if not 0 <= byte < size:
            has = f"weights.bin has bytes 0 to {size - 1}" if size else "the network has no weights"
            raise ModelError(f"'weight-byte': {byte}, but {has}; choose another number")
        facts: Facts = {"byte": byte, "value": self.program.weights[byte]}
        parts = {"weights": self._weight, "parameters": self._parameter, "table": self._entry}
        for program, ops in (("load", self._load), ("run", self._run)):
            for index, op in enumerate(ops):
                if isinstance(op, sched.LoadWeightsOp) and 0 <= byte - op.offset.value.data < op.bytes.value.data:
                    inside = byte - op.offset.value.data
                    return {
                        **facts,
                        "of": _kind(op),
                        "program": program,
                        "instruction": index,
                        "bundle": location_name(op),
                        "sources": list(source_names(op)),
                        **parts[_kind(op)](op, inside),
                    }
        return {**facts, "of": "padding"}

    def _parameter(self, op: sched.LoadWeightsOp, byte: int) -> Facts:
        load, lane = self._weights(op), byte // PARAMETER_BYTES
        inside = byte % PARAMETER_BYTES
        name = next(name for name, (first, stop) in PARAMETERS.items() if first <= inside < stop)
        channels = load.block.channels(load.groups, self.hardware.group_columns)
        conv = self._conv(op)
        outputs = self._user(op).piece.output_image[2] if conv is None else conv.weights.get_shape()[3]
        return {"parameter": name, "channel": (channels.first + lane) % outputs if lane < channels.count else None}

    def _entry(self, op: sched.LoadWeightsOp, byte: int) -> Facts:
        """The values of the input whose results lie in a byte of a lookup table."""
        bits, entries = self.hardware.operand_bits, self.hardware.table_entries
        first = byte * 8 // bits
        held = range(first, min(first + max(1, 8 // bits), entries))
        return {"inputs": [entry - entries // 2 for entry in held]}

    def _weight(self, op: sched.LoadWeightsOp, byte: int) -> Facts:
        numbers, kernel = self._numbers(op)
        bits, slot = self.hardware.bits_weights, self.hardware.weight_slot_bits
        groups, words, lanes = numbers.shape
        # A word has a slot, with room for more than its lanes.
        in_slots = np.zeros((groups, words, slot // bits), dtype=np.int64)
        in_slots[:, :, :lanes] = numbers
        first = byte * 8 // bits
        numbered = in_slots.reshape(-1)[first : first + max(1, 8 // bits)].tolist()
        return {"weights": [self._origin(op, _unravel(one - 1, kernel), kernel) if one else None for one in numbered]}

    def _origin(self, op: sched.LoadWeightsOp, index: Index, kernel: Index) -> Facts | None:
        """What weight `index` of a kernel of that shape is in the network; `None` for a zero between merged columns."""
        conv, block = self._conv(op), self._user(op).piece.block
        found, taken, of_group = index, kernel[2], block.outputs.count // block.convolutions
        if conv is not None:
            _, _, taken, outputs = conv.weights.get_shape()
            of_group = outputs // conv.groups.value.data
            merged = isinstance(conv, fxp.ConvOp)
            found = unmerged_index(conv, kernel[3] // outputs, index) if merged else self._tap(op, conv, index)
        if found is None:
            return None
        y, x, inner, channel = found
        # Inputs are counted through all groups of a convolution.
        facts: Facts = {"kernel": [y, x], "input": channel // of_group * taken + inner, "channel": channel}
        return facts if conv is None else {**facts, "value": int(ints_of(conv.weights)[found])}

    def _numbers(self, op: sched.LoadWeightsOp) -> tuple[Ints, Index]:
        """
        Which weight each lane of each word of each channel group holds, counted from 1 through the kernel (kernel rows, kernel
        columns, input channels of a group, output channels), whose shape comes with it; 0 for none.
        """
        user, load = self._user(op), self._weights(op)
        outputs = user.piece.output_image[2]
        # A load may have a part of the input channels of its group.
        inputs = user.piece.input_image[2] * (load.block.outputs.count // load.block.convolutions) // outputs
        kernel = (*user.window.window.kernel, inputs, outputs)
        numbers = np.arange(1, 1 + np.prod(kernel), dtype=np.int64).reshape(kernel)
        return arranged_weights(user, numbers, load, self.hardware.group_columns, filling=0), kernel

    def _tap(self, op: sched.LoadWeightsOp, conv: fxp.ConvTransposeOp, index: Index) -> Index | None:
        """Which weight of a transposed convolution is weight `index` of the phase that uses a load; `None` if it has no tap."""
        target = self._user(op).target
        row, column, _ = target.starts
        _, height, width, _ = shape(conv.input)
        phase = next(one for one in conv.window.phases(height, width) if one.first == (row, column))
        y, x, *channels = index
        return None if phase.is_empty else (phase.taps[0][y], phase.taps[1][x], channels[0], channels[1])

    def _conv(self, op: sched.InstructionOp) -> fxp.ConvOp | fxp.ConvTransposeOp | None:
        """The convolution in the network itself; its columns may have been merged since."""
        convs = (one for one in self.network.walk() if isinstance(one, fxp.ConvOp | fxp.ConvTransposeOp))
        return next((one for one in convs if location_name(one) == location_name(op)), None)

    # Nodes.

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
            [{"facts": _name_facts(op, step)} | _record(op) for op, step in zip(ops, steps, strict=False)]
            for ops, steps in ((self._load, self.program.load_steps), (self._run, self.program.steps))
        )
        return node_facts(name, load, run)


def node_facts(name: str, load: Sequence[Facts], run: Sequence[Facts]) -> Facts:
    """
    What is known of a node or bundle, from its instructions among those of the load program and of a run: `facts` of each, and
    the `result` on chip or the `weights` that it brings.
    """
    numbered = [[(index, one) for index, one in enumerate(entries) if _is_of(one["facts"], name)] for entries in (load, run)]
    of_load, of_run = numbered
    entries = [one for _, one in (*of_load, *of_run)]
    results = dict.fromkeys(tuple(one["result"]) for one in entries if "result" in one)
    loads = {tuple(one["weights"]) for one in entries if "weights" in one}
    return {
        "node": name,
        "bundles": list(dict.fromkeys(one["facts"]["bundle"] for one in entries)),
        "sources": list(dict.fromkeys(source for one in entries for source in one["facts"]["sources"])),
        "instructions": [{"instruction": index, "name": one["facts"]["name"]} for index, one in of_run],
        "load_instructions": [{"instruction": index, "name": "load_weights"} for index, _ in of_load],
        "results": [{"memory": "feature", "first": first, "count": count} for first, count in results],
        "weights": [{"of": kind, "first": first, "count": count} for first, count, kind in sorted(loads)],
    }


def check_name(name: str, names: list[str]) -> None:
    """Raises `ModelError` for a name that is none of those, with the ones that are close to it."""
    if name not in names:
        close = difflib.get_close_matches(name, names, 3, 0.4) or names[:10]
        raise ModelError(f"'{name}': no such node, needs the name of one; did you mean one of: {', '.join(close)}?")


def check_number(index: int, count: int, *, load: bool) -> None:
    """Raises `ModelError` for the number of an instruction that there is not."""
    what = "the load program" if load else "a run"
    if not 0 <= index < count:
        has = f"has instructions 0 to {count - 1}" if count else "does not exist, as each run loads its weights"
        raise ModelError(f"'instr': {index}, but {what} {has}; choose another number")


def _name_facts(op: sched.InstructionOp, step: Step) -> Facts:
    return {"bundle": location_name(op), "sources": list(source_names(op)), "name": step.instruction.name}


def _is_copy(op: sched.InstructionOp) -> bool:
    return isinstance(op, sched.CopyOp)


def _record(op: sched.InstructionOp) -> Facts:
    """What a node is said to have of an instruction: its result on chip, or the bytes of the weights that it loads."""
    if isinstance(op, Computing):
        buffer = buffer_of(op.y)
        return {"result": [buffer.start, buffer.stop - buffer.start]}
    if isinstance(op, sched.LoadWeightsOp):
        return {"weights": [op.offset.value.data, op.bytes.value.data, _kind(op)]}
    return {}


def _facts_of_step(step: Step) -> Facts:
    """What the program itself says of an instruction."""
    one = step.instruction
    queue = BY_NAME[one.name].queue
    masks = {name: [q.name.lower() for q in Queue if one[mask] >> q & 1] for mask, name in _MASKS if mask in one.fields}
    defaults = default_fields(one.name)
    fields = {name: value for name, value in one.fields.items() if name not in ("wait", "signal") and value != defaults[name]}
    return {
        "name": one.name,
        "queue": None if queue is None else queue.name.lower(),
        **masks,
        "cycles": step.cycles,
        "bundle": step.bundle,
        "sources": list(step.sources) or ([] if step.bundle is None else [step.bundle]),
        "fields": fields,
    }


_MASKS = (("wait", "waits"), ("signal", "signals"))


def program_facts(program: Program) -> Facts:
    """All instructions of a program, with what the program itself says of them."""
    parts = {"load_program": program.load_steps, "program": program.steps}
    return {
        name: [{"instruction": index, **_facts_of_step(step)} for index, step in enumerate(steps)]
        for name, steps in parts.items()
    }


def _channels_of_move(op: sched.MoveOp) -> Span:
    """The channels of the result from the first to the last that is written."""
    if op.target.is_transposed:
        return Span(0, op.piece.output_image[2])
    return Span(op.target.starts[2], op.part.image[2])


def _unravel(number: int, sizes: Index) -> Index:
    """The index of element `number` of an array."""
    rest, fourth = divmod(number, sizes[3])
    rest, third = divmod(rest, sizes[2])
    first, second = divmod(rest, sizes[1])
    return first, second, third, fourth


def _list(span: Span) -> list[int]:
    return [span.first, span.count]


def _is_of(facts: Facts, name: str) -> bool:
    return name == facts["bundle"] or name in facts["sources"]


def images_of_chunk(module: ModuleOp) -> int:
    """Of a module of the level `tile`."""
    function = main_of(module)
    images = function.attributes.get(IMAGES)
    return images.value.data if isinstance(images, IntegerAttr) else input_of(function)[0][0]


def is_first(op: Computing) -> bool:
    """Whether an instruction makes the first piece of a layer's result, with which each chunk of the batch begins."""
    piece = op.piece.piece
    first = piece.images.first == piece.rows.first == piece.groups.first == op.piece.residue.data == 0
    return first and piece.block.outputs.first == 0


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
